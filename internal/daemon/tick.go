package daemon

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"exorunner/internal/journal"
	"exorunner/internal/notify"
	"exorunner/internal/schedule"
)

// tick looks at the clock once. Sleep, hibernation, a clock that was set and a restart are all the same here: slots
// that are due in the past.
func (d *Daemon) tick(runs context.Context) {
	d.problem.Store(nil)
	d.reload(runs)
	now := d.Now()
	undecided := d.undecided() // before the journal is read: who is settled by then is no longer claimed in it
	known, err := d.Journal.Schedules(runs)
	if err != nil {
		d.wrong("schedules", err)
	}
	beat := Beat{Time: now.UTC(), ConfigError: d.refused, Restarting: d.restarting(now)}
	for _, s := range known {
		for _, c := range s.Claimed {
			beat.Running = append(beat.Running, c.Key)
		}
		p, ok := d.plan(s.Name)
		if !ok || beat.Restarting || undecided[s.Name] > 0 {
			continue
		}
		for _, decision := range p.Decide(now, state(s)) {
			if decision.Do == schedule.Hold {
				beat.ClockWrong = true
			}
			if err := d.carryOut(runs, p, decision, now); err != nil {
				d.wrong("schedule "+s.Name, err)
			}
		}
	}
	d.noteHold(beat.ClockWrong)
	d.steady.look(now)
	d.prune(now)
	if err := d.Journal.Broken(); err != nil {
		d.wrong("journal", err)
	}
	if p := cmp.Or(d.problem.Load(), d.stuck.Load()); p != nil {
		beat.Problem = *p
	}
	d.Beat(beat)
}

func state(s journal.Schedule) schedule.State {
	out := schedule.State{Next: s.Next, Running: len(s.Claimed) > 0}
	for _, w := range s.Waiting {
		out.Waiting = append(out.Waiting, schedule.Waiting{Due: w.Due, Attempt: w.Attempt, NotBefore: w.NotBefore, PutOff: w.PutOff})
	}
	return out
}

// wrong logs an error. One after which the journal writes nothing more ends the daemon: whoever started it starts it
// again, and a new journal asks the disk anew.
func (d *Daemon) wrong(what string, err error) (problem *string) {
	d.Log.Error("cannot go on with "+what, "error", err)
	text := oneLine(fmt.Sprintf("cannot go on with %s: %v", what, err))
	d.problem.Store(&text)
	if errors.Is(err, journal.ErrBroken) || journal.Damaged(err) {
		d.end(err)
	}
	return &text
}

// end ends the daemon with an error.
func (d *Daemon) end(err error) {
	select {
	case d.broken <- err:
	default: // it ends already
	}
}

func (d *Daemon) noteHold(wrong bool) {
	if wrong && !d.held {
		d.Log.Error("the clock cannot be right; nothing is started until it is set", "clock", d.Now().UTC().Format(time.RFC3339))
	}
	d.held = wrong
}

// carryOut records one decision, and starts what it says is to run.
func (d *Daemon) carryOut(runs context.Context, p Plan, do schedule.Decision, now time.Time) error {
	key := journal.Key{Schedule: p.Name(), Due: do.Due, Attempt: do.Attempt}
	var err error
	switch do.Do {
	case schedule.Hold:
		return nil
	case schedule.Move:
		d.Log.Warn("next slot moved", "schedule", p.Name(), "next", do.Next, "reason", do.Reason)
		return d.Journal.MoveNext(p.Name(), do.Next)
	case schedule.Wait:
		d.Log.Info("slot waits", "slot", key.String(), "until", do.Until, "reason", do.Reason)
		err = d.Journal.Wait(key, now, do.Until, do.Reason, do.Next)
	case schedule.Skip:
		d.Log.Warn("slot skipped", "slot", key.String(), "through", do.Through, "reason", do.Reason)
		err = d.skip(runs, p, do, now)
	case schedule.Run:
		d.Point("claim.before")
		if err = d.Journal.Claim(key, now, do.Next); err == nil {
			d.Point("claim.after")
			d.start(runs, key)
		}
	}
	if errors.Is(err, journal.ErrTaken) {
		d.Log.Info("slot was settled before", "slot", key.String())
		return nil
	}
	return err
}

// skip settles a slot, or a stretch of them, without a run. Slots of a stretch that have run already, before the clock
// was put back, are passed by.
func (d *Daemon) skip(ctx context.Context, p Plan, do schedule.Decision, now time.Time) error {
	for {
		key := journal.Key{Schedule: p.Name(), Due: do.Due, Attempt: do.Attempt}
		err := d.Journal.Skip(key, do.Through, now, do.Reason, do.Next, d.missed(ctx, p, do, now)...)
		next, ok := p.Next(do.Due)
		if !errors.Is(err, journal.ErrTaken) || !ok || next.After(do.Through) || ctx.Err() != nil {
			return err
		}
		do.Due = next
		_, instead, _ := strings.Cut(do.Reason, "; the slot of ")
		do.Reason = fmt.Sprintf("missed: the slots from %s to %s; those before them had run", next.Format(time.RFC3339), do.Through.Format(time.RFC3339))
		if instead != "" {
			do.Reason += "; the slot of " + instead
		}
	}
}

// missed are the notices about slots that did not run although somebody counts on them, or did not come to their end.
// That a retry gave way to the next slot, or that a run was going on, is in the journal and no more.
func (d *Daemon) missed(ctx context.Context, p Plan, do schedule.Decision, now time.Time) []journal.Notification {
	if strings.Contains(do.Reason, "runs instead") {
		return nil
	}
	n := notify.Notice{Kind: notify.Missed, Time: now, Schedule: p.Name(), Subject: p.Name() + " did not run", Text: do.Reason}
	if do.Attempt > 1 {
		n.Kind, n.Subject = notify.Failed, p.Name()+" did not come to its end"
	}
	n.Key = fmt.Sprintf("%s%d", notify.Key(n.Kind, p.Name()), do.Due.Unix())
	for _, lost := range []string{"missed", "expired", "no window"} {
		if strings.Contains(do.Reason, lost) {
			return d.notices(ctx, p, n)
		}
	}
	return nil
}

// start runs a claimed slot beside the ticks.
func (d *Daemon) start(runs context.Context, key journal.Key) {
	d.inTurn(runs, func() {
		p, known := d.plan(key.Schedule)
		switch {
		case !known:
			d.finish(runs, key, journal.SlotFailed, reasonInterrupted+" before it began: its schedule is no longer configured", nil)
		case d.mayBegin(runs, p, key):
			d.settle(runs, p, key, d.protected(runs, key))
		}
	})
}

// inTurn does one thing after another, whatever schedules they are of: they are about one machine.
func (d *Daemon) inTurn(runs context.Context, do func()) {
	d.running.Go(func() {
		select {
		case d.turn <- struct{}{}:
			defer func() { <-d.turn }()
		case <-runs.Done(): // a slot stays claimed, and the next start finds it
			return
		}
		if runs.Err() == nil {
			do()
		}
	})
}

// mayBegin asks once more when a slot's turn has come: the machine may be going down, the window may have closed and the
// deadline passed while it waited. What may not begin is settled here.
func (d *Daemon) mayBegin(runs context.Context, p Plan, key journal.Key) bool {
	now := d.Now()
	if until, down := d.goesDown(now); down {
		d.putBack(runs, key, until, "the machine is restarted first")
		return false
	}
	switch do := p.Begin(now, key.Due, key.Attempt); do.Do {
	case schedule.Run:
	case schedule.Skip:
		d.finish(runs, key, journal.SlotFailed, do.Reason, nil, d.missed(runs, p, do, now)...)
		return false
	default:
		d.putBack(runs, key, later(do.Until, now), do.Reason)
		return false
	}
	if _, why := d.mayRestart(runs, p, now); why == "" && d.owed(runs, key, now) {
		d.settle(runs, p, key, Outcome{Verdict: Good, Restart: true, Summary: "the restart that an attempt before this one asked for has not come"})
		return false
	}
	return true
}

// putBack is for a slot that was claimed and could not begin: that uses no attempt up.
func (d *Daemon) putBack(runs context.Context, key journal.Key, until time.Time, why string) {
	reason := reasonInterrupted + " before it began: " + why
	d.finish(runs, key, journal.SlotFailed, reason, &journal.Again{NotBefore: until, Reason: reason})
}

// protected is Work with a panic made an outcome: one playbook must not end the service for all.
func (d *Daemon) protected(runs context.Context, key journal.Key) (out Outcome) {
	defer func() {
		if r := recover(); r != nil {
			d.Log.Error("a run panicked", "slot", key.String(), "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			out = Outcome{Verdict: Failed, Class: "never", Summary: "an error in exorunner itself: " + oneLine(fmt.Sprint(r)),
				Remedy: "the service's log has the details; please report them"}
		}
	}()
	slot := Slot{Key: key}
	if key.Attempt > 1 {
		slot.Follows = d.before(runs, key)
	}
	d.Log.Info("run begins", "slot", key.String())
	return d.Work(runs, slot)
}

// before is the run of the attempt before this one; "" if there was none.
func (d *Daemon) before(ctx context.Context, key journal.Key) string {
	slots, err := d.Journal.Slots(ctx, key.Schedule, maxAttempts)
	if err != nil {
		return ""
	}
	for _, s := range slots { // the newest attempt first
		if s.Due.Equal(key.Due) && s.Attempt < key.Attempt && s.Run != "" {
			return s.Run
		}
	}
	return ""
}

// A steady is since when the clock on the wall and the one that cannot be set have agreed.
type steady struct{ wall, mono time.Time }

// look takes the time. Where it jumped, everything begins anew.
func (s *steady) look(now time.Time) {
	mono := time.Now()
	if s.wall.IsZero() || now.Sub(s.wall)-mono.Sub(s.mono) > time.Minute || now.Sub(s.wall)-mono.Sub(s.mono) < -time.Minute {
		s.wall, s.mono = now.Round(0), mono
	}
}

func (s *steady) since() time.Duration { return time.Since(s.mono) }

// prune lets the journal forget, once a day. By a clock that has just jumped, or that is further ahead of the last run
// than anything is kept, nothing goes: what was removed by mistake is gone for good.
func (d *Daemon) prune(now time.Time) {
	if since := now.Sub(d.pruned); since > 0 && since < 24*time.Hour || d.steady.since() < settleClock {
		return
	}
	d.pruned = now
	keep := d.config.Retention.Age
	if e := d.config.Retention.Evidence; keep == 0 || e > 0 && e < keep {
		keep = e
	}
	if keep > 0 && !d.newest.IsZero() && now.Sub(d.newest) > keep {
		d.Log.Warn("nothing is removed from the journal: by this clock all of it would be too old", "clock", now.UTC().Format(time.RFC3339), "last_run", d.newest.Format(time.RFC3339))
		return
	}
	d.newest = now // this clock is believed: it ran evenly from there
	gone, err := d.Journal.Prune(now, d.config.Retention)
	if err != nil {
		d.wrong("retention", err)
		return
	}
	if gone != (journal.Pruned{}) {
		d.Log.Info("records past their retention removed", "runs", gone.Runs, "evidence", gone.Evidence, "slots", gone.Slots)
	}
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
