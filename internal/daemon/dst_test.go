package daemon

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"exorunner/internal/schedule"
)

// Where daylight saving begins and ends, a slot runs once and at the documented time, wherever the service is restarted:
// before the change, in the hour that is skipped or repeated, and after it. (Apia's day without a date is history, by a
// clock that the service does not believe; package schedule tests it.)
func TestRestartsAroundAChangeOfTheClock(t *testing.T) {
	for _, c := range []struct {
		zone, cron string
		change     string // UTC
		want       string // when the slot begins, UTC
	}{
		{"America/New_York", "30 2 * * *", "2026-03-08T07:00:00Z", "2026-03-08T07:00:00Z"},
		{"America/New_York", "30 1 * * *", "2026-11-01T06:00:00Z", "2026-11-01T05:30:00Z"},
		{"Europe/London", "30 1 * * *", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"},
		{"Europe/London", "30 1 * * *", "2026-10-25T01:00:00Z", "2026-10-25T00:30:00Z"},
		{"Australia/Lord_Howe", "10 2 * * *", "2026-10-03T15:30:00Z", "2026-10-03T15:30:00Z"},
		{"Australia/Lord_Howe", "45 1 * * *", "2026-04-04T15:00:00Z", "2026-04-04T14:45:00Z"},
		{"America/Santiago", "0 0 * * *", "2026-09-06T04:00:00Z", "2026-09-06T04:00:00Z"},
		{"America/Santiago", "30 23 * * *", "2026-04-05T03:00:00Z", "2026-04-05T02:30:00Z"},
	} {
		change, err := time.Parse(time.RFC3339, c.change)
		if err != nil {
			t.Fatal(err)
		}
		for place, stopped := range map[string]time.Duration{"before": -50 * time.Minute, "in": -5 * time.Minute, "right after": time.Minute, "after": 70 * time.Minute} {
			t.Run(fmt.Sprintf("%s %s, a restart %s", c.zone, c.change[:10], place), func(t *testing.T) {
				dir := t.TempDir()
				synctest.Test(t, func(t *testing.T) {
					var begun []string
					b := &bench{t: t, dir: dir, tick: 30 * time.Second, configs: []schedule.Config{
						{Name: "s", Cron: c.cron, Zone: c.zone, Missed: schedule.Missed{Policy: schedule.OnceMissed, Grace: time.Hour}}}}
					b.work = func(s Slot) Outcome {
						begun = append(begun, s.Due.UTC().Format(time.RFC3339))
						return good(s)
					}
					until(change.Add(-3 * time.Hour))
					b.during(3*time.Hour + stopped)
					time.Sleep(10 * time.Minute)
					b.during(4 * time.Hour)
					same(t, "runs", begun, []string{c.want})
				})
			})
		}
	}
}
