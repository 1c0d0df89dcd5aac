package pwsh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/host"
	"exorunner/internal/pwsh/internal/fake"
)

// patience is far more than anything here takes; a call that needs it has hung.
const patience = 60 * time.Second

func secrets(names ...string) map[string][]byte {
	all := map[string][]byte{}
	for _, name := range names {
		all[name] = []byte("secret of " + name)
	}
	return all
}

func TestCalls(t *testing.T) {
	echo := func(v any) host.Call { return call("Fake-Echo", args{"Value": v}) }
	for name, tt := range map[string]struct {
		call host.Call
		want []string // events; nil: any
		err  string   // in the error; "" for none
		ends bool     // the session
	}{
		"a value comes back, its strings marked":        {echo([]any{"2026-01-02", 1, nil, args{"k": "v"}}), []string{`output ["=2026-01-02",1,null,{"k":"=v"}]`}, "", false},
		"nothing is an answer":                          {call("Fake-Nothing", nil), nil, "", false},
		"findings do not fail a call":                   {call("Fake-Finding", nil), []string{"error a finding", "warning of kind warning", "verbose of kind verbose", "debug of kind debug", "information of kind information", `output "after"`}, "", false},
		"a failure is not the end":                      {call("Fake-Failure", nil), nil, "Fake-Failure: no such thing (NotThere,Get-It)", false},
		"a function that is not there":                  {call("Fake-Unheard", nil), nil, "CommandNotFoundException", false},
		"a stray break is told":                         {call("Fake-Break", nil), []string{`output "before"`}, "ExrUnfinished", false},
		"a request that could not be read":              {call("Fake-Unread", nil), nil, "the request could not be read: not a valid Base-64 string (FormatException)", false},
		"a request that could not be read, no reason":   {call("Fake-Unread", args{"How": "done alone"}), nil, "could not be read", false},
		"a native program's status":                     {call("Fake-Native", args{"Exit": 3}), []string{"exit 3"}, "", false},
		"text on stderr is no error":                    {call("Fake-Stderr", nil), []string{"text noise"}, "", false},
		"exit 7":                                        {call("Fake-Exit", args{"Code": 7}), []string{`output "before"`}, "exit status 7", true},
		"exit 0":                                        {call("Fake-Exit", args{"Code": 0}), []string{`output "before"`}, "exit status 0", true},
		"an answer byte by byte":                        {call("Fake-Pieces", nil), []string{`output "whole"`, `output "in pieces"`}, "", false},
		"a boundary without a last frame":               {call("Fake-NoDone", nil), []string{`output "before"`}, "without its last frame", true},
		"an answer to an earlier call":                  {call("Fake-OtherID", args{"By": -1}), nil, "frame of call 0 in call 1", true},
		"an answer to a later call":                     {call("Fake-OtherID", args{"By": 1}), nil, "frame of call 2 in call 1", true},
		"a frame that was cut":                          {call("Fake-Torn", args{"How": "cut"}), nil, "torn frame", true},
		"text inside a frame":                           {call("Fake-Torn", args{"How": "inside"}), nil, "torn frame", true},
		"a line end inside a frame":                     {call("Fake-Torn", args{"How": "newline"}), nil, "torn frame", true},
		"a frame inside a frame":                        {call("Fake-Torn", args{"How": "twice"}), nil, "torn frame", true},
		"a frame that is far too long":                  {call("Fake-Torn", args{"How": "long"}), nil, "torn frame", true},
		"a number as host.ps1 would not write it":       {call("Fake-Torn", args{"How": "zero"}), nil, "torn frame", true},
		"a frame is missing":                            {call("Fake-Torn", args{"How": "skipped"}), nil, "frame 2 after frame 0", true},
		"an answer of more than 64 MiB":                 {call("Fake-Answer", args{"Size": 2000, "Count": 34_000}), nil, "answer over 64 MiB", true},
		"a secret that was not given is asked for":      {call("Fake-Ask", args{"Name": "Other"}), nil, `"Other" out of turn`, true},
		"two secrets":                                   {host.Call{Func: "Fake-Unheard", Secrets: secrets("B", "A")}, nil, "CommandNotFoundException", false},
		"keys that PowerShell cannot tell apart":        {call("Fake-Echo", args{"a": args{"Key": 1, "key": 2}}), nil, "differ only by case", false},
		"a key without a name":                          {echo([]any{args{"": 1}}), nil, "without a name", false},
		"an argument and a secret of the same name":     {host.Call{Func: "Fake-Echo", Args: args{"a": 1}, Secrets: secrets("A")}, nil, "differ only by case", false},
		"an argument that is a secret":                  {host.Call{Func: "Fake-Echo", Args: args{"A": 1}, Secrets: secrets("A")}, nil, `"A" is an argument and a secret`, false},
		"a secret that is not text":                     {host.Call{Func: "Fake-Echo", Secrets: map[string][]byte{"A": {0xff}}}, nil, "not UTF-8", false},
		"a secret that no SecureString can hold":        {host.Call{Func: "Fake-Echo", Secrets: map[string][]byte{"A": []byte(strings.Repeat("ä", 65537))}}, nil, "longer than the 65536 characters", false},
		"an argument that is no JSON":                   {echo(func() {}), nil, "unsupported type", false},
		"no function":                                   {host.Call{}, nil, "no function named", false},
		"a function's name is data":                     {call("Get-Date'); exit 1 #", nil), nil, "CommandNotFoundException", false},
		"a value that looks like the wire is only data": {echo("x\n$gorilla000000000000000000000000$\r\n\x1e1 1 1 done"), nil, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := openFake(t)
			var got []string
			err := s.Call(within(t, patience), tt.call, collect(&got))
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
			if tt.want != nil && !slices.Equal(tt.want, got) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if errors.Is(err, host.ErrUnreachable) != tt.ends {
				t.Errorf("got %v; want it unreachable: %v", err, tt.ends)
			}
			checkAfter(t, s, tt.ends)
		})
	}
}

// checkAfter holds that a session either answers the next call with its own answer or is gone altogether.
func checkAfter(t testing.TB, s *Session, ended bool) {
	t.Helper()
	var got []string
	err := s.Call(within(t, patience), call("Fake-Echo", args{"Value": 42}), collect(&got))
	if !ended {
		if err != nil || !slices.Equal(got, []string{"output 42"}) {
			t.Errorf("next call: got %q, %v; want its own answer", got, err)
		}
		return
	}
	if !errors.Is(err, errOver) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || len(got) > 0 {
		t.Errorf("next call: got %q, %v; want that the session is over, and no context of an earlier call", got, err)
	}
	checkGone(t, s)
}

func TestNoiseAroundFrames(t *testing.T) {
	s := openFake(t)
	var got []string
	if err := s.Call(within(t, patience), call("Fake-Noise", nil), collect(&got)); err != nil {
		t.Fatal(err)
	}
	want := []string{"text noise", "output 1", "text " + strings.Repeat("y", maxLine), "output 2", "text 10%\r20%", "text last", "text partial"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestATimeoutEndsTheWholeTree(t *testing.T) {
	s := openFake(t)
	var got []string
	err := s.Call(within(t, 300*time.Millisecond), call("Fake-Hang", args{"Orphan": true}), collect(&got))
	if !errors.Is(err, host.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v; want it unreachable, a deadline exceeded", err)
	}
	if !slices.Contains(got, "text Password: ") {
		t.Errorf("got %q; want the prompt at which it hung", got)
	}
	checkAfter(t, s, true)
}

// Whenever the context ends: the answer is whole, or nothing was sent and the session lives, or it is over.
func TestCancelAtAnyMoment(t *testing.T) {
	n := 200
	if testing.Short() {
		n = 20
	}
	for i := range n {
		s := openFake(t)
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Duration(i)*2*time.Microsecond, cancel)
		var got []string
		err := s.Call(ctx, call("Fake-Echo", args{"Value": 1}), collect(&got))
		switch {
		case err == nil && !slices.Equal(got, []string{"output 1"}):
			t.Fatalf("got %q without an error, want the whole answer", got)
		case err != nil && !errors.Is(err, context.Canceled):
			t.Fatalf("got %v, want %v", err, context.Canceled)
		}
		checkAfter(t, s, s.over())
		cancel()
		_ = s.Close()
	}
}

func TestCancelWhileWaitingSendsNothing(t *testing.T) {
	s := openFake(t)
	s.turn <- struct{}{}
	err := s.Call(within(t, 50*time.Millisecond), call("Fake-Nothing", nil), nil)
	<-s.turn
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, host.ErrUnreachable) {
		t.Errorf("got %v; want a deadline exceeded, and not unreachable", err)
	}
	checkAfter(t, s, false)
}

// The cause of a context is told, and errors.Is finds the plain reason as well.
func TestTheCauseOfAContextIsTold(t *testing.T) {
	s := openFake(t)
	ctx, cancel := context.WithTimeoutCause(context.Background(), 100*time.Millisecond, errors.New("the window closed"))
	defer cancel()
	err := s.Call(ctx, call("Fake-Hang", nil), nil)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the window closed") {
		t.Errorf("got %v; want the cause and a deadline exceeded", err)
	}
}

func TestALateAnswerIsNobodys(t *testing.T) {
	for delay := 0; delay < 20; delay += 4 {
		s := openFake(t)
		if err := s.Call(within(t, patience), call("Fake-Late", args{"Delay": delay}), nil); !errors.Is(err, host.ErrUnreachable) {
			t.Errorf("got %v, want it unreachable", err)
		}
		checkAfter(t, s, true)
	}
}

// A frame between two calls was asked for by nobody: the next call is not sent.
func TestAFrameWhileIdleEndsTheSession(t *testing.T) {
	s := openFake(t)
	if err := s.Call(within(t, patience), call("Fake-Unsolicit", nil), nil); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.p.gone:
	case <-time.After(patience):
		t.Fatal("the session goes on")
	}
	checkAfter(t, s, true)
}

func TestBabbleIsCapped(t *testing.T) {
	for _, line := range []int{7, 80, 100_000, 16 << 20} {
		s := openFake(t)
		size := 0
		err := s.Call(within(t, patience), call("Fake-Babble", args{"MiB": 16, "Line": line}), func(e Event) { size += len(e.Text) })
		if err != nil || size > maxText+100 {
			t.Errorf("lines of %d: got %d bytes, %v; want at most %d and no error", line, size, err, maxText)
		}
		checkAfter(t, s, false)
	}
	s := openFake(t)
	err := s.Call(within(t, 300*time.Millisecond), call("Fake-Endless", nil), nil)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without end: got %v, want a deadline exceeded", err)
	}
	checkAfter(t, s, true)
}

func TestConcurrentCallsGetTheirOwnAnswers(t *testing.T) {
	s := openFake(t)
	ctx := within(t, patience)
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			var got []string
			err := s.Call(ctx, call("Fake-Echo", args{"Value": i}), collect(&got))
			if want := fmt.Sprint("output ", i); err != nil || !slices.Equal(got, []string{want}) {
				t.Errorf("got %q, %v; want %s", got, err, want)
			}
		})
	}
	all.Wait()
}

func TestOpenTellsWhatIsWrong(t *testing.T) {
	missing := self(t) + ".missing"
	for name, tt := range map[string]struct {
		mode string
		path string
		is   []error
		not  error
		text string
	}{
		"constrained":          {"constrained", self(t), []error{host.ErrConstrained}, host.ErrUnreachable, "ConstrainedLanguage"},
		"it dies at once":      {"dead", self(t), []error{host.ErrUnreachable}, host.ErrNoPowerShell, "exit status 3"},
		"it never says a word": {"mute", self(t), []error{host.ErrUnreachable, context.DeadlineExceeded}, host.ErrNoPowerShell, "deadline"},
		"a bare name":          {"", "pwsh", []error{host.ErrNoPowerShell}, host.ErrUnreachable, "not an absolute path"},
		"nothing there":        {"", missing, []error{host.ErrNoPowerShell}, host.ErrUnreachable, missing},
	} {
		t.Run(name, func(t *testing.T) {
			limit := patience
			if tt.mode == "mute" {
				limit = 300 * time.Millisecond
			}
			s, err := Open(within(t, limit), tt.path, follow(t, fake.Plan{Mode: tt.mode}))
			if err == nil {
				_ = s.Close()
				t.Fatal("got a session")
			}
			for _, is := range tt.is {
				if !errors.Is(err, is) {
					t.Errorf("got %v, want %v", err, is)
				}
			}
			if errors.Is(err, tt.not) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v; want %q in it, and not %v", err, tt.text, tt.not)
			}
		})
	}
}

func TestABootstrapThatFailsSaysWhy(t *testing.T) {
	e := recorded(t, "start").Exchanges
	e[1].Stdout = strings.Replace(e[1].Stdout, "ready", "At line:1 char:10\nMissing closing brace", 1)
	_, err := Open(within(t, patience), self(t), follow(t, fake.Plan{Exchanges: e}))
	if err == nil || !strings.Contains(err.Error(), "bootstrap: At line:1") || !strings.Contains(err.Error(), "closing brace") || strings.Contains(err.Error(), "FromBase64String") {
		t.Errorf("got %v; want PowerShell's reason, without the script", err)
	}
}

func TestCloseTwiceAndBesideACall(t *testing.T) {
	s := openFake(t)
	result, started := make(chan error), make(chan bool)
	go func() {
		result <- s.Call(context.Background(), call("Fake-Hang", nil), func(e Event) {
			if e.Kind == "output" {
				close(started)
			}
		})
	}()
	<-started
	_ = s.Close()
	_ = s.Close()
	if err := <-result; !errors.Is(err, host.ErrUnreachable) || !errors.Is(err, errClosed) {
		t.Errorf("got %v; want it unreachable, the session closed", err)
	}
	checkAfter(t, s, true)
}

// A request that is larger than any pipe.
func TestALargeRequest(t *testing.T) {
	s := openFake(t)
	big := strings.Repeat("0123456789abcdef", 64<<10) // 1 MiB
	var got []string
	if err := s.Call(within(t, patience), call("Fake-Echo", args{"Value": big}), collect(&got)); err != nil {
		t.Fatal(err)
	}
	var back string
	if err := json.Unmarshal([]byte(strings.TrimPrefix(got[0], "output ")), &back); err != nil || back != "="+big {
		t.Errorf("another value came back, %v", err)
	}
}

// The same, and PowerShell does not read any more.
func TestADeafPowerShell(t *testing.T) {
	s := openFake(t)
	if err := s.Call(within(t, patience), call("Fake-Deaf", nil), nil); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("x", 1<<20)
	err := s.Call(within(t, time.Second), call("Fake-Echo", args{"Value": big}), nil)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, host.ErrUnreachable) {
		t.Errorf("got %v; want it unreachable, a deadline exceeded", err)
	}
	checkAfter(t, s, true)
}

func TestKilledFromOutside(t *testing.T) {
	s := openFake(t)
	err := s.Call(within(t, patience), call("Fake-Hang", args{"Orphan": true}), func(e Event) {
		if e.Kind == "output" {
			if err := s.p.cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	})
	if !errors.Is(err, host.ErrUnreachable) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v; want it unreachable, and not by a deadline", err)
	}
	checkAfter(t, s, true)
}
