package schedule

import (
	"fmt"
	"strings"
	"time"
)

// A Window is a stretch of the day in which changes are allowed. One that closes at or before the time it opens goes
// on over midnight; Days are those on which it opens.
type Window struct {
	Days   string `yaml:"days" json:"days,omitempty" doc:"on which it opens: mon-fri, sat,sun; every day if left out"`
	Opens  string `yaml:"opens" json:"opens" need:"true" doc:"a time of day: 22:00"`
	Closes string `yaml:"closes" json:"closes" need:"true" doc:"a time of day, of the next day where it is not after opens; 24:00 is the end of the day"`
	Zone   string `yaml:"zone" json:"zone,omitempty" doc:"the schedule's if left out"`
}

// A Freeze is a range of days, both included, in the schedule's zone, on which no window opens.
type Freeze struct {
	From   string `yaml:"from" json:"from" need:"true" doc:"the first day: 2026-12-20, in quotes"`
	To     string `yaml:"to" json:"to" need:"true" doc:"the last day"`
	Reason string `yaml:"reason" json:"reason,omitempty" doc:"for whoever reads the file"`
}

// searchOpen is how many days ahead a window is looked for.
const searchOpen = 366

type span struct{ opens, closes time.Time } // closes is not in it; zero is never

type window struct {
	days          uint64
	opens, closes int64 // seconds after midnight; closes is greater, past a day if over midnight
	zone          *time.Location
}

type windows struct {
	all    []window
	frozen []span
	zone   *time.Location
}

func newWindows(ws []Window, fs []Freeze, location *time.Location, p *problems) windows {
	out := windows{zone: location}
	for i, w := range ws {
		out.all = append(out.all, w.parse(fmt.Sprintf("window[%d]", i), location, p))
	}
	for i, f := range fs {
		out.frozen = append(out.frozen, f.parse(fmt.Sprintf("freeze[%d]", i), location, p))
	}
	return out
}

func (w Window) parse(where string, location *time.Location, p *problems) window {
	out := window{days: 0x7f, zone: location}
	var err error
	if w.Days != "" {
		weekday := fields[4]
		if out.days, err = weekday.parse(strings.ToLower(strings.ReplaceAll(w.Days, " ", ""))); err != nil {
			p.add(where+".days", "%v", err)
		}
		out.days = out.days&0x7f | out.days>>7&1
	}
	if out.opens, err = parseClock(w.Opens); err != nil || out.opens == day {
		p.add(where+".opens", "%q is not a time of day from 00:00 to 23:59", w.Opens)
	}
	if out.closes, err = parseClock(w.Closes); err != nil {
		p.add(where+".closes", "%v", err)
	} else if out.opens == out.closes {
		p.add(where, "opens and closes at %s, so it is never open; all day is 00:00 to 24:00", w.Opens)
	}
	if out.closes < out.opens {
		out.closes += day
	}
	if w.Zone != "" {
		if out.zone, err = time.LoadLocation(w.Zone); err != nil {
			p.add(where+".zone", "%q is not known; zones are named like Europe/London", w.Zone)
		}
	}
	return out
}

func (f Freeze) parse(where string, location *time.Location, p *problems) span {
	from, err := time.Parse(time.DateOnly, f.From)
	if err != nil {
		p.add(where+".from", "%q is not a date like 2026-12-20", f.From)
	}
	if f.To == "" {
		p.add(where+".to", "missing; a freeze must have an end")
		return span{}
	}
	to, err := time.Parse(time.DateOnly, f.To)
	switch {
	case err != nil:
		p.add(where+".to", "%q is not a date like 2026-12-20", f.To)
	case to.Before(from):
		p.add(where, "ends on %s, before it begins on %s", f.To, f.From)
	case from.Year() < firstYear || to.Year() > lastYear:
		p.add(where, "not between the years %d and %d", firstYear, lastYear)
	}
	return span{first(from.Unix(), location), first(to.Unix()+day, location)}
}

// on is the stretch in which the window that opens on the day of that midnight is open; false if there is none.
func (w window) on(midnight int64) (span, bool) {
	if w.days>>uint(time.Unix(midnight, 0).UTC().Weekday())&1 == 0 {
		return span{}, false
	}
	s := span{first(midnight+w.opens, w.zone), first(midnight+w.closes, w.zone)}
	return s, s.opens.Before(s.closes) // a short window can lie in the hour that is skipped
}

// next is the stretch that is open at the moment, beginning with it, or the next one that opens within a year.
func (ws windows) next(now time.Time) (span, bool) {
	now = now.Round(0).UTC()
	best, ok := span{}, false
	if len(ws.all) == 0 {
		best, ok = ws.thaw(span{opens: now})
		ok = ok && best.opens.Before(now.AddDate(0, 0, searchOpen))
	}
	for _, w := range ws.all {
		if s, found := ws.nextOf(w, now); found && (!ok || s.opens.Before(best.opens)) {
			best, ok = s, true
		}
	}
	return best, ok
}

func (ws windows) nextOf(w window, now time.Time) (span, bool) {
	// From two days ago: the window over midnight, and the date line.
	today := midnight(wall(now, w.zone)) - 2*day
	for n := int64(0); n < searchOpen+2; n++ {
		s, ok := w.on(today + n*day)
		if !ok || !s.closes.After(now) {
			continue
		}
		if s.opens.Before(now) {
			s.opens = now
		}
		if s, ok = ws.thaw(s); ok {
			return s, true
		}
	}
	return span{}, false
}

// thaw is the first part of a stretch in which no freeze lies.
func (ws windows) thaw(s span) (span, bool) {
	for moved := true; moved; {
		moved = false
		for _, f := range ws.frozen {
			if !s.opens.Before(f.opens) && s.opens.Before(f.closes) {
				s.opens, moved = f.closes.UTC(), true
			}
		}
	}
	for _, f := range ws.frozen {
		if f.opens.After(s.opens) && (s.closes.IsZero() || f.opens.Before(s.closes)) {
			s.closes = f.opens
		}
	}
	return s, s.closes.IsZero() || s.opens.Before(s.closes)
}

// open follows windows that touch or overlap to the moment at which none of them is open any more, a month at most.
func (ws windows) open(now time.Time) (time.Time, bool) {
	now = now.Round(0)
	s, ok := ws.next(now)
	if !ok || s.opens.After(now) {
		return time.Time{}, false
	}
	closes := s.closes
	for range 31 {
		grown := false
		for _, w := range ws.all {
			if s, ok := ws.nextOf(w, closes); ok && s.opens.Equal(closes) {
				closes, grown = s.closes, true
			}
		}
		if !grown {
			break
		}
	}
	return closes.UTC(), true
}
