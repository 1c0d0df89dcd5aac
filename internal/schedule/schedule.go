// Package schedule says when: the next slot of a schedule, whether a window is open, what to do about slots that were
// missed, when to try again, and when to stop trying. Everything in it is a pure function of the times it is given. It
// knows nothing of runs, journals or clocks; package journal keeps the rows and a daemon asks with the time it has.
//
// Local times follow one rule. A slot at 02:30 is the first instant at which a local clock shows 02:30 or later: in the
// hour that daylight saving skips that is the end of the gap, in the hour that it repeats the first of the two, and on
// a day that a country leaves out (Apia, 30 December 2011) the first instant of the day after.
package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	_ "time/tzdata" // Windows has no zone files of its own.
)

// A Config is a schedule as a person writes it. Exactly one of At, Every and Cron is given.
type Config struct {
	Name string `yaml:"name" json:"name"`

	At     string        `yaml:"at" json:"at,omitempty"`         // "2026-03-08 02:30" in Zone, or RFC 3339 with an offset
	Every  time.Duration `yaml:"every" json:"every,omitempty"`   // of real time; a local time of day wants Cron
	Anchor string        `yaml:"anchor" json:"anchor,omitempty"` // Every counts from here, as At is written; 2000-01-01 00:00 if empty
	Cron   string        `yaml:"cron" json:"cron,omitempty"`     // see ParseCron
	Zone   string        `yaml:"zone" json:"zone,omitempty"`     // "America/New_York"; "" is the machine's own

	// Splay spreads machines out: each moves every slot later by its own constant part of it.
	Splay time.Duration `yaml:"splay" json:"splay,omitempty"`

	Windows []Window `yaml:"window" json:"window,omitempty"` // none: always open
	Freezes []Freeze `yaml:"freeze" json:"freeze,omitempty"`

	Missed  Missed  `yaml:"missed" json:"missed"`
	Overlap Overlap `yaml:"overlap" json:"overlap,omitempty"`
	Retry   Retry   `yaml:"retry" json:"retry"`

	// Deadline is how long after its time a slot may still begin, retries and waiting for a window included. 0: no limit.
	Deadline time.Duration `yaml:"deadline" json:"deadline,omitempty"`
}

// Missed says what becomes of slots that passed while nobody was there to run them: the service was stopped, the
// machine slept, the clock was put forward.
type Missed struct {
	Policy Policy `yaml:"policy" json:"policy,omitempty" doc:"skip: they do not run, the default; once: the newest runs, however many there were; all: each runs, up to max"`
	// Grace is how late a slot may begin and still count. 0 is a minute for skip, and no limit for once and all.
	Grace time.Duration `yaml:"grace" json:"grace,omitempty" doc:"how late a slot may begin and still count: a minute for skip, no limit for the others"`
	// Max is for the policy all: how many of the newest are made up for, oldest first.
	Max int `yaml:"max" json:"max,omitempty" doc:"for all: how many of the newest are made up for, oldest first"`
}

// A Policy for missed slots.
type Policy string

const (
	SkipMissed Policy = "skip" // the default
	OnceMissed Policy = "once" // the newest, however many there were
	AllMissed  Policy = "all"  // each, up to Missed.Max
)

// Overlap says what becomes of a slot that is due while a run of the same schedule goes on.
type Overlap string

const (
	SkipOverlap  Overlap = "skip"  // the default
	QueueOverlap Overlap = "queue" // one waits; a second is skipped
)

// An Error is one thing that is wrong with a Config. New joins all there are.
type Error struct {
	Schedule string
	Field    string // cron, window[1].opens; "" is the schedule itself
	What     string
}

func (e *Error) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("schedule %q: %s", e.Schedule, e.What)
	}
	return fmt.Sprintf("schedule %q: %s: %s", e.Schedule, e.Field, e.What)
}

const (
	// onTime is how late a slot may begin without having been missed: whoever asks does so every few seconds.
	onTime = time.Minute

	minEvery = time.Minute
	maxSpan  = 10 * 366 * 24 * time.Hour
	maxSplay = 7 * 24 * time.Hour
	maxMake  = 100 // slots made up for, and attempts

	// No slot is computed outside these years. RFC 3339 ends with 9999; local times a day either side must still fit.
	firstYear, lastYear = 1970, 9000
)

// A Schedule is a Config that was found to make sense. It never changes, and any number of goroutines may use it.
type Schedule struct {
	config  Config
	rule    rule
	windows windows
	splay   time.Duration
	print   string
}

// A rule lists slots: the first one strictly after a moment, false if there is none.
type rule interface {
	next(after time.Time) (time.Time, bool)
}

// New reads a Config. machine is anything that stays the same on one machine and differs between two; it decides this
// machine's part of the splay. The error joins one *Error for each thing that is wrong.
func New(c Config, machine string) (*Schedule, error) {
	p := problems{schedule: c.Name}
	if c.Name == "" {
		p.add("name", "missing")
	}
	location := zone(c.Zone, &p)
	c.checkPolicies(&p)
	s := &Schedule{config: c, splay: splay(machine, c.Name, c.Splay)}
	if location != nil {
		s.rule = c.rule(location, &p)
		s.windows = newWindows(c.Windows, c.Freezes, location, &p)
	}
	if err := errors.Join(p.all...); err != nil {
		return nil, err
	}
	s.print = fingerprint(c, machine)
	if c.Zone == "" {
		s.print = fingerprint(c, machine+localZone())
	}
	return s, nil
}

type problems struct {
	schedule string
	all      []error
}

func (p *problems) add(field, format string, args ...any) {
	p.all = append(p.all, &Error{p.schedule, field, fmt.Sprintf(format, args...)})
}

func zone(name string, p *problems) *time.Location {
	if name == "" {
		return time.Local
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		p.add("zone", "%q is not known; zones are named like Europe/London", name)
		return nil
	}
	return location
}

func (c Config) rule(location *time.Location, p *problems) rule {
	given := 0
	for _, is := range []bool{c.At != "", c.Every != 0, c.Cron != ""} {
		if is {
			given++
		}
	}
	if given != 1 {
		p.add("", "give exactly one of at, every and cron; there are %d", given)
		return nil
	}
	if c.Anchor != "" && c.Every == 0 {
		p.add("anchor", "means nothing without every")
	}
	switch {
	case c.At != "":
		at, err := parseMoment(c.At, location)
		if err != nil {
			p.add("at", "%v", err)
		}
		return once{at}
	case c.Every != 0:
		return c.every(location, p)
	}
	cron, err := ParseCron(c.Cron, location)
	if err != nil {
		p.add("cron", "%v", err)
	}
	return cron
}

func (c Config) every(location *time.Location, p *problems) rule {
	anchor := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	if c.Anchor != "" {
		at, err := parseMoment(c.Anchor, location)
		if err != nil {
			p.add("anchor", "%v", err)
		}
		anchor = at
	}
	switch {
	case c.Every < minEvery:
		p.add("every", "%v is less than %v", c.Every, minEvery)
	case c.Every > maxSpan:
		p.add("every", "%v is more than ten years; at names a single moment", c.Every)
	case c.Every%time.Second != 0:
		p.add("every", "%v is not a number of whole seconds", c.Every)
	}
	return every{c.Every, anchor}
}

func (c Config) checkPolicies(p *problems) {
	switch c.Missed.Policy {
	case "", SkipMissed, OnceMissed:
		if c.Missed.Max != 0 {
			p.add("missed.max", "belongs to the policy all")
		}
	case AllMissed:
		if c.Missed.Max < 1 || c.Missed.Max > maxMake {
			p.add("missed.max", "the policy all wants 1 to %d; without an end a long night would never be made up for", maxMake)
		}
	default:
		p.add("missed.policy", "%q is none of skip, once, all", c.Missed.Policy)
	}
	switch c.Overlap {
	case "", SkipOverlap, QueueOverlap:
	default:
		p.add("overlap", "%q is none of skip, queue", c.Overlap)
	}
	span := func(field string, d time.Duration) {
		if d < 0 || d > maxSpan {
			p.add(field, "%v is not between 0 and ten years", d)
		}
	}
	span("splay", c.Splay)
	if c.Splay > maxSplay {
		p.add("splay", "%v is more than %v: it spreads machines over a night, not over a season", c.Splay, maxSplay)
	}
	if c.Retry.MaxWait > 0 && c.Retry.Wait > c.Retry.MaxWait {
		p.add("retry.max_wait", "%v is less than wait, %v", c.Retry.MaxWait, c.Retry.Wait)
	}
	span("missed.grace", c.Missed.Grace)
	span("deadline", c.Deadline)
	span("retry.wait", c.Retry.Wait)
	span("retry.max_wait", c.Retry.MaxWait)
	if c.Retry.Attempts < 0 || c.Retry.Attempts > maxMake {
		p.add("retry.attempts", "%d is not between 0 and %d; retries must have an end", c.Retry.Attempts, maxMake)
	}
}

// splay is the same for one machine and schedule, for ever: a hash decides and no generator.
func splay(machine, name string, span time.Duration) time.Duration {
	if span < time.Second {
		return 0
	}
	sum := sha256.Sum256([]byte(machine + "\x00" + name))
	return time.Duration(binary.BigEndian.Uint64(sum[:8])%uint64(span/time.Second)) * time.Second
}

func fingerprint(c Config, machine string) string {
	text, err := json.Marshal(c)
	if err != nil {
		panic("schedule: a Config is strings and numbers: " + err.Error())
	}
	sum := sha256.Sum256(append(text, machine...))
	return hex.EncodeToString(sum[:])
}

// localZone tells one zone of the machine from another. Its own zone has no name in Go, whatever it is set to: what its
// clock shows in two years of summers and winters has to do.
func localZone() string {
	var offsets []int
	for month := range 24 {
		_, offset := time.Date(2024, time.Month(1+month), 1, 0, 0, 0, 0, time.UTC).Local().Zone()
		offsets = append(offsets, offset)
	}
	return fmt.Sprint(offsets)
}

// Name is the Config's.
func (s *Schedule) Name() string { return s.config.Name }

// Fingerprint changes with anything in the Config, and with the machine. A row in a journal that has another one was
// computed from an older Config, and its next slot no longer means anything.
func (s *Schedule) Fingerprint() string { return s.print }

// Splay is this machine's part of the Config's.
func (s *Schedule) Splay() time.Duration { return s.splay }

// Next is the first slot strictly after a moment, with the splay, in whole seconds; false if no more come. Nothing but
// the moment decides it, so asking again after a restart gives the same slots, each once.
func (s *Schedule) Next(after time.Time) (time.Time, bool) {
	slot, ok := s.rule.next(after.Round(0).Add(-s.splay))
	if !ok || slot.Year() > lastYear {
		return time.Time{}, false
	}
	return slot.Add(s.splay).UTC(), true
}

// Late is the slot of an `at` that has passed and may still begin, for a schedule that was not known when it came: what is
// missed is made up for, and neither the grace nor the deadline has passed. With neither there is none: a configuration of
// last year must not begin an upgrade.
func (s *Schedule) Late(now time.Time) (time.Time, bool) {
	one, is := s.rule.(once)
	missed := s.config.Missed
	if !is || missed.Policy != OnceMissed && missed.Policy != AllMissed {
		return time.Time{}, false
	}
	slot := one.at.Add(s.splay).UTC()
	late := now.Sub(slot)
	grace, deadline := missed.Grace, s.config.Deadline
	return slot, late >= 0 && grace+deadline > 0 && (grace == 0 || late <= max(grace, onTime)) && (deadline == 0 || late <= deadline)
}

// Zone is where the schedule's times are meant.
func (s *Schedule) Zone() *time.Location { return s.windows.zone }

// Open says whether the windows allow a change now, and until when. Without windows and with no freeze ahead it is open
// without end, and closes is zero. Windows that touch are followed for a month.
func (s *Schedule) Open(now time.Time) (closes time.Time, open bool) { return s.windows.open(now) }

// NextOpen is now if a window is open, and else the moment the next one opens; false if none does within a year.
func (s *Schedule) NextOpen(now time.Time) (time.Time, bool) {
	span, ok := s.windows.next(now)
	return span.opens, ok
}

// looked is how many slots ahead Check looks at.
const looked = 20

// Check is for the moment a service starts: a Schedule that New took and that can do nothing from now on.
func (s *Schedule) Check(now time.Time) error {
	if _, ok := s.NextOpen(now); !ok {
		field := "window"
		if len(s.config.Windows) == 0 {
			field = "freeze"
		}
		return &Error{s.config.Name, field, fmt.Sprintf("none opens within a year of %s; look at freeze", now.In(s.windows.zone).Format(time.DateOnly))}
	}
	seen := 0
	for slot, ok := s.Next(now); ok && seen < looked; slot, ok = s.Next(slot) {
		if s.Begin(slot, slot, 1).Do != Skip {
			return nil
		}
		seen++
	}
	if seen == 0 { // none is ahead: it is over, which is no mistake
		return nil
	}
	return &Error{s.config.Name, "deadline", fmt.Sprintf("no slot can ever begin: none of the next %d has a window within %v of it", seen, s.config.Deadline)}
}
