package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	reasonChanged     = "the schedule was changed" // the journal's own, where a fingerprint is new
)

// settle writes down what became of a run's slot, and its retry, in one piece. Notices come first: killed in between,
// the slot is settled again, and a notice with the same key is not told twice.
func (d *Daemon) settle(runs context.Context, p Plan, key journal.Key, out Outcome) {
	now := d.Now()
	d.Log.Info("run ended", "slot", key.String(), "run", out.Run, "verdict", string(out.Verdict), "summary", out.Summary)
	d.expiring(p, out, now)
	switch {
	case out.Verdict == Interrupted && runs.Err() == nil:
		d.interrupted(p, key, out.Summary)
	case out.Verdict == Interrupted:
		d.interrupted(p, key, "the service was stopped")
	case out.Verdict == Broken:
		// Nothing of it can be written. The slot stays claimed; the next start goes on with it.
		d.wrong("the record of "+key.String(), cmp.Or(d.Journal.Broken(), errors.New(out.Summary)))
	// A run that then waits or fails wants its restart all the same: the next one would find everything in place.
	case out.Restart && (out.Verdict == Good || out.Verdict == Waiting || out.Verdict == Failed):
		d.restart(runs, p, key, out, now)
	case out.Verdict == Good:
		d.recovered(runs, p, key, out, now)
		d.finish(key, journal.SlotDone, out.Summary, nil)
	default:
		d.bad(p, key, out, now)
	}
}

// finish says whether the end of a slot is on disk. Where it is not the slot stays claimed, and the next start settles it.
func (d *Daemon) finish(key journal.Key, state journal.SlotState, reason string, again *journal.Again) bool {
	d.Point("finish.before")
	if err := d.Journal.FinishSlot(key, d.Now(), state, reason, again); err != nil {
		d.wrong("the end of "+key.String(), err)
		return false
	}
	d.Point("finish.after")
	return true
}

// bad is a run that did not go well: tried again, or told.
func (d *Daemon) bad(p Plan, key journal.Key, out Outcome, now time.Time) {
	if out.Verdict == Drift {
		d.tellOf(p, key, notify.Drift, "has drifted", out, now)
		d.finish(key, journal.SlotFailed, "drift: "+out.Summary, nil)
		return
	}
	at, why, again := p.Again(schedule.Failure{Due: key.Due, Ended: now, Attempt: key.Attempt, Class: out.Class}, d.Random)
	if !out.NotBefore.IsZero() { // sign-ins are paused: that alone does not use the slot's attempts up
		if deadlineAllows(p, key, out.NotBefore) && key.Attempt < maxAttempts {
			at, again = later(at, out.NotBefore), true
		}
	}
	long := p.Alarm > 0 && now.Sub(key.Due) >= p.Alarm
	if out.Verdict == Waiting && (!again || long) {
		d.tellOf(p, key, notify.Waiting, "has been waiting for too long", out, now)
	}
	if again {
		d.Log.Info("the slot is tried again", "slot", key.String(), "at", at)
		d.finish(key, journal.SlotFailed, out.Summary, &journal.Again{NotBefore: at, Reason: string(out.Verdict) + ": " + out.Summary})
		return
	}
	if out.Verdict == Failed {
		d.tellOf(p, key, notify.Failed, "failed", out, now)
	}
	d.finish(key, journal.SlotFailed, out.Summary+"; not tried again: "+why, nil)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// deadlineAllows asks the schedule whether a slot may begin at a moment.
func deadlineAllows(p Plan, key journal.Key, at time.Time) bool {
	for _, do := range p.Decide(at, schedule.State{Waiting: []schedule.Waiting{{Due: key.Due, Attempt: key.Attempt + 1, NotBefore: at}}}) {
		if do.Due.Equal(key.Due) && do.Do == schedule.Skip {
			return false
		}
	}
	return true
}

func (d *Daemon) tellOf(p Plan, key journal.Key, kind notify.Kind, what string, out Outcome, now time.Time) {
	d.tell(p.Notify, notify.Notice{Kind: kind, Key: fmt.Sprintf("%s/%s/%d", kind, key.Schedule, key.Due.Unix()), Time: now, Schedule: key.Schedule,
		Run: out.Run, Subject: key.Schedule + " " + what, Text: out.Summary, Remedy: out.Remedy})
}

// recovered tells that the first slot after a bad one went well.
func (d *Daemon) recovered(ctx context.Context, p Plan, key journal.Key, out Outcome, now time.Time) {
	slots, err := d.Journal.Slots(context.WithoutCancel(ctx), key.Schedule, 2*maxAttempts)
	if err != nil {
		d.wrong("the slots of "+key.Schedule, err)
		return
	}
	for _, s := range slots { // newest first, so the first of an older slot is its last attempt
		if !s.Due.Before(key.Due) || s.State == journal.SlotSkipped {
			continue
		}
		if s.State == journal.SlotFailed && !strings.HasPrefix(s.Reason, reasonInterrupted) {
			d.tellOf(p, key, notify.Recovered, "holds again", out, now)
		}
		return
	}
}

// expiring tells of certificates that end soon, once a week each.
func (d *Daemon) expiring(p Plan, out Outcome, now time.Time) {
	for _, w := range out.Certificate {
		name := w
		if words := strings.Fields(w); len(words) > 1 {
			name = words[1] // "certificate THUMBPRINT ends in 20 days": the days change
		}
		year, week := now.UTC().ISOWeek()
		d.tell(p.Notify, notify.Notice{Kind: notify.Certificate, Key: fmt.Sprintf("certificate/%s/%d-%d", name, year, week), Time: now,
			Schedule: p.Name(), Run: out.Run, Subject: "a certificate ends soon", Text: oneLine(w)})
	}
}

// interrupted puts a slot back into the queue, whatever its retries: what was begun is brought to an end.
func (d *Daemon) interrupted(p Plan, key journal.Key, how string) {
	reason := reasonInterrupted + ": " + how
	if key.Attempt >= maxAttempts {
		reason = fmt.Sprintf("given up after %d attempts, the last one %s", key.Attempt, reason)
		d.tellOf(p, key, notify.Failed, "failed", Outcome{Summary: reason, Remedy: "look what ends the service: exorunner history, and its log"}, d.Now())
		d.finish(key, journal.SlotFailed, reason, nil)
		return
	}
	times := d.count(key.Schedule, func(s journal.Slot) bool {
		return s.Due.Equal(key.Due) && strings.HasPrefix(s.Reason, reasonInterrupted)
	})
	d.finish(key, journal.SlotFailed, reason, &journal.Again{NotBefore: d.Now().Add(d.Patience(times)), Reason: reason})
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

// restart is for a change that is in force only after one. That it is wanted, and that the slot goes on after it, is on
// disk before the machine is asked.
func (d *Daemon) restart(runs context.Context, p Plan, key journal.Key, out Outcome, now time.Time) {
	recent := d.count(key.Schedule, func(s journal.Slot) bool {
		return strings.HasPrefix(s.Reason, reasonRestart) && s.State == journal.SlotFailed && now.Sub(s.Ended) < restartSpan
	})
	_, open := p.Open(now)
	why := ""
	switch {
	case p.Restart == RestartNever, p.Restart == "":
		why = "the configuration says reboot: never"
	case p.Restart == RestartAsk:
		why = "the configuration says reboot: ask"
	case !open:
		why = "the window has closed"
	case recent >= maxRestarts:
		why = fmt.Sprintf("there were %d within a day already: this would go round in circles", recent)
	case d.Restart == nil:
		why = "this machine cannot be asked"
	}
	if out.RestartFor != "" {
		out.Summary += "; wanted because " + out.RestartFor
	}
	if why != "" {
		if p.Restart != RestartNever && p.Restart != "" {
			d.tellOf(p, key, notify.Restart, "needs a restart of the machine", Outcome{Run: out.Run, Summary: out.Summary + "; not restarted: " + why,
				Remedy: "restart the machine; exorunner goes on by itself"}, now)
		}
		if out.Verdict != Good {
			d.bad(p, key, out, now)
			return
		}
		d.finish(key, journal.SlotDone, out.Summary+"; the machine wants a restart, not done: "+why, nil)
		return
	}
	reason := fmt.Sprintf("%s %d of at most %d", reasonRestart, recent+1, maxRestarts)
	if out.RestartFor != "" {
		reason += ": " + out.RestartFor
	}
	d.until.Store(now.Add(restartGrace).Unix())
	if !d.finish(key, journal.SlotFailed, reason, &journal.Again{NotBefore: now, Reason: reason}) {
		d.until.Store(0)
		return
	}
	d.Point("restart.before")
	d.Log.Warn("the machine is restarted", "slot", key.String())
	if err := d.Restart(runs, "exorunner: "+key.Schedule+" has changed what only a restart brings into force"); err != nil {
		d.until.Store(0)
		d.Log.Error("the machine could not be restarted", "error", err)
		d.tellOf(p, key, notify.Restart, "could not restart the machine", Outcome{Run: out.Run, Summary: oneLine(err.Error()), Remedy: "restart the machine; exorunner goes on by itself"}, now)
	}
}

// Restarted says that the restart which was asked for is over while this process lives on, as on a modelled machine.
func (d *Daemon) Restarted() { d.until.Store(0) }

func (d *Daemon) restarting(now time.Time) bool {
	until := time.Unix(d.until.Load(), 0)
	return now.Before(until) && until.Sub(now) <= restartGrace
}

// settleFound deals with slots whose process died. A run that had come to its end is settled by what it recorded, so
// that nothing is done twice; any other begins again.
func (d *Daemon) settleFound(ctx context.Context) error {
	for _, s := range d.Journal.Found().Slots {
		p, known := d.plans[s.Schedule]
		if !known {
			d.finish(s.Key, journal.SlotFailed, reasonInterrupted+": its schedule is no longer configured", nil)
			continue
		}
		out, ended, err := d.recorded(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Key, err)
		}
		if ended && out.Verdict != Interrupted {
			d.settle(ctx, p, s.Key, out)
			continue
		}
		d.Log.Warn("a slot was interrupted", "slot", s.Key.String(), "run", s.Run)
		d.interrupted(p, s.Key, "the service ended in the middle of it")
	}
	return nil
}

// recorded judges a run by its events in the journal. A later run of the same slot does not exist: an attempt has one.
func (d *Daemon) recorded(ctx context.Context, s journal.Slot) (out Outcome, ended bool, err error) {
	if s.Run == "" {
		return out, false, nil
	}
	run, err := d.Journal.Run(ctx, s.Run)
	if errors.Is(err, journal.ErrNotFound) {
		return out, false, nil
	}
	if err != nil || run.State != journal.Ended {
		return out, false, err
	}
	var judge Judge
	for after := int64(0); ; {
		events, err := d.Journal.Events(ctx, s.Run, after, 500)
		if err != nil || len(events) == 0 {
			return judge.Outcome(), true, err
		}
		for _, line := range events {
			var e report.Event
			if err := json.Unmarshal(line.Line, &e); err != nil {
				return out, false, fmt.Errorf("run %s: event %d: %w", s.Run, line.N, err)
			}
			judge.See(e)
			after = line.N
		}
	}
}
