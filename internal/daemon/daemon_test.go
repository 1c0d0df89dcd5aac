package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-co-op/gocron/v2"

	"exorunner/internal/journal"
	"exorunner/internal/notify"
	"exorunner/internal/schedule"
)

// A bench is a daemon with everything around it, whose runs are a function.
type bench struct {
	t       testing.TB
	dir     string
	configs []schedule.Config
	restart Restart
	alarm   time.Duration
	tick    time.Duration

	mu       sync.Mutex
	told     []notify.Notice
	runs     []string // "upgrade #1 05 22:00"
	restarts int
	work     func(Slot) Outcome
	beats    int
}

// Send implements notify.Sender.
func (b *bench) Send(_ context.Context, n notify.Notice) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = append(b.told, n)
	return nil
}

func (b *bench) kinds() (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.told {
		all = append(all, string(n.Kind))
	}
	return all
}

func (b *bench) config() (Config, error) {
	c := Config{Fingerprint: fmt.Sprint(b.configs), Notify: []string{"all"}}
	for _, one := range b.configs {
		s, err := schedule.New(one, "machine")
		if err != nil {
			return Config{}, err
		}
		c.Plans = append(c.Plans, Plan{Schedule: s, Restart: b.restart, Alarm: b.alarm, Notify: []string{"all"}})
	}
	return c, nil
}

// open makes a daemon on the bench's folder, as a start of the service would.
func (b *bench) open() (*Daemon, *journal.Journal) {
	b.t.Helper()
	j, err := journal.Open(context.Background(), b.dir, journal.Options{Ballast: -1})
	if err != nil {
		b.t.Fatal(err)
	}
	q := &notify.Queue{Journal: j, Host: "CE01"}
	q.SetTargets([]notify.Target{{Name: "all", Sender: b}})
	d := &Daemon{Journal: j, Config: b.config, Queue: q, Tick: b.tick, Random: func(n int64) int64 { return n - 1 }}
	d.Beat = func(Beat) {
		b.beats++
		q.Deliver(context.Background())
		q.Wait()
	}
	d.Restart = func(context.Context, string) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.restarts++
		return nil
	}
	d.Work = func(ctx context.Context, s Slot) Outcome {
		b.mu.Lock()
		b.runs = append(b.runs, fmt.Sprintf("%s #%d %s", s.Schedule, s.Attempt, s.Due.Format("02 15:04")))
		b.mu.Unlock()
		return b.work(s)
	}
	return d, j
}

// during runs a daemon for a time, and stops it in order.
func (b *bench) during(span time.Duration) {
	b.t.Helper()
	d, j := b.open()
	ctx, stop := context.WithTimeout(context.Background(), span)
	defer stop()
	if err := d.Run(ctx); err != nil {
		b.t.Errorf("daemon: %v", err)
	}
	if err := j.Close(); err != nil {
		b.t.Errorf("journal: %v", err)
	}
}

func (b *bench) ledger() []journal.Slot {
	b.t.Helper()
	r, err := journal.OpenReader(context.Background(), b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	slots, err := r.Slots(context.Background(), "", 10000)
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Reverse(slots)
	return slots
}

// told is a ledger as a person would read it out.
func lines(slots []journal.Slot) (all []string) {
	for _, s := range slots {
		all = append(all, fmt.Sprintf("%s #%d %s %s", s.Schedule, s.Attempt, s.Due.Format("02 15:04"), s.State))
	}
	return all
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\ngot  %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// until sleeps to a moment of the bubble's clock, which begins in 2000.
func until(at time.Time) { time.Sleep(time.Until(at)) }

var newYear = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func good(Slot) Outcome { return Outcome{Verdict: Good, Summary: "everything holds"} }

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
		"paused sign-ins use no attempt up": {outcomes: []Outcome{
			{Verdict: Failed, Class: "never", NotBefore: newYear.Add(70 * time.Minute)}, {Verdict: Failed, Class: "never", NotBefore: newYear.Add(80 * time.Minute)},
			{Verdict: Failed, Class: "never", NotBefore: newYear.Add(90 * time.Minute)}, {Verdict: Good}}, hours: 1,
			want: []string{"hourly #1 01 13:00 failed", "hourly #2 01 13:00 failed", "hourly #3 01 13:00 failed", "hourly #4 01 13:00 done"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				until(newYear)
				n := 0
				b := &bench{t: t, dir: dir, configs: []schedule.Config{hourly}, restart: c.restart, tick: 15 * time.Second}
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

func TestAReadOnlyFolderIsRefusedAtTheStart(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.MkdirAll(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(t.Context(), filepath.Join(dir, "journal"), journal.Options{}); err == nil {
		t.Error("got no error")
	}
}

func TestPatience(t *testing.T) {
	for times, want := range map[int]time.Duration{0: 0, 2: 0, 3: time.Minute, 5: 4 * time.Minute, 50: time.Hour} {
		if got := defaultPatience(times); got != want {
			t.Errorf("%d times: got %v, want %v", times, got, want)
		}
	}
}
