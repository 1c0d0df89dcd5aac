package daemon

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"exorunner/internal/journal"
	"exorunner/internal/schedule"
)

// A month at a Cloud Extender server: the upgrade in its window, the gallery down twice, a restart, the nightly
// verification, drift on day 12 that is told, and its end that is told as well.
func TestAMonth(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		until(newYear)
		b := &bench{t: t, dir: dir, restart: RestartWindow, alarm: 72 * time.Hour, tick: 20 * time.Minute}
		b.configs = []schedule.Config{
			{Name: "upgrade", At: "2026-01-01 20:00", Zone: "UTC", Windows: []schedule.Window{{Opens: "22:00", Closes: "05:00"}},
				Retry: schedule.Retry{Attempts: 72, Wait: time.Hour, MaxWait: time.Hour}, Deadline: 72 * time.Hour},
			{Name: "verify", Cron: "0 6 * * *", Zone: "UTC", Missed: schedule.Missed{Policy: schedule.OnceMissed}},
		}
		down := 2
		b.work = func(s Slot) Outcome {
			switch {
			case s.Schedule == "verify" && s.Due.Day() == 12:
				return Outcome{Verdict: Drift, Summary: "a newer module is in force"}
			case s.Schedule == "verify":
				return good(s)
			case down > 0:
				down--
				return Outcome{Verdict: Failed, Class: "transient", Summary: "the gallery is away"}
			case s.Attempt == 3:
				return Outcome{Verdict: Good, Restart: true, Summary: "done"}
			}
			return good(s)
		}
		b.during(34*time.Hour - 10*time.Minute) // to the evening of the 2nd; the machine restarts in the night
		until(time.Date(2026, 1, 3, 12, 0, 0, 0, time.UTC))
		b.during(28 * 24 * time.Hour)

		var upgrade, verify []journal.Slot
		for _, s := range b.ledger() {
			if s.Schedule == "upgrade" {
				upgrade = append(upgrade, s)
			} else {
				verify = append(verify, s)
			}
		}
		same(t, "upgrade", lines(upgrade), []string{"upgrade #1 01 20:00 failed", "upgrade #2 01 20:00 failed", "upgrade #3 01 20:00 failed", "upgrade #4 01 20:00 done"})
		want := []string{"verify #1 02 06:00 done", "verify #1 03 06:00 done"} // the second was missed, and made up for at noon
		for day := 4; day <= 31; day++ {
			state := "done"
			if day == 12 {
				state = "failed"
			}
			want = append(want, fmt.Sprintf("verify #1 %02d 06:00 %s", day, state))
		}
		same(t, "verify", lines(verify), want)
		same(t, "notices", b.kinds(), []string{"drift", "recovered"})
		if b.restarts != 1 {
			t.Errorf("got %d restarts, want 1", b.restarts)
		}
		first := upgrade[0].Claimed
		if h := first.UTC().Hour(); h < 22 && h >= 5 {
			t.Errorf("the upgrade began at %v, want it inside the window", first)
		}
		t.Logf("%d ticks", b.beats)
	})
}

func TestWhatBecomesOfASlot(t *testing.T) {
	hourly := schedule.Config{Name: "hourly", Cron: "0 * * * *", Zone: "UTC", Retry: schedule.Retry{Attempts: 2, Wait: time.Minute, MaxWait: time.Minute}}
	cases := map[string]struct {
		outcomes []Outcome // one after the other; the last stays
		restart  Restart
		hours    int
		want     []string
		notices  []string
		restarts int
	}{
		"all is well": {outcomes: []Outcome{{Verdict: Good}}, hours: 1, want: []string{"hourly #1 01 13:00 done"}},
		"it fails and passes": {outcomes: []Outcome{{Verdict: Failed, Class: "transient"}, {Verdict: Good}}, hours: 1,
			want: []string{"hourly #1 01 13:00 failed", "hourly #2 01 13:00 done"}},
		"it fails for good, and recovers": {outcomes: []Outcome{{Verdict: Failed, Class: "never"}, {Verdict: Good}}, hours: 2,
			want: []string{"hourly #1 01 13:00 failed", "hourly #1 01 14:00 done"}, notices: []string{"failed", "recovered"}},
		"all attempts are used up": {outcomes: []Outcome{{Verdict: Failed, Class: "transient"}, {Verdict: Failed, Class: "transient"}, {Verdict: Good}}, hours: 1,
			want: []string{"hourly #1 01 13:00 failed", "hourly #2 01 13:00 failed"}, notices: []string{"failed"}},
		"drift is told and not tried again": {outcomes: []Outcome{{Verdict: Drift}, {Verdict: Good}}, hours: 1,
			want: []string{"hourly #1 01 13:00 failed"}, notices: []string{"drift"}},
		"waiting to the end is told": {outcomes: []Outcome{{Verdict: Waiting, Class: "transient"}}, hours: 1,
			want: []string{"hourly #1 01 13:00 failed", "hourly #2 01 13:00 failed"}, notices: []string{"waiting"}},
		"a certificate is told once a week": {outcomes: []Outcome{
			{Verdict: Good, Certificate: []string{"certificate AB ends in 20 days: ..."}}, {Verdict: Good, Certificate: []string{"certificate AB ends in 19 days: ..."}}}, hours: 2,
			want: []string{"hourly #1 01 13:00 done", "hourly #1 01 14:00 done"}, notices: []string{"certificate"}},
		"a restart that is not ours": {outcomes: []Outcome{{Verdict: Good, Restart: true}}, restart: RestartNever, hours: 1,
			want: []string{"hourly #1 01 13:00 done"}},
		"a restart that a person is asked for": {outcomes: []Outcome{{Verdict: Good, Restart: true}}, restart: RestartAsk, hours: 1,
			want: []string{"hourly #1 01 13:00 done"}, notices: []string{"restart"}},
		"a restart is asked for, and the run then waits": {outcomes: []Outcome{{Verdict: Waiting, Class: "transient", Restart: true}, {Verdict: Good}}, restart: RestartAsk, hours: 1,
			want: []string{"hourly #1 01 13:00 failed", "hourly #2 01 13:00 done"}, notices: []string{"restart"}},
		"a restart of ours, and the run then waits": {outcomes: []Outcome{{Verdict: Waiting, Class: "transient", Restart: true}, {Verdict: Good}}, restart: RestartWindow, hours: 1,
			want: []string{"hourly #1 01 13:00 failed", "hourly #2 01 13:00 done"}, restarts: 1},
		"paused sign-ins use no attempt up": {outcomes: []Outcome{
			{Verdict: Failed, Class: "never", Paused: true, NotBefore: newYear.Add(70 * time.Minute)}, {Verdict: Failed, Class: "never", Paused: true, NotBefore: newYear.Add(80 * time.Minute)},
			{Verdict: Failed, Class: "never", Paused: true, NotBefore: newYear.Add(90 * time.Minute)}, {Verdict: Good}}, hours: 1,
			want: []string{"hourly #1 01 13:00 failed", "hourly #2 01 13:00 failed", "hourly #3 01 13:00 failed", "hourly #4 01 13:00 done"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				until(newYear)
				n := 0
				b := &bench{t: t, dir: dir, configs: []schedule.Config{hourly}, restart: c.restart, tick: time.Minute}
				b.work = func(Slot) Outcome {
					out := c.outcomes[min(n, len(c.outcomes)-1)]
					n++
					return out
				}
				b.during(time.Duration(c.hours)*time.Hour + 40*time.Minute)
				same(t, "ledger", lines(b.ledger()), c.want)
				same(t, "notices", b.kinds(), c.notices)
				if b.restarts != c.restarts {
					t.Errorf("got %d restarts, want %d", b.restarts, c.restarts)
				}
			})
		})
	}
}

func TestRestartsComeToAnEnd(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		until(newYear)
		b := &bench{t: t, dir: dir, restart: RestartWindow, tick: time.Minute,
			configs: []schedule.Config{{Name: "once", At: "2026-01-01 12:30", Zone: "UTC", Missed: schedule.Missed{Policy: schedule.OnceMissed}}}}
		b.work = func(Slot) Outcome { return Outcome{Verdict: Good, Restart: true, Summary: "wants a restart"} }
		for range 8 { // the machine goes down a while after each
			b.during(time.Hour)
		}
		if b.restarts != maxRestarts {
			t.Errorf("got %d restarts, want %d", b.restarts, maxRestarts)
		}
		slots := b.ledger()
		if last := slots[len(slots)-1]; last.State != journal.SlotDone || !strings.Contains(last.Reason, "round in circles") {
			t.Errorf("got %v %q at the end, want it done, and why there was no further restart", last.State, last.Reason)
		}
		same(t, "notices", b.kinds(), []string{"restart"})
	})
}

// Nothing begins while the machine goes down; when it does not, work goes on after a while.
func TestNothingBeginsBeforeARestart(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		until(newYear)
		b := &bench{t: t, dir: dir, restart: RestartWindow, tick: time.Minute,
			configs: []schedule.Config{{Name: "first", At: "2026-01-01 12:30", Zone: "UTC"}, {Name: "second", At: "2026-01-01 12:35", Zone: "UTC", Missed: schedule.Missed{Policy: schedule.OnceMissed}}}}
		n := 0
		b.work = func(s Slot) Outcome {
			n++
			return Outcome{Verdict: Good, Restart: n == 1}
		}
		b.during(45 * time.Minute)
		same(t, "before", b.runs, []string{"first #1 01 12:30"})
		b.during(10 * time.Minute) // a new process: the machine is up again
		same(t, "after", b.runs[1:], []string{"first #2 01 12:30", "second #1 01 12:35"})
	})
}

func TestAStopInterruptsAndTheNextStartGoesOn(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		until(newYear)
		b := &bench{t: t, dir: dir, tick: 15 * time.Second, configs: []schedule.Config{{Name: "once", At: "2026-01-01 12:30", Zone: "UTC"}}}
		b.work = func(Slot) Outcome { return Outcome{Verdict: Interrupted} }
		b.during(31 * time.Minute)
		b.work = good
		b.during(time.Minute)
		got := b.ledger()
		if last := got[len(got)-1]; last.State != journal.SlotDone || len(got) < 2 || !strings.HasPrefix(got[0].Reason, reasonInterrupted) {
			t.Errorf("got %v, want interrupted attempts and one that is done", lines(got))
		}
	})
}

// A process that died left a claimed slot, and perhaps a run that had come to its end.
func TestSlotsOfADeadProcessAreSettledOnce(t *testing.T) {
	status := 0
	cases := map[string]struct {
		leave func(*journal.Journal, journal.Key) error
		runs  int
		want  []string
	}{
		"before its run": {func(*journal.Journal, journal.Key) error { return nil }, 1, []string{"once #1 01 12:00 failed", "once #2 01 12:00 done"}},
		"in its run": {func(j *journal.Journal, k journal.Key) error {
			return j.BeginRun(journal.Run{ID: "r1", Schedule: k.Schedule, Due: k.Due, Attempt: 1, Started: newYear})
		}, 1, []string{"once #1 01 12:00 failed", "once #2 01 12:00 done"}},
		"after its run": {func(j *journal.Journal, k journal.Key) error {
			return errors.Join(j.BeginRun(journal.Run{ID: "r1", Schedule: k.Schedule, Due: k.Due, Attempt: 1, Started: newYear}),
				j.Append("r1", []byte(`{"event":"task_finished","outcome":"ok"}`)),
				j.Append("r1", []byte(fmt.Sprintf(`{"event":"run_finished","status":%d}`, status))), j.EndRun("r1", newYear, status, nil))
		}, 0, []string{"once #1 01 12:00 done"}},
		"after its run, which wants another attempt": {func(j *journal.Journal, k journal.Key) error {
			return errors.Join(j.BeginRun(journal.Run{ID: "r1", Schedule: k.Schedule, Due: k.Due, Attempt: 1, Started: newYear}),
				j.Append("r1", []byte(`{"event":"task_finished","task":"x","outcome":"failed","error":{"class":"transient","message":"away"}}`)),
				j.Append("r1", []byte(`{"event":"run_finished","status":1}`)), j.EndRun("r1", newYear, 1, nil))
		}, 1, []string{"once #1 01 12:00 failed", "once #2 01 12:00 done"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				until(newYear)
				b := &bench{t: t, dir: dir, tick: 15 * time.Second, work: good,
					configs: []schedule.Config{{Name: "once", At: "2026-01-01 12:00", Zone: "UTC", Retry: schedule.Retry{Attempts: 3, Wait: time.Minute}}}}
				key := journal.Key{Schedule: "once", Due: newYear, Attempt: 1}
				_, j := b.open()
				config, err := b.config()
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(j.PutSchedule("once", config.Plans[0].Fingerprint(), newYear, newYear), j.Claim(key, newYear, time.Time{}), c.leave(j, key), j.Close()); err != nil {
					t.Fatal(err)
				}
				b.during(10 * time.Minute)
				same(t, "ledger", lines(b.ledger()), c.want)
				if len(b.runs) != c.runs {
					t.Errorf("got the runs %q, want %d", b.runs, c.runs)
				}
			})
		})
	}
}

// Who starts the service at five past ten means the upgrade of ten o'clock: an `at` that passed before the service knew of
// it begins within its deadline, once, and in its window.
func TestAnUpgradeWhoseTimeHasPassed(t *testing.T) {
	late := schedule.Config{Name: "upgrade", At: "2026-01-01 10:00", Zone: "UTC", Missed: schedule.Missed{Policy: schedule.OnceMissed}, Deadline: 72 * time.Hour,
		Windows: []schedule.Window{{Opens: "22:00", Closes: "05:00"}}}
	bounded, unbounded, skipped := late, late, late
	bounded.Deadline = time.Hour
	unbounded.Deadline = 0
	skipped.Missed = schedule.Missed{}
	for name, c := range map[string]struct {
		config schedule.Config
		want   []string
	}{
		"within its deadline":  {late, []string{"upgrade #1 01 10:00"}},
		"after its deadline":   {bounded, nil},
		"no end of it":         {unbounded, nil},
		"what is missed stays": {skipped, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				until(newYear)
				b := &bench{t: t, dir: dir, tick: 15 * time.Second, work: good, configs: []schedule.Config{c.config}}
				b.during(time.Hour) // the window is shut
				same(t, "runs of the afternoon", b.runs, nil)
				b.during(12 * time.Hour)
				b.during(time.Hour) // it has had its turn
				b.configs[0].Deadline++
				b.during(time.Hour)
				same(t, "runs", b.runs, c.want)
			})
		})
	}
}
