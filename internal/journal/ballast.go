package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
)

// DefaultBallast is the size of the file that is deleted when the disk is full, so that the end of the run that met it
// can still be written.
const DefaultBallast = 10 << 20

type ballast struct {
	mu   sync.Mutex
	path string
	size int64
}

// fill makes the file where it is not there in its full size. Its bytes are random: NTFS compression would make
// nothing of zeros. Half a ballast is none: the room is needed now.
func (b *ballast) fill() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.size <= 0 {
		return nil
	}
	if info, err := os.Stat(b.path); err == nil && info.Size() == b.size {
		return nil
	}
	err := b.write()
	if err != nil {
		err = errors.Join(err, os.Remove(b.path))
	}
	return err
}

func (b *ballast) write() error {
	f, err := os.OpenFile(b.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	source := rand.NewChaCha8([32]byte{})
	block := make([]byte, 1<<20)
	for left := b.size; left > 0 && err == nil; left -= int64(len(block)) {
		block = block[:min(left, int64(len(block)))]
		_, _ = source.Read(block)
		_, err = f.Write(block)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// drop says whether there was anything to give up.
func (b *ballast) drop() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return os.Remove(b.path) == nil
}

func noBallast(err error) error {
	return fmt.Errorf("journal: no ballast, so a full disk will cost records: %w", err)
}

func newBallast(dir string, size int64) *ballast {
	if size == 0 {
		size = DefaultBallast
	}
	return &ballast{path: filepath.Join(dir, "ballast"), size: size}
}
