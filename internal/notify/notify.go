// Package notify tells people what they have to know: it keeps notices in the journal's queue and brings them to webhooks,
// mail servers and the Windows event log, again and again until they arrive. A target that is dead delays nothing else.
// It does not know what is worth telling.
package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"exorunner/internal/journal"
)

// A Kind is what a notice is about.
type Kind string

const (
	Failed      Kind = "failed"      // a slot's last attempt failed
	Drift       Kind = "drift"       // a verify found a difference
	Waiting     Kind = "waiting"     // something outside has not happened for too long
	Recovered   Kind = "recovered"   // the first slot after a bad one went well
	Missed      Kind = "missed"      // a slot did not run
	Certificate Kind = "certificate" // one ends soon
	Config      Kind = "config"      // a changed configuration is wrong
	Restart     Kind = "restart"     // the machine wants one
	Test        Kind = "test"        // a person asked for it
)

// Kinds are those that a target can be limited to.
var Kinds = []Kind{Failed, Drift, Waiting, Recovered, Missed, Certificate, Config, Restart}

// A Notice is what is told. It holds no secret and no evidence; the run's id leads to both for who may see them.
type Notice struct {
	Kind      Kind      `json:"kind"`
	Key       string    `json:"key"` // two with the same key are one
	Time      time.Time `json:"time"`
	Host      string    `json:"host"`
	Rehearsal bool      `json:"rehearsal"`
	Schedule  string    `json:"schedule,omitempty"`
	Run       string    `json:"run,omitempty"`
	Subject   string    `json:"subject"` // a line
	Text      string    `json:"text,omitempty"`
	Remedy    string    `json:"remedy,omitempty"`
}

// Title is the notice in one line, as the subject of a mail.
func (n Notice) Title() string {
	title := fmt.Sprintf("exorunner on %s: %s", n.Host, n.Subject)
	if n.Rehearsal {
		title = "REHEARSAL " + title
	}
	return title
}

// Body is the notice as plain text, line by line.
func (n Notice) Body() string {
	var b strings.Builder
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%-10s%s\n", label, text)
		}
	}
	if n.Rehearsal {
		b.WriteString("REHEARSAL: a modelled machine, nothing real\n")
	}
	line("what", n.Subject)
	line("", n.Text)
	line("remedy", n.Remedy)
	line("host", n.Host)
	line("schedule", n.Schedule)
	line("time", n.Time.UTC().Format(time.RFC3339))
	if n.Run != "" {
		line("run", n.Run)
		line("more", "exorunner history "+n.Run)
	}
	return b.String()
}

// A Sender brings one notice to one target. Its error says whether trying again can help: see Permanent.
type Sender interface {
	Send(context.Context, Notice) error
}

type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks an error after which the same notice will never arrive.
func Permanent(err error) error { return permanent{err} }

// A Target is a Sender under its name.
type Target struct {
	Name string
	Only []Kind // none: all kinds
	Sender
}

func (t Target) wants(k Kind) bool {
	return k == Test || len(t.Only) == 0 || slices.Contains(t.Only, k)
}

// A Queue keeps notices in the journal until they are delivered.
type Queue struct {
	Journal *journal.Journal
	Host    string
	// Rehearsal marks every notice.
	Rehearsal bool
	Log       *slog.Logger
	Now       func() time.Time // nil: time.Now

	mu      sync.Mutex
	targets map[string]Target
	busy    map[string]bool // targets that are being sent to
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

// SetTargets replaces the targets. What waits for one that is gone is given up when its turn comes.
func (q *Queue) SetTargets(targets []Target) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.targets = map[string]Target{}
	for _, t := range targets {
		q.targets[t.Name] = t
	}
}

// Tell puts a notice in the queue of each target, by name; those that do not want its kind are passed over. It is on
// disk when Tell returns. A notice with the key of one that was told before is dropped.
func (q *Queue) Tell(n Notice, targets []string) error {
	n.Host, n.Rehearsal = q.Host, q.Rehearsal
	if n.Host == "" {
		n.Host, _ = os.Hostname()
	}
	body, err := json.Marshal(n)
	if err != nil {
		return err
	}
	now := q.now()
	for _, name := range targets {
		q.mu.Lock()
		t, known := q.targets[name]
		q.mu.Unlock()
		if !known || !t.wants(n.Kind) {
			continue
		}
		entry := journal.Notification{Key: name + "|" + n.Key, Kind: string(n.Kind), Body: string(body), Created: now, Due: now}
		if _, err := q.Journal.Enqueue(entry); err != nil {
			return err
		}
	}
	return nil
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
	due, err := q.Journal.DueNotifications(ctx, q.now(), batch)
	if err != nil {
		if ctx.Err() == nil {
			q.log().Error("notices cannot be read", "error", err)
		}
		return
	}
	byTarget := map[string][]journal.Notification{}
	for _, n := range due {
		name, _, _ := strings.Cut(n.Key, "|")
		byTarget[name] = append(byTarget[name], n)
	}
	for name, all := range byTarget {
		q.mu.Lock()
		t, known := q.targets[name]
		busy := q.busy[name]
		if q.busy == nil {
			q.busy = map[string]bool{}
		}
		q.busy[name] = true
		q.mu.Unlock()
		if busy {
			continue
		}
		q.sending.Go(func() {
			defer q.free(name)
			q.send(ctx, t, known, all)
		})
	}
}

func (q *Queue) free(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy[name] = false
}

// Wait returns when nothing is being sent.
func (q *Queue) Wait() { q.sending.Wait() }

// send stops at the first notice that does not arrive: the ones behind it would not either.
func (q *Queue) send(ctx context.Context, t Target, known bool, all []journal.Notification) {
	for _, n := range all {
		if ctx.Err() != nil {
			return
		}
		var notice Notice
		err := json.Unmarshal([]byte(n.Body), &notice)
		switch {
		case err != nil:
			err = Permanent(fmt.Errorf("the notice cannot be read: %w", err))
		case !known:
			err = Permanent(fmt.Errorf("the target is no longer configured"))
		default:
			err = q.once(ctx, t, notice)
		}
		if ctx.Err() != nil { // a stop is nobody's fault
			return
		}
		if done := q.sent(n, err); !done {
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
			q.log().Error("a notice was sent and that cannot be written down; it may come twice", "target", name, "error", err)
			return false
		}
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

// wait doubles with each try, to an hour, and is spread: servers that lost the same target do not return together.
func wait(tries int) time.Duration {
	limit := min(firstWait<<min(tries, 10), longestWait)
	return limit/2 + rand.N(limit/2)
}
