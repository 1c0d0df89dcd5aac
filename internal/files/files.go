// Package files replaces a file by another as a whole: whoever reads sees the old one or the new one.
package files

import (
	"context"
	"os"
	"time"
)

// A virus scanner looks into every new file for a moment.
const (
	tries = 400
	pause = 25 * time.Millisecond // often: who reads all the time leaves small gaps
)

// Replace renames over what is there, and is patient for ten seconds with whoever has one of the two open: on Windows a
// file that is being read cannot be renamed or replaced. Elsewhere nobody's reading is in the way.
func Replace(ctx context.Context, from, to string) error {
	var err error
	for range tries {
		if err = replace(from, to); err == nil || !InUse(err) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
	return err
}

// readTries are fewer: what this account may not read looks the same on Windows.
const readTries = 80

// Read is os.ReadFile, patient for two seconds with whoever is replacing the file.
func Read(path string) ([]byte, error) {
	for n := 1; ; n++ {
		raw, err := os.ReadFile(path)
		if err == nil || !InUse(err) || n == readTries {
			return raw, err
		}
		time.Sleep(pause)
	}
}
