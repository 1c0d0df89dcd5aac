package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-co-op/gocron/v2"

	"exorunner/internal/schedule"
)

func TestAChangedConfigurationIsTakenOver(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		until(newYear)
		keep := schedule.Config{Name: "keep", Cron: "0 * * * *", Zone: "UTC"}
		b := &bench{t: t, dir: dir, tick: 15 * time.Second, work: good, configs: []schedule.Config{keep, {Name: "gone", Cron: "30 * * * *", Zone: "UTC"}}}
		d, j := b.open()
		defer j.Close()
		var mu sync.Mutex
		wrong := false
		d.Config = func() (Config, error) {
			mu.Lock()
			defer mu.Unlock()
			if wrong {
				return Config{}, errors.New("exorunner.yaml:3:4: unknown field")
			}
			return b.config()
		}
		ctx, stop := context.WithTimeout(context.Background(), 3*time.Hour+10*time.Minute)
		defer stop()
		time.AfterFunc(40*time.Minute, func() { mu.Lock(); wrong = true; mu.Unlock() })
		time.AfterFunc(95*time.Minute, func() {
			mu.Lock()
			defer mu.Unlock()
			wrong, b.configs = false, []schedule.Config{keep, {Name: "new", Cron: "45 * * * *", Zone: "UTC"}}
		})
		if err := d.Run(ctx); err != nil {
			t.Fatal(err)
		}
		same(t, "runs", b.runs, []string{"gone #1 01 12:30", "keep #1 01 13:00", "gone #1 01 13:30", "new #1 01 13:45", "keep #1 01 14:00", "new #1 01 14:45", "keep #1 01 15:00"})
		same(t, "notices", b.kinds(), []string{"config"})
	})
}

// Who gives a schedule more time, or another window, does not lose the slot that waits; who moves it, means that.
func TestAChangeKeepsSlotsThatStillBelong(t *testing.T) {
	before := schedule.Config{Name: "up", At: "2026-01-01 13:00", Zone: "UTC", Retry: schedule.Retry{Attempts: 5, Wait: time.Hour, MaxWait: time.Hour}}
	longer, moved := before, before
	longer.Deadline = 24 * time.Hour
	moved.At = "2026-01-01 16:30"
	cases := map[string]struct {
		after schedule.Config
		want  []string
	}{
		"more time": {longer, []string{"up #1 01 13:00 failed", "up #2 01 13:00 skipped", "up #3 01 13:00 done"}},
		"moved":     {moved, []string{"up #1 01 13:00 failed", "up #2 01 13:00 skipped", "up #1 01 16:30 done"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				until(newYear)
				b := &bench{t: t, dir: dir, tick: time.Minute, configs: []schedule.Config{before}}
				b.work = func(s Slot) Outcome {
					if s.Attempt == 1 && s.Due.Hour() == 13 {
						return Outcome{Verdict: Failed, Class: "transient"}
					}
					return good(s)
				}
				b.during(90 * time.Minute)
				b.configs = []schedule.Config{c.after}
				b.during(4 * time.Hour)
				b.during(time.Hour) // nothing is kept twice
				same(t, "ledger", lines(b.ledger()), c.want)
			})
		})
	}
}

// A slot that comes due in the very moment of a change is not lost between the two.
func TestAChangeInTheMomentOfASlot(t *testing.T) {
	b := &bench{t: t, dir: t.TempDir(), work: good, configs: []schedule.Config{{Name: "s", Cron: "0 * * * *", Zone: "UTC"}}}
	d, j := b.open()
	defer j.Close()
	d.defaults()
	now := newYear.Add(59*time.Minute + 50*time.Second)
	d.Now = func() time.Time { return now }
	config, err := b.config()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.adopt(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	d.tick(t.Context())
	b.configs[0].Deadline = 3 * time.Hour
	now = now.Add(15 * time.Second)
	d.tick(t.Context())
	d.running.Wait()
	same(t, "runs", b.runs, []string{"s #1 01 13:00"})
}

func TestADeadlineThatPassesIsTold(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		until(newYear)
		b := &bench{t: t, dir: dir, tick: time.Minute, configs: []schedule.Config{{Name: "up", At: "2026-01-01 13:00", Zone: "UTC", Deadline: 4 * time.Hour,
			Windows: []schedule.Window{{Opens: "12:30", Closes: "13:30"}}, Retry: schedule.Retry{Attempts: 9, Wait: time.Hour, MaxWait: time.Hour}}}}
		b.work = func(Slot) Outcome { return Outcome{Verdict: Failed, Class: "transient"} }
		b.during(10 * time.Hour)
		same(t, "ledger", lines(b.ledger()), []string{"up #1 01 13:00 failed", "up #2 01 13:00 skipped"})
		same(t, "notices", b.kinds(), []string{"failed"})
	})
}

func TestRunsOfSeveralSchedulesFollowOneAnother(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		until(newYear)
		b := &bench{t: t, dir: dir, tick: 15 * time.Second}
		for i := range 5 {
			b.configs = append(b.configs, schedule.Config{Name: fmt.Sprintf("s%d", i), At: "2026-01-01 13:00", Zone: "UTC"})
		}
		var mu sync.Mutex
		now, most := 0, 0
		b.work = func(s Slot) Outcome {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(10 * time.Minute)
			mu.Lock()
			now--
			mu.Unlock()
			return good(s)
		}
		b.during(3 * time.Hour)
		if most != 1 || len(b.runs) != 5 {
			t.Errorf("got %d at once of %d, want 1 of 5", most, len(b.runs))
		}
	})
}

func TestAPanicOfARunIsAnOutcome(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		until(newYear)
		b := &bench{t: t, dir: dir, tick: 15 * time.Second, work: func(Slot) Outcome { panic("boom") },
			configs: []schedule.Config{{Name: "once", At: "2026-01-01 13:00", Zone: "UTC"}}}
		b.during(2 * time.Hour)
		same(t, "ledger", lines(b.ledger()), []string{"once #1 01 13:00 failed"})
		same(t, "notices", b.kinds(), []string{"failed"})
	})
}

// A scheduler that stops silently is replaced, and slots that came due meanwhile run.
func TestADeadSchedulerIsReplaced(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		until(newYear)
		b := &bench{t: t, dir: dir, tick: 15 * time.Second, work: good, configs: []schedule.Config{{Name: "s", Cron: "*/10 * * * *", Zone: "UTC"}}}
		d, j := b.open()
		defer j.Close()
		made := 0
		d.ticker = func(runs context.Context) (gocron.Scheduler, error) {
			s, err := d.scheduler(runs)
			if made++; err == nil && made == 1 {
				time.AfterFunc(15*time.Minute, func() { s.StopJobs() })
			}
			return s, err
		}
		ctx, stop := context.WithTimeout(context.Background(), 55*time.Minute)
		defer stop()
		if err := d.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if made != 2 || len(b.runs) != 5 {
			t.Errorf("got %d schedulers and the runs %q, want a second one, and a run every ten minutes", made, b.runs)
		}
	})
}

func TestClocksThatCannotBe(t *testing.T) {
	for name, now := range map[string]time.Time{"1970": time.Unix(3600, 0), "2106": time.Date(2106, 2, 8, 0, 0, 0, 0, time.UTC)} {
		t.Run(name, func(t *testing.T) {
			b := &bench{t: t, dir: t.TempDir(), work: good, configs: []schedule.Config{{Name: "s", Cron: "* * * * *", Zone: "UTC", Missed: schedule.Missed{Policy: schedule.OnceMissed}}}}
			d, j := b.open()
			defer j.Close()
			d.defaults()
			offset := time.Duration(0)
			d.Now = func() time.Time { return now.Add(offset) }
			config, err := b.config()
			if err != nil {
				t.Fatal(err)
			}
			if err := d.adopt(t.Context(), config); err != nil {
				t.Fatal(err)
			}
			var beat Beat
			d.Beat = func(b Beat) { beat = b }
			offset = 2 * time.Minute
			d.tick(t.Context())
			d.running.Wait()
			if wrong := name == "1970"; beat.ClockWrong != wrong || len(b.runs) == 0 != wrong {
				t.Errorf("got clock wrong %v and runs %q", beat.ClockWrong, b.runs)
			}
		})
	}
}

// A journal that cannot be written starts nothing, and comes back by itself where the disk does.
func TestNothingBeginsThatIsNotOnRecord(t *testing.T) {
	b := &bench{t: t, dir: t.TempDir(), work: good, configs: []schedule.Config{{Name: "s", Cron: "* * * * *", Zone: "UTC", Missed: schedule.Missed{Policy: schedule.OnceMissed}}}}
	d, j := b.open()
	d.defaults()
	now := newYear
	d.Now = func() time.Time { return now }
	config, err := b.config()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.adopt(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil { // as good as a disk that is gone
		t.Fatal(err)
	}
	now = now.Add(5 * time.Minute)
	d.tick(t.Context())
	d.running.Wait()
	if len(b.runs) != 0 {
		t.Errorf("got the runs %q, want none", b.runs)
	}
}

func TestPatience(t *testing.T) {
	for times, want := range map[int]time.Duration{0: 0, 2: 0, 3: time.Minute, 5: 4 * time.Minute, 50: time.Hour} {
		if got := defaultPatience(times); got != want {
			t.Errorf("%d times: got %v, want %v", times, got, want)
		}
	}
}
