package schedule

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// A Cron lists the times that match five fields.
type Cron struct {
	minutes, hours, days, months, weekdays uint64 // bit n: n matches
	eitherDay                              bool   // both day fields are restricted: one of them is enough
	zone                                   *time.Location
}

// A field of a cron line, in its order.
type field struct {
	name     string
	min, max int
	names    string // three letters each, the first of them is min's
}

var fields = []field{
	{name: "minute", min: 0, max: 59},
	{name: "hour", min: 0, max: 23},
	{name: "day of the month", min: 1, max: 31},
	{name: "month", min: 1, max: 12, names: "janfebmaraprmayjunjulaugsepoctnovdec"},
	{name: "day of the week", min: 0, max: 7, names: "sunmontuewedthufrisat"},
}

var macros = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// everyHour is an hour field that leaves none out.
const everyHour = 1<<24 - 1

// searchDays is how far ahead a match may be: 29 February is eight years from the last one around 2100.
const searchDays = 9 * 366

// ParseCron reads "minute hour day-of-month month day-of-week", or one of @yearly, @monthly, @weekly, @daily, @hourly.
// A field is *, a number, a name (jan, mon), a range a-b, any of these with a step /n, or a list of them with commas.
// Sunday is 0 or 7. Where both day fields are restricted, a day that matches one of them matches, as crontab(5) has it;
// ? is * in a day field. L, W and # are not known, nor are seconds.
//
// A line that leaves no hour out ("*/30 * * * *") means real time: in the hour that the clock repeats in autumn it
// matches in both passes. Any other matches in the first alone.
func ParseCron(line string, zone *time.Location) (*Cron, error) {
	text := strings.ToLower(strings.TrimSpace(line))
	if strings.HasPrefix(text, "@") {
		meaning, ok := macros[text]
		if !ok {
			return nil, fmt.Errorf("%q: only @yearly, @monthly, @weekly, @daily and @hourly are known; an interval is written every: 90m", line)
		}
		text = meaning
	}
	parts := strings.Fields(text)
	if len(parts) != len(fields) {
		return nil, fmt.Errorf("%q: there are %d fields, five are wanted: minute hour day month weekday", line, len(parts))
	}
	var sets [5]uint64
	for i, f := range fields {
		set, err := f.parse(parts[i])
		if err != nil {
			return nil, fmt.Errorf("%q: %s: %w", line, f.name, err)
		}
		sets[i] = set
	}
	sets[4] = sets[4]&0x7f | sets[4]>>7&1 // 7 is Sunday too
	c := &Cron{minutes: sets[0], hours: sets[1], days: sets[2], months: sets[3], weekdays: sets[4], zone: zone}
	c.eitherDay = !free(parts[2]) && !free(parts[4])
	if !c.eitherDay && !c.dayExists() {
		return nil, fmt.Errorf("%q: never: no such day in any of these months", line)
	}
	return c, nil
}

func free(part string) bool { return part == "*" || part == "?" }

// dayExists says whether one of the days of the month comes in one of the months, in a leap year.
func (c *Cron) dayExists() bool {
	for month := time.January; month <= time.December; month++ {
		last := time.Date(2000, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
		if c.months>>uint(month)&1 == 1 && c.days&(1<<uint(last+1)-1) != 0 {
			return true
		}
	}
	return false
}

func (f field) parse(text string) (uint64, error) {
	var set uint64
	for _, part := range strings.Split(text, ",") {
		bits, err := f.part(part)
		if err != nil {
			return 0, err
		}
		set |= bits
	}
	return set, nil
}

// part is one element of a list: a, a-b, *, each with or without /step.
func (f field) part(part string) (uint64, error) {
	span, stepText, stepped := strings.Cut(part, "/")
	low, high, err := f.span(span, stepped)
	if err != nil {
		return 0, err
	}
	step := 1
	if stepped {
		if step, err = number(stepText); err != nil {
			return 0, fmt.Errorf("the step in %q: %w", part, err)
		}
		// A step past the end of its field matches once, which is never what "every 90 minutes" meant.
		if step < 1 || step > f.max-f.min {
			return 0, fmt.Errorf("the step in %q is not in 1-%d; a longer interval is written every: 90m", part, f.max-f.min)
		}
	}
	var set uint64
	for n := low; n <= high; n += step {
		set |= 1 << uint(n)
	}
	return set, nil
}

func (f field) span(text string, stepped bool) (low, high int, err error) {
	if text == "*" || text == "?" && strings.HasPrefix(f.name, "day") {
		return f.min, f.last(), nil
	}
	from, to, isRange := strings.Cut(text, "-")
	if low, err = f.value(from); err != nil {
		return 0, 0, err
	}
	switch {
	case isRange:
		if high, err = f.value(to); err != nil {
			return 0, 0, err
		}
		if f.max == 7 && high == 0 && low > 0 {
			high = 7 // fri-sun
		}
		if high < low {
			return 0, 0, fmt.Errorf("the range %q ends before it begins; write it as two", text)
		}
	case stepped:
		high = f.last()
	default:
		high = low
	}
	return low, high, nil
}

// last is the highest value that * stands for: 7 is a second name of Sunday and no day of its own.
func (f field) last() int {
	if f.max == 7 {
		return 6
	}
	return f.max
}

func (f field) value(text string) (int, error) {
	if len(text) == 3 && f.names != "" {
		if at := strings.Index(f.names, text); at >= 0 && at%3 == 0 {
			return f.min + at/3, nil
		}
	}
	n, err := number(text)
	if err != nil {
		return 0, err
	}
	if n < f.min || n > f.max {
		return 0, fmt.Errorf("%q is not in %d-%d", text, f.min, f.max)
	}
	return n, nil
}

func number(text string) (int, error) {
	// Atoi would take a sign, and this a number of a thousand digits.
	for _, r := range text {
		if r < '0' || r > '9' {
			return 0, fmt.Errorf("%q is not a number or a known name", text)
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || len(text) > 4 {
		return 0, fmt.Errorf("%q is not a number that fits", text)
	}
	return n, nil
}

func (c *Cron) matchesDay(t time.Time) bool {
	if c.months>>uint(t.Month())&1 == 0 {
		return false
	}
	date, weekday := c.days>>uint(t.Day())&1 == 1, c.weekdays>>uint(t.Weekday())&1 == 1
	if c.eitherDay {
		return date || weekday
	}
	return date && weekday
}

func (c *Cron) next(after time.Time) (time.Time, bool) {
	if after.Year() > lastYear {
		return time.Time{}, false
	}
	found, ok := c.nextFirst(after)
	if c.hours == everyHour {
		if again, twice := c.nextAgain(after, found, ok); twice {
			return again, true
		}
	}
	return found, ok
}

// nextFirst looks at wall times alone: the first match whose first instant is after the moment.
func (c *Cron) nextFirst(after time.Time) (time.Time, bool) {
	// A match on the day before, or on the one that Apia left out, can have its instant today.
	from := midnight(wall(after, c.zone)) - 2*day
	for n := int64(0); n < searchDays; n++ {
		today := from + n*day
		if !c.matchesDay(time.Unix(today, 0).UTC()) || !first(today+day, c.zone).After(after) {
			continue
		}
		if t, ok := c.onDay(today, after); ok {
			return t, true
		}
	}
	return time.Time{}, false
}

// onDay is the first match of one day whose instant is after the moment. Instants do not decrease with the hour, so
// whole hours that are over are passed by.
func (c *Cron) onDay(today int64, after time.Time) (time.Time, bool) {
	for hours := c.hours; hours != 0; hours &= hours - 1 {
		hour := today + int64(bits.TrailingZeros64(hours))*3600
		lastMinute := hour + int64(63-bits.LeadingZeros64(c.minutes))*60
		if !first(lastMinute, c.zone).After(after) {
			continue
		}
		for minutes := c.minutes; minutes != 0; minutes &= minutes - 1 {
			if t := first(hour+int64(bits.TrailingZeros64(minutes))*60, c.zone); t.After(after) {
				return t, true
			}
		}
	}
	return time.Time{}, false
}

// nextAgain looks through the stretches that the clock shows a second time, for a match after the moment and before
// the one that was found.
func (c *Cron) nextAgain(after, found time.Time, ok bool) (time.Time, bool) {
	horizon := after.Add(searchDays * day * time.Second)
	if ok {
		horizon = found
	}
	start, end := bounds(after.In(c.zone))
	for {
		if !start.IsZero() {
			if t, twice := c.again(start, after, horizon); twice {
				return t, true
			}
		}
		if end.IsZero() || !end.Before(horizon) {
			return time.Time{}, false
		}
		start, end = bounds(end)
	}
}

// again looks through what follows one change of the clock at start, if that put it back.
func (c *Cron) again(start, after, horizon time.Time) (time.Time, bool) {
	_, now := start.Zone()
	_, before := start.Add(-time.Second).Zone()
	for t := start; t.Before(start.Add(time.Duration(before-now) * time.Second)); t = t.Add(time.Minute) {
		if !t.Before(horizon) {
			break
		}
		if t.After(after) && c.minutes>>uint(t.Minute())&1 == 1 && c.matchesDay(t) {
			return t, true
		}
	}
	return time.Time{}, false
}
