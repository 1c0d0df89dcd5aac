package fetch

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A share's file is read through a reader that can be left.
func TestAShareIsCopiedLikeAnyFile(t *testing.T) {
	content := random(3<<20 + 17)
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	c, dst := client(t, quick()), target(t)
	job, err := c.prepare(Source{Want: Want{SHA256: sumOf(content)}, URLs: []string{path}})
	if err != nil {
		t.Fatal(err)
	}
	job.places[0].host = "server"
	if _, err := c.transfer(t.Context(), dst, job, nil); err != nil {
		t.Fatal(err)
	}
	wantFile(t, dst, content)
}

func TestAReadThatDoesNotComeBackIsLeft(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	body := &watchedBody{body: newPatient(ctx, r), ctx: ctx, cancel: cancel, stall: 20 * time.Millisecond, rate: rate{1, time.Hour}}
	if _, err := w.WriteString("the beginning"); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(body)
	if string(got) != "the beginning" || !errors.Is(err, errStalled) {
		t.Errorf("got %q, %v, want the beginning and a stall", got, err)
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}
	// Whoever was left reading comes back at last, and closes what it reads from.
	w.Close()
	for range 500 {
		if _, err := r.Stat(); errors.Is(err, os.ErrClosed) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the file was never closed")
}
