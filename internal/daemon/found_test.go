package daemon

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"exorunner/internal/journal"
	"exorunner/internal/schedule"
)

// hand is a daemon whose ticks come by hand, by a clock that a test sets.
func (b *bench) hand(now *time.Time) (*Daemon, *journal.Journal) {
	b.t.Helper()
	d, j := b.open()
	d.Now = func() time.Time { return *now }
	d.Queue.Now = d.Now
	d.defaults()
	c, err := b.config()
	if err == nil {
		err = d.adopt(context.Background(), c)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	d.settleFound(context.Background())
	d.running.Wait()
	return d, j
}

// ticks moves the clock to a moment, a step at a time, with a tick at each.
func (b *bench) ticks(d *Daemon, now *time.Time, to time.Time, step time.Duration) {
	for now.Before(to) {
		*now = now.Add(step)
		d.tick(context.Background())
		d.running.Wait()
	}
}

var oneOff = schedule.Config{Name: "s", At: "2026-01-01 12:30", Zone: "UTC"}

// The deadline is asked again when a slot's turn comes: who waits for hours behind another run is too late.
func TestTheDeadlineWhileASlotWaitsForItsTurn(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		until(newYear)
		b := &bench{t: t, dir: dir, tick: 15 * time.Second, configs: []schedule.Config{
			{Name: "long", At: "2026-01-01 12:30", Zone: "UTC"}, {Name: "short", At: "2026-01-01 12:31", Zone: "UTC", Deadline: 10 * time.Minute}}}
		b.work = func(s Slot) Outcome {
			if s.Schedule == "long" {
				time.Sleep(5 * time.Hour)
			}
			return good(s)
		}
		b.during(8 * time.Hour)
		same(t, "ledger", lines(b.ledger()), []string{"long #1 01 12:30 done", "short #1 01 12:31 failed"})
		same(t, "notices", b.kinds(), []string{"missed"})
	})
}

// A slot that waits for its turn does not begin while the machine goes down.
func TestNoTurnBeforeARestart(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		until(newYear)
		b := &bench{t: t, dir: dir, restart: RestartWindow, tick: time.Minute, configs: []schedule.Config{
			{Name: "first", At: "2026-01-01 12:30", Zone: "UTC"}, {Name: "second", At: "2026-01-01 12:35", Zone: "UTC"}}}
		b.work = func(s Slot) Outcome {
			if s.Schedule == "first" && s.Attempt == 1 {
				time.Sleep(10 * time.Minute)
				return Outcome{Verdict: Good, Restart: true}
			}
			return good(s)
		}
		b.during(45 * time.Minute) // the machine goes down then
		same(t, "runs before it", b.runs, []string{"first #1 01 12:30"})
		b.during(30 * time.Minute)
		same(t, "ledger", lines(b.ledger()), []string{"first #1 01 12:30 failed", "first #2 01 12:30 done", "second #1 01 12:35 failed", "second #2 01 12:35 done"})
	})
}

// A configuration that was changed while the service was stopped loses no slot that came due meanwhile.
func TestAChangeWhileTheServiceIsStopped(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		until(newYear)
		b := &bench{t: t, dir: dir, tick: 15 * time.Second, work: good, configs: []schedule.Config{
			{Name: "s", Cron: "0 13 * * *", Zone: "UTC", Missed: schedule.Missed{Policy: schedule.OnceMissed}}}}
		b.during(30 * time.Minute)
		until(newYear.Add(2 * time.Hour))
		b.configs[0].Retry.Attempts = 3
		b.during(2 * time.Hour)
		same(t, "ledger", lines(b.ledger()), []string{"s #1 01 13:00 done"})
	})
}

// The end of a slot that cannot be written is written later: a slot that stayed claimed would be the schedule's last.
func TestTheEndOfASlotIsWrittenLater(t *testing.T) {
	now := newYear
	b := &bench{t: t, dir: t.TempDir(), configs: []schedule.Config{{Name: "s", Cron: "* * * * *", Zone: "UTC"}}}
	d, j := b.hand(&now)
	defer j.Close()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.dir, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	other, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var log bytes.Buffer // written by one at a time: the run and the ticks wait for each other
	d.Work = func(context.Context, Slot) Outcome {
		if b.runs = append(b.runs, "run"); len(b.runs) == 1 {
			if _, err := other.ExecContext(context.Background(), "BEGIN IMMEDIATE"); err != nil {
				t.Error(err)
			}
			time.AfterFunc(7*time.Second, func() { // longer than the journal waits by itself
				if _, err := other.ExecContext(context.Background(), "ROLLBACK"); err != nil {
					t.Error(err)
				}
			})
		}
		return good(Slot{})
	}
	d.Log = slog.New(slog.NewTextHandler(&log, nil))
	b.ticks(d, &now, newYear.Add(3*time.Minute), time.Minute)
	if !strings.Contains(log.String(), "cannot go on with the end of slot") {
		t.Fatal("the journal was not held long enough: nothing was tested")
	}
	same(t, "ledger", lines(b.ledger()), []string{"s #1 01 12:01 done", "s #1 01 12:02 done", "s #1 01 12:03 done"})
}

// A clock that is wrong for a moment takes nothing from the journal, and no slot from the days that it had passed by.
func TestAClockThatIsAheadForAMoment(t *testing.T) {
	for name, ahead := range map[string]time.Time{"a day": newYear.Add(24 * time.Hour), "2106": time.Date(2106, 1, 1, 0, 0, 0, 0, time.UTC)} {
		t.Run(name, func(t *testing.T) {
			now := newYear
			b := &bench{t: t, dir: t.TempDir(), work: good, configs: []schedule.Config{{Name: "daily", Cron: "0 14 * * *", Zone: "UTC"}}}
			d, j := b.hand(&now)
			defer j.Close()
			if err := errors.Join(j.BeginRun(journal.Run{ID: "r", Started: now}), j.EndRun("r", now, 0, nil)); err != nil {
				t.Fatal(err)
			}
			d.config.Retention = journal.Retention{Age: 10 * time.Hour, Evidence: 10 * time.Hour}
			config := d.config
			d.Config = func() (Config, error) { return config, nil }
			b.ticks(d, &now, newYear.Add(time.Minute), time.Minute)
			now = ahead
			b.ticks(d, &now, now.Add(time.Second), time.Second)
			now = newYear.Add(2 * time.Minute)
			b.ticks(d, &now, newYear.Add(4*time.Hour), time.Minute)
			if runs, err := j.Runs(t.Context(), journal.Filter{}); err != nil || len(runs) != 1 {
				t.Errorf("got %d runs, %v; want the one that was there", len(runs), err)
			}
			if !strings.Contains(strings.Join(b.runs, ";"), "daily #1 01 14:00") {
				t.Errorf("got the runs %q, want that of today", b.runs)
			}
		})
	}
}

// Records go by a clock that has run evenly for a while, and not where all would be too old.
func TestRecordsGoByAClockThatCanBeTrusted(t *testing.T) {
	for name, c := range map[string]struct {
		hours time.Duration
		runs  int
	}{"after a while": {30, 1}, "where all would be too old": {4000, 2}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				until(newYear)
				b := &bench{t: t, dir: dir, tick: time.Minute, work: good, configs: []schedule.Config{{Name: "s", At: "2030-01-01 00:00", Zone: "UTC"}}}
				j, err := journal.Open(t.Context(), dir, journal.Options{Ballast: -1})
				if err != nil {
					t.Fatal(err)
				}
				for i, at := range []time.Time{newYear, newYear.Add(20 * time.Hour)} {
					id := strconv.Itoa(i)
					if err := errors.Join(j.BeginRun(journal.Run{ID: id, Started: at}), j.EndRun(id, at, 0, nil)); err != nil {
						t.Fatal(err)
					}
				}
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(c.hours*time.Hour - 30*time.Minute)
				d, j := b.open()
				defer j.Close()
				d.Config = func() (Config, error) {
					c, err := b.config()
					c.Retention.Age = 30 * time.Hour
					return c, err
				}
				ctx, stop := context.WithTimeout(t.Context(), 90*time.Minute)
				defer stop()
				if err := d.Run(ctx); err != nil {
					t.Fatal(err)
				}
				if runs, err := j.Runs(t.Context(), journal.Filter{}); err != nil || len(runs) != c.runs {
					t.Errorf("got %d runs, %v; want %d", len(runs), err, c.runs)
				}
			})
		})
	}
}

// Slots that ran before the clock was put back are not told of as missed; those that really were are on record.
func TestMissedSlotsAfterTheClockWasPutBack(t *testing.T) {
	now := newYear
	b := &bench{t: t, dir: t.TempDir(), work: good, configs: []schedule.Config{{Name: "hourly", Cron: "0 * * * *", Zone: "UTC"}}}
	d, j := b.hand(&now)
	defer j.Close()
	b.ticks(d, &now, newYear.Add(3*time.Hour+30*time.Minute), time.Minute)
	for _, at := range []time.Duration{30 * time.Minute, 6*time.Hour + 30*time.Minute} {
		now = newYear.Add(at)
		b.ticks(d, &now, now.Add(time.Second), time.Second)
	}
	same(t, "ledger", lines(b.ledger()), []string{"hourly #1 01 13:00 done", "hourly #1 01 14:00 done", "hourly #1 01 15:00 done", "hourly #1 01 16:00 skipped"})
	d.Queue.Deliver(t.Context())
	d.Queue.Wait()
	if len(b.told) != 1 || !strings.Contains(b.told[0].Text, "from 2026-01-01T16:00:00Z to 2026-01-01T18:00:00Z") {
		t.Errorf("got %+v, want one notice of the three that were missed", b.told)
	}
}

// Who is told that all is well again: whoever heard something bad, once, however it came to be well.
func TestRecovered(t *testing.T) {
	hourly := schedule.Config{Name: "hourly", Cron: "0 * * * *", Zone: "UTC", Retry: schedule.Retry{Attempts: 3, Wait: 2 * time.Hour, MaxWait: 2 * time.Hour}}
	patient := schedule.Config{Name: "patient", At: "2026-01-01 12:30", Zone: "UTC", Retry: schedule.Retry{Attempts: 50, Wait: 10 * time.Minute, MaxWait: 10 * time.Minute}}
	failed, away := Outcome{Verdict: Failed, Class: "never"}, Outcome{Verdict: Failed, Class: "transient"}
	cases := map[string]struct {
		config   schedule.Config
		restart  Restart
		outcomes []Outcome
		want     []string
	}{
		"by a run that wants a restart":     {hourly, RestartNever, []Outcome{failed, {Verdict: Good, Restart: true}, {Verdict: Good}}, []string{"failed", "recovered"}},
		"nobody heard of the bad one":       {hourly, RestartNever, []Outcome{away, {Verdict: Good}}, nil},
		"a restart is nothing bad":          {hourly, RestartWindow, []Outcome{{Verdict: Good, Restart: true}, {Verdict: Good}}, nil},
		"what took too long, came at last":  {patient, RestartNever, []Outcome{{Verdict: Waiting, Class: "transient"}, {Verdict: Waiting, Class: "transient"}, {Verdict: Good}}, []string{"waiting", "recovered"}},
		"twice bad, and twice well again":   {hourly, RestartNever, []Outcome{failed, {Verdict: Good}, failed, {Verdict: Good}, {Verdict: Good}}, []string{"failed", "recovered", "failed", "recovered"}},
		"drift that stays is told, and end": {hourly, RestartNever, []Outcome{{Verdict: Drift}, {Verdict: Drift}, {Verdict: Good}}, []string{"drift", "drift", "recovered"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			now, n := newYear, 0
			b := &bench{t: t, dir: t.TempDir(), restart: c.restart, alarm: time.Minute, configs: []schedule.Config{c.config}}
			b.work = func(Slot) Outcome {
				n++
				return c.outcomes[min(n, len(c.outcomes))-1]
			}
			d, j := b.hand(&now)
			defer j.Close()
			for range 6 * 6 {
				b.ticks(d, &now, now.Add(10*time.Minute), 10*time.Minute)
				d.Queue.Deliver(t.Context())
				d.Queue.Wait()
			}
			same(t, "notices", b.kinds(), c.want)
		})
	}
}

// A configuration that is wrong again on another day is told again.
func TestTheSameMistakeOnAnotherDay(t *testing.T) {
	now := newYear
	b := &bench{t: t, dir: t.TempDir(), work: good, configs: []schedule.Config{{Name: "s", At: "2027-01-01 12:30", Zone: "UTC"}}}
	d, j := b.hand(&now)
	defer j.Close()
	for range 3 {
		d.Config = func() (Config, error) { return Config{}, errors.New("exorunner.yaml:3:1: unknown field") }
		b.ticks(d, &now, now.Add(2*time.Minute), time.Minute)
		d.Config = b.config
		b.ticks(d, &now, now.Add(24*time.Hour), 12*time.Hour)
	}
	d.Queue.Deliver(t.Context())
	d.Queue.Wait()
	same(t, "notices", b.kinds(), []string{"config", "config", "config"})
}

// An event that nobody can read is passed over: the service starts all the same.
func TestAnEventThatIsNoEventAnyMore(t *testing.T) {
	now := newYear
	b := &bench{t: t, dir: t.TempDir(), work: good, configs: []schedule.Config{oneOff}}
	b.configs[0].At = "2026-01-01 12:00"
	j, err := journal.Open(t.Context(), b.dir, journal.Options{Ballast: -1, Redact: func(p []byte) []byte {
		return []byte(strings.ReplaceAll(string(p), "20260101", "[secret]")) // a PIN that is also in a number
	}})
	if err != nil {
		t.Fatal(err)
	}
	k := journal.Key{Schedule: "s", Due: newYear, Attempt: 1}
	c, _ := b.config()
	err = errors.Join(j.PutSchedule("s", c.Plans[0].Fingerprint(), now, now), j.Claim(k, now, time.Time{}),
		j.BeginRun(journal.Run{ID: "r", Schedule: "s", Due: newYear, Attempt: 1, Started: now}),
		j.Append("r", []byte(`{"event":"run_finished","seconds":20260101,"status":0}`)), j.EndRun("r", now, 0, nil), j.Close())
	if err != nil {
		t.Fatal(err)
	}
	d, j := b.hand(&now)
	defer j.Close()
	b.ticks(d, &now, now.Add(2*time.Minute), time.Minute)
	same(t, "ledger", lines(b.ledger()), []string{"s #1 01 12:00 failed", "s #2 01 12:00 done"})
}

// What did not fail uses no attempt up: another run that held the machine, a restart.
func TestWhatUsesNoAttemptUp(t *testing.T) {
	for name, first := range map[string]Outcome{
		"another run held the machine": {Verdict: Interrupted, Summary: "another run holds this machine"},
		"a restart":                    {Verdict: Good, Restart: true},
	} {
		t.Run(name, func(t *testing.T) {
			now, n := newYear, 0
			b := &bench{t: t, dir: t.TempDir(), restart: RestartWindow, configs: []schedule.Config{oneOff}}
			b.configs[0].Retry = schedule.Retry{Attempts: 2, Wait: time.Minute}
			b.work = func(s Slot) Outcome {
				n++
				return []Outcome{first, {Verdict: Failed, Class: "transient", Summary: "no network yet"}, {Verdict: Good}}[min(n, 3)-1]
			}
			d, j := b.hand(&now)
			defer j.Close()
			b.ticks(d, &now, newYear.Add(2*time.Hour), time.Minute)
			same(t, "ledger", lines(b.ledger()), []string{"s #1 01 12:30 failed", "s #2 01 12:30 failed", "s #3 01 12:30 done"})
		})
	}
}

// A change and its taking back do not bring back a slot that later ones have made up for.
func TestAnOldSlotStaysAway(t *testing.T) {
	now, n := newYear, 0
	b := &bench{t: t, dir: t.TempDir(), configs: []schedule.Config{{Name: "s", Cron: "30 12 * * *", Zone: "UTC", Retry: schedule.Retry{Attempts: 5, Wait: 9 * time.Hour, MaxWait: 9 * time.Hour}}}}
	b.work = func(s Slot) Outcome {
		if n++; n == 1 {
			return Outcome{Verdict: Failed, Class: "transient"}
		}
		return good(s)
	}
	d, j := b.hand(&now)
	defer j.Close()
	b.ticks(d, &now, newYear.Add(time.Hour), time.Minute)
	b.configs[0].Cron = "0 6 * * *"
	b.ticks(d, &now, newYear.Add(3*24*time.Hour), 10*time.Minute)
	b.configs[0].Cron = "30 12 * * *"
	b.ticks(d, &now, now.Add(10*time.Minute), time.Minute)
	same(t, "runs", b.runs, []string{"s #1 01 12:30", "s #1 02 06:00", "s #1 03 06:00", "s #1 04 06:00"})
}

// An editor that writes a file in two pieces takes a schedule away for a moment, and not what it waited for.
func TestAScheduleThatIsAwayForAMoment(t *testing.T) {
	now := newYear
	other := schedule.Config{Name: "other", At: "2027-01-01 00:00", Zone: "UTC"}
	b := &bench{t: t, dir: t.TempDir(), work: good, configs: []schedule.Config{other, oneOff}}
	b.configs[1].Windows = []schedule.Window{{Opens: "22:00", Closes: "05:00"}}
	d, j := b.hand(&now)
	defer j.Close()
	all := b.configs
	b.ticks(d, &now, newYear.Add(time.Hour), time.Minute)
	b.configs = all[:1]
	b.ticks(d, &now, newYear.Add(61*time.Minute), time.Minute)
	b.configs = all
	b.ticks(d, &now, newYear.Add(24*time.Hour), 10*time.Minute)
	same(t, "ledger", lines(b.ledger()), []string{"s #1 01 12:30 skipped", "s #2 01 12:30 done"})
}

// A service that is up for a month forgets what is past its retention.
func TestRecordsGoInALongLife(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		until(newYear)
		b := &bench{t: t, dir: dir, tick: 30 * time.Minute, configs: []schedule.Config{{Name: "s", Cron: "0 6 * * *", Zone: "UTC"}}}
		d, j := b.open()
		defer j.Close()
		d.Config = func() (Config, error) {
			c, err := b.config()
			c.Retention.Age = 7 * 24 * time.Hour
			return c, err
		}
		d.Work = func(_ context.Context, s Slot) Outcome {
			id := s.Due.Format(time.DateOnly)
			err := errors.Join(j.BeginRun(journal.Run{ID: id, Schedule: s.Schedule, Due: s.Due, Attempt: s.Attempt, Started: time.Now()}), j.EndRun(id, time.Now(), 0, nil))
			return Outcome{Verdict: Good, Run: id, Summary: fmt.Sprint(err)}
		}
		ctx, stop := context.WithTimeout(t.Context(), 30*24*time.Hour)
		defer stop()
		if err := d.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if runs, err := j.Runs(t.Context(), journal.Filter{}); err != nil || len(runs) < 7 || len(runs) > 8 {
			t.Errorf("got %d runs, %v; want those of a week", len(runs), err)
		}
	})
}

// A slot that waits for the weekend outlives an edit, also where later ones were skipped because it waits.
func TestAnEditKeepsTheSlotThatWaitsForTheWeekend(t *testing.T) {
	now := newYear // a Thursday
	b := &bench{t: t, dir: t.TempDir(), work: good, configs: []schedule.Config{{Name: "s", Cron: "0 13 * * mon-fri", Zone: "UTC",
		Windows: []schedule.Window{{Days: "sat", Opens: "10:00", Closes: "12:00"}}}}}
	d, j := b.hand(&now)
	defer j.Close()
	b.ticks(d, &now, newYear.Add(30*time.Hour), 15*time.Minute) // Thursday's waits, Friday's is skipped
	b.configs[0].Deadline = 7 * 24 * time.Hour
	b.ticks(d, &now, newYear.Add(3*24*time.Hour), 15*time.Minute)
	same(t, "runs", b.runs, []string{"s #2 01 13:00"})
}

// A pause of sign-ins is waited out, whatever the retries of the schedule are: it is no loop.
func TestAPauseOfSignInsIsWaitedOut(t *testing.T) {
	now, from := newYear, newYear.Add(85*time.Minute)
	b := &bench{t: t, dir: t.TempDir(), configs: []schedule.Config{oneOff}}
	b.configs[0].Retry = schedule.Retry{Attempts: 3, Wait: time.Minute, MaxWait: 10 * time.Minute}
	b.work = func(s Slot) Outcome {
		if now.Before(from) {
			return Outcome{Verdict: Failed, Class: "never", Summary: "x", Paused: true, NotBefore: from}
		}
		return good(s)
	}
	d, j := b.hand(&now)
	defer j.Close()
	b.ticks(d, &now, newYear.Add(2*time.Hour), 15*time.Second)
	same(t, "ledger", lines(b.ledger()), []string{"s #1 01 12:30 failed", "s #2 01 12:30 done"})
}

// A paused run whose process died before its slot was settled is a paused one all the same.
func TestAPauseOutlivesTheProcess(t *testing.T) {
	now := newYear
	b := &bench{t: t, dir: t.TempDir(), work: good, configs: []schedule.Config{oneOff}}
	b.configs[0].At = "2026-01-01 12:00"
	b.died(now, 1, fmt.Sprintf(`{"event":"task_finished","task":"x","outcome":"failed","error":{"id":%q,"class":"never","message":"x"}}`, PausedID),
		`{"event":"run_finished","status":1}`)
	d, j := b.hand(&now)
	defer j.Close()
	b.ticks(d, &now, newYear.Add(10*time.Minute), time.Minute)
	same(t, "ledger", lines(b.ledger()), []string{"s #1 01 12:00 failed", "s #2 01 12:00 done"})
}
