package fetch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The test binary downloads what its environment says, so that it can be killed.
func TestMain(m *testing.M) {
	if url := os.Getenv("FETCH_TEST_URL"); url != "" {
		download(url, os.Getenv("FETCH_TEST_DST"), os.Getenv("FETCH_TEST_SHA256"))
		return
	}
	os.Exit(m.Run())
}

func download(url, dst, sum string) {
	o := quick()
	o.Checkpoint = 1 << 20
	c, err := New(o)
	if err == nil {
		_, err = c.Get(context.Background(), dst, Source{Want: Want{SHA256: sum}, URLs: []string{url}, AllowPlain: true}, nil)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Killed with no chance to tidy up, at random places, again and again: the destination is absent or right, and nearly
// nothing is fetched twice.
func TestKilledAtAnyMoment(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const size = 24 << 20
	content := random(size)
	s := serve(t, content)
	dst := filepath.Join(t.TempDir(), "tool.exe")
	random := rand.New(rand.NewPCG(11, 12))
	start := func() *exec.Cmd {
		child := exec.Command(self)
		child.Env = append(os.Environ(), "FETCH_TEST_URL="+s.URL+"/tool.exe", "FETCH_TEST_DST="+dst, "FETCH_TEST_SHA256="+sumOf(content), "GORACE=atexit_sleep_ms=0")
		child.Stderr = os.Stderr
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		return child
	}
	const kills = 8
	for range kills {
		// The part grows by a random amount, and then the process is gone.
		base, _ := os.Stat(dst + partSuffix)
		mark := int64(random.IntN(3 << 20))
		if base != nil {
			mark += base.Size()
		}
		gone := make(chan struct{})
		child := start()
		go func() { child.Wait(); close(gone) }()
		for grown := false; !grown; {
			select {
			case <-gone:
				grown = true
			default:
				info, err := os.Stat(dst + partSuffix)
				grown = err == nil && info.Size() > mark
			}
		}
		child.Process.Kill()
		<-gone
		if got, err := os.ReadFile(dst); err == nil && sumOf(got) != sumOf(content) {
			t.Fatal("a wrong file is in the place")
		}
	}
	if err := start().Wait(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, dst, content)
	// A killed process loses what is in its buffers and the socket's.
	const buffers = 10 << 20
	if got := s.sent.Load(); got > size+kills*buffers {
		t.Errorf("%d bytes were sent for a file of %d, with %d kills", got, size, kills)
	}
}
