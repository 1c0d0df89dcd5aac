package daemon

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"exorunner/internal/journal"
	"exorunner/internal/schedule"
)

// A restart that was put on record and did not come is asked for again, and one that came is not.
func TestARestartThatDidNotCome(t *testing.T) {
	for name, c := range map[string]struct {
		came     bool
		restarts int
		last     string
	}{
		"the process ended before": {false, 1, "s #3 01 12:30 done"},
		"it came":                  {true, 0, "s #2 01 12:30 done"},
	} {
		t.Run(name, func(t *testing.T) {
			now, n, booted := newYear, 0, newYear.Add(-time.Hour)
			b := &bench{t: t, dir: t.TempDir(), restart: RestartWindow, configs: []schedule.Config{oneOff}}
			b.work = func(s Slot) Outcome { n++; return Outcome{Verdict: Good, Restart: n == 1} } // the second finds all in place
			d, j := b.hand(&now)
			ctx, stop := context.WithCancel(t.Context())
			d.Restart = func(context.Context, string) error { stop(); return context.Canceled }
			now = newYear.Add(31 * time.Minute)
			d.tick(ctx)
			d.running.Wait()
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			if c.came {
				booted = now.Add(time.Minute)
			}
			d, j = b.hand(&now)
			defer j.Close()
			d.Booted = func() time.Time { return booted }
			asked := d.Restart
			d.Restart = func(ctx context.Context, reason string) error {
				booted = now.Add(time.Minute)
				d.Restarted()
				return asked(ctx, reason)
			}
			b.ticks(d, &now, newYear.Add(2*time.Hour), time.Minute)
			ledger := lines(b.ledger())
			if b.restarts != c.restarts || ledger[len(ledger)-1] != c.last {
				t.Errorf("%d restarts, %q; want %d and %s at the end", b.restarts, ledger, c.restarts, c.last)
			}
		})
	}
}

// However often a machine refuses to restart, it is asked five times a day and no more, by all schedules together.
func TestAMachineThatDoesNotRestart(t *testing.T) {
	now := newYear
	b := &bench{t: t, dir: t.TempDir(), restart: RestartWindow, configs: []schedule.Config{
		{Name: "a", Every: time.Hour, Zone: "UTC"}, {Name: "b", Every: 2 * time.Hour, Zone: "UTC"}}}
	b.work = func(Slot) Outcome { return Outcome{Verdict: Good, Restart: true} }
	d, j := b.hand(&now)
	defer j.Close()
	asked := 0
	d.Booted = func() time.Time { return newYear.Add(-time.Hour) }
	d.Restart = func(context.Context, string) error { asked++; return errors.New("access is denied") }
	b.ticks(d, &now, newYear.Add(20*time.Hour), 5*time.Minute)
	if asked != maxRestarts {
		t.Errorf("asked %d times, want %d", asked, maxRestarts)
	}
}

// A run that failed is tried again and told, whatever becomes of the restart that it wanted as well.
func TestAFailureBehindARestart(t *testing.T) {
	now := newYear
	b := &bench{t: t, dir: t.TempDir(), restart: RestartWindow, configs: []schedule.Config{oneOff}}
	b.work = func(Slot) Outcome {
		return Outcome{Verdict: Failed, Class: "never", Restart: true, Summary: "the gallery: gone"}
	}
	d, j := b.hand(&now)
	defer j.Close()
	d.Booted = func() time.Time { return newYear.Add(-time.Hour) }
	d.Restart = func(context.Context, string) error { return errors.New("access is denied") }
	b.ticks(d, &now, newYear.Add(3*time.Hour), time.Minute)
	d.Queue.Deliver(t.Context())
	d.Queue.Wait()
	ledger := b.ledger()
	if last := ledger[len(ledger)-1]; last.State != journal.SlotFailed || !strings.HasPrefix(last.Reason, "failed: the gallery: gone") {
		t.Errorf("got %s %q in the end, want it failed", last.State, last.Reason)
	}
	if kinds := strings.Join(b.kinds(), " "); !strings.Contains(kinds, "failed") || strings.Contains(kinds, "recovered") {
		t.Errorf("told %q, want the failure, and no recovery", kinds)
	}
}

// What a task is called is no word of ours.
func TestTheNameOfATaskIsNoReason(t *testing.T) {
	for _, name := range []string{"restart of the machine is not pending", "interrupted", "sign-ins are paused"} {
		t.Run(name, func(t *testing.T) {
			now := newYear
			b := &bench{t: t, dir: t.TempDir(), restart: RestartWindow, configs: []schedule.Config{oneOff}}
			b.configs[0].Retry = schedule.Retry{Attempts: 2, Wait: time.Minute}
			b.work = func(Slot) Outcome { return Outcome{Verdict: Failed, Class: "transient", Summary: name + ": no"} }
			d, j := b.hand(&now)
			defer j.Close()
			d.Booted = func() time.Time { return newYear.Add(-time.Hour) }
			b.ticks(d, &now, newYear.Add(3*time.Hour), time.Minute)
			same(t, "ledger", lines(b.ledger()), []string{"s #1 01 12:30 failed", "s #2 01 12:30 failed"})
			if b.restarts > 0 {
				t.Errorf("%d restarts", b.restarts)
			}
		})
	}
}

// A restart that did not come is owed by the schedule, also where the attempt that was to follow gave way.
func TestARestartIsOwedByTheSchedule(t *testing.T) {
	now, n := newYear, 0
	b := &bench{t: t, dir: t.TempDir(), restart: RestartWindow, configs: []schedule.Config{{Name: "s", Cron: "*/30 * * * *", Zone: "UTC"}}}
	b.work = func(Slot) Outcome { n++; return Outcome{Verdict: Good, Restart: n == 1} }
	d, j := b.hand(&now)
	defer j.Close()
	booted := newYear.Add(-time.Hour)
	d.Booted = func() time.Time { return booted }
	asked := 0
	d.Restart = func(context.Context, string) error { // the first is called off; while the machine was to go down the next slot came
		if asked++; asked > 1 {
			booted = now.Add(time.Second)
			d.Restarted()
		}
		return nil
	}
	b.ticks(d, &now, newYear.Add(2*time.Hour), 10*time.Minute)
	if asked != 2 {
		t.Errorf("asked %d times, want once more\n%s", asked, strings.Join(lines(b.ledger()), "\n"))
	}
}

// What the configuration says when a run ends decides about its restart, not what it said when it began.
func TestARunIsSettledByTheConfigurationOfItsEnd(t *testing.T) {
	now := newYear
	b := &bench{t: t, dir: t.TempDir(), restart: RestartWindow, configs: []schedule.Config{oneOff}}
	d, j := b.hand(&now)
	defer j.Close()
	d.Work = func(ctx context.Context, s Slot) Outcome {
		b.restart = RestartNever
		c, err := b.config()
		if err == nil {
			err = d.adopt(ctx, c)
		}
		return Outcome{Verdict: Good, Restart: err == nil}
	}
	b.ticks(d, &now, newYear.Add(time.Hour), time.Minute)
	if slots := b.ledger(); b.restarts > 0 || !strings.Contains(slots[0].Reason, "reboot: never") {
		t.Errorf("%d restarts, %q", b.restarts, slots[0].Reason)
	}
}

// A restart that came while nobody was there to settle the run is not asked for again.
func TestARestartThatCameBeforeItsRunWasSettled(t *testing.T) {
	now := newYear.Add(10 * time.Minute)
	b := &bench{t: t, dir: t.TempDir(), work: good, restart: RestartWindow, configs: []schedule.Config{oneOff}}
	b.configs[0].At = "2026-01-01 12:00"
	b.booted = func() time.Time { return newYear.Add(5 * time.Minute) }
	b.died(newYear, 194, `{"event":"run_finished","status":194,"reboot":true}`)
	_, j := b.hand(&now)
	defer j.Close()
	same(t, "ledger", lines(b.ledger()), []string{"s #1 01 12:00 done"})
	if b.restarts > 0 {
		t.Errorf("%d restarts", b.restarts)
	}
}
