package daemon

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"exorunner/internal/schedule"
)

// A slot whose process died and whose end is not on disk yet makes no newer one give way to it: that run is over.
func TestANewSlotWhileADeadOneIsSettled(t *testing.T) {
	now := newYear.Add(2*time.Minute + 2*time.Second)
	b := &bench{t: t, dir: t.TempDir(), work: good, configs: []schedule.Config{{Name: "s", Cron: "* * * * *", Zone: "UTC", Deadline: 50 * time.Second,
		Missed: schedule.Missed{Policy: schedule.OnceMissed}}}}
	b.died(newYear.Add(time.Minute), 0)
	d, j := b.open()
	defer j.Close()
	d.Now = func() time.Time { return now }
	d.defaults()
	c, err := b.config()
	if err := errors.Join(err, d.adopt(t.Context(), c)); err != nil {
		t.Fatal(err)
	}
	d.turn <- struct{}{} // another run goes on
	d.settleFound(t.Context())
	d.tick(t.Context())
	same(t, "ledger before", lines(b.ledger()), []string{"s #1 01 12:01 claimed"})
	<-d.turn
	d.running.Wait()
	d.tick(t.Context())
	d.running.Wait()
	same(t, "runs", b.runs, []string{"s #1 01 12:02"})
	same(t, "ledger", lines(b.ledger()), []string{"s #1 01 12:01 failed", "s #2 01 12:01 skipped", "s #1 01 12:02 done"})
}

// The disk was waited for until after the window: the machine is restarted in the next one.
func TestARestartWhoseRecordCameLate(t *testing.T) {
	now := newYear
	b := &bench{t: t, dir: t.TempDir(), restart: RestartWindow, configs: []schedule.Config{oneOff}}
	b.configs[0].Windows = []schedule.Window{{Opens: "12:00", Closes: "13:00"}}
	b.work = func(Slot) Outcome { return Outcome{Verdict: Good, Restart: len(b.runs) == 1} }
	d, j := b.hand(&now)
	defer j.Close()
	d.Booted = func() time.Time { return newYear.Add(-time.Hour) }
	d.Point = func(name string) {
		if name == "finish.after" && now.Before(newYear.Add(time.Hour)) {
			now = newYear.Add(5 * time.Hour)
		}
	}
	b.ticks(d, &now, newYear.Add(23*time.Hour), 10*time.Minute)
	if b.restarts > 0 {
		t.Errorf("%d restarts outside the window", b.restarts)
	}
	b.ticks(d, &now, newYear.Add(24*time.Hour+10*time.Minute), time.Minute)
	if b.restarts != 1 || !d.restarting(now) {
		t.Errorf("%d restarts in the window, and the machine is waited for: %v", b.restarts, d.restarting(now))
	}
}

// A configuration that was taken over in part, because the journal refused the rest, loses no slot when it is put back; and
// that is no mistake in it.
func TestAChangeThatWasTakenOverInPart(t *testing.T) {
	now := newYear
	b := &bench{t: t, dir: t.TempDir(), work: good, configs: []schedule.Config{oneOff}}
	b.configs[0].Windows = []schedule.Window{{Opens: "22:00", Closes: "05:00"}}
	d, j := b.hand(&now)
	defer j.Close()
	b.ticks(d, &now, newYear.Add(40*time.Minute), time.Minute)
	same(t, "ledger", lines(b.ledger()), []string{"s #1 01 12:30 waiting"})
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.dir, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TRIGGER refuses BEFORE INSERT ON slots BEGIN SELECT RAISE(ABORT, 'no room'); END"); err != nil {
		t.Fatal(err)
	}
	b.configs[0].Deadline = 48 * time.Hour
	b.ticks(d, &now, now.Add(time.Minute), time.Minute)
	if p := d.problem.Load(); p == nil || !strings.Contains(*p, "the changed configuration") || d.refused != "" {
		t.Errorf("got the problem %v and the refusal %q", p, d.refused)
	}
	same(t, "notices", b.kinds(), nil)
	if _, err := db.Exec("DROP TRIGGER refuses"); err != nil {
		t.Fatal(err)
	}
	b.configs[0].Deadline = 0
	b.ticks(d, &now, newYear.Add(11*time.Hour), time.Minute)
	same(t, "runs", b.runs, []string{"s #2 01 12:30"})
}

// A journal in which a run found damage is not gone on with: the next start looks at all of it.
func TestARunThatCannotBeRecordedEndsTheService(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		until(newYear)
		b := &bench{t: t, dir: dir, tick: 15 * time.Second, configs: []schedule.Config{oneOff}}
		b.work = func(Slot) Outcome { return Outcome{Verdict: Broken, Summary: "page 7 is torn"} }
		d, j := b.open()
		defer j.Close()
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Hour)
		defer stop()
		if err := d.Run(ctx); err == nil || !strings.Contains(err.Error(), "page 7 is torn") {
			t.Errorf("got %v", err)
		}
	})
}

// Where the slots before it had run and a newer one runs instead, nobody is told that the schedule did not run.
func TestSlotsThatAnotherRunsInsteadOf(t *testing.T) {
	now := newYear
	b := &bench{t: t, dir: t.TempDir(), work: good, configs: []schedule.Config{{Name: "s", Cron: "0 * * * *", Zone: "UTC", Missed: schedule.Missed{Policy: schedule.OnceMissed}}}}
	d, j := b.hand(&now)
	defer j.Close()
	b.ticks(d, &now, newYear.Add(90*time.Minute), time.Minute) // 13:00 has run
	now = newYear.Add(30 * time.Minute)                        // the clock is put back
	b.ticks(d, &now, now.Add(time.Second), time.Second)
	now = newYear.Add(4*time.Hour + 30*time.Minute) // and forward
	b.ticks(d, &now, now.Add(time.Second), time.Second)
	same(t, "ledger", lines(b.ledger()), []string{"s #1 01 13:00 done", "s #1 01 14:00 skipped", "s #1 01 16:00 done"})
	d.Queue.Deliver(t.Context())
	d.Queue.Wait()
	same(t, "notices", b.kinds(), nil)
}

// The record of a run that cannot be read for a moment is read again: its slot would stay claimed until the next start.
func TestTheRecordOfADeadRunIsReadAgain(t *testing.T) {
	b := &bench{t: t, dir: t.TempDir(), work: good, configs: []schedule.Config{oneOff}}
	b.configs[0].At = "2026-01-01 12:00"
	b.died(newYear, 0, `{"event":"run_finished","status":0}`)
	d, j := b.open()
	defer j.Close()
	d.Now = func() time.Time { return newYear.Add(time.Minute) }
	d.defaults()
	c, err := b.config()
	if err := errors.Join(err, d.adopt(t.Context(), c)); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.dir, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("ALTER TABLE events RENAME TO elsewhere"); err != nil {
		t.Fatal(err)
	}
	d.settleFound(t.Context())
	for d.stuck.Load() == nil {
		time.Sleep(time.Millisecond)
	}
	if _, err := db.Exec("ALTER TABLE elsewhere RENAME TO events"); err != nil {
		t.Fatal(err)
	}
	d.running.Wait()
	same(t, "ledger", lines(b.ledger()), []string{"s #1 01 12:00 done"})
	if p := d.stuck.Load(); p != nil {
		t.Errorf("still said to be stuck: %s", *p)
	}
}
