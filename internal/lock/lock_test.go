package lock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestSecondIsToldTheHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "lock")
	first, err := Take(t.Context(), path, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Take(t.Context(), path, 0)
	var held *Held
	if !errors.As(err, &held) || held.PID != os.Getpid() {
		t.Errorf("second: %v, want it held by %d", err, os.Getpid())
	}
	first.Free()
	again, err := Take(t.Context(), path, 0)
	if err != nil {
		t.Fatalf("after it was freed: %v", err)
	}
	again.Free()
}

func TestSecondWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Take(t.Context(), path, 0)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, first.Free)
	second, err := Take(t.Context(), path, time.Minute)
	if err != nil {
		t.Fatalf("waiting: %v", err)
	}
	second.Free()
}

func TestWhoComesWithAnEndedContextTakesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, wait := range []time.Duration{0, time.Minute} {
		if _, err := Take(ended, path, wait); !errors.Is(err, context.Canceled) {
			t.Errorf("waiting %s: %v, want it cancelled", wait, err)
		}
	}
	l, err := Take(t.Context(), path, 0)
	if err != nil {
		t.Fatalf("the next one: %v, want the lock free", err)
	}
	l.Free()
}

func TestPatienceEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Take(t.Context(), path, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Free()
	var held *Held
	if _, err := Take(t.Context(), path, 10*time.Millisecond); !errors.As(err, &held) {
		t.Errorf("%v, want it held", err)
	}
}

func TestAHolderThatCannotBeReadIsNotNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Take(t.Context(), path, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Free()
	for _, content := range []string{"", "someone"} {
		if err := os.WriteFile(path+".pid", []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = Take(t.Context(), path, 0)
		if want := "another run holds this machine (" + path + ")"; err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
	}
}

func TestFreeTakesThePIDAwayAndLeavesTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	l, err := Take(t.Context(), path, 0)
	if err != nil {
		t.Fatal(err)
	}
	l.Free()
	if _, err := os.Stat(path + ".pid"); !os.IsNotExist(err) {
		t.Errorf("the pid: %v, want it gone", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the lock: %v, want its file to stay", err)
	}
}
