//go:build !windows

package access

import (
	"fmt"
	"os"
	"syscall"
)

// Private makes a folder where it is not there, and sees to it that nobody else can look into it.
func Private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s: not a folder", dir)
	}
	// A folder that somebody else made can be changed back by them.
	if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Uid != uint32(os.Geteuid()) && s.Uid != 0 {
		return fmt.Errorf("%s: belongs to user %d; give it to the account that runs exorunner, or name another folder", dir, s.Uid)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	return os.Chmod(dir, 0o700)
}
