package daemon

import (
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
	d.reload(runs)
	now := d.Now()
	known, err := d.Journal.Schedules(runs)
	if err != nil {
		d.wrong("schedules", err)
		return
	}
	beat := Beat{Time: now.UTC(), ConfigError: d.refused, Restarting: d.restarting(now)}
	for _, s := range known {
		for _, c := range s.Claimed {
			beat.Running = append(beat.Running, c.Key)
		}
		p, ok := d.plans[s.Name]
		if !ok || beat.Restarting {
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
	d.looked = now
	d.noteHold(beat.ClockWrong)
	d.prune(now)
	if err := d.Journal.Broken(); err != nil {
		d.wrong("journal", err)
	}
	d.Beat(beat)
}

func state(s journal.Schedule) schedule.State {
	out := schedule.State{Next: s.Next, Running: len(s.Claimed) > 0}
	for _, w := range s.Waiting {
		out.Waiting = append(out.Waiting, schedule.Waiting{Due: w.Due, Attempt: w.Attempt, NotBefore: w.NotBefore})
	}
	return out
}

// wrong logs an error. One after which the journal writes nothing more ends the daemon: whoever started it starts it
// again, and a new journal asks the disk anew.
func (d *Daemon) wrong(what string, err error) {
	d.Log.Error("cannot go on with "+what, "error", err)
	if errors.Is(err, journal.ErrBroken) {
		select {
		case d.broken <- err:
		default:
		}
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
		err = d.Journal.Wait(key, do.Until, do.Reason, do.Next)
	case schedule.Skip:
		d.Log.Warn("slot skipped", "slot", key.String(), "through", do.Through, "reason", do.Reason)
		d.missed(p, do, now)
		err = d.Journal.Skip(key, do.Through, now, do.Reason, do.Next)
	case schedule.Run:
		d.Point("claim.before")
		if err = d.Journal.Claim(key, now, do.Next); err == nil {
			d.Point("claim.after")
			d.start(runs, p, key)
		}
	}
	if errors.Is(err, journal.ErrTaken) {
		d.Log.Info("slot was settled before", "slot", key.String())
		return nil
	}
	return err
}

// missed tells of slots that did not run although somebody counts on them, or did not come to their end. That a retry
// gave way to the next slot, or that a run was going on, is in the journal and no more.
func (d *Daemon) missed(p Plan, do schedule.Decision, now time.Time) {
	if strings.Contains(do.Reason, "runs instead") {
		return
	}
	n := notify.Notice{Kind: notify.Missed, Time: now, Schedule: p.Name(), Subject: p.Name() + " did not run", Text: do.Reason}
	if do.Attempt > 1 {
		n.Kind, n.Subject = notify.Failed, p.Name()+" did not come to its end"
	}
	n.Key = fmt.Sprintf("%s/%s/%d", n.Kind, p.Name(), do.Due.Unix())
	for _, lost := range []string{"missed", "expired", "no window"} {
		if strings.Contains(do.Reason, lost) {
			d.tell(p.Notify, n)
			return
		}
	}
}

// start runs a claimed slot beside the ticks. Runs of several schedules follow one another: they work on one machine.
func (d *Daemon) start(runs context.Context, p Plan, key journal.Key) {
	d.running.Go(func() {
		select {
		case d.turn <- struct{}{}:
			defer func() { <-d.turn }()
		case <-runs.Done(): // it stays claimed, and the next start finds it
			return
		}
		if runs.Err() != nil {
			return
		}
		if opens, shut := d.shut(p); shut {
			d.finish(key, journal.SlotFailed, "the window closed before its turn came", &journal.Again{NotBefore: opens, Reason: "the window closed before its turn came"})
			return
		}
		d.settle(runs, p, key, d.protected(runs, p, key))
	})
}

// shut says whether the window closed while a slot waited for its turn, and when one opens again.
func (d *Daemon) shut(p Plan) (opens time.Time, shut bool) {
	now := d.Now()
	if _, open := p.Open(now); open {
		return time.Time{}, false
	}
	opens, ok := p.NextOpen(now)
	return opens, ok
}

// protected is Work with a panic made an outcome: one playbook must not end the service for all.
func (d *Daemon) protected(runs context.Context, p Plan, key journal.Key) (out Outcome) {
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

// prune lets the journal forget, once a day.
func (d *Daemon) prune(now time.Time) {
	if since := now.Sub(d.pruned); since > 0 && since < 24*time.Hour {
		return
	}
	d.pruned = now
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
