package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"exorunner/internal/journal"
	"exorunner/internal/notify"
	"exorunner/internal/schedule"
)

// A bench is a daemon with everything around it, whose runs are a function.
type bench struct {
	t       testing.TB
	dir     string
	configs []schedule.Config
	restart Restart
	alarm   time.Duration
	tick    time.Duration
	booted  func() time.Time

	mu       sync.Mutex
	told     []notify.Notice
	runs     []string // "upgrade #1 05 22:00"
	restarts int
	work     func(Slot) Outcome
	beats    int
}

// Send implements notify.Sender.
func (b *bench) Send(_ context.Context, n notify.Notice) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = append(b.told, n)
	return nil
}

func (b *bench) kinds() (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.told {
		all = append(all, string(n.Kind))
	}
	return all
}

func (b *bench) config() (Config, error) {
	c := Config{Fingerprint: fmt.Sprint(b.configs), Notify: []string{"all"}}
	for _, one := range b.configs {
		s, err := schedule.New(one, "machine")
		if err != nil {
			return Config{}, err
		}
		c.Plans = append(c.Plans, Plan{Schedule: s, Restart: b.restart, Alarm: b.alarm, Notify: []string{"all"}})
	}
	return c, nil
}

// open makes a daemon on the bench's folder, as a start of the service would.
func (b *bench) open() (*Daemon, *journal.Journal) {
	b.t.Helper()
	j, err := journal.Open(context.Background(), b.dir, journal.Options{Ballast: -1})
	if err != nil {
		b.t.Fatal(err)
	}
	q := &notify.Queue{Journal: j, Host: "CE01"}
	q.SetTargets([]notify.Target{{Name: "all", Sender: b}})
	d := &Daemon{Journal: j, Config: b.config, Queue: q, Tick: b.tick, Booted: b.booted, Random: func(n int64) int64 { return n - 1 }}
	d.Beat = func(Beat) {
		b.beats++
		q.Deliver(context.Background())
		q.Wait()
	}
	d.Restart = func(context.Context, string) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.restarts++
		return nil
	}
	d.Work = func(ctx context.Context, s Slot) Outcome {
		b.mu.Lock()
		b.runs = append(b.runs, fmt.Sprintf("%s #%d %s", s.Schedule, s.Attempt, s.Due.Format("02 15:04")))
		b.mu.Unlock()
		return b.work(s)
	}
	return d, j
}

// died leaves what a process leaves that died in a slot of the only schedule: with events, after its run had ended.
func (b *bench) died(due time.Time, status int, events ...string) {
	b.t.Helper()
	_, j := b.open()
	c, err := b.config()
	p := c.Plans[0]
	k := journal.Key{Schedule: p.Name(), Due: due, Attempt: 1}
	next, _ := p.Next(due)
	err = errors.Join(err, j.PutSchedule(k.Schedule, p.Fingerprint(), due, due), j.Claim(k, due, next))
	if len(events) > 0 {
		err = errors.Join(err, j.BeginRun(journal.Run{ID: "r", Schedule: k.Schedule, Due: due, Attempt: 1, Started: due}))
		for _, e := range events {
			err = errors.Join(err, j.Append("r", []byte(e)))
		}
		err = errors.Join(err, j.EndRun("r", due, status, nil))
	}
	if err := errors.Join(err, j.Close()); err != nil {
		b.t.Fatal(err)
	}
}

// during runs a daemon for a time, and stops it in order.
func (b *bench) during(span time.Duration) {
	b.t.Helper()
	d, j := b.open()
	ctx, stop := context.WithTimeout(context.Background(), span)
	defer stop()
	if err := d.Run(ctx); err != nil {
		b.t.Errorf("daemon: %v", err)
	}
	if err := j.Close(); err != nil {
		b.t.Errorf("journal: %v", err)
	}
}

func (b *bench) ledger() []journal.Slot {
	b.t.Helper()
	r, err := journal.OpenReader(context.Background(), b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	slots, err := r.Slots(context.Background(), "", 10000)
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Reverse(slots)
	return slots
}

// told is a ledger as a person would read it out.
func lines(slots []journal.Slot) (all []string) {
	for _, s := range slots {
		all = append(all, fmt.Sprintf("%s #%d %s %s", s.Schedule, s.Attempt, s.Due.Format("02 15:04"), s.State))
	}
	return all
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\ngot  %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// until sleeps to a moment of the bubble's clock, which begins in 2000.
func until(at time.Time) { time.Sleep(time.Until(at)) }

var newYear = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func good(Slot) Outcome { return Outcome{Verdict: Good, Summary: "everything holds"} }
