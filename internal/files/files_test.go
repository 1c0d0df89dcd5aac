package files

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Whoever reads while files are replaced keeps nobody from it, and reads a whole one.
func TestReplaceUnderAReader(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, []byte("0"), 0o600); err != nil {
		t.Fatal(err)
	}
	var reader sync.WaitGroup
	end := make(chan struct{})
	reader.Go(func() {
		for {
			select {
			case <-end:
				return
			default:
			}
			if raw, err := Read(path); err != nil || len(raw) != 1 {
				t.Errorf("got %q, %v", raw, err)
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
	for i := range 50 {
		next := path + ".new"
		if err := os.WriteFile(next, []byte{byte('0' + i%10)}, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Replace(t.Context(), next, path); err != nil {
			t.Fatal(err)
		}
	}
	close(end)
	reader.Wait()
}

func TestReplaceByWhatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	if err := Replace(t.Context(), filepath.Join(dir, "none"), filepath.Join(dir, "file")); !os.IsNotExist(err) {
		t.Errorf("got %v, want that it is not there", err)
	}
}
