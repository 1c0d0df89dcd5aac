package lock

import (
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
