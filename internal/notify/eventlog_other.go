//go:build !windows

package notify

import "errors"

func writeEvent(Kind, uint32, string) error {
	return Permanent(errors.New("event log: only Windows has it"))
}
