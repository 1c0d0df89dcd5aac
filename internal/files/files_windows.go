package files

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// replace returns when the disk has it.
func replace(from, to string) error {
	a, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	b, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	if err := windows.MoveFileEx(a, b, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// InUse is somebody else having the file open: a virus scanner, most often, which sometimes looks like a refusal.
func InUse(err error) bool {
	for _, code := range []windows.Errno{windows.ERROR_SHARING_VIOLATION, windows.ERROR_LOCK_VIOLATION, windows.ERROR_ACCESS_DENIED} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}
