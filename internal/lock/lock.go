// Package lock keeps two runs from working on one machine at a time. The system frees a lock when its holder dies.
package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Held is the error of Take when another run has the lock.
type Held struct {
	Path string
	PID  int // of the holder; 0 if it cannot be read
}

func (h *Held) Error() string {
	if h.PID == 0 {
		return "another run holds this machine (" + h.Path + ")"
	}
	return fmt.Sprintf("another run holds this machine: process %d (%s)", h.PID, h.Path)
}

// A Lock is held until Free.
type Lock struct {
	lock *flock.Flock
	pid  string
}

// Take takes the lock at path, waiting for it no longer than wait. The holder's pid stands in a file beside it: a
// locked file cannot be read on Windows.
func Take(ctx context.Context, path string, wait time.Duration) (*Lock, error) {
	// Where nothing else closes the folder, every account may open it; it holds nothing.
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	l := &Lock{lock: flock.New(path, flock.SetPermissions(0o666)), pid: path + ".pid"}
	bounded, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	got, err := l.lock.TryLock()
	if !got && err == nil && wait > 0 {
		got, err = l.lock.TryLockContext(bounded, 200*time.Millisecond)
	}
	switch {
	case ctx.Err() != nil:
		if got { // it came too late, and nobody would give it back
			_ = l.lock.Unlock()
		}
		return nil, ctx.Err()
	case err != nil && !errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("lock %s: %w", path, err)
	case !got:
		return nil, &Held{Path: path, PID: holder(l.pid)}
	}
	// That the pid cannot be noted takes nothing from the lock.
	_ = os.WriteFile(l.pid, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644)
	return l, nil
}

func holder(path string) int {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(raw)))
	return pid
}

// Free gives the lock back. The lock's own file stays: to remove it would let two others hold "it" at once.
func (l *Lock) Free() {
	_ = os.Remove(l.pid)
	_ = l.lock.Unlock()
}
