package pwsh

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"exorunner/internal/host"
)

const (
	lastFrame = "\x1eN 1 1 1/1 done 24 eyJ2Ijp7Im9rIjp0cnVlfX0=\n"
	tornFrame = "\x1eN 1 1 1/1 done 28 eyJ2Ijp7Im9rIjp0cnVlfX0=\n"
)

// A bench is a relay without a process, in a bubble of its own time.
type bench struct {
	w      wires
	x      *exchange
	killed []error
}

func newBench(t *testing.T) *bench {
	b := &bench{x: newExchange(1, nil, nil, codePage{})}
	b.w = wires{
		openings: make(chan opening), outChunks: make(chan []byte), errChunks: make(chan []byte), ended: make(chan error),
		stdout: newFeed(), stderr: newFeed(), late: func(string) {},
	}
	b.w.kill = func(err error) { b.killed = append(b.killed, err) }
	ended := make(chan bool)
	go func() {
		newRelay(b.w, "N").run()
		close(ended)
	}()
	b.w.openings <- opening{b.x, "OUT", "ERR"}
	t.Cleanup(func() {
		b.w.ended <- errors.New("the process died")
		<-ended
	})
	return b
}

// over says whether the exchange is.
func (b *bench) over() bool {
	synctest.Wait()
	select {
	case _, more := <-b.x.items:
		return !more
	default:
		return false
	}
}

func TestTheBoundaryMayTakeFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.w.outChunks <- []byte(lastFrame)
		time.Sleep(5*time.Second - time.Millisecond)
		b.w.outChunks <- []byte("OUT\n")
		b.w.errChunks <- []byte("ERR\n")
		if !b.over() || len(b.killed) > 0 || b.x.outcome() != nil {
			t.Errorf("got killed %v, outcome %v; want a good end", b.killed, b.x.outcome())
		}
		time.Sleep(time.Minute)
		if synctest.Wait(); len(b.killed) > 0 {
			t.Errorf("killed %v long after the end", b.killed)
		}
	})
}

func TestABoundaryThatTakesLongerIsUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.w.outChunks <- []byte(lastFrame)
		time.Sleep(5*time.Second + time.Millisecond)
		if synctest.Wait(); len(b.killed) != 1 || b.over() {
			t.Fatalf("got killed %v; want it once, and the end when the process is dead", b.killed)
		}
		err := b.x.outcome()
		if !errors.Is(err, host.ErrUnreachable) || !strings.Contains(err.Error(), "no boundary 5s after the last frame") {
			t.Errorf("got %v; want it unreachable for want of a boundary", err)
		}
	})
}

// Before the last frame silence is the context's business.
func TestSilenceBeforeTheLastFrameHasNoLimitHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		time.Sleep(24 * time.Hour)
		if synctest.Wait(); len(b.killed) > 0 || b.over() {
			t.Errorf("got killed %v; want patience", b.killed)
		}
	})
}

func TestTheBoundaryOfStderrIsNotWaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.w.outChunks <- []byte(lastFrame + "OUT\n")
		time.Sleep(stderrGrace - time.Millisecond)
		if b.over() {
			t.Error("over before the grace was")
		}
		time.Sleep(2 * time.Millisecond)
		if !b.over() || len(b.killed) > 0 || b.x.outcome() != nil {
			t.Errorf("got killed %v, outcome %v; want a good end", b.killed, b.x.outcome())
		}
	})
}

func TestALengthThatIsWrongIsTorn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.w.outChunks <- []byte(tornFrame)
		if synctest.Wait(); len(b.killed) != 1 || !errors.Is(b.killed[0], errTorn) {
			t.Errorf("got killed %v, want %v", b.killed, errTorn)
		}
	})
}
