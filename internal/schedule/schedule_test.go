package schedule

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func must(t testing.TB, c Config) *Schedule {
	t.Helper()
	if c.Name == "" {
		c.Name = "nightly"
	}
	if c.Zone == "" {
		c.Zone = "UTC"
	}
	s, err := New(c, "machine-1")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func utc(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		at, err = time.Parse("2006-01-02 15:04", text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// between lists the slots in (from, to].
func between(s *Schedule, from, to time.Time) []time.Time {
	var slots []time.Time
	for t, ok := s.Next(from); ok && !t.After(to); t, ok = s.Next(t) {
		slots = append(slots, t)
	}
	return slots
}

// Each case gives the local times of the slots of a stretch, with the offset, so that the first and the second 01:30
// of an autumn night are told apart.
func TestSlotsWhereTheClockChanges(t *testing.T) {
	const form = "01-02 15:04 -0700"
	cases := map[string]struct {
		zone, cron, from, to string // from and to in UTC
		want                 []string
	}{
		"New York, spring, a time that is skipped": {"America/New_York", "30 2 * * *", "2026-03-07 12:00", "2026-03-09 12:00",
			[]string{"03-08 03:00 -0400", "03-09 02:30 -0400"}},
		"New York, spring, a time before": {"America/New_York", "30 1 * * *", "2026-03-07 12:00", "2026-03-09 12:00",
			[]string{"03-08 01:30 -0500", "03-09 01:30 -0400"}},
		"New York, autumn, a time that comes twice": {"America/New_York", "30 1 * * *", "2026-10-31 12:00", "2026-11-02 12:00",
			[]string{"11-01 01:30 -0400", "11-02 01:30 -0500"}},
		"New York, autumn, every half hour": {"America/New_York", "*/30 * * * *", "2026-11-01 04:45", "2026-11-01 07:15",
			[]string{"11-01 01:00 -0400", "11-01 01:30 -0400", "11-01 01:00 -0500", "11-01 01:30 -0500", "11-01 02:00 -0500"}},
		"New York, spring, every half hour": {"America/New_York", "*/30 * * * *", "2026-03-08 06:15", "2026-03-08 08:00",
			[]string{"03-08 01:30 -0500", "03-08 03:00 -0400", "03-08 03:30 -0400", "03-08 04:00 -0400"}},
		"London, spring, a time that is skipped": {"Europe/London", "15 1 * * *", "2026-03-28 12:00", "2026-03-30 12:00",
			[]string{"03-29 02:00 +0100", "03-30 01:15 +0100"}},
		"London, autumn, a time that comes twice": {"Europe/London", "15 1 * * *", "2026-10-24 12:00", "2026-10-26 12:00",
			[]string{"10-25 01:15 +0100", "10-26 01:15 +0000"}},
		"Lord Howe, spring, half an hour is skipped": {"Australia/Lord_Howe", "10 2 * * *", "2026-10-03 00:00", "2026-10-05 00:00",
			[]string{"10-04 02:30 +1100", "10-05 02:10 +1100"}},
		"Lord Howe, autumn, half an hour comes twice": {"Australia/Lord_Howe", "45 1 * * *", "2026-04-04 00:00", "2026-04-06 00:00",
			[]string{"04-05 01:45 +1100", "04-06 01:45 +1030"}},
		"Lord Howe, autumn, every quarter": {"Australia/Lord_Howe", "*/15 * * * *", "2026-04-04 14:20", "2026-04-04 15:45",
			[]string{"04-05 01:30 +1100", "04-05 01:45 +1100", "04-05 01:30 +1030", "04-05 01:45 +1030", "04-05 02:00 +1030", "04-05 02:15 +1030"}},
		"Santiago, spring, midnight is skipped": {"America/Santiago", "0 0 * * *", "2026-09-05 12:00", "2026-09-07 12:00",
			[]string{"09-06 01:00 -0300", "09-07 00:00 -0300"}},
		"Santiago, autumn, the hour before midnight comes twice": {"America/Santiago", "30 23 * * *", "2026-04-03 12:00", "2026-04-06 12:00",
			[]string{"04-03 23:30 -0300", "04-04 23:30 -0300", "04-05 23:30 -0400"}},
		"Apia, the day that was left out": {"Pacific/Apia", "0 22 * * *", "2011-12-29 09:00", "2012-01-01 00:00",
			[]string{"12-29 22:00 -1000", "12-31 00:00 +1400", "12-31 22:00 +1400"}},
		"Apia, a slot that only the day left out has": {"Pacific/Apia", "0 12 30 12 *", "2011-12-01 00:00", "2012-12-31 00:00",
			[]string{"12-31 00:00 +1400", "12-30 12:00 +1400"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := must(t, Config{Cron: c.cron, Zone: c.zone})
			from, to := utc(t, c.from), utc(t, c.to)
			slots := between(s, from, to)
			zone, _ := time.LoadLocation(c.zone)
			var got []string
			for _, slot := range slots {
				got = append(got, slot.In(zone).Format(form))
			}
			if strings.Join(got, ", ") != strings.Join(c.want, ", ") {
				t.Fatalf("got  %s\nwant %s", strings.Join(got, ", "), strings.Join(c.want, ", "))
			}
			// Started anew at any moment, it goes on with the very next of these slots.
			for at, i := from, 0; at.Before(to); at = at.Add(7*time.Minute + time.Second) {
				for i < len(slots) && !slots[i].After(at) {
					i++
				}
				if i == len(slots) {
					break
				}
				if next, ok := s.Next(at); !ok || !next.Equal(slots[i]) {
					t.Fatalf("after %v: got %v, want %v", at, next, slots[i])
				}
			}
		})
	}
}

func TestNextGrowsAndARestartChangesNothing(t *testing.T) {
	zones := []string{"UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "America/Santiago", "Asia/Kathmandu"}
	lines := []string{"*/7 * * * *", "0 * * * *", "30 2 * * *", "0 0 1 * *", "59 23 * * sun", "0 0 29 2 *", "15 1,13 1-7 * mon", "@weekly"}
	starts := []string{"1970-01-01 00:00", "2011-12-28 00:00", "2026-03-07 00:00", "2026-10-31 00:00", "2088-12-29 00:00", "2099-12-30 00:00", "2106-02-06 00:00"}
	for _, zone := range zones {
		for _, line := range lines {
			s := must(t, Config{Cron: line, Zone: zone, Splay: 3 * time.Hour})
			for _, start := range starts {
				at := utc(t, start)
				for range 60 {
					next, ok := s.Next(at)
					if !ok || !next.After(at) {
						t.Fatalf("%s %s after %v: got %v, %v", line, zone, at, next, ok)
					}
					for _, between := range []time.Duration{1, next.Sub(at) / 2, next.Sub(at) - 1} {
						if again, _ := s.Next(at.Add(between)); !again.Equal(next) && between < next.Sub(at) {
							t.Fatalf("%s %s after %v: got %v, want %v", line, zone, at.Add(between), again, next)
						}
					}
					at = next
				}
			}
		}
	}
}

// A cron line is compared with a walk through every minute of a year: slower, and with no arithmetic to get wrong.
func TestCronAgainstAWalkThroughEveryMinute(t *testing.T) {
	for _, line := range []string{"30 2 * * *", "*/20 1-3 * * *", "0 12 13 * fri", "5 0 31 * *", "0 4 * 2 mon-wed", "45 23 1,15 */3 *"} {
		zone, _ := time.LoadLocation("America/Santiago")
		cron, err := ParseCron(line, zone)
		if err != nil {
			t.Fatal(err)
		}
		from, to := utc(t, "2026-01-01 03:00"), utc(t, "2027-01-01 03:00")
		want := walk(cron, from, to, zone)
		var got []time.Time
		for at, ok := cron.next(from); ok && !at.After(to); at, ok = cron.next(at) {
			got = append(got, at)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: got %d slots, want %d", line, len(got), len(want))
		}
		for i := range got {
			if !got[i].Equal(want[i]) {
				t.Fatalf("%s: slot %d: got %v, want %v", line, i, got[i], want[i])
			}
		}
	}
}

// walk goes by what the clock shows: each minute that it comes to or jumps over is due once.
func walk(c *Cron, from, to time.Time, zone *time.Location) []time.Time {
	var slots []time.Time
	shown := wall(from, zone)
	for t := from.Add(time.Minute); !t.After(to); t = t.Add(time.Minute) {
		due := false
		for ; shown < wall(t, zone); shown += 60 {
			w := time.Unix(shown+60, 0).UTC()
			due = due || c.matchesDay(w) && c.hours>>uint(w.Hour())&1 == 1 && c.minutes>>uint(w.Minute())&1 == 1
		}
		if due {
			slots = append(slots, t)
		}
	}
	return slots
}

func TestEvery(t *testing.T) {
	cases := map[string]struct {
		every               time.Duration
		anchor, after, want string
	}{
		"counts from its anchor":            {90 * time.Minute, "2026-01-01 00:30", "2026-01-01 03:00", "2026-01-01 03:30"},
		"is strictly after":                 {time.Hour, "2026-01-01 00:30", "2026-01-01 03:30", "2026-01-01 04:30"},
		"counts back before its anchor":     {time.Hour, "2026-01-01 00:30", "2025-12-31 20:45", "2025-12-31 21:30"},
		"a slot is the anchor itself":       {time.Hour, "2026-01-01 00:30", "2026-01-01 00:29", "2026-01-01 00:30"},
		"from 1970":                         {24 * time.Hour, "", "1970-01-01 00:00", "1970-01-02 00:00"},
		"in 2106, past 32 bits of seconds":  {24 * time.Hour, "", "2106-02-07 06:28", "2106-02-08 00:00"},
		"further than a Duration can count": {24 * time.Hour, "1970-01-01 00:00", "2500-06-01 12:00", "2500-06-02 00:00"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := must(t, Config{Every: c.every, Anchor: c.anchor})
			if got, ok := s.Next(utc(t, c.after)); !ok || !got.Equal(utc(t, c.want)) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestAtComesOnce(t *testing.T) {
	s := must(t, Config{At: "2026-03-08 02:30", Zone: "America/New_York"})
	if got, ok := s.Next(utc(t, "2026-01-01 00:00")); !ok || !got.Equal(utc(t, "2026-03-08 07:00")) {
		t.Errorf("got %v, want the end of the gap", got)
	}
	if got, ok := s.Next(utc(t, "2026-03-08 07:00")); ok {
		t.Errorf("got another slot %v, want none", got)
	}
	s = must(t, Config{At: "2026-03-08T02:30:00+09:00", Zone: "America/New_York"})
	if got, _ := s.Next(time.Time{}); !got.Equal(utc(t, "2026-03-07 17:30")) {
		t.Errorf("got %v, want the moment with its own offset", got)
	}
}

func TestNoSlotPastTheLastYear(t *testing.T) {
	for _, c := range []Config{{Cron: "@yearly"}, {Every: 24 * time.Hour}} {
		s := must(t, c)
		if got, ok := s.Next(time.Date(lastYear, 12, 31, 23, 59, 59, 0, time.UTC)); ok {
			t.Errorf("got %v, want none", got)
		}
		if got, ok := s.Next(time.Unix(math.MaxInt32*10000, 0)); ok {
			t.Errorf("got %v, want none", got)
		}
	}
}

func TestSplayIsConstantAndWithinItsSpan(t *testing.T) {
	c := Config{Name: "verify", Cron: "0 2 * * *", Zone: "UTC", Splay: time.Hour}
	seen := map[time.Duration]bool{}
	for _, machine := range []string{"ce-01", "ce-02", "ce-03", "ce-04", "ce-05"} {
		s, err := New(c, machine)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := New(c, machine)
		if s.Splay() != again.Splay() || s.Splay() < 0 || s.Splay() >= time.Hour {
			t.Errorf("%s: got %v and %v, want one part of an hour", machine, s.Splay(), again.Splay())
		}
		if got, _ := s.Next(utc(t, "2026-01-01 00:00")); !got.Equal(utc(t, "2026-01-01 02:00").Add(s.Splay())) {
			t.Errorf("%s: got %v, want 02:00 and %v", machine, got, s.Splay())
		}
		seen[s.Splay()] = true
	}
	if len(seen) < 4 {
		t.Errorf("got %d parts for five machines", len(seen))
	}
}

func TestWhatIsWrongIsSaidBeforeAnythingRuns(t *testing.T) {
	base := Config{Name: "n", Zone: "UTC", Cron: "@daily"}
	cases := map[string]struct {
		change func(*Config)
		want   string
	}{
		"unknown zone":                 {func(c *Config) { c.Zone = "Europe/Lundon" }, `schedule "n": zone: "Europe/Lundon" is not known`},
		"no name":                      {func(c *Config) { c.Name = "" }, "name: missing"},
		"two rules":                    {func(c *Config) { c.At = "2026-01-01 00:00" }, "exactly one of at, every and cron; there are 2"},
		"no rule":                      {func(c *Config) { c.Cron = "" }, "there are 0"},
		"30 February":                  {func(c *Config) { c.Cron = "0 0 30 2 *" }, "never: no such day"},
		"an interval of seconds":       {func(c *Config) { c.Cron, c.Every = "", time.Second }, "every: 1s is less than 1m0s"},
		"a negative interval":          {func(c *Config) { c.Cron, c.Every = "", -time.Hour }, "every: -1h0m0s is less"},
		"the longest interval":         {func(c *Config) { c.Cron, c.Every = "", math.MaxInt64 }, "more than ten years"},
		"parts of a second":            {func(c *Config) { c.Cron, c.Every = "", time.Minute+1 }, "whole seconds"},
		"an anchor without an every":   {func(c *Config) { c.Anchor = "2026-01-01 00:00" }, "anchor: means nothing"},
		"at, no moment":                {func(c *Config) { c.Cron, c.At = "", "tomorrow" }, `at: "tomorrow" is not a moment`},
		"at, far away":                 {func(c *Config) { c.Cron, c.At = "", "9999-12-31T23:59:59Z" }, "not between the years"},
		"window without a length":      {func(c *Config) { c.Windows = []Window{{Opens: "22:00", Closes: "22:00"}} }, "window[0]: opens and closes at 22:00"},
		"window without a time":        {func(c *Config) { c.Windows = []Window{{Opens: "10pm", Closes: "25:00"}} }, `"10pm" is not a time of day`},
		"window on no day":             {func(c *Config) { c.Windows = []Window{{Days: "fry", Opens: "22:00", Closes: "23:00"}} }, `window[0].days: "fry"`},
		"window in no zone":            {func(c *Config) { c.Windows = []Window{{Opens: "22:00", Closes: "23:00", Zone: "Mars"}} }, `window[0].zone: "Mars"`},
		"freeze that ends first":       {func(c *Config) { c.Freezes = []Freeze{{From: "2026-12-20", To: "2026-12-19"}} }, "before it begins"},
		"freeze without an end":        {func(c *Config) { c.Freezes = []Freeze{{From: "2026-12-20"}} }, "must have an end"},
		"freeze without a date":        {func(c *Config) { c.Freezes = []Freeze{{From: "xmas", To: "2026-12-19"}} }, `"xmas" is not a date`},
		"all without an end":           {func(c *Config) { c.Missed.Policy = AllMissed }, "missed.max: the policy all wants 1 to 100"},
		"max without all":              {func(c *Config) { c.Missed.Max = 3 }, "belongs to the policy all"},
		"unknown missed policy":        {func(c *Config) { c.Missed.Policy = "some" }, `"some" is none of skip, once, all`},
		"unknown overlap":              {func(c *Config) { c.Overlap = "parallel" }, `"parallel" is none of skip, queue`},
		"retries without an end":       {func(c *Config) { c.Retry.Attempts = 1 << 30 }, "retries must have an end"},
		"a deadline that is negative":  {func(c *Config) { c.Deadline = -1 }, "deadline: -1ns is not between"},
		"a splay longer than all else": {func(c *Config) { c.Splay = math.MaxInt64 }, "splay: "},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			config := base
			c.change(&config)
			_, err := New(config, "m")
			var e *Error
			if err == nil || !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
		})
	}
	_, err := New(Config{Zone: "UTC", Cron: "61 * * * *", Overlap: "x", Splay: -1}, "m")
	if n := strings.Count(err.Error(), "\n") + 1; n != 4 {
		t.Errorf("got %d lines, want all four problems:\n%v", n, err)
	}
}

func TestFingerprintChangesWithTheConfig(t *testing.T) {
	a := must(t, Config{Cron: "@daily"})
	b := must(t, Config{Cron: "@daily"})
	c := must(t, Config{Cron: "@daily", Freezes: []Freeze{{From: "2026-12-20", To: "2026-12-24"}}})
	if a.Fingerprint() != b.Fingerprint() || a.Fingerprint() == c.Fingerprint() {
		t.Errorf("got %q %q %q, want two equal and one other", a.Fingerprint(), b.Fingerprint(), c.Fingerprint())
	}
}

// A machine that is given another zone computes its slots anew, where the schedule names none.
func TestTheMachinesOwnZoneIsPartOfTheFingerprint(t *testing.T) {
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	prints := map[string]bool{}
	for _, zone := range []string{"UTC", "Asia/Tokyo", "America/New_York", "America/Bogota"} {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		time.Local = location
		for _, zone := range []string{"", "Europe/London"} {
			s, err := New(Config{Name: "nightly", Cron: "@daily", Zone: zone}, "machine")
			if err != nil {
				t.Fatal(err)
			}
			prints[s.Fingerprint()] = true
		}
	}
	if len(prints) != 5 {
		t.Errorf("got %d fingerprints, want one for each zone of the machine, and one for the schedule that names its own", len(prints))
	}
}

func TestAMomentHasNoPartsOfASecond(t *testing.T) {
	for _, text := range []string{"2026-03-08 02:30:30.5", "2026-03-08T02:30:30.5Z"} {
		if _, err := New(Config{Name: "x", At: text, Zone: "UTC"}, "m"); err == nil || !strings.Contains(err.Error(), "has parts of a second") {
			t.Errorf("%s: got %v", text, err)
		}
	}
}
