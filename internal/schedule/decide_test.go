package schedule

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tell is a list of decisions as a person would read them out.
func tell(decisions []Decision) []string {
	var out []string
	for _, d := range decisions {
		text := string(d.Do)
		if !d.Due.IsZero() {
			text += " " + d.Due.Format("02 15:04")
		}
		if d.Do == Skip && !d.Through.Equal(d.Due) {
			text += ".." + d.Through.Format("02 15:04")
		}
		if d.Attempt > 1 {
			text += fmt.Sprintf(" #%d", d.Attempt)
		}
		if d.Do == Wait {
			text += " until " + d.Until.Format("02 15:04")
		}
		next := "none"
		if !d.Next.IsZero() {
			next = d.Next.Format("02 15:04")
		}
		out = append(out, text+"; next "+next)
	}
	return out
}

func TestDecide(t *testing.T) {
	hourly := Config{Cron: "0 * * * *"}
	with := func(change func(*Config)) Config {
		c := hourly
		change(&c)
		return c
	}
	night := with(func(c *Config) { c.Windows = []Window{{Opens: "22:00", Closes: "05:00"}} })
	once := with(func(c *Config) { c.Missed.Policy = OnceMissed })
	all := with(func(c *Config) { c.Missed = Missed{Policy: AllMissed, Max: 3} })
	queue := with(func(c *Config) { c.Overlap = QueueOverlap })
	waits := func(due string, attempt int, until string) Waiting {
		return Waiting{Due: utc(t, "2026-01-"+due), Attempt: attempt, NotBefore: utc(t, "2026-01-"+until), PutOff: utc(t, "2026-01-"+due)}
	}
	putOff := func(w Waiting, at string) Waiting {
		w.PutOff = utc(t, "2026-01-"+at)
		return w
	}
	cases := map[string]struct {
		config  Config
		now     string // in January 2026
		next    string
		running bool
		waiting []Waiting
		want    []string
	}{
		"nothing is due":        {config: hourly, now: "05 10:30", next: "05 11:00"},
		"a slot is due":         {config: hourly, now: "05 11:00", next: "05 11:00", want: []string{"run 05 11:00; next 05 12:00"}},
		"a little late":         {config: hourly, now: "05 11:01", next: "05 11:00", want: []string{"run 05 11:00; next 05 12:00"}},
		"too late":              {config: hourly, now: "05 11:02", next: "05 11:00", want: []string{"skip 05 11:00; next 05 12:00"}},
		"late, with grace":      {config: with(func(c *Config) { c.Missed.Grace = 10 * time.Minute }), now: "05 11:09", next: "05 11:00", want: []string{"run 05 11:00; next 05 12:00"}},
		"a night was missed":    {config: hourly, now: "05 09:30", next: "04 22:00", want: []string{"skip 04 22:00..05 09:00; next 05 10:00"}},
		"missed, and one due":   {config: hourly, now: "05 09:00", next: "04 22:00", want: []string{"skip 04 22:00..05 08:00; next 05 09:00", "run 05 09:00; next 05 10:00"}},
		"once for the night":    {config: once, now: "05 09:30", next: "04 22:00", want: []string{"skip 04 22:00..05 08:00; next 05 09:00", "run 05 09:00; next 05 10:00"}},
		"once, only one missed": {config: once, now: "05 09:30", next: "05 09:00", want: []string{"run 05 09:00; next 05 10:00"}},
		"once, past its grace": {config: with(func(c *Config) { c.Missed = Missed{Policy: OnceMissed, Grace: 10 * time.Minute} }),
			now: "05 09:30", next: "05 07:00", want: []string{"skip 05 07:00..05 09:00; next 05 10:00"}},
		"all, to its limit": {config: all, now: "05 09:30", next: "04 22:00",
			want: []string{"skip 04 22:00..05 06:00; next 05 07:00", "run 05 07:00; next 05 08:00", "wait 05 08:00 until 05 09:30; next 05 09:00", "wait 05 09:00 until 05 09:30; next 05 10:00"}},
		"all, and the newest on time": {config: all, now: "05 10:00", next: "05 08:00",
			want: []string{"run 05 08:00; next 05 09:00", "wait 05 09:00 until 05 10:00; next 05 10:00", "wait 05 10:00 until 05 10:00; next 05 11:00"}},
		"all, a new one behind those that wait": {config: all, now: "05 11:00", next: "05 11:00", running: true, waiting: []Waiting{waits("05 10:00", 1, "05 10:00")},
			want: []string{"wait 05 11:00 until 05 11:00; next 05 12:00"}},
		"all, the second of them": {config: all, now: "05 09:40", next: "05 10:00", waiting: []Waiting{waits("05 08:00", 1, "05 09:30"), waits("05 09:00", 1, "05 09:30")},
			want: []string{"run 05 08:00; next 05 10:00"}},
		"the last slot of all": {config: Config{At: "2026-01-05 11:00"}, now: "05 11:00", next: "05 11:00", want: []string{"run 05 11:00; next none"}},
		"no more slots":        {config: Config{At: "2026-01-05 11:00"}, now: "06 11:00"},

		"a run goes on":                {config: hourly, now: "05 11:00", next: "05 11:00", running: true, want: []string{"skip 05 11:00; next 05 12:00"}},
		"a run goes on, one may queue": {config: queue, now: "05 11:00", next: "05 11:00", running: true, want: []string{"wait 05 11:00 until 05 11:00; next 05 12:00"}},
		"a run goes on, one queues": {config: queue, now: "05 12:00", next: "05 12:00", running: true, waiting: []Waiting{waits("05 11:00", 1, "05 11:00")},
			want: []string{"skip 05 12:00; next 05 13:00"}},
		"still going on, nothing new": {config: queue, now: "05 11:30", next: "05 12:00", running: true, waiting: []Waiting{waits("05 11:00", 1, "05 11:00")}},
		"the run ended": {config: queue, now: "05 11:30", next: "05 12:00", waiting: []Waiting{waits("05 11:00", 1, "05 11:00")},
			want: []string{"run 05 11:00; next 05 12:00"}},

		"outside the window": {config: night, now: "05 11:00", next: "05 11:00", want: []string{"wait 05 11:00 until 05 22:00; next 05 12:00"}},
		"outside, one waits": {config: night, now: "05 12:00", next: "05 12:00", waiting: []Waiting{waits("05 11:00", 1, "05 22:00")},
			want: []string{"skip 05 12:00; next 05 13:00"}},
		"the window opens": {config: night, now: "05 22:00", next: "05 22:00", waiting: []Waiting{waits("05 11:00", 1, "05 22:00")},
			want: []string{"run 05 11:00; next 05 22:00", "skip 05 22:00; next 05 23:00"}},
		"the window passed by": {config: night, now: "06 05:30", next: "06 06:00", waiting: []Waiting{waits("05 11:00", 1, "05 22:00")},
			want: []string{"wait 05 11:00 until 06 22:00; next 06 06:00"}},
		"the deadline is before the window": {config: with(func(c *Config) { c.Windows, c.Deadline = night.Windows, 6*time.Hour }), now: "05 11:00", next: "05 11:00",
			want: []string{"skip 05 11:00; next 05 12:00"}},
		"no window for a year": {config: with(func(c *Config) { c.Freezes = []Freeze{{From: "2026-01-01", To: "2028-01-01"}} }), now: "05 11:00", next: "05 11:00",
			want: []string{"skip 05 11:00; next 05 12:00"}},

		"a retry before its time": {config: hourly, now: "05 11:10", next: "05 12:00", waiting: []Waiting{waits("05 11:00", 2, "05 11:20")}},
		"a retry is due":          {config: hourly, now: "05 11:20", next: "05 12:00", waiting: []Waiting{waits("05 11:00", 2, "05 11:20")}, want: []string{"run 05 11:00 #2; next 05 12:00"}},
		"a retry outside the window": {config: night, now: "05 05:10", next: "05 06:00", waiting: []Waiting{waits("05 04:00", 2, "05 05:10")},
			want: []string{"wait 05 04:00 #2 until 05 22:00; next 05 06:00"}},
		"a retry past the deadline": {config: with(func(c *Config) { c.Deadline = time.Hour }), now: "05 12:30", next: "05 13:00", waiting: []Waiting{waits("05 11:00", 3, "05 12:20")},
			want: []string{"skip 05 11:00 #3; next 05 13:00"}},
		"the next slot comes before the retry": {config: hourly, now: "05 12:00", next: "05 12:00", waiting: []Waiting{waits("05 11:00", 2, "05 12:20")},
			want: []string{"skip 05 11:00 #2; next 05 12:00", "run 05 12:00; next 05 13:00"}},

		"put back an hour":      {config: hourly, now: "05 10:30", next: "05 12:00", want: []string{"move; next 05 11:00"}},
		"put back a day":        {config: hourly, now: "04 10:30", next: "05 11:00", want: []string{"move; next 04 11:00"}},
		"put forward an hour":   {config: hourly, now: "05 11:30", next: "05 11:00", want: []string{"skip 05 11:00; next 05 12:00"}},
		"put back under a wait": {config: hourly, now: "05 11:30", next: "05 12:00", waiting: []Waiting{putOff(waits("05 11:00", 2, "25 11:20"), "25 11:00")}, want: []string{"run 05 11:00 #2; next 05 12:00"}},
		"a long wait is one":    {config: hourly, now: "05 11:30", next: "05 12:00", waiting: []Waiting{waits("05 11:00", 2, "05 18:00")}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := must(t, c.config)
			state := State{Running: c.running, Waiting: c.waiting}
			if c.next != "" {
				state.Next = utc(t, "2026-01-"+c.next)
			}
			got := s.Decide(utc(t, "2026-01-"+c.now), state)
			if diff := cmp.Diff(c.want, tell(got)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			for _, d := range got {
				if d.Do != Run && d.Reason == "" {
					t.Errorf("%s of %v has no reason", d.Do, d.Due)
				}
			}
		})
	}
}

func TestTheReasonOfASkipSaysHowMany(t *testing.T) {
	s := must(t, Config{Cron: "0 * * * *"})
	d := s.Decide(utc(t, "2026-01-05 09:30"), State{Next: utc(t, "2026-01-04 22:00")})
	want := "12 slots missed from 2026-01-04 22:00:00Z to 2026-01-05 09:00:00Z"
	if len(d) != 1 || d[0].Reason != want {
		t.Errorf("got %v, want %q", d, want)
	}
}

func TestAClockThatCannotBeRightDecidesNothing(t *testing.T) {
	s := must(t, Config{Every: time.Hour})
	d := s.Decide(utc(t, "1970-01-01 00:05"), State{Next: utc(t, "2026-01-01 00:00")})
	if len(d) != 1 || d[0].Do != Hold || !strings.Contains(d[0].Reason, "the clock says 1970-01-01") {
		t.Errorf("got %v, want one hold", d)
	}
}

// counting counts how often its rule is asked.
type counting struct {
	rule
	asked *int
}

func (c counting) next(after time.Time) (time.Time, bool) {
	*c.asked++
	return c.rule.next(after)
}

func TestToTheYear2106AndBack(t *testing.T) {
	s := must(t, Config{Cron: "* * * * *", Missed: Missed{Policy: OnceMissed}})
	asked := 0
	s.rule = counting{s.rule, &asked}
	d := s.Decide(utc(t, "2106-02-07 06:28:16"), State{Next: utc(t, "2026-01-01 00:00")})
	if len(d) != 2 || d[0].Do != Skip || d[1].Do != Run || !strings.Contains(d[0].Reason, "more than 1000 slots") {
		t.Fatalf("got %v, want a skip of eighty years and one run", tell(d))
	}
	if asked > 100_000 {
		t.Errorf("asked for the next slot %d times; there were 42 million, and it must not go through them", asked)
	}
	d = s.Decide(utc(t, "2026-01-01 00:00:30"), State{Next: d[1].Next})
	if len(d) != 1 || d[0].Do != Move || !d[0].Next.Equal(utc(t, "2026-01-01 00:01")) {
		t.Errorf("got %v, want a move back to 2026", tell(d))
	}
}

// A ledger is what a journal keeps: a row, and slots that are unique.
type ledger struct {
	t     *testing.T
	state State
	slots map[string]Verb // by due and attempt
	runs  []time.Time
	due   time.Time // of the run that goes on
	ends  time.Time
}

func (l *ledger) record(d Decision, now time.Time) {
	key := fmt.Sprintf("%d/%d", d.Due.Unix(), d.Attempt)
	l.state.Next = d.Next
	l.state.Waiting = dropWaiting(l.state.Waiting, d)
	if was := l.slots[key]; was == Run || was == Skip {
		return // settled before: a clock that was put back
	}
	switch d.Do {
	case Move, Hold:
		return
	case Wait:
		l.state.Waiting = append(l.state.Waiting, Waiting{d.Due, d.Attempt, d.Until, now})
	case Run:
		if l.state.Running {
			l.t.Fatalf("a run of %v while that of %v goes on", d.Due, l.due)
		}
		l.state.Running, l.due = true, d.Due
		l.runs = append(l.runs, d.Due)
	}
	l.slots[key] = d.Do
}

func dropWaiting(all []Waiting, d Decision) []Waiting {
	var kept []Waiting
	for _, w := range all {
		if !w.Due.Equal(d.Due) || w.Attempt != d.Attempt {
			kept = append(kept, w)
		}
	}
	return kept
}

// A month of a machine that sleeps, stops, and has its clock put about: nothing runs twice or outside the window, and
// when all is quiet again, every slot is accounted for.
func TestAMonth(t *testing.T) {
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 7))
		s := must(t, Config{Cron: "*/20 * * * *", Zone: "America/New_York", Splay: 10 * time.Minute,
			Windows: []Window{{Days: "mon-sat", Opens: "20:00", Closes: "06:00"}},
			Freezes: []Freeze{{From: "2026-03-12", To: "2026-03-13"}},
			Missed:  Missed{Policy: []Policy{SkipMissed, OnceMissed, AllMissed}[seed%3], Max: map[uint64]int{2: 4}[seed%3]},
			Overlap: []Overlap{SkipOverlap, QueueOverlap}[seed%2],
			Retry:   Retry{Attempts: 3, Wait: time.Minute, MaxWait: 5 * time.Minute}})
		now, end := utc(t, "2026-03-01 00:00"), utc(t, "2026-04-01 00:00")
		l := &ledger{t: t, slots: map[string]Verb{}}
		l.state.Next, _ = s.Next(now)
		for now.Before(end) {
			if l.state.Running && !now.Before(l.ends) {
				l.state.Running = false
			}
			runs := len(l.runs)
			for _, d := range s.Decide(now, l.state) {
				l.record(d, now)
				if random.IntN(10) == 0 {
					break // killed between two records; it asks again
				}
			}
			if len(l.runs) > runs {
				l.ends = now.Add(time.Duration(random.IntN(40)) * time.Minute)
				if _, open := s.Open(now); !open {
					t.Fatalf("seed %d: a run at %v, outside the window", seed, now)
				}
			}
			switch random.IntN(1000) {
			case 0:
				now = now.Add(time.Duration(random.IntN(30)) * time.Hour)
			case 1:
				now = now.Add(-time.Duration(random.IntN(90)) * time.Minute)
			default:
				now = now.Add(15 * time.Second)
			}
		}
		for _, d := range s.Decide(now, l.state) {
			l.record(d, now)
		}
		seen := map[int64]bool{}
		for _, due := range l.runs {
			if seen[due.Unix()] {
				t.Fatalf("seed %d: the slot of %v ran twice", seed, due)
			}
			seen[due.Unix()] = true
		}
		if len(l.runs) < 40 {
			t.Errorf("seed %d: got %d runs in a month, want forty and more", seed, len(l.runs))
		}
		if !l.state.Next.After(now.Add(-time.Hour)) || l.state.Next.After(now.Add(time.Hour)) {
			t.Errorf("seed %d: the next slot is %v at %v", seed, l.state.Next, now)
		}
	}
}

func BenchmarkDecideAThousand(b *testing.B) {
	now := time.Date(2026, 3, 8, 6, 59, 0, 0, time.UTC)
	var all []*Schedule
	var states []State
	for i := range 1000 {
		s := must(b, Config{Name: fmt.Sprint(i), Cron: fmt.Sprintf("%d %d * * *", i%60, i%24), Zone: "America/New_York",
			Windows: []Window{{Opens: "22:00", Closes: "05:00"}}})
		next, _ := s.Next(now)
		if i%10 == 0 {
			next = now
		}
		all, states = append(all, s), append(states, State{Next: next})
	}
	b.ResetTimer()
	for b.Loop() {
		for i, s := range all {
			s.Decide(now, states[i])
		}
	}
}

// Whoever has waited for a turn is asked once more.
func TestBegin(t *testing.T) {
	night := Config{At: "2026-01-05 11:00", Deadline: 24 * time.Hour, Windows: []Window{{Opens: "22:00", Closes: "05:00"}}, Freezes: []Freeze{{From: "2026-01-07", To: "2029-01-01"}}}
	cases := map[string]struct {
		config Config
		now    string
		want   string
	}{
		"the window is open":       {night, "2026-01-05 23:00", "run 05 11:00 #2; next none"},
		"the window has closed":    {night, "2026-01-05 21:00", "wait 05 11:00 #2 until 05 22:00; next none"},
		"the deadline has passed":  {night, "2026-01-06 11:01", "skip 05 11:00 #2; next none"},
		"no window will ever open": {Config{At: night.At, Windows: night.Windows, Freezes: night.Freezes}, "2026-01-08 11:01", "skip 05 11:00 #2; next none"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := must(t, c.config).Begin(utc(t, c.now), utc(t, "2026-01-05 11:00"), 2)
			if text := tell([]Decision{got})[0]; text != c.want {
				t.Errorf("got %q, want %q", text, c.want)
			}
		})
	}
}

// A splay that is longer than the window, or than the time to the deadline, spreads machines over what there is.
func TestASplayThatIsLongerThanTheWindow(t *testing.T) {
	for name, c := range map[string]Config{
		"the window":   {Windows: []Window{{Opens: "22:00", Closes: "23:00"}}},
		"the deadline": {Windows: []Window{{Opens: "22:00", Closes: "05:00"}}, Deadline: 18*time.Hour + 30*time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			opens, most := utc(t, "2026-01-01 22:00"), 0
			begin := map[time.Time]int{}
			for i := range 200 {
				c.Name, c.At, c.Zone, c.Splay = "x", "2026-01-01 12:00", "UTC", 8*time.Hour
				s, err := New(c, fmt.Sprint("machine", i))
				if err != nil {
					t.Fatal(err)
				}
				next, _ := s.Next(utc(t, "2026-01-01 00:00"))
				for _, d := range s.Decide(utc(t, "2026-01-01 12:01"), State{Next: utc(t, "2026-01-01 12:01")}) {
					if d.Do != Wait || d.Until.Before(opens) || !d.Until.Before(opens.Add(time.Hour)) {
						t.Fatalf("got %+v, slot %v; want it to begin inside of the window", d, next)
					}
					begin[d.Until]++
					most = max(most, begin[d.Until])
				}
			}
			if most > 10 {
				t.Errorf("%d of 200 machines begin at the same moment", most)
			}
		})
	}
}
