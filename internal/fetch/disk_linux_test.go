package fetch

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// small is a folder on a disk of its own, of so many bytes.
func small(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("SKIPPED: no disk that could be filled: mounting a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestARealDiskIsFull(t *testing.T) {
	dir := small(t, "3m")
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	content := random(2 << 20)
	s := serve(t, content)
	dst, c, src := filepath.Join(dir, "tool.exe"), client(t, quick()), plain(s, sumOf(content))

	_, err := c.Get(t.Context(), dst, src, nil)
	wantError(t, err, "FetchDiskFull", never)
	wantOnly(t, dir, "ballast")

	ask := c.free
	c.free = func(string) (int64, error) { return 1 << 40, nil } // somebody else fills it in the meantime
	_, err = c.Get(t.Context(), dst, src, nil)
	wantError(t, err, "FetchDiskFull", never)
	wantOnly(t, dir, "ballast", "tool.exe.part", "tool.exe.part.json")

	c.free = ask
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	res, err := c.Get(t.Context(), dst, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, dst, content)
	if res.Resumed < 512<<10 {
		t.Errorf("resumed from %d of the megabyte that fitted", res.Resumed)
	}
}
