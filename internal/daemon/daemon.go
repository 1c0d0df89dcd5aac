// Package daemon is the unattended service: it claims the slots that are due, has them run, settles them, and says what
// somebody has to know. The truth about slots is in the journal and what to do about them is package schedule's; this
// package knows in which order things are written down, so that it may be killed at any moment. It does not know how a
// playbook is run, where a configuration comes from or how a notice travels.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-co-op/gocron/v2"

	"exorunner/internal/journal"
	"exorunner/internal/notify"
	"exorunner/internal/schedule"
)

// A Plan is a schedule and what the daemon has to know about its runs.
type Plan struct {
	*schedule.Schedule
	// Restart is what becomes of a change that wants the machine restarted.
	Restart Restart
	// Alarm is how long a slot may wait for something outside before somebody is told; 0 is never.
	Alarm time.Duration
	// Notify are the targets of its notices, by name.
	Notify []string
}

// Restart says who restarts the machine.
type Restart string

const (
	RestartNever  Restart = "never"  // the journal says that it is needed
	RestartAsk    Restart = "ask"    // a person is told
	RestartWindow Restart = "window" // the service, while the schedule's window is open
)

// A Config is all the plans. One with the same Fingerprint is the same.
type Config struct {
	Fingerprint string
	Plans       []Plan
	Retention   journal.Retention
	Notify      []string // targets of notices that are about no schedule
}

// A Slot is one that is to be run now.
type Slot struct {
	journal.Key
	Follows string // the run that this one tries again
}

// A Daemon has everything from outside. Journal, Config and Work are needed.
type Daemon struct {
	Journal *journal.Journal
	// Config is asked at each tick. An error at the start ends the daemon; later the old one stays in force.
	Config func() (Config, error)
	// Work runs a slot and returns soon after its context has ended. One is called at a time.
	Work func(context.Context, Slot) Outcome
	// Restart asks the machine for a restart. Nothing is started for a while after it.
	Restart func(ctx context.Context, reason string) error
	// Booted is when the machine was started last; nil is after every restart that was asked for.
	Booted func() time.Time
	// Queue gets notices; nil drops them.
	Queue *notify.Queue
	// Beat is called at the end of each tick.
	Beat func(Beat)
	// Point is called at places where it matters that the daemon may die there.
	Point func(name string)

	Log       *slog.Logger
	Now       func() time.Time              // nil: time.Now
	Random    schedule.Random               // nil: the runtime's own
	Patience  func(times int) time.Duration // before a slot that was interrupted that often is begun again; nil: defaultPatience
	Tick      time.Duration                 // 0: 15 s
	StopAfter time.Duration                 // how long a run may take to end once it is to stop; 0: 18 s

	config  Config
	planned sync.Mutex // for plans: runs look theirs up
	plans   map[string]Plan
	open    map[string]int // with planned: see unsettled
	refused string         // the error of the configuration that was not taken
	untold  bool           // nobody could be told of that
	half    bool           // a configuration was taken over in part

	ticking sync.Mutex
	alive   atomic.Int64 // when the last tick ended, in nanoseconds since born
	born    time.Time
	wake    chan struct{}
	running sync.WaitGroup
	turn    chan struct{} // holds one while a run goes on
	until   atomic.Int64  // Unix seconds: a restart was asked for, nothing begins before
	steady  steady        // since when the clock has run evenly
	newest  time.Time     // a moment that was real: of the newest run when this one began, then of each look at retention
	pruned  time.Time
	held    bool
	problem atomic.Pointer[string]                               // of the last tick, or since
	stuck   atomic.Pointer[string]                               // the end of a slot that cannot be written
	ticker  func(runs context.Context) (gocron.Scheduler, error) // scheduler; a test gives one that has stopped
	broken  chan error
}

// A Beat is the state of the daemon after a tick.
type Beat struct {
	Time        time.Time     `json:"time"`
	Running     []journal.Key `json:"running,omitempty"`
	ConfigError string        `json:"config_error,omitempty"`
	Restarting  bool          `json:"restarting,omitempty"`
	ClockWrong  bool          `json:"clock_wrong,omitempty"`
	Problem     string        `json:"problem,omitempty"` // what it could not do: a journal that cannot be written, above all
}

const (
	defaultTick      = 15 * time.Second
	defaultStopAfter = 18 * time.Second
	// restartGrace is how long the machine has to go down after a restart was asked for.
	restartGrace = 20 * time.Minute
	maxRestarts  = 5
	// settleClock is how long the clock must have run evenly before records are removed by it.
	settleClock = time.Hour
	restartSpan = 24 * time.Hour
	// keepFor is how old a change may be over which a slot is kept.
	keepFor = 7 * 24 * time.Hour
)

func (d *Daemon) defaults() {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Tick <= 0 {
		d.Tick = defaultTick
	}
	if d.StopAfter <= 0 {
		d.StopAfter = defaultStopAfter
	}
	if d.Beat == nil {
		d.Beat = func(Beat) {}
	}
	if d.Point == nil {
		d.Point = func(string) {}
	}
	if d.Patience == nil {
		d.Patience = defaultPatience
	}
	if d.ticker == nil {
		d.ticker = d.scheduler
	}
	d.born = time.Now()
	d.open = map[string]int{}
	d.turn = make(chan struct{}, 1)
	d.broken = make(chan error, 1)
}

// defaultPatience begins an interrupted slot again at once, and keeps one that takes the machine or the service down
// with it from doing so all night.
func defaultPatience(times int) time.Duration {
	if times < 3 {
		return 0
	}
	return min(time.Minute<<min(times-3, 10), time.Hour)
}

// Prepare is what must come before Run and before anybody calls Wake.
func (d *Daemon) Prepare() { d.wake = make(chan struct{}, 1) }

// Wake makes it look at the clock now: the machine has woken up.
func (d *Daemon) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends or the journal is broken. A run under way is told to stop then, and has StopAfter for it.
func (d *Daemon) Run(ctx context.Context) error {
	err := d.run(ctx)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) { // it was told to stop before it had begun
		return nil
	}
	return err
}

func (d *Daemon) run(ctx context.Context) error {
	d.defaults()
	if d.wake == nil {
		d.Prepare()
	}
	config, err := d.Config()
	if err != nil {
		return err
	}
	if err := d.adopt(ctx, config); err != nil {
		return err
	}
	last, err := d.Journal.Runs(ctx, journal.Filter{Limit: 1})
	if err != nil {
		return err
	}
	if len(last) > 0 {
		d.newest = last[0].Started
	}
	runs, cancel := context.WithCancel(ctx)
	defer cancel()
	d.settleFound(runs)
	d.Log.Info("started", "schedules", len(d.config.Plans), "tick", d.Tick)
	err = d.watch(ctx, runs)
	cancel()
	if !d.wait() {
		d.Log.Error("a run did not end in time; the next start goes on with it", "after", d.StopAfter)
	}
	d.Log.Info("stopped")
	return err
}

// wait says whether all runs have ended within StopAfter.
func (d *Daemon) wait() bool {
	ended := make(chan struct{})
	go func() {
		d.running.Wait()
		close(ended)
	}()
	timer := time.NewTimer(d.StopAfter)
	defer timer.Stop()
	select {
	case <-ended:
		return true
	case <-timer.C:
		return false
	}
}

// adopt takes a configuration into force: new schedules become known, changed ones get their next slot anew, those that
// are gone are forgotten. The slots of the others are not touched.
func (d *Daemon) adopt(ctx context.Context, c Config) error {
	now := d.Now()
	known, err := d.Journal.Schedules(ctx)
	if err != nil {
		return err
	}
	since := map[string]time.Time{}
	for _, s := range known {
		if !s.Next.IsZero() && s.Next.Before(now) { // it came due and nothing was decided: with the change, or while nobody was here
			since[s.Name] = s.Next.Add(-time.Nanosecond)
		}
	}
	plans := map[string]Plan{}
	for _, p := range c.Plans {
		plans[p.Name()] = p
		from, due := since[p.Name()]
		if !due {
			if from, err = d.begins(ctx, p, now); err != nil {
				return err
			}
		}
		next, ok := p.Next(from)
		if err := d.Journal.PutSchedule(p.Name(), p.Fingerprint(), now, next); err != nil {
			return fmt.Errorf("schedule %q: %w", p.Name(), err)
		}
		waits, err := d.keep(ctx, p, now, next)
		if err != nil {
			return fmt.Errorf("schedule %q: %w", p.Name(), err)
		}
		if !ok && !waits {
			d.Log.Warn("a schedule has no slot ahead", "schedule", p.Name())
		}
	}
	for _, s := range known {
		if _, ok := plans[s.Name]; !ok {
			if err := d.Journal.RemoveSchedule(s.Name, now); err != nil {
				return fmt.Errorf("schedule %q: %w", s.Name, err)
			}
		}
	}
	d.planned.Lock()
	defer d.planned.Unlock()
	d.config, d.plans = c, plans
	return nil
}

// begins is the moment from which on a schedule has slots: now, or just before one that passed before the service knew of
// it and may still begin. Whoever starts the service at five past ten means the upgrade of ten o'clock.
func (d *Daemon) begins(ctx context.Context, p Plan, now time.Time) (time.Time, error) {
	late, ok := p.Late(now)
	if !ok {
		return now, nil
	}
	slots, err := d.Journal.Slots(ctx, p.Name(), 1)
	if err != nil {
		return now, fmt.Errorf("schedule %q: %w", p.Name(), err)
	}
	if len(slots) > 0 && !slots[0].Due.Before(late) { // it has had its turn
		return now, nil
	}
	return late.Add(-time.Nanosecond), nil
}

// plan is a schedule's as it is configured now.
func (d *Daemon) plan(schedule string) (Plan, bool) {
	d.planned.Lock()
	defer d.planned.Unlock()
	p, known := d.plans[schedule]
	return p, known
}

// keep puts the newest slot back into the queue that waited when its schedule was changed, or was away for a moment, and
// is still among its slots: who gives an upgrade more time must not lose it by that. It looks at what is on record, so
// that it may be killed before.
func (d *Daemon) keep(ctx context.Context, p Plan, now, next time.Time) (waits bool, err error) {
	slots, err := d.Journal.Slots(ctx, p.Name(), 20)
	if err != nil {
		return false, err
	}
	var s *journal.Slot // the newest that was dropped, if none ran since
	for i := range slots {
		is := &slots[i]
		dropped := is.State == journal.SlotSkipped && (strings.HasPrefix(is.Reason, journal.ReasonChanged) || strings.HasPrefix(is.Reason, journal.ReasonRemoved))
		if dropped {
			s = is
		}
		if dropped || is.State == journal.SlotWaiting || is.State == journal.SlotDone || is.State == journal.SlotFailed || is.State == journal.SlotClaimed {
			waits = is.State == journal.SlotWaiting
			break
		}
	}
	if s == nil || now.Sub(s.Ended) > keepFor || s.Attempt >= maxAttempts {
		return waits, nil
	}
	if again, ok := p.Next(s.Due.Add(-time.Nanosecond)); !ok || !again.Equal(s.Due) {
		return false, nil
	}
	key := journal.Key{Schedule: s.Schedule, Due: s.Due, Attempt: s.Attempt + 1}
	why := strings.TrimPrefix(strings.TrimPrefix(s.Reason, journal.ReasonChanged+": "), journal.ReasonRemoved+": ")
	err = d.Journal.Wait(key, now, later(s.NotBefore, now), "kept over a change of the schedule: "+why, next)
	if errors.Is(err, journal.ErrTaken) {
		err = nil
	}
	return err == nil, err
}

// reload looks for a new configuration. A wrong one changes nothing, and is told once.
func (d *Daemon) reload(ctx context.Context) {
	c, err := d.Config()
	if err != nil {
		d.refuse(ctx, err)
		return
	}
	if d.refused != "" {
		d.refused = ""
		d.Log.Info("the configuration can be used again")
	}
	if c.Fingerprint == d.config.Fingerprint && !d.half {
		return
	}
	// What was taken over in part is taken over again, also where somebody has put the file back meanwhile.
	if err = d.adopt(ctx, c); err != nil {
		d.half = true
		d.wrong("the changed configuration", err)
		return
	}
	d.half = false
	d.Log.Info("configuration taken over", "schedules", len(c.Plans))
}

func (d *Daemon) refuse(ctx context.Context, err error) {
	if text := err.Error(); text != d.refused {
		d.refused, d.untold = text, true
		d.Log.Error("the configuration is wrong; the one before stays in force", "error", text)
	}
	if d.untold {
		d.untold = !d.tell(ctx, d.config.Notify, notify.Notice{Kind: notify.Config, Key: fmt.Sprintf("config/%s/%s", shortHash(d.refused), d.Now().UTC().Format(time.DateOnly)), Time: d.Now(),
			Subject: "the configuration is wrong; the one before stays in force", Text: oneLine(d.refused)})
	}
}

// tell puts a notice that is about no slot in the queue, and says whether it is there. That it cannot is in the log; a run
// does not depend on it.
func (d *Daemon) tell(ctx context.Context, targets []string, n notify.Notice) bool {
	if d.Queue == nil {
		return true
	}
	err := d.Queue.Tell(context.WithoutCancel(ctx), n, targets)
	if err != nil {
		d.Log.Error("a notice could not be kept", "kind", string(n.Kind), "error", err)
	}
	return err == nil
}

// notices are the entries of the queue for a notice. They are kept together with the slot that they are about.
func (d *Daemon) notices(ctx context.Context, p Plan, n notify.Notice) []journal.Notification {
	if d.Queue == nil {
		return nil
	}
	all, err := d.Queue.Prepare(context.WithoutCancel(ctx), n, p.Notify)
	if err != nil {
		d.Log.Error("a notice could not be made", "kind", string(n.Kind), "error", err)
	}
	return all
}
