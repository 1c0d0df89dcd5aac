package schedule

import (
	"fmt"
	"strings"
	"time"
)

// day is the length of a day on a clock on the wall, where none is longer or shorter.
const day = 24 * 60 * 60

// wall is what a local clock shows, in seconds, as if it were UTC: 02:30 on 8 March is the same number in every zone.
func wall(t time.Time, zone *time.Location) int64 {
	t = t.In(zone)
	_, offset := t.Zone()
	return t.Unix() + int64(offset)
}

// midnight is the wall time at which the day of w began.
func midnight(w int64) int64 {
	d := w / day
	if w%day < 0 {
		d--
	}
	return d * day
}

// bounds are ends of a stretch around t without a change of the clock, zero where there is none. For years that are
// computed from a rule (2038 and later), ZoneBounds of Go 1.26 ends a leap year a day early, so that on its last day
// the end is not after t: whoever went from end to end would stay there for ever.
func bounds(t time.Time) (start, end time.Time) {
	start, end = t.ZoneBounds()
	if !end.IsZero() && !end.After(t) {
		end = t.Add(time.Hour)
	}
	return start, end
}

// first is the first instant at which a clock in the zone shows w or later. It does not decrease as w grows.
func first(w int64, zone *time.Location) time.Time {
	// No zone was ever more than a day away from UTC, so this is before w whatever the offset.
	t := time.Unix(w-26*60*60, 0).In(zone)
	for {
		start, end := bounds(t)
		_, offset := t.Zone()
		at := w - int64(offset)
		if !start.IsZero() && at < start.Unix() {
			at = start.Unix() // in a gap: clocks went from before w to after it
		}
		if end.IsZero() || at < end.Unix() {
			return time.Unix(at, 0).In(zone)
		}
		t = end
	}
}

var momentForms = []string{"2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05"}

func parseMoment(text string, zone *time.Location) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	for _, form := range momentForms {
		if err == nil {
			break
		}
		if at, err = time.Parse(form, text); err == nil && at.Nanosecond() == 0 {
			at = first(at.Unix(), zone)
		}
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a moment like 2026-03-08 02:30", text)
	}
	if at.Nanosecond() != 0 {
		return time.Time{}, fmt.Errorf("%q has parts of a second", text)
	}
	if y := at.UTC().Year(); y < firstYear || y > lastYear {
		return time.Time{}, fmt.Errorf("%q is not between the years %d and %d", text, firstYear, lastYear)
	}
	return at, nil
}

// parseClock reads 22:00 into seconds after midnight. 24:00 is the midnight that ends the day.
func parseClock(text string) (int64, error) {
	if text == "24:00" {
		return day, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil || len(strings.TrimSpace(text)) != 5 {
		return 0, fmt.Errorf("%q is not a time of day like 22:00", text)
	}
	return int64(t.Hour()*3600 + t.Minute()*60), nil
}

// once is a single moment.
type once struct{ at time.Time }

func (o once) next(after time.Time) (time.Time, bool) { return o.at, o.at.After(after) }

// every is anchor + n intervals, for whole n of either sign.
type every struct {
	interval time.Duration
	anchor   time.Time
}

func (e every) next(after time.Time) (time.Time, bool) {
	if after.Year() > lastYear {
		return time.Time{}, false
	}
	// In whole seconds: a time.Duration holds 292 years only.
	interval := int64(e.interval / time.Second)
	since := after.Unix() - e.anchor.Unix()
	n := since / interval
	if since%interval < 0 {
		n--
	}
	return time.Unix(e.anchor.Unix()+(n+1)*interval, 0), true
}
