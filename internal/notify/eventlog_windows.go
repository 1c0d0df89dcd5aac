package notify

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows/svc/eventlog"
)

// writeEvent wants a text below the 31,839 characters that Windows takes.
// https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-reporteventw
func writeEvent(k Kind, id uint32, text string) (err error) {
	log, err := eventlog.Open(EventSource)
	if err != nil {
		return fmt.Errorf("event log: %w", err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	switch describe(k).Level {
	case "error":
		return log.Error(id, text)
	case "information":
		return log.Info(id, text)
	}
	return log.Warning(id, text)
}
