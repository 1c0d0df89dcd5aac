package engine

import (
	"runtime"

	"exorunner/internal/report"
)

// Exit status. More than one may apply: Status takes the first of this order: 130, 6, 7, 3, 8, 4, 5, 1, 2, 10, 3010, 0.
const (
	StatusOK          = 0
	StatusFailed      = 1
	StatusDiffers     = 2
	StatusUsage       = 3
	StatusRefused     = 4
	StatusUnreachable = 5
	StatusLocked      = 6
	StatusWindow      = 7
	StatusStale       = 8
	StatusWaiting     = 10
	StatusInterrupted = 130
)

// StatusReboot is 3010, as Windows installers say it; 194 where a status has 8 bits.
func StatusReboot() int {
	if runtime.GOOS == "windows" {
		return 3010
	}
	return 3010 & 0xff
}

// Status is the exit status of a run.
func (s Summary) Status() int {
	switch {
	case s.Interrupted:
		return StatusInterrupted
	case s.Refused:
		return StatusRefused
	case s.Counts[report.Unreachable] > 0:
		return StatusUnreachable
	case s.Counts[report.Failed] > 0 || s.Broken != nil:
		return StatusFailed
	case s.Counts[report.Drift] > 0:
		return StatusDiffers
	case s.Counts[report.Waiting] > 0:
		return StatusWaiting
	case s.Reboot:
		return StatusReboot()
	}
	return StatusOK
}
