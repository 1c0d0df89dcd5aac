package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"exorunner/internal/journal"
)

// A Queue keeps notices in the journal until they are delivered. Each target gets its notices in the order in which they
// were told: the first that does not arrive holds up those behind it, and nobody else.
type Queue struct {
	Journal *journal.Journal
	Host    string
	// Rehearsal marks every notice.
	Rehearsal bool
	Log       *slog.Logger
	Now       func() time.Time // nil: time.Now

	mu      sync.Mutex
	targets map[string]Target // nil: not known yet
	busy    map[string]bool   // targets that are being sent to
	arrived map[string]bool   // keys of notices that were sent, and that could not be written down
	sending sync.WaitGroup
}

const (
	sendTimeout = 30 * time.Second
	giveUpAfter = 7 * 24 * time.Hour
	firstWait   = 30 * time.Second
	longestWait = time.Hour
	batch       = 200
)

func (q *Queue) now() time.Time {
	if q.Now != nil {
		return q.Now()
	}
	return time.Now()
}

func (q *Queue) log() *slog.Logger {
	if q.Log != nil {
		return q.Log
	}
	return slog.New(slog.DiscardHandler)
}

// SetTargets replaces the targets. What waits for one that is gone is given up when its turn comes. Before the first call
// nothing is delivered.
func (q *Queue) SetTargets(targets []Target) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.targets = map[string]Target{}
	for _, t := range targets {
		q.targets[t.Name] = t
	}
}

// Prepare makes the entries of the queue for a notice, one for each of these targets that wants its kind; who keeps them
// in the journal has told it. That something holds again is for those alone who were told something bad since they last
// heard so.
func (q *Queue) Prepare(ctx context.Context, n Notice, targets []string) (all []journal.Notification, err error) {
	n.Host, n.Rehearsal = q.Host, q.Rehearsal
	if n.Host == "" {
		n.Host, _ = os.Hostname()
	}
	body, err := json.Marshal(n)
	if err != nil {
		return nil, err
	}
	now := q.now()
	for _, name := range targets {
		q.mu.Lock()
		t, known := q.targets[name]
		q.mu.Unlock()
		if !known || !t.wants(n.Kind) {
			continue
		}
		if n.Kind == Recovered {
			bad, err := q.heardBad(ctx, name, n.Schedule)
			if err != nil {
				return nil, err
			}
			if !bad {
				continue
			}
		}
		all = append(all, journal.Notification{Key: name + "|" + n.Key, Kind: string(n.Kind), Body: string(body), Created: now, Due: now})
	}
	return all, nil
}

// heardBad says whether the last that a target heard of a schedule was bad.
func (q *Queue) heardBad(ctx context.Context, target, schedule string) (bad bool, err error) {
	newest := int64(0)
	for _, kind := range []Kind{Failed, Drift, Waiting, Recovered} {
		last, err := q.Journal.Notified(ctx, fmt.Sprintf("%s|%s", target, Key(kind, schedule)), 1)
		if err != nil {
			return false, err
		}
		if len(last) > 0 && last[0].N > newest {
			newest, bad = last[0].N, kind != Recovered
		}
	}
	return bad, nil
}

// Key is the beginning of the keys of all notices of a kind about a schedule.
func Key(kind Kind, schedule string) string { return fmt.Sprintf("%s/%s/", kind, schedule) }

// Tell puts a notice in the queue of each target, by name. It is on disk when Tell returns. A notice with the key of one
// that was told before is dropped.
func (q *Queue) Tell(ctx context.Context, n Notice, targets []string) error {
	all, err := q.Prepare(ctx, n, targets)
	for _, entry := range all {
		if err == nil {
			_, err = q.Journal.Enqueue(entry)
		}
	}
	return err
}

// Run delivers what is due, every so often, until ctx ends. Each target is sent to on its own.
func (q *Queue) Run(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		q.Deliver(ctx)
		select {
		case <-ctx.Done():
			q.sending.Wait()
			return
		case <-ticker.C:
		}
	}
}

// Deliver begins to send what is due and does not wait for it; Wait does. A target that is still being sent to is left
// alone.
func (q *Queue) Deliver(ctx context.Context) {
	names, err := q.Journal.UnsentTo(ctx, "|")
	for _, name := range names {
		if err == nil {
			err = q.deliver(ctx, name)
		}
	}
	if err != nil && ctx.Err() == nil {
		q.log().Error("notices cannot be read", "error", err)
	}
}

func (q *Queue) deliver(ctx context.Context, name string) error {
	t, known, idle := q.take(name)
	if !idle {
		return nil
	}
	begun := false
	defer func() {
		if !begun {
			q.release(name)
		}
	}()
	first, err := q.Journal.Unsent(ctx, name+"|", 1)
	if err != nil || len(first) == 0 || known && q.early(first[0]) {
		return err
	}
	waiting, err := q.Journal.Unsent(ctx, name+"|", batch)
	if err != nil {
		return err
	}
	if !known {
		for _, n := range waiting {
			q.sent(n, Permanent(errors.New("the target is no longer configured")))
		}
		return nil
	}
	begun = true
	q.sending.Go(func() {
		defer q.release(name)
		q.send(ctx, t, waiting)
	})
	return nil
}

// take is for one at a time; idle says whether it is ours.
func (q *Queue) take(name string) (t Target, known, idle bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.targets == nil || q.busy[name] {
		return t, false, false
	}
	if q.busy == nil {
		q.busy = map[string]bool{}
	}
	q.busy[name] = true
	t, known = q.targets[name]
	return t, known, true
}

func (q *Queue) release(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy[name] = false
}

// early says that a notice is to be tried later. One that lies further ahead than anybody waits was put off by a clock that
// was wrong.
func (q *Queue) early(n journal.Notification) bool {
	wait := n.Due.Sub(q.now())
	return wait > 0 && wait <= longestWait
}

// Wait returns when nothing is being sent.
func (q *Queue) Wait() { q.sending.Wait() }

// send stops at the first notice that does not arrive, or that is to be tried later: those behind it wait for it.
func (q *Queue) send(ctx context.Context, t Target, waiting []journal.Notification) {
	for _, n := range waiting {
		if ctx.Err() != nil || q.early(n) {
			return
		}
		var notice Notice
		err := json.Unmarshal([]byte(n.Body), &notice)
		switch {
		case err != nil:
			err = Permanent(fmt.Errorf("the notice cannot be read: %w", err))
		case !q.hasArrived(n.Key):
			err = q.once(ctx, t, notice)
		}
		if err != nil && ctx.Err() != nil { // a stop is nobody's fault
			return
		}
		if more := q.sent(n, err); !more {
			return
		}
	}
}

// once is one try, bounded in time; a panic of a sender is an error.
func (q *Queue) once(ctx context.Context, t Target, n Notice) (err error) {
	bounded, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = Permanent(fmt.Errorf("an error in exorunner itself: %v", p))
		}
	}()
	return t.Send(bounded, n)
}

// sent writes down how it went, and says whether the target takes more.
func (q *Queue) sent(n journal.Notification, err error) (more bool) {
	now := q.now()
	name, _, _ := strings.Cut(n.Key, "|")
	if err == nil {
		if err := q.Journal.NotificationSent(n.Key, now); err != nil {
			q.log().Error("a notice was sent and that cannot be written down; after a restart of the service it comes again", "target", name, "error", err)
			q.setArrived(n.Key, true)
			return false
		}
		q.setArrived(n.Key, false)
		q.log().Info("notice sent", "target", name, "kind", n.Kind)
		return true
	}
	_, never := err.(permanent)
	next := now.Add(wait(n.Tries))
	if never || now.Sub(n.Created) > giveUpAfter {
		next = time.Time{}
	}
	q.log().Warn("a notice did not arrive", "target", name, "kind", n.Kind, "tries", n.Tries+1, "given_up", next.IsZero(), "error", err)
	if err := q.Journal.NotificationFailed(n.Key, err.Error(), now, next); err != nil {
		q.log().Error("a notice's failure cannot be written down", "target", name, "error", err)
	}
	return never
}

// hasArrived says whether a notice was sent by this process; it is to be written down, and not to be sent again.
func (q *Queue) hasArrived(key string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.arrived[key]
}

func (q *Queue) setArrived(key string, is bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !is {
		delete(q.arrived, key)
		return
	}
	if q.arrived == nil {
		q.arrived = map[string]bool{}
	}
	q.arrived[key] = true
}

// wait doubles with each try, to an hour, and is spread: servers that lost the same target do not return together.
func wait(tries int) time.Duration {
	limit := min(firstWait<<min(tries, 10), longestWait)
	return limit/2 + rand.N(limit/2)
}
