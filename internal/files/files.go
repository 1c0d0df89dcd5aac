// Package files replaces a file by another as a whole: whoever reads sees the old one or the new one.
package files

import (
	"context"
	"time"
)

// A virus scanner looks into every new file for a moment.
const (
	tries = 40
	pause = 250 * time.Millisecond
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
