package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"time"

	"exorunner/internal/journal"
	"exorunner/internal/notify"
	"exorunner/internal/report"
	"exorunner/internal/schedule"
)

// maxAttempts is the most that a slot gets, interruptions included.
const maxAttempts = 100

// Reasons that later questions look for begin with these.
const (
	reasonInterrupted = "interrupted"
	reasonRestart     = "restart of the machine"
	reasonPaused      = "sign-ins are paused"
)

// settle writes down what became of a run's slot, its retry, and what is told about it, in one piece.
func (d *Daemon) settle(runs context.Context, p Plan, key journal.Key, out Outcome) {
	if current, known := d.plan(key.Schedule); known { // the configuration may have been changed while it ran
		p = current
	}
	now := d.Now()
	level := slog.LevelInfo
	switch out.Verdict {
	case Failed, Drift, Broken:
		level = slog.LevelWarn
	}
	d.Log.Log(runs, level, "run ended", "slot", key.String(), "run", out.Run, "verdict", string(out.Verdict), "summary", out.Summary)
	told := d.expiring(runs, p, out, now)
	switch {
	case out.Verdict == Interrupted && runs.Err() == nil:
		d.interrupted(runs, p, key, out.Summary, told)
	case out.Verdict == Interrupted:
		d.interrupted(runs, p, key, "the service was stopped", told)
	case out.Verdict == Broken:
		// Nothing of it can be written. The slot stays claimed; the next start goes on with it, and looks at the file.
		err := cmp.Or(d.Journal.Broken(), errors.New(out.Summary))
		d.wrong("the record of "+key.String(), err)
		d.end(err)
	// A run that then waits or fails wants its restart all the same: the next one would find everything in place.
	case out.Restart && (out.Verdict == Good || out.Verdict == Waiting || out.Verdict == Failed):
		d.restart(runs, p, key, out, now, told)
	case out.Verdict == Good:
		d.finish(runs, key, journal.SlotDone, out.Summary, nil, append(told, d.recovered(runs, p, key, out, now)...)...)
	default:
		d.bad(runs, p, key, out, now, told)
	}
}

// finish says whether the end of a slot is on disk. A disk that is full, or a journal that another process holds, is
// waited for: a slot that stays claimed would keep its schedule from ever running again. Where it cannot be written when
// the service stops, the next start settles the slot.
func (d *Daemon) finish(ctx context.Context, key journal.Key, state journal.SlotState, reason string, again *journal.Again, told ...journal.Notification) bool {
	defer d.unsettled(key.Schedule)()
	d.Point("finish.before")
	for wait := time.Second; ; wait = min(2*wait, d.Tick) {
		err := d.Journal.FinishSlot(key, d.Now(), state, reason, again, told...)
		if err == nil {
			d.stuck.Store(nil)
			d.Point("finish.after")
			return true
		}
		d.stuck.Store(d.wrong("the end of "+key.String(), err))
		if !errors.Is(err, journal.ErrFull) && !errors.Is(err, journal.ErrLocked) {
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
	}
}

// unsettled keeps a schedule from decisions until settled is called: one of its slots is claimed on record, and no run of
// it goes on. What is decided meanwhile would be wrong: that a slot which came due gives way to that run.
func (d *Daemon) unsettled(name string) (settled func()) {
	change := func(by int) {
		d.planned.Lock()
		defer d.planned.Unlock()
		if d.open[name] += by; d.open[name] == 0 {
			delete(d.open, name)
		}
	}
	change(1)
	return func() { change(-1) }
}

// undecided are the schedules with such a slot.
func (d *Daemon) undecided() map[string]int {
	d.planned.Lock()
	defer d.planned.Unlock()
	return maps.Clone(d.open)
}

// bad is a run that did not go well: tried again, or told.
func (d *Daemon) bad(runs context.Context, p Plan, key journal.Key, out Outcome, now time.Time, told []journal.Notification) {
	if out.Verdict == Drift {
		told = append(told, d.about(runs, p, key, notify.Drift, "has drifted", out, now)...)
		d.finish(runs, key, journal.SlotFailed, "drift: "+out.Summary, nil, told...)
		return
	}
	at, why, again := p.Again(schedule.Failure{Due: key.Due, Ended: now, Attempt: d.tries(key), Class: out.Class}, d.Random)
	reason := string(out.Verdict) + ": " + out.Summary // the words of a task are none of ours
	if out.Paused {                                    // that alone does not use the slot's attempts up
		reason = reasonPaused + ": " + out.Summary
		if until := later(out.NotBefore, now); key.Attempt < maxAttempts && p.Begin(until, key.Due, key.Attempt+1).Do != schedule.Skip {
			at, again = later(at, until), true
		}
	}
	long := p.Alarm > 0 && now.Sub(key.Due) >= p.Alarm
	switch {
	case out.Verdict == Waiting && (!again || long):
		told = append(told, d.about(runs, p, key, notify.Waiting, "has been waiting for too long", out, now)...)
	case out.Verdict == Failed && !again:
		told = append(told, d.about(runs, p, key, notify.Failed, "failed", out, now)...)
	}
	if again {
		d.Log.Info("the slot is tried again", "slot", key.String(), "at", at)
		d.finish(runs, key, journal.SlotFailed, reason, &journal.Again{NotBefore: at, Reason: reason}, told...)
		return
	}
	d.finish(runs, key, journal.SlotFailed, reason+"; not tried again: "+why, nil, told...)
}

// tries is how many runs of a slot have failed, this one included. What was interrupted, put back, restarted or paused is
// not among them.
func (d *Daemon) tries(key journal.Key) int {
	return 1 + d.count(key.Schedule, func(s journal.Slot) bool {
		own := s.Due.Equal(key.Due) && s.Attempt < key.Attempt && s.State == journal.SlotFailed
		for _, reason := range []string{reasonInterrupted, reasonRestart, reasonPaused} {
			own = own && !strings.HasPrefix(s.Reason, reason)
		}
		return own
	})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// about are the notices of one kind about a slot.
func (d *Daemon) about(ctx context.Context, p Plan, key journal.Key, kind notify.Kind, what string, out Outcome, now time.Time) []journal.Notification {
	return d.notices(ctx, p, notify.Notice{Kind: kind, Key: fmt.Sprintf("%s%d", notify.Key(kind, key.Schedule), key.Due.Unix()), Time: now,
		Schedule: key.Schedule, Run: out.Run, Subject: key.Schedule + " " + what, Text: out.Summary, Remedy: out.Remedy})
}

// recovered is for whoever heard something bad of this schedule: the queue knows.
func (d *Daemon) recovered(ctx context.Context, p Plan, key journal.Key, out Outcome, now time.Time) []journal.Notification {
	return d.about(ctx, p, key, notify.Recovered, "holds again", out, now)
}

// expiring are the notices of certificates that end soon, once a week each.
func (d *Daemon) expiring(ctx context.Context, p Plan, out Outcome, now time.Time) (told []journal.Notification) {
	for _, w := range out.Certificate {
		name := w
		if words := strings.Fields(w); len(words) > 1 {
			name = words[1] // "certificate THUMBPRINT ends in 20 days": the days change
		}
		year, week := now.UTC().ISOWeek()
		told = append(told, d.notices(ctx, p, notify.Notice{Kind: notify.Certificate, Key: fmt.Sprintf("certificate/%s/%d-%d", name, year, week), Time: now,
			Schedule: p.Name(), Run: out.Run, Subject: "a certificate ends soon", Text: oneLine(w)})...)
	}
	return told
}

// interrupted puts a slot back into the queue, whatever its retries: what was begun is brought to an end.
func (d *Daemon) interrupted(runs context.Context, p Plan, key journal.Key, how string, told []journal.Notification) {
	reason := reasonInterrupted + ": " + how
	if key.Attempt >= maxAttempts {
		reason = fmt.Sprintf("given up after %d attempts, the last one %s", key.Attempt, reason)
		out := Outcome{Summary: reason, Remedy: "look what ends the service: exorunner history, and its log"}
		d.finish(runs, key, journal.SlotFailed, reason, nil, append(told, d.about(runs, p, key, notify.Failed, "failed", out, d.Now())...)...)
		return
	}
	times := d.count(key.Schedule, func(s journal.Slot) bool {
		return s.Due.Equal(key.Due) && strings.HasPrefix(s.Reason, reasonInterrupted)
	})
	d.finish(runs, key, journal.SlotFailed, reason, &journal.Again{NotBefore: d.Now().Add(d.Patience(times)), Reason: reason}, told...)
}

// count is of a schedule's newest slots.
func (d *Daemon) count(name string, fits func(journal.Slot) bool) (n int) {
	slots, err := d.Journal.Slots(context.Background(), name, 2*maxAttempts)
	if err != nil {
		d.wrong("the slots of "+name, err)
		return maxAttempts // what cannot be counted is many
	}
	for _, s := range slots {
		if fits(s) {
			n++
		}
	}
	return n
}

// settleFound deals with slots whose process died, each when its turn comes: what cannot be written yet must not keep the
// service from its ticks. A run that had come to its end is settled by what it recorded, so that nothing is done twice;
// any other begins again.
func (d *Daemon) settleFound(ctx context.Context) {
	for _, s := range d.Journal.Found().Slots {
		settled := d.unsettled(s.Schedule)
		d.inTurn(ctx, func() {
			defer settled()
			d.settleOne(ctx, s)
		})
	}
}

func (d *Daemon) settleOne(ctx context.Context, s journal.Slot) {
	p, known := d.plan(s.Schedule)
	if !known {
		d.finish(ctx, s.Key, journal.SlotFailed, reasonInterrupted+": its schedule is no longer configured", nil)
		return
	}
	out, ended, err := d.recorded(ctx, s)
	for wait := time.Second; err != nil; wait = min(2*wait, d.Tick) {
		d.stuck.Store(d.wrong("the run of "+s.Key.String(), err))
		select {
		case <-ctx.Done(): // it stays claimed; the next start asks again
			return
		case <-time.After(wait):
			out, ended, err = d.recorded(ctx, s)
		}
	}
	d.stuck.Store(nil)
	switch {
	case !ended.IsZero() && out.Verdict != Interrupted:
		if out.Restart && d.Booted != nil && d.Booted().After(ended) {
			out.Restart = false // it has come since
		}
		d.settle(ctx, p, s.Key, out)
	default:
		d.Log.Warn("a slot was interrupted", "slot", s.Key.String(), "run", s.Run)
		d.interrupted(ctx, p, s.Key, "the service ended in the middle of it", nil)
	}
}

// recorded judges a run by its events in the journal, and says when it ended; zero if it did not. A later run of the same
// slot does not exist: an attempt has one.
func (d *Daemon) recorded(ctx context.Context, s journal.Slot) (out Outcome, ended time.Time, err error) {
	if s.Run == "" {
		return out, ended, nil
	}
	run, err := d.Journal.Run(ctx, s.Run)
	if errors.Is(err, journal.ErrNotFound) {
		return out, ended, nil
	}
	if err != nil || run.State != journal.Ended {
		return out, ended, err
	}
	var judge Judge
	for after := int64(0); ; {
		events, err := d.Journal.Events(ctx, s.Run, after, 500)
		if err != nil || len(events) == 0 {
			return judge.Outcome(), run.Ended, err
		}
		for _, line := range events {
			after = line.N
			var e report.Event
			if err := json.Unmarshal(line.Line, &e); err != nil {
				// A secret that was hidden in a number leaves a text. Without its end the run counts as interrupted.
				d.Log.Warn("an event cannot be read and is passed over", "run", s.Run, "event", line.N, "error", err)
				continue
			}
			judge.See(e)
		}
	}
}
