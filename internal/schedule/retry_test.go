package schedule

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestAgain(t *testing.T) {
	due := utc(t, "2026-01-05 02:00")
	least := func(int64) int64 { return 0 }
	most := func(n int64) int64 { return n - 1 }
	config := Config{Cron: "@daily", Retry: Retry{Attempts: 5, Wait: time.Minute, MaxWait: 5 * time.Minute}, Deadline: time.Hour}
	cases := map[string]struct {
		class   string
		attempt int
		after   time.Duration // the failure, after the slot
		random  Random
		want    time.Duration // 0: not again
		reason  string
	}{
		"transient, the first wait, at most":       {"transient", 1, 0, most, time.Minute, ""},
		"transient, the first wait, at least":      {"transient", 1, 0, least, time.Second, ""},
		"transient, the second wait is double":     {"transient", 2, 0, most, 2 * time.Minute, ""},
		"transient, the longest wait":              {"transient", 4, 0, most, 5 * time.Minute, ""},
		"transient, no attempt is left":            {"transient", 5, 0, most, 0, "attempt 5 of 5"},
		"never":                                    {"never", 1, 0, most, 0, "until a person has acted"},
		"fine":                                     {"fine", 1, 0, most, 0, "nothing failed"},
		"fresh, once more":                         {"fresh", 1, 0, most, time.Minute, ""},
		"fresh, not twice more":                    {"fresh", 2, 0, most, 0, "attempt 2 of 2"},
		"unknown, once more":                       {"", 1, 0, most, time.Minute, ""},
		"unknown, not twice more":                  {"", 2, 0, most, 0, "attempt 2 of 2"},
		"a class that is still to come, once more": {"locked", 1, 0, most, time.Minute, ""},
		"past the deadline":                        {"transient", 1, 59*time.Minute + 30*time.Second, most, 0, "after the deadline of 1h0m0s"},
		"just before the deadline":                 {"transient", 1, 59 * time.Minute, most, time.Minute, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := must(t, config)
			ended := due.Add(c.after)
			at, reason, again := s.Again(Failure{Due: due, Ended: ended, Attempt: c.attempt, Class: c.class}, c.random)
			if again != (c.want > 0) || again && at.Sub(ended) != c.want || !strings.Contains(reason, c.reason) {
				t.Errorf("got %v, %q, %v, want %v, %q", at.Sub(ended), reason, again, c.want, c.reason)
			}
		})
	}
}

func TestWithoutRetryThereIsNone(t *testing.T) {
	s := must(t, Config{Cron: "@daily"})
	if at, reason, again := s.Again(Failure{Attempt: 1, Class: "transient"}, nil); again || reason != "that was attempt 1 of 1" {
		t.Errorf("got %v, %q, %v, want none", at, reason, again)
	}
}

func TestTheWaitNeverLeavesItsBounds(t *testing.T) {
	for _, r := range []Retry{{Attempts: 100}, {Attempts: 100, Wait: maxSpan, MaxWait: maxSpan}, {Attempts: 100, MaxWait: 1}, {Attempts: 100, Wait: 1}} {
		s := must(t, Config{Cron: "@daily", Retry: r})
		ended := utc(t, "2106-02-07 06:28")
		for attempt := 1; attempt < 100; attempt++ {
			at, _, again := s.Again(Failure{Due: ended, Ended: ended, Attempt: attempt, Class: "transient"}, nil)
			if wait := at.Sub(ended); !again || wait < time.Second || wait > max(r.longest(), time.Second) {
				t.Fatalf("%+v, attempt %d: got %v, want between a second and %v", r, attempt, wait, r.longest())
			}
		}
	}
}

func TestBreaker(t *testing.T) {
	now := utc(t, "2026-01-05 02:00")
	ago := func(minutes ...float64) []time.Time {
		var all []time.Time
		for _, m := range minutes {
			all = append(all, now.Add(-time.Duration(m*float64(time.Minute))))
		}
		return all
	}
	cases := map[string]struct {
		failed []time.Time
		want   float64 // minutes until it allows one; 0 is now
	}{
		"no failure":                          {nil, 0},
		"one less than the limit":             {ago(1, 2), 0},
		"the limit":                           {ago(10, 30, 50), 10},
		"in any order":                        {ago(50, 10, 30), 10},
		"more than the limit":                 {ago(5, 10, 30, 50), 30},
		"the oldest is an hour ago":           {ago(10, 30, 60), 0},
		"a little ahead: the clock went back": {ago(-10, 10, 30), 30},
		"decades ahead: the clock was wrong":  {ago(-60*24*365*80, 10, 30), 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			from, ok := Breaker{Max: 3, Within: time.Hour}.Allows(now, c.failed)
			if ok != (c.want == 0) || !ok && math.Abs(from.Sub(now).Minutes()-c.want) > 0.01 {
				t.Errorf("got %v, %v, want in %v minutes", from, ok, c.want)
			}
		})
	}
}
