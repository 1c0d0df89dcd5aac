package daemon

import (
	"context"
	"fmt"
	"time"

	"exorunner/internal/journal"
	"exorunner/internal/notify"
)

// restart is for a change that is in force only after one. That it is wanted, and that the slot goes on after it, is on
// disk before the machine is asked.
func (d *Daemon) restart(runs context.Context, p Plan, key journal.Key, out Outcome, now time.Time, told []journal.Notification) {
	if out.RestartFor != "" {
		out.Summary += "; wanted because " + out.RestartFor
	}
	recent, why := d.mayRestart(runs, p, now)
	if why != "" {
		if p.Restart != RestartNever && p.Restart != "" {
			told = append(told, d.about(runs, p, key, notify.Restart, "needs a restart of the machine", Outcome{Run: out.Run, Summary: out.Summary + "; not restarted: " + why,
				Remedy: "restart the machine; exorunner goes on by itself"}, now)...)
		}
		if out.Verdict != Good {
			d.bad(runs, p, key, out, now, told)
			return
		}
		told = append(told, d.recovered(runs, p, key, out, now)...)
		d.finish(runs, key, journal.SlotDone, out.Summary+"; the machine wants a restart, not done: "+why, nil, told...)
		return
	}
	reason := fmt.Sprintf("%s %d of at most %d", reasonRestart, recent+1, maxRestarts)
	if out.RestartFor != "" {
		reason += ": " + out.RestartFor
	}
	d.until.Store(now.Add(restartGrace).Unix())
	if !d.finish(runs, key, journal.SlotFailed, reason, &journal.Again{NotBefore: now, Reason: reason}, told...) {
		d.until.Store(0)
		return
	}
	// The disk may have been waited for, until long after the window.
	if now = d.Now(); d.shutMeanwhile(key, now) {
		d.until.Store(0)
		d.Log.Warn("the restart waits for the next window", "slot", key.String())
		return
	}
	d.until.Store(now.Add(restartGrace).Unix())
	d.Point("restart.before")
	d.Log.Warn("the machine is restarted", "slot", key.String())
	if err := d.Restart(runs, "exorunner: "+key.Schedule+" has changed what only a restart brings into force"); err != nil {
		d.until.Store(0)
		if runs.Err() != nil { // the service was stopped meanwhile: the next start asks again
			return
		}
		d.Log.Error("the machine could not be restarted", "error", err)
		d.tell(runs, p.Notify, notify.Notice{Kind: notify.Restart, Key: fmt.Sprintf("%s%d/failed", notify.Key(notify.Restart, key.Schedule), key.Due.Unix()), Time: now,
			Schedule: key.Schedule, Run: out.Run, Subject: key.Schedule + " could not restart the machine", Text: oneLine(err.Error()), Remedy: "restart the machine; exorunner goes on by itself"})
		return
	}
	d.Point("restart.after")
}

func (d *Daemon) shutMeanwhile(key journal.Key, now time.Time) bool {
	p, known := d.plan(key.Schedule)
	if !known {
		return true
	}
	_, open := p.Open(now)
	return !open
}

// mayRestart says why the machine is not restarted, "" if it is, and how many restarts there were within a day.
func (d *Daemon) mayRestart(ctx context.Context, p Plan, now time.Time) (recent int, why string) {
	switch {
	case p.Restart == RestartNever, p.Restart == "":
		return 0, "the configuration says reboot: never"
	case p.Restart == RestartAsk:
		return 0, "the configuration says reboot: ask"
	case d.Restart == nil:
		return 0, "this machine cannot be asked"
	}
	if _, open := p.Open(now); !open {
		return 0, "the window has closed"
	}
	slots, err := d.Journal.Ended(context.WithoutCancel(ctx), now.Add(-restartSpan), reasonRestart)
	switch {
	case err != nil:
		d.wrong("the restarts on record", err)
		return 0, "how many there were cannot be read"
	case len(slots) >= maxRestarts:
		return len(slots), fmt.Sprintf("there were %d within a day already: this would go round in circles", len(slots))
	}
	return len(slots), ""
}

// owed says whether this schedule has asked for a restart that has not come: the process ended before the machine was
// asked, or somebody has called it off.
func (d *Daemon) owed(ctx context.Context, key journal.Key, now time.Time) bool {
	if d.Booted == nil {
		return false
	}
	asked, err := d.Journal.Ended(context.WithoutCancel(ctx), now.Add(-restartSpan), reasonRestart)
	if err != nil {
		d.wrong("the restarts on record", err)
		return false
	}
	last := time.Time{}
	for _, s := range asked { // the oldest first
		if s.Schedule == key.Schedule {
			last = s.Ended
		}
	}
	return !last.IsZero() && d.Booted().Before(last)
}

// Restarted says that the restart which was asked for is over while this process lives on, as on a modelled machine.
func (d *Daemon) Restarted() { d.until.Store(0) }

// goesDown says whether a restart was asked for, and until when nothing begins because of it.
func (d *Daemon) goesDown(now time.Time) (until time.Time, down bool) {
	until = time.Unix(d.until.Load(), 0)
	return until, now.Before(until) && until.Sub(now) <= restartGrace
}

func (d *Daemon) restarting(now time.Time) bool {
	_, down := d.goesDown(now)
	return down
}
