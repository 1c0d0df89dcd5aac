//go:build !windows

package fetch

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/net/http/httpproxy"
)

// systemProxy: there is none beside the environment.
func systemProxy() *httpproxy.Config { return nil }

// openLocked opens for reading. Nobody is kept from the file; File.Check and File.CopyTo notice.
func openLocked(path string) (*os.File, error) { return os.Open(path) }

// removeUnlocked: the lock's file is gone already.
func removeUnlocked(string) {}

// syncFolder makes a rename last through a power cut.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	// Some file systems cannot sync a folder, and say so.
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// networkGone: a mounted share looks like any folder.
func networkGone(err error) bool {
	return errors.Is(err, syscall.ESTALE) || errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EHOSTDOWN)
}

// freeSpace is what this account may still write to the volume of a folder, in bytes.
func freeSpace(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
