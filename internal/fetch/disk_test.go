package fetch

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// counting tells of every write that a disk took.
func counting(tell func(int)) func(io.Writer) io.Writer {
	return func(w io.Writer) io.Writer {
		return writerFunc(func(p []byte) (int, error) {
			n, err := w.Write(p)
			tell(n)
			return n, err
		})
	}
}

// filling is a disk with so much room.
func filling(room *int) func(io.Writer) io.Writer {
	return func(w io.Writer) io.Writer {
		return writerFunc(func(p []byte) (int, error) {
			if len(p) <= *room {
				*room -= len(p)
				return w.Write(p)
			}
			n, _ := w.Write(p[:*room])
			*room = 0
			return n, &os.PathError{Op: "write", Path: "tool.exe.part", Err: syscall.ENOSPC}
		})
	}
}

func TestDiskFullHalfWay(t *testing.T) {
	content := random(3 << 20)
	s := serve(t, content)
	dst, c, room := target(t), client(t, quick()), 1<<20+123
	c.disk = filling(&room)
	src := plain(s, sumOf(content))
	_, err := c.Get(t.Context(), dst, src, nil)
	e := wantError(t, err, "FetchDiskFull", never)
	if !strings.HasPrefix(e.Error(), "download tool.exe: disk full: ") {
		t.Errorf("got %q", e)
	}
	wantOnly(t, filepath.Dir(dst), "tool.exe.part", "tool.exe.part.json")
	room = 1 << 30
	res, err := c.Get(t.Context(), dst, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, dst, content)
	if res.Resumed != 1<<20+123 {
		t.Errorf("resumed from %d, want %d", res.Resumed, 1<<20+123)
	}
}

func TestDiskSpaceIsAskedForBeforeTheFirstByte(t *testing.T) {
	content := random(1 << 20)
	tests := map[string]struct {
		name string
		free int64
		ok   bool
	}{
		"enough and the reserve":              {"tool.exe", 1<<20 + 1000, true},
		"enough, but not the reserve":         {"tool.exe", 1<<20 + 999, false},
		"an installer is kept twice":          {"tool.msi", 1<<21 + 999, false},
		"an installer and its copy, no worry": {"tool.msi", 1<<21 + 1000, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := serve(t, content)
			o := quick()
			o.Reserve = 1000
			c := client(t, o)
			c.free = func(string) (int64, error) { return test.free, nil }
			dst := filepath.Join(t.TempDir(), test.name)
			_, err := c.Get(t.Context(), dst, plain(s, sumOf(content)), nil)
			if test.ok {
				if err != nil {
					t.Fatal(err)
				}
				wantFile(t, dst, content)
				return
			}
			wantError(t, err, "FetchDiskFull", never)
			wantOnly(t, filepath.Dir(dst))
		})
	}
}
