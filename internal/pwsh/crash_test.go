package pwsh

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"exorunner/internal/host"
	"exorunner/internal/pwsh/internal/fake"
)

// Crashes, hangs and babble at random places: an answer is whole or there is none, and nothing is left behind.
func TestThousandCrashes(t *testing.T) {
	n := 1000
	if testing.Short() || runtime.GOOS == "windows" {
		n = 50
	}
	random := newRandom(t, uint64(time.Now().UnixNano()))
	cfg := follow(t, fake.Plan{CodePage: utf8Page})
	goroutines, files := runtime.NumGoroutine(), openFiles()
	var sessions []*Session
	for i := range n {
		s, err := Open(context.Background(), self(t), cfg)
		if err != nil {
			t.Fatal(err)
		}
		crash(t, s, random)
		if sessions = append(sessions, s); t.Failed() {
			t.Fatalf("in round %d", i)
		}
	}
	for end := time.Now().Add(patience); runtime.NumGoroutine() > goroutines || openFiles() > files; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("goroutines %d, were %d; files %d, were %d\n%s", runtime.NumGoroutine(), goroutines, openFiles(), files, stacks[:runtime.Stack(stacks, true)])
		}
	}
	for _, s := range sessions {
		checkGone(t, s)
	}
}

func crash(t *testing.T, s *Session, random *rand.Rand) {
	defer func() { _ = s.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	percent, orphan := random.IntN(101), random.IntN(4) == 0
	c := call("Fake-Crash", args{"Percent": percent, "Code": []int{0, 7, 9}[random.IntN(3)], "Orphan": orphan})
	switch random.IntN(6) {
	case 0:
		c = call("Fake-Hang", args{"Orphan": orphan})
	case 1:
		c = call("Fake-Endless", nil)
	case 2:
		c = call("Fake-NoDone", nil)
	}
	cancelled := c.Func == "Fake-Hang" || c.Func == "Fake-Endless"
	if cancelled {
		time.AfterFunc(time.Duration(random.IntN(5000))*time.Microsecond, cancel)
	}
	var got []string
	err := s.Call(ctx, c, collect(&got))
	whole := c.Func == "Fake-Crash" && percent == 100 // all of it arrived: that is an answer
	switch {
	case err == nil && !whole, errors.Is(err, context.DeadlineExceeded):
		t.Errorf("%v: got %v", c, err)
	case err != nil && !errors.Is(err, host.ErrUnreachable) && !(cancelled && errors.Is(err, context.Canceled)):
		t.Errorf("%v: got %v, want it unreachable", c, err)
	case whole && err == nil && len(got) < 2:
		t.Errorf("%v: got %q", c, got)
	}
	for _, e := range got {
		if strings.HasPrefix(e, "output ") && e != `output "before"` && e != `output "`+strings.Repeat("x", 9000)+`"` {
			t.Errorf("%v: got %.100q, which nobody said whole", c, e)
		}
	}
}
