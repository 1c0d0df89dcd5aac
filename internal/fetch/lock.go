package fetch

import (
	"os"

	"github.com/gofrs/flock"
)

const lockSuffix = ".part.lock"

// lock keeps a second download of the same destination out, of this process or another: two writers of one part would
// each hash what it received and not what is there.
func (j *job) lock(dst string) (unlock func(), err error) {
	path := dst + lockSuffix
	for range 3 {
		l := flock.New(path)
		ok, err := l.TryLock()
		if err != nil {
			return nil, j.disk("lock the part", err)
		}
		if !ok {
			return nil, j.fail("FetchLocked", transient, "another download of "+dst+" is under way", "wait for it, or end it", nil)
		}
		// The file may have been removed by whoever held it before, between our opening and our locking.
		mine, err1 := l.Stat()
		there, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(mine, there) {
			return func() {
				os.Remove(path) // Windows removes it only after the unlock
				l.Unlock()
				removeUnlocked(path)
			}, nil
		}
		l.Unlock()
	}
	return nil, j.fail("FetchLocked", transient, "another download of "+dst+" is under way", "wait for it, or end it", nil)
}
