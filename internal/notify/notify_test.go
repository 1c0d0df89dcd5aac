package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"exorunner/internal/action"
	"exorunner/internal/journal"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

var sample = Notice{Kind: Failed, Key: "failed/nightly/1", Time: noon, Host: "CE01", Schedule: "nightly", Run: "20260105T120000Z-ab", Subject: "nightly failed",
	Text: "Connect-ExchangeOnline: no role", Remedy: "give it one"}

type fixed map[action.Secret]string

func (f fixed) Resolve(_ context.Context, ref action.Secret) ([]byte, error) {
	if text, ok := f[ref]; ok {
		return []byte(text), nil
	}
	return nil, errors.New("secret " + string(ref) + ": not there")
}

type posted struct {
	body, path string
	header     http.Header
}

// post sends to a server that answers with a status, and gives what it got.
func post(t *testing.T, w *Webhook, status int) (got posted, err error) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		got = posted{string(raw), r.URL.String(), r.Header}
		if status == http.StatusFound {
			rw.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
		}
		rw.WriteHeader(status)
	}))
	w.Secrets = fixed{w.Secret: s.URL + "/hook?sig=hunter2", "env:AUTH": "Bearer hunter3"}
	w.Client = s.Client()
	err = w.Send(t.Context(), sample)
	s.Close()
	return got, err
}

func TestWebhook(t *testing.T) {
	got, err := post(t, &Webhook{Secret: "env:URL", Authorization: "env:AUTH"}, 204)
	if err != nil {
		t.Fatal(err)
	}
	if got.path != "/hook?sig=hunter2" || got.header.Get("Authorization") != "Bearer hunter3" || !strings.Contains(got.body, "nightly failed") {
		t.Errorf("got %+v, want the notice at the secret address, with the header", got)
	}
	cases := map[string]struct {
		status    int
		permanent bool
		want      string
	}{
		"accepted":            {202, false, ""},
		"busy":                {503, false, "503"},
		"it does not take it": {400, true, "does not take"},
		"not allowed":         {401, false, "401"},
		"moved, not followed": {302, false, "302"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := post(t, &Webhook{Secret: "env:URL"}, c.status)
			_, never := err.(permanent)
			if (err == nil) != (c.want == "") || never != c.permanent || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, permanent %v", err, never)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the address is in %v", err)
			}
		})
	}
}

func TestAWebhookThatIsNotThereDoesNotTellItsAddress(t *testing.T) {
	w := &Webhook{Secret: "env:URL", Secrets: fixed{"env:URL": "http://127.0.0.1:1/hook?sig=hunter2"}}
	err := w.Send(t.Context(), sample)
	if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "/hook") {
		t.Errorf("got %v, want an error with the host alone", err)
	}
	w.Secrets = fixed{"env:URL": "hunter2 is no address"}
	if err := w.Send(t.Context(), sample); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want an error without what the secret says", err)
	}
}

func TestBodies(t *testing.T) {
	raw, err := (&Webhook{}).body(sample)
	if err != nil {
		t.Fatal(err)
	}
	var back Notice
	if err := json.Unmarshal(raw, &back); err != nil || back != sample {
		t.Errorf("got %+v, %v, want the notice again", back, err)
	}
	raw, err = (&Webhook{Teams: true}).body(sample)
	if err != nil {
		t.Fatal(err)
	}
	var card struct {
		Type        string
		Attachments []struct {
			ContentType string
			Content     struct {
				Type, Version string
				Body          []struct{ Type, Text string }
			}
		}
	}
	if err := json.Unmarshal(raw, &card); err != nil || card.Type != "message" || len(card.Attachments) != 1 ||
		card.Attachments[0].Content.Type != "AdaptiveCard" || card.Attachments[0].Content.Body[0].Text != sample.Title() {
		t.Errorf("got %s, %v, want a card with the title first", raw, err)
	}
	for _, want := range []string{"nightly failed", "Connect-ExchangeOnline: no role", "give it one", "exorunner history 20260105T120000Z-ab"} {
		if !strings.Contains(sample.Body(), want) {
			t.Errorf("%q is not in the text\n%s", want, sample.Body())
		}
	}
	rehearsed := sample
	rehearsed.Rehearsal = true
	if !strings.HasPrefix(rehearsed.Title(), "REHEARSAL") || !strings.HasPrefix(rehearsed.Body(), "REHEARSAL") {
		t.Errorf("a rehearsal's notice does not say so: %s", rehearsed.Title())
	}
}

func TestEveryKindHasAnEventID(t *testing.T) {
	seen := map[uint32]Kind{}
	for _, k := range append(slices.Clone(Kinds), Test) {
		id := EventID(k)
		if other, twice := seen[id]; id == 0 || twice {
			t.Errorf("%s: event id %d, also of %q", k, id, other)
		}
		seen[id] = k
	}
}

// A recording is a target that may be down.
type recording struct {
	mu    sync.Mutex
	down  func() error
	got   []string
	tries int
}

func (r *recording) Send(ctx context.Context, n Notice) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries++
	if r.down != nil {
		if err := r.down(); err != nil {
			return err
		}
	}
	r.got = append(r.got, n.Key)
	return nil
}

func queue(t *testing.T, dir string, targets ...Target) *Queue {
	t.Helper()
	j, err := journal.Open(context.Background(), dir, journal.Options{Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	q := &Queue{Journal: j, Host: "CE01"}
	q.SetTargets(targets)
	return q
}

func tell(t *testing.T, q *Queue, kind Kind, key string, targets ...string) {
	t.Helper()
	if err := q.Tell(t.Context(), Notice{Kind: kind, Key: key, Time: noon}, targets); err != nil {
		t.Fatal(err)
	}
}

func TestANoticeIsToldOnceToWhoWantsIt(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		all, drift := &recording{}, &recording{}
		q := queue(t, dir, Target{Name: "all", Sender: all}, Target{Name: "drift", Only: []Kind{Drift}, Sender: drift})
		defer q.Journal.Close()
		for range 3 {
			tell(t, q, Failed, "one", "all", "drift", "nobody")
			tell(t, q, Drift, "two", "all", "drift")
			q.Deliver(t.Context())
			q.Wait()
		}
		if !slices.Equal(all.got, []string{"one", "two"}) || !slices.Equal(drift.got, []string{"two"}) {
			t.Errorf("got %q and %q, want one and two, and two", all.got, drift.got)
		}
	})
}

func TestADeadTargetDelaysNobodyAndGetsItLater(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		back := time.Now().Add(5 * time.Hour)
		dead := &recording{down: func() error {
			if time.Now().Before(back) {
				return errors.New("no route to host")
			}
			return nil
		}}
		well := &recording{}
		q := queue(t, dir, Target{Name: "dead", Sender: dead}, Target{Name: "well", Sender: well})
		ctx, stop := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() { q.Run(ctx, 15*time.Second) })
		tell(t, q, Failed, "one", "dead", "well")
		tell(t, q, Failed, "two", "dead", "well")
		time.Sleep(time.Minute)
		synctest.Wait()
		if !slices.Equal(well.got, []string{"one", "two"}) {
			t.Errorf("got %q after a minute, want both: the other target is dead, not this one", well.got)
		}
		// A restart of the service in between loses nothing.
		stop()
		loop.Wait()
		if err := q.Journal.Close(); err != nil {
			t.Fatal(err)
		}
		q = queue(t, dir, Target{Name: "dead", Sender: dead})
		ctx, stop = context.WithCancel(t.Context())
		loop.Go(func() { q.Run(ctx, 15*time.Second) })
		time.Sleep(8 * time.Hour)
		stop()
		loop.Wait()
		if !slices.Equal(dead.got, []string{"one", "two"}) {
			t.Errorf("got %q in the end, want both, once", dead.got)
		}
		if dead.tries > 40 {
			t.Errorf("got %d tries in five hours, want them to become rarer", dead.tries)
		}
		if err := q.Journal.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWhatNeverArrivesIsGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		down  error
		after time.Duration
		tries int
	}{
		"a notice that is refused":          {Permanent(errors.New("400")), time.Minute, 1},
		"a target that is away for a month": {errors.New("away"), 30 * 24 * time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				r := &recording{down: func() error { return c.down }}
				q := queue(t, dir, Target{Name: "x", Sender: r})
				defer q.Journal.Close()
				tell(t, q, Failed, "one", "x")
				for end := time.Now().Add(c.after); time.Now().Before(end); time.Sleep(c.after / 400) {
					q.Deliver(t.Context())
					q.Wait()
				}
				if due, err := q.Journal.Unsent(t.Context(), "", 0); err != nil || len(due) != 0 {
					t.Errorf("got %v, %v still waiting, want none", due, err)
				}
				if c.tries > 0 && r.tries != c.tries {
					t.Errorf("got %d tries, want %d", r.tries, c.tries)
				}
			})
		})
	}
}

func TestASenderThatPanicsOrHangs(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		q := queue(t, dir, Target{Name: "panics", Sender: sender(func(context.Context) error { panic("boom") })},
			Target{Name: "hangs", Sender: sender(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })})
		defer q.Journal.Close()
		tell(t, q, Failed, "one", "panics", "hangs")
		before := time.Now()
		q.Deliver(t.Context())
		q.Wait()
		if took := time.Since(before); took != sendTimeout {
			t.Errorf("took %v, want a target that hangs to be left after %v", took, sendTimeout)
		}
	})
}

type sender func(context.Context) error

func (s sender) Send(ctx context.Context, _ Notice) error { return s(ctx) }

// However many wait for a dead target, another one gets its own at once, and the dead one is not hammered.
func TestABacklogOfOneTargetIsNobodyElses(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		dead, well := &recording{down: func() error { return errors.New("429") }}, &recording{}
		q := queue(t, dir, Target{Name: "dead", Sender: dead}, Target{Name: "well", Sender: well})
		defer q.Journal.Close()
		for i := range batch + 100 {
			tell(t, q, Drift, fmt.Sprint("old", i), "dead")
		}
		ctx, stop := context.WithCancel(t.Context())
		go q.Run(ctx, 15*time.Second)
		time.Sleep(time.Minute)
		tell(t, q, Failed, "urgent", "well")
		time.Sleep(6 * time.Hour)
		synctest.Wait()
		stop()
		if !slices.Equal(well.got, []string{"urgent"}) || dead.tries > 40 {
			t.Errorf("the other one got %q, and there were %d tries at the dead one in six hours", well.got, dead.tries)
		}
		synctest.Wait()
	})
}

// What was told first arrives first, also after it could not arrive for a while.
func TestNoticesKeepTheirOrder(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		back := time.Now().Add(30 * time.Minute)
		r := &recording{down: func() error {
			if time.Now().Before(back) {
				return errors.New("away")
			}
			return nil
		}}
		q := queue(t, dir, Target{Name: "x", Sender: r})
		defer q.Journal.Close()
		ctx, stop := context.WithCancel(t.Context())
		go q.Run(ctx, 15*time.Second)
		tell(t, q, Failed, "failed", "x")
		time.Sleep(25 * time.Minute)
		tell(t, q, Drift, "drift", "x")
		time.Sleep(5 * time.Hour)
		synctest.Wait()
		stop()
		if !slices.Equal(r.got, []string{"failed", "drift"}) {
			t.Errorf("got %q", r.got)
		}
		synctest.Wait()
	})
}

// A notice that arrived while the service was told to stop is not sent again by the next start.
func TestAStopDuringADelivery(t *testing.T) {
	n := 0
	ctx, stop := context.WithCancel(t.Context())
	q := queue(t, t.TempDir(), Target{Name: "x", Sender: sender(func(context.Context) error { n++; stop(); return nil })})
	defer q.Journal.Close()
	tell(t, q, Restart, "one", "x")
	for _, ctx := range []context.Context{ctx, t.Context()} {
		q.Deliver(ctx)
		q.Wait()
	}
	if n != 1 {
		t.Errorf("sent %d times, want once", n)
	}
}

// Before its targets are known nothing is given up for want of them.
func TestNothingIsGivenUpBeforeTheTargetsAreKnown(t *testing.T) {
	r := &recording{}
	q := queue(t, t.TempDir(), Target{Name: "x", Sender: r})
	defer q.Journal.Close()
	tell(t, q, Failed, "one", "x")
	again := &Queue{Journal: q.Journal}
	again.Deliver(t.Context())
	again.Wait()
	again.SetTargets([]Target{{Name: "x", Sender: r}})
	again.Deliver(t.Context())
	again.Wait()
	if !slices.Equal(r.got, []string{"one"}) {
		t.Errorf("got %q, want the notice", r.got)
	}
}

// A notice that was sent and cannot be written down is not sent again by the same process.
func TestANoticeThatCannotBeWrittenDown(t *testing.T) {
	dir, n := t.TempDir(), 0
	q := queue(t, dir, Target{Name: "x", Sender: sender(func(context.Context) error { n++; return nil })})
	tell(t, q, Failed, "one", "x")
	read, err := journal.OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	whole := q.Journal.Reader
	if err := q.Journal.Close(); err != nil { // as good as a disk that is full
		t.Fatal(err)
	}
	*whole = *read
	for range 3 {
		q.Deliver(t.Context())
		q.Wait()
	}
	if n != 1 {
		t.Errorf("sent %d times, want once", n)
	}
}

// A target is left alone between two tries, also by a clock that was put back.
func TestThePauseOfATargetAfterTheClockWasPutBack(t *testing.T) {
	r := &recording{down: func() error { return errors.New("away") }}
	q := queue(t, t.TempDir(), Target{Name: "x", Sender: r})
	defer q.Journal.Close()
	now := noon
	q.Now = func() time.Time { return now }
	tell(t, q, Failed, "one", "x")
	now = noon.Add(-24 * time.Hour)
	for range 240 {
		q.Deliver(t.Context())
		q.Wait()
		now = now.Add(15 * time.Second)
	}
	if r.tries > 12 {
		t.Errorf("got %d tries in an hour, want them to become rarer", r.tries)
	}
}

func TestANoticeFromAClockOfTheFuture(t *testing.T) {
	r := &recording{}
	q := queue(t, t.TempDir(), Target{Name: "x", Sender: r})
	defer q.Journal.Close()
	now := time.Date(2106, 1, 1, 0, 0, 0, 0, time.UTC)
	q.Now = func() time.Time { return now }
	tell(t, q, Failed, "one", "x")
	now = noon
	q.Deliver(t.Context())
	q.Wait()
	if !slices.Equal(r.got, []string{"one"}) {
		t.Errorf("got %q, want it sent by the clock that is right", r.got)
	}
}

// That all is well again is news for those alone who heard something bad.
func TestRecoveredIsForWhoHeardSomethingBad(t *testing.T) {
	all, drift := &recording{}, &recording{}
	q := queue(t, t.TempDir(), Target{Name: "all", Sender: all}, Target{Name: "drift", Only: []Kind{Drift, Recovered}, Sender: drift})
	defer q.Journal.Close()
	for i, kind := range []Kind{Recovered, Failed, Recovered, Recovered, Drift, Waiting, Recovered} {
		n := Notice{Kind: kind, Schedule: "nightly", Key: fmt.Sprintf("%s%d", Key(kind, "nightly"), i)}
		if err := q.Tell(t.Context(), n, []string{"all", "drift"}); err != nil {
			t.Fatal(err)
		}
		q.Deliver(t.Context())
		q.Wait()
	}
	if want := []string{"failed/nightly/1", "recovered/nightly/2", "drift/nightly/4", "waiting/nightly/5", "recovered/nightly/6"}; !slices.Equal(all.got, want) {
		t.Errorf("got %q, want %q", all.got, want)
	}
	if want := []string{"drift/nightly/4", "recovered/nightly/6"}; !slices.Equal(drift.got, want) {
		t.Errorf("got %q, want %q", drift.got, want)
	}
}
