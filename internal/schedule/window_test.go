package schedule

import (
	"strings"
	"testing"
	"time"
)

func TestWindows(t *testing.T) {
	night := []Window{{Days: "mon-fri", Opens: "22:00", Closes: "05:00"}}
	cases := map[string]struct {
		zone    string
		windows []Window
		freezes []Freeze
		now     string
		open    string // when it closes; "" is shut, "ever" is without end
		next    string // when it opens; "" is never
	}{
		"no window is always open":               {windows: nil, now: "2026-01-01 12:00", open: "ever", next: "2026-01-01 12:00"},
		"no window, a freeze ahead":              {freezes: []Freeze{{From: "2026-01-03", To: "2026-01-04"}}, now: "2026-01-01 12:00", open: "2026-01-03 00:00", next: "2026-01-01 12:00"},
		"no window, in a freeze":                 {freezes: []Freeze{{From: "2026-01-01", To: "2026-01-02"}, {From: "2026-01-03", To: "2026-01-03"}}, now: "2026-01-01 12:00", next: "2026-01-04 00:00"},
		"before it opens":                        {windows: night, now: "2026-01-05 12:00", next: "2026-01-05 22:00"},
		"the moment it opens":                    {windows: night, now: "2026-01-05 22:00", open: "2026-01-06 05:00", next: "2026-01-05 22:00"},
		"after midnight":                         {windows: night, now: "2026-01-06 04:59:59", open: "2026-01-06 05:00", next: "2026-01-06 04:59:59"},
		"the moment it closes":                   {windows: night, now: "2026-01-06 05:00", next: "2026-01-06 22:00"},
		"Saturday morning is Friday's":           {windows: night, now: "2026-01-10 03:00", open: "2026-01-10 05:00", next: "2026-01-10 03:00"},
		"the weekend":                            {windows: night, now: "2026-01-10 06:00", next: "2026-01-12 22:00"},
		"a freeze cuts the night off":            {windows: night, freezes: []Freeze{{From: "2026-01-06", To: "2026-01-06"}}, now: "2026-01-05 23:00", open: "2026-01-06 00:00", next: "2026-01-05 23:00"},
		"a freeze ends in the night":             {windows: night, freezes: []Freeze{{From: "2026-01-05", To: "2026-01-06"}}, now: "2026-01-05 23:00", next: "2026-01-07 00:00"},
		"frozen for a year":                      {windows: night, freezes: []Freeze{{From: "2026-01-05", To: "2027-02-01"}}, now: "2026-01-06 23:00"},
		"windows that touch":                     {windows: []Window{{Opens: "01:00", Closes: "02:00"}, {Opens: "02:00", Closes: "03:00"}}, now: "2026-01-05 01:30", open: "2026-01-05 03:00", next: "2026-01-05 01:30"},
		"windows that overlap":                   {windows: []Window{{Opens: "01:00", Closes: "03:00"}, {Opens: "02:00", Closes: "04:00"}}, now: "2026-01-05 01:30", open: "2026-01-05 04:00", next: "2026-01-05 01:30"},
		"all of Saturday":                        {windows: []Window{{Days: "sat", Opens: "00:00", Closes: "24:00"}}, now: "2026-01-09 12:00", next: "2026-01-10 00:00"},
		"a window in a zone of its own":          {windows: []Window{{Opens: "22:00", Closes: "23:00", Zone: "Asia/Tokyo"}}, now: "2026-01-05 13:30", open: "2026-01-05 14:00", next: "2026-01-05 13:30"},
		"spring: it opens in the skipped hour":   {zone: "America/New_York", windows: []Window{{Opens: "02:30", Closes: "04:00"}}, now: "2026-03-08 06:30", next: "2026-03-08 07:00"},
		"spring: it lies in the skipped hour":    {zone: "America/New_York", windows: []Window{{Opens: "02:15", Closes: "02:45"}}, now: "2026-03-08 06:30", next: "2026-03-09 06:15"},
		"autumn: it closes at the first of two":  {zone: "America/New_York", windows: []Window{{Opens: "00:30", Closes: "01:30"}}, now: "2026-11-01 05:29", open: "2026-11-01 05:30", next: "2026-11-01 05:29"},
		"autumn: a long one lasts an hour more":  {zone: "America/New_York", windows: []Window{{Opens: "00:30", Closes: "03:00"}}, now: "2026-11-01 06:30", open: "2026-11-01 08:00", next: "2026-11-01 06:30"},
		"Apia: over the day that was left out":   {zone: "Pacific/Apia", windows: []Window{{Opens: "22:00", Closes: "05:00"}}, now: "2011-12-30 09:30", open: "2011-12-30 15:00", next: "2011-12-30 09:30"},
		"the end of a leap year, by a rule only": {zone: "America/New_York", windows: night, now: "2088-12-31 04:00", open: "2088-12-31 10:00", next: "2088-12-31 04:00"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := must(t, Config{Cron: "@daily", Zone: c.zone, Windows: c.windows, Freezes: c.freezes})
			closes, open := s.Open(utc(t, c.now))
			got := ""
			switch {
			case open && closes.IsZero():
				got = "ever"
			case open:
				got = short(closes)
			}
			if got != c.open {
				t.Errorf("open until: got %q, want %q", got, c.open)
			}
			opens, ok := s.NextOpen(utc(t, c.now))
			if got = ""; ok {
				got = short(opens)
			}
			if got != c.next {
				t.Errorf("next open: got %q, want %q", got, c.next)
			}
		})
	}
}

func short(t time.Time) string {
	return strings.TrimSuffix(t.UTC().Format("2006-01-02 15:04:05"), ":00")
}

func TestWindowsThatNeverOpenAreFoundAtTheStart(t *testing.T) {
	s := must(t, Config{Cron: "@daily", Windows: []Window{{Days: "sun", Opens: "01:00", Closes: "02:00"}},
		Freezes: []Freeze{{From: "2026-01-01", To: "2027-12-31"}}})
	err := s.Check(utc(t, "2026-03-01 00:00"))
	if err == nil || !strings.Contains(err.Error(), `schedule "nightly": window: none opens within a year of 2026-03-01; look at freeze`) {
		t.Errorf("got %v", err)
	}
	if err := s.Check(utc(t, "2027-06-01 00:00")); err != nil {
		t.Errorf("got %v, want nil: it opens in January", err)
	}
}
