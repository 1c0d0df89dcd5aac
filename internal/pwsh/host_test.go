package pwsh

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/host"
	"exorunner/internal/host/hosttest"
	"exorunner/internal/pwsh/internal/fake"
	"exorunner/scripts"
)

const transcripts = "testdata/transcripts"

func recorded(t testing.TB, names ...string) fake.Plan {
	t.Helper()
	var p fake.Plan
	for _, name := range names {
		exchanges, err := fake.ReadTranscript(filepath.Join(transcripts, name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		p.Exchanges = append(p.Exchanges, exchanges...)
	}
	return p
}

func newHost(t testing.TB, cfg Config) *Host {
	t.Helper()
	h := New(cfg)
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func TestAFakePowerShellIsAHost(t *testing.T) {
	for name, facts := range map[string]string{"of Linux": "facts", "of Windows": "windows/facts"} {
		t.Run(name, func(t *testing.T) {
			hosttest.Run(t, func(t testing.TB) host.Host {
				p := recorded(t, facts, "module-install", "package-provider", "module-resolve")
				p.Seed = 1
				cfg := follow(t, p)
				cfg.Scripts = scripts.Functions()
				return newHost(t, cfg)
			})
		})
	}
}

// pid is that of the process that answered.
func pid(t *testing.T, h *Host, c host.Call) int {
	t.Helper()
	c.Func = "Fake-Pid"
	var pid int
	if err := h.Invoke(within(t, patience), c, &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

func fakeHost(t *testing.T) *Host {
	t.Helper()
	return newHost(t, follow(t, fake.Plan{CodePage: utf8Page}))
}

func TestOneProcessIsSharedAndFreshOnesAreNot(t *testing.T) {
	h := fakeHost(t)
	shared := pid(t, h, host.Call{})
	first, second := pid(t, h, host.Call{Fresh: true}), pid(t, h, host.Call{Fresh: true})
	if first == shared || second == shared || first == second {
		t.Errorf("got processes %d, %d and %d; want three", shared, first, second)
	}
	if again := pid(t, h, host.Call{}); again != shared {
		t.Errorf("got process %d, want %d again", again, shared)
	}
}

func TestBitsChooseTheExecutable(t *testing.T) {
	cfg := follow(t, fake.Plan{CodePage: utf8Page})
	path, other := self(t), filepath.Join(t.TempDir(), filepath.Base(self(t)))
	if err := os.Link(path, other); err != nil {
		t.Skip("no second name for the fake: ", err)
	}
	cfg.Path = func(bits int) (string, error) {
		switch bits {
		case 32:
			return other, nil
		case 0, 64:
			return path, nil
		}
		return "", fmt.Errorf("%d bits", bits)
	}
	h := newHost(t, cfg)
	own, wide, narrow := pid(t, h, host.Call{}), pid(t, h, host.Call{Bits: 64}), pid(t, h, host.Call{Bits: 32})
	if own != wide || own == narrow {
		t.Errorf("got processes %d of 0, %d of 64 and %d of 32 bits; want the first two the same", own, wide, narrow)
	}
	err := h.Invoke(within(t, patience), host.Call{Func: "Fake-Pid", Bits: 16}, nil)
	if !errors.Is(err, host.ErrNoPowerShell) || !strings.Contains(err.Error(), "16 bits") {
		t.Errorf("got %v, want %v and why", err, host.ErrNoPowerShell)
	}
}

func TestAnEndedProcessIsReplacedAtTheNextCall(t *testing.T) {
	for name, end := range map[string]host.Call{
		"it ended in a call":    call("Fake-Exit", args{"Code": 7}),
		"it hung in a call":     {Func: "Fake-Hang", Timeout: 200 * time.Millisecond},
		"it was ended for lies": call("Fake-Torn", args{"How": "cut"}),
	} {
		t.Run(name, func(t *testing.T) {
			h := fakeHost(t)
			before := pid(t, h, host.Call{})
			if err := h.Invoke(within(t, patience), end, nil); !errors.Is(err, host.ErrUnreachable) {
				t.Fatalf("got %v, want it unreachable", err)
			}
			if after := pid(t, h, host.Call{}); after == before {
				t.Errorf("process %d answered again", after)
			}
		})
	}
	t.Run("it ended while nobody asked", func(t *testing.T) {
		h := fakeHost(t)
		if err := h.Invoke(within(t, patience), call("Fake-Unsolicit", nil), nil); err != nil {
			t.Fatal(err)
		}
		<-h.line[self(t)].session.p.gone
		pid(t, h, host.Call{}) // not lost with the old process
	})
}

func TestConcurrentCallsOfAHost(t *testing.T) {
	h := fakeHost(t)
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			var got int
			err := h.Invoke(within(t, patience), host.Call{Func: "Fake-Echo", Args: args{"Value": i}, Fresh: i%5 == 0}, &got)
			if err != nil || got != i {
				t.Errorf("got %d, %v; want %d", got, err, i)
			}
		})
	}
	all.Wait()
}

func TestAContextThatHasEndedStartsNothing(t *testing.T) {
	h := fakeHost(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := h.Invoke(ctx, host.Call{Func: "Fake-Echo"}, nil)
	if !errors.Is(err, context.Canceled) || errors.Is(err, host.ErrUnreachable) || len(h.line) > 0 {
		t.Errorf("got %v, %d processes; want only that it was cancelled", err, len(h.line))
	}
}

func TestATimeoutSaysHowLongItWas(t *testing.T) {
	h := fakeHost(t)
	err := h.Invoke(context.Background(), host.Call{Func: "Fake-Hang", Timeout: 250 * time.Millisecond}, nil)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, host.ErrUnreachable) || !strings.Contains(err.Error(), "no answer in 250ms") {
		t.Errorf("got %v; want it unreachable, no answer in 250ms", err)
	}
}

func TestWhatWasSaidIsHandedOnInOrder(t *testing.T) {
	cfg := follow(t, fake.Plan{CodePage: utf8Page, Answers: []fake.Answer{
		{Func: "Get-ExrFact", Say: []fake.Saying{
			{Kind: "text", Value: ""}, {Kind: "error", Value: args{"id": "Odd", "message": "odd"}}, {Kind: "warning", Value: "careful"},
			{Kind: "output", Value: 1}, {Kind: "text", Value: "plain"},
		}, Exit: 3},
	}})
	var got []host.Said
	cfg.Said = func(s host.Said) { got = append(got, s) }
	var out []int
	if err := newHost(t, cfg).Query(within(t, patience), call("Get-ExrFact", nil), &out); err != nil {
		t.Fatal(err)
	}
	f := "Get-ExrFact"
	want := []host.Said{{Func: f, Kind: "error", Text: "odd (Odd)"}, {Func: f, Kind: "warning", Text: "careful"}, {Func: f, Kind: "text", Text: "plain"}, {Func: f, Kind: "exit", Text: "3"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	if diff := cmp.Diff([]int{1}, out); diff != "" {
		t.Error(diff)
	}
}

func TestStatusZeroIsNothingToSay(t *testing.T) {
	cfg := follow(t, fake.Plan{CodePage: utf8Page})
	cfg.Said = func(s host.Said) { t.Errorf("said %+v", s) }
	if err := newHost(t, cfg).Invoke(within(t, patience), call("Fake-Native", args{"Exit": 0}), nil); err != nil {
		t.Error(err)
	}
}

func TestAFailureIsClassifiedBeforeItIsSeen(t *testing.T) {
	cfg := follow(t, fake.Plan{CodePage: utf8Page})
	cfg.Classify = func(e *host.Error) {
		if e.ID == "NotThere,Get-It" {
			e.Rule, e.Class, e.Remedy = "X1", host.Never, "put it there"
		}
	}
	err := newHost(t, cfg).Invoke(within(t, patience), call("Fake-Failure", nil), nil)
	want := &host.Error{ID: "NotThere,Get-It", Message: "no such thing", HResult: -2146233087, Rule: "X1", Class: host.Never, Remedy: "put it there"}
	if diff := cmp.Diff(want, host.As(err)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestAnAnswerThatDoesNotFit(t *testing.T) {
	h := fakeHost(t)
	var n int
	err := h.Invoke(within(t, patience), call("Fake-Nothing", nil), &n)
	if err == nil || host.As(err) != nil || errors.Is(err, host.ErrUnreachable) || !strings.Contains(err.Error(), "Fake-Nothing: 0 values") {
		t.Errorf("got %v; want that no value came back", err)
	}
	if err := h.Invoke(within(t, patience), call("Fake-Echo", args{"Value": "text"}), &n); err == nil {
		t.Errorf("text into a number: got %d without an error", n)
	}
}

func TestCloseEndsCallsAndRefusesLaterOnes(t *testing.T) {
	h := fakeHost(t)
	result := make(chan error)
	started := make(chan bool)
	h.cfg.Said = func(s host.Said) { close(started) }
	go func() { result <- h.Invoke(context.Background(), call("Fake-Quote", args{"Value": "here"}), nil) }()
	<-started
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	h.cfg.Said = nil
	go func() { result <- h.Invoke(context.Background(), call("Fake-Hang", nil), nil) }()
	for len(h.line[self(t)].turn) == 0 { // until it is in progress
		time.Sleep(time.Millisecond)
	}
	_ = h.Close()
	_ = h.Close()
	if err := <-result; !errors.Is(err, errClosed) {
		t.Errorf("in progress: got %v, want %v", err, errClosed)
	}
	if err := h.Invoke(context.Background(), call("Fake-Nothing", nil), nil); !errors.Is(err, errClosed) {
		t.Errorf("later: got %v, want %v", err, errClosed)
	}
	checkGone(t, h.line[self(t)].session)
}

func TestAHostHasAName(t *testing.T) {
	if got := New(Config{Name: "CE01"}).Name(); got != "CE01" {
		t.Errorf("got %q, want CE01", got)
	}
	if got := New(Config{}).Name(); got == "" {
		t.Error("got no name, want that of the system")
	}
	if err := New(Config{}).Invoke(context.Background(), call("Fake-Nothing", nil), nil); !errors.Is(err, host.ErrNoPowerShell) {
		t.Errorf("without a path: got %v, want %v", err, host.ErrNoPowerShell)
	}
}
