//go:build !windows

package main

import (
	"os"
	"path/filepath"
)

// machineFolder is where what belongs to the machine, and not to an account, is kept.
func machineFolder() string {
	for _, dir := range []string{"/run/lock", "/var/lock"} {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
	}
	return os.TempDir()
}

// defaultState is the account's: away from Windows exorunner is tried out and developed.
func defaultState() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "exorunner"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".local", "state", "exorunner"), nil
}
