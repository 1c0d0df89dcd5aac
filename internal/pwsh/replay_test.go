package pwsh

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/host"
	"exorunner/internal/pwsh/internal/fake"
)

// A recordedExchange is one of a transcript, and what was asked in it.
type recordedExchange struct {
	fake.Exchange
	line     string // sent, without what go-powershell puts behind it
	boundary string
	called   bool // it was a request and not a plain line
	readable bool // the request was answered under its own id
	id       int
	function string
	args     map[string]any
	needs    []string
	secrets  map[string][]byte
}

var sentRequest = regexp.MustCompile(`^Invoke-ExrRequest '([^']*)'`)

func readExchange(t *testing.T, e fake.Exchange) recordedExchange {
	t.Helper()
	r := recordedExchange{Exchange: e}
	m := commandEnd.FindStringSubmatch(e.Sent[0] + crlf)
	if m == nil {
		t.Fatalf("sent %q: no boundaries", e.Sent[0])
	}
	r.line, r.boundary = strings.TrimSuffix(e.Sent[0]+crlf, m[0]), m[1]
	invoke := sentRequest.FindStringSubmatch(e.Sent[0])
	if invoke == nil {
		return r
	}
	r.called = true
	var request struct {
		ID      int
		Func    string
		Args    map[string]any
		Secrets []string
	}
	raw, _ := base64.StdEncoding.DecodeString(invoke[1])
	if json.Unmarshal(raw, &request) != nil { // meant to be unreadable
		r.id = 9
		return r
	}
	r.id, r.function, r.needs = request.ID, request.Func, request.Secrets
	r.readable = !strings.Contains(e.Stdout, e.Nonce+" 0 ")
	unmarked := func(s string) string { return strings.TrimPrefix(s, "=") }
	r.args, _ = eachString(request.Args, func(s string) string { return s }, unmarked).(map[string]any)
	r.secrets = map[string][]byte{}
	if r.readable {
		for i, name := range request.Secrets {
			r.secrets[name], _ = base64.StdEncoding.DecodeString(e.Sent[1+i])
		}
	}
	return r
}

func (r recordedExchange) exchange() *exchange {
	return newExchange(r.id, slices.Clone(r.needs), (&vault{}).with(r.secrets), codePage{})
}

// want is what a caller has to get: read without a process, and apart from where it ends.
func (r recordedExchange) want() ([]string, error) {
	out := play(r.exchange(), r.Nonce, r.boundary, []byte(r.Stdout), nil)
	err := play(newExchange(0, nil, (&vault{}).with(r.secrets), codePage{}), r.Nonce, r.boundary, []byte(r.Stderr), nil)
	events := slices.DeleteFunc(append(out.events, err.events...), func(e string) bool { return strings.HasPrefix(e, "need ") })
	return events, out.x.outcome()
}

var anyBoundary = regexp.MustCompile(`\$gorilla[0-9a-f]{24}\$`)

// inOrder puts text behind what came in frames: between two pipes there is no order. A boundary in it is of its own
// session.
func inOrder(events []string) []string {
	var frames, texts []string
	for _, e := range events {
		e = anyBoundary.ReplaceAllString(e, "BOUNDARY")
		if strings.HasPrefix(e, "text ") {
			texts = append(texts, e)
		} else {
			frames = append(frames, e)
		}
	}
	slices.Sort(texts)
	return append(frames, texts...)
}

// Every recorded exchange, played by a process in pieces of random size to a whole session, ends as it was recorded.
func TestEveryTranscriptThroughALiveSession(t *testing.T) {
	var seed uint64 = 20
	eachExchange(t, func(t *testing.T, file string, e recordedExchange) {
		if strings.HasSuffix(file, "start") || strings.HasSuffix(file, "constrained-language") {
			t.Skip("the beginning of a session has a test of its own")
		}
		seed++
		t.Logf("seed %d", seed)
		s := openPlan(t, fake.Plan{Exchanges: []fake.Exchange{e.Exchange}, Seed: seed})
		limit := 20 * time.Second
		if e.Ended == "silence" {
			limit = 200 * time.Millisecond
		}
		events, err := e.playTo(s, within(t, limit))
		wantEvents, wantErr := e.want()
		if diff := cmp.Diff(inOrder(wantEvents), inOrder(events)); diff != "" {
			t.Errorf("want -, got +:\n%s", diff)
		}
		checkEnd(t, e, err, wantErr)
		if ended := e.Ended != "boundary"; s.over() != ended {
			t.Errorf("session is over: %v, want %v", s.over(), ended)
		}
	})
}

// playTo asks what was asked.
func (r recordedExchange) playTo(s *Session, ctx context.Context) ([]string, error) {
	var events []string
	if r.called && r.readable {
		s.ids.Store(int64(r.id) - 1)
		err := s.Call(ctx, host.Call{Func: r.function, Args: r.args, Secrets: r.secrets}, collect(&events))
		return events, err
	}
	x := newExchange(r.id, r.needs, nil, codePage{})
	s.exchange(ctx, x, r.line, func(it item) { collect(&events)(it.Event) })
	return events, s.settle(x)
}

func checkEnd(t *testing.T, e recordedExchange, err, want error) {
	t.Helper()
	status, exits := strings.CutPrefix(e.Ended, "exit ")
	switch {
	case exits:
		if !errors.Is(err, host.ErrUnreachable) || !strings.Contains(err.Error(), "exit status "+status) {
			t.Errorf("got %v; want it unreachable, exit status %s", err, status)
		}
	case e.Ended == "silence":
		if !errors.Is(err, host.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v; want it unreachable, a deadline exceeded", err)
		}
	case want == nil:
		if err != nil {
			t.Errorf("got %v; want no error", err)
		}
	default:
		if diff := cmp.Diff(host.As(want), host.As(err)); diff != "" || errors.Is(err, host.ErrUnreachable) {
			t.Errorf("got %v; want -, got +:\n%s", err, diff)
		}
	}
}

func TestTheRecordedBeginningsOfASession(t *testing.T) {
	for file, want := range map[string]error{
		"start": nil, "windows/start": nil,
		"constrained-language": host.ErrConstrained, "windows/constrained-language": host.ErrConstrained,
	} {
		t.Run(file, func(t *testing.T) {
			p := recorded(t, file)
			p.Seed = 3
			s, err := Open(within(t, 20*time.Second), self(t), follow(t, p))
			if !errors.Is(err, want) || errors.Is(err, host.ErrUnreachable) {
				t.Fatalf("got %v, want %v", err, want)
			}
			if want == nil {
				_ = s.Close()
			} else if !strings.Contains(err.Error(), "ConstrainedLanguage") || !strings.Contains(err.Error(), "AppLocker or WDAC") {
				t.Errorf("got %v; want the mode and who sets it", err)
			}
		})
	}
}

// Text that comes after the boundary belongs to no call, and is not lost.
func TestLateTextOfATranscriptIsNobodys(t *testing.T) {
	var mu sync.Mutex
	var late []string
	cfg := follow(t, recorded(t, "late-text"))
	s, err := open(context.Background(), self(t), cfg, &vault{}, func(text string) {
		mu.Lock()
		defer mu.Unlock()
		late = append(late, text)
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, function := range []string{"Start-Late", "Get-Nothing2"} {
		if err := s.Call(within(t, 20*time.Second), call(function, nil), collect(&got)); err != nil {
			t.Error(err)
		}
	}
	_ = s.Close() // whatever was written has been read by then
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]string{`output "started"`}, slices.DeleteFunc(got, func(e string) bool { return e == "text late" })); diff != "" {
		t.Error(diff)
	}
	// The second call may have begun by then.
	if !slices.Contains(late, "late") && !slices.Contains(got, "text late") {
		t.Errorf("late text %q, events %q; want late in one of them", late, got)
	}
}
