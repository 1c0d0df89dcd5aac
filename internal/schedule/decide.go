package schedule

import (
	"fmt"
	"time"
)

// A Verb is what a Decision asks for.
type Verb string

const (
	// Run: claim the slot and start.
	Run Verb = "run"
	// Skip: record that the slots from Due to Through do not run, with the reason.
	Skip Verb = "skip"
	// Wait: record that the slot is asked about again from Until on.
	Wait Verb = "wait"
	// Move: the row's next slot makes no sense by this clock; set it to Next. Slots are unique, so nothing runs twice.
	Move Verb = "move"
	// Hold: do nothing at all, the clock cannot be right.
	Hold Verb = "hold"
)

// A Decision is one thing to record, in the order of the answer. All of them may be lost in a crash: asked again with
// what was recorded, Decide goes on from there.
type Decision struct {
	Do      Verb
	Due     time.Time // the slot; zero for Move and Hold
	Through time.Time // Skip: the last slot that this is about, often Due itself
	Attempt int       // from 1
	Until   time.Time // Wait
	Reason  string    // of everything but Run
	Next    time.Time // what the row's next slot is once this is recorded; zero if there is none
}

// A Waiting slot is due and was not begun: a window was shut, a run was going on, or its last attempt failed.
type Waiting struct {
	Due       time.Time
	Attempt   int // from 1; more than 1 is a retry
	NotBefore time.Time
	PutOff    time.Time // when it was made to wait; zero if that is not known
}

// A State is what a journal knows of one schedule.
type State struct {
	Next    time.Time // its next slot that nothing was decided about; zero if there is none
	Running bool      // a run of it is going on
	Waiting []Waiting // oldest first
}

// earliest is before any clock that runs this program. A machine whose battery died says 1970, and a window judged by
// that clock would be no window.
var earliest = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// Decide says what to do now. At most one Decision is Run. It is cheap when nothing is due, and its cost does not grow
// with the number of slots that were missed.
func (s *Schedule) Decide(now time.Time, state State) []Decision {
	now = now.Round(0).UTC()
	d := decider{s: s, now: now, state: state, running: state.Running, next: state.Next}
	if now.Before(earliest) {
		d.add(Decision{Do: Hold, Reason: fmt.Sprintf("the clock says %s, which cannot be", now.Format(time.DateOnly))})
		return d.out
	}
	d.checkNext()
	due := d.dues()
	d.behindBy = len(due)
	d.waiting(len(due) > 0)
	for i, slot := range due {
		d.next = s.following(slot)
		if i+1 < len(due) {
			d.next = due[i+1]
		}
		d.slot(slot, 1, false)
	}
	return d.out
}

// Begin is what Decide says about one slot whose turn has come, however long it has waited for that: Run, or Wait or Skip
// because its window has closed or its deadline has passed.
func (s *Schedule) Begin(now, due time.Time, attempt int) Decision {
	d := decider{s: s, now: now.Round(0).UTC()}
	d.slot(due, attempt, true)
	return d.out[0]
}

// following is Next with a zero time for none.
func (s *Schedule) following(slot time.Time) time.Time {
	next, _ := s.Next(slot)
	return next
}

type decider struct {
	s       *Schedule
	now     time.Time
	state   State
	running bool
	next    time.Time
	queued  int // slots that wait to begin for the first time
	// behindBy is how many slots are to begin now: more than one are made up for, the newest of them too.
	behindBy int
	out      []Decision
}

func (d *decider) add(decision Decision) {
	decision.Next = d.next
	d.out = append(d.out, decision)
}

// checkNext finds a row that lies further ahead than any slot should: the clock was put back.
func (d *decider) checkNext() {
	if !d.next.After(d.now) {
		return
	}
	next, ok := d.s.Next(d.now)
	if ok && next.Before(d.next) {
		was := d.next
		d.next = next
		d.add(Decision{Do: Move, Reason: fmt.Sprintf("the next slot was %s, after %s: the clock was put back", stamp(was), stamp(next))})
	}
}

// dues are the slots to begin now, oldest first. The ones before them are skipped here.
func (d *decider) dues() []time.Time {
	if d.next.IsZero() || d.next.After(d.now) {
		return nil
	}
	missed := d.s.config.Missed
	keep, grace := 1, missed.Grace
	if missed.Policy == AllMissed {
		keep = missed.Max
	}
	if grace < onTime && (grace > 0 || missed.Policy == "" || missed.Policy == SkipMissed) {
		grace = onTime
	}
	due, count := d.s.newest(d.next, d.now, keep)
	for len(due) > 0 && grace > 0 && d.now.Sub(due[0]) > grace {
		due = due[1:]
	}
	d.skipBefore(due, count-len(due))
	return due
}

// skipBefore records in one Decision what was missed for good.
func (d *decider) skipBefore(due []time.Time, count int) {
	if count == 0 {
		return
	}
	slot := d.next
	reason, instead := "missed", ""
	through := slot
	if len(due) > 0 {
		d.next = due[0]
		instead = fmt.Sprintf("; the slot of %s runs instead", stamp(due[0]))
	} else {
		d.next = d.s.following(d.now)
	}
	if count > 1 {
		before := d.now.Add(1)
		if len(due) > 0 {
			before = due[0]
		}
		if last, _ := d.s.newest(slot, before.Add(-1), 1); len(last) == 1 {
			through = last[0]
		}
		reason = fmt.Sprintf("%s missed from %s to %s", counted(count), stamp(slot), stamp(through))
	}
	d.add(Decision{Do: Skip, Due: slot, Through: through, Attempt: 1, Reason: reason + instead})
}

// manySlots is where counting ends: a clock put forward by a lifetime makes millions.
const manySlots = 1000

func counted(count int) string {
	if count > manySlots {
		return fmt.Sprintf("more than %d slots", manySlots)
	}
	return fmt.Sprintf("%d slots", count)
}

// newest is the last n slots from one on, up to now, oldest first, and how many there are, counted to a little over
// manySlots. It looks back from now in growing steps, so that a year of minutes costs no more than an hour.
func (s *Schedule) newest(from, now time.Time, n int) (slots []time.Time, count int) {
	for step := time.Minute; ; step *= 2 {
		start := now.Add(-step)
		whole := start.Before(from) || step > maxSpan*8
		if whole {
			start = from.Add(-1)
		}
		slots = slots[:0]
		for t, ok := s.Next(start); ok && !t.After(now); t, ok = s.Next(t) {
			slots = append(slots, t)
		}
		if whole || len(slots) > manySlots {
			count = len(slots)
			return slots[max(0, count-n):], count
		}
	}
}

// waiting looks at the slots that were put off before, the oldest first.
func (d *decider) waiting(newSlot bool) {
	for _, w := range d.state.Waiting {
		if w.Attempt == 1 {
			d.queued++
		}
	}
	for _, w := range d.state.Waiting {
		switch {
		case w.Attempt > 1 && newSlot:
			d.skip(w.Due, w.Attempt, "the next slot of the schedule has come")
		case w.NotBefore.After(d.now) && !w.PutOff.After(d.now.Add(onTime)): // or else the clock was put back
		default:
			if w.Attempt == 1 {
				d.queued--
			}
			d.slot(w.Due, w.Attempt, true)
		}
	}
}

func (d *decider) skip(due time.Time, attempt int, reason string) {
	d.add(Decision{Do: Skip, Due: due, Through: due, Attempt: attempt, Reason: reason})
}

// slot decides about one slot that is due. waited says that the journal has it as waiting, so that nothing need be
// recorded where it goes on waiting for the same thing.
func (d *decider) slot(due time.Time, attempt int, waited bool) {
	deadline := d.s.config.Deadline
	if deadline > 0 && d.now.Sub(due) > deadline {
		d.skip(due, attempt, fmt.Sprintf("expired: not begun within %v", deadline))
		return
	}
	if _, open := d.s.Open(d.now); !open {
		d.shut(due, attempt)
		return
	}
	if d.running {
		d.behind(due, attempt, waited)
		return
	}
	d.running = true
	d.add(Decision{Do: Run, Due: due, Attempt: attempt})
}

// shut puts a slot off to the next window. One waits; later ones would do the same work in the same window.
func (d *decider) shut(due time.Time, attempt int) {
	if attempt == 1 && d.queued > 0 {
		d.skip(due, attempt, "another slot already waits for the window")
		return
	}
	next, ok := d.s.windows.next(d.now)
	opens := next.opens
	deadline := d.s.config.Deadline
	switch {
	case !ok:
		d.skip(due, attempt, "no window opens within a year")
		return
	case deadline > 0 && opens.Sub(due) > deadline:
		d.skip(due, attempt, fmt.Sprintf("expired: no window opens within %v of it, the next is %s", deadline, stamp(opens)))
		return
	}
	until := next.opens.Add(d.spread(next, due))
	d.wait(due, attempt, until, "outside the window, which opens "+stamp(opens))
}

// spread keeps machines that wait for the same window from all beginning with it. A splay that is longer than there is
// time, to the end of the window or to the deadline, spreads them over that.
func (d *decider) spread(window span, due time.Time) time.Duration {
	splay, deadline := d.s.splay, d.s.config.Deadline
	if room := window.closes.Sub(window.opens); !window.closes.IsZero() && splay >= room {
		splay %= room
	}
	if room := due.Add(deadline).Sub(window.opens); deadline > 0 && splay > room {
		splay %= room + 1
	}
	return splay.Truncate(time.Second)
}

// behind decides about a slot that is due while a run goes on.
func (d *decider) behind(due time.Time, attempt int, waited bool) {
	late := d.s.config.Missed.Policy == AllMissed && (d.now.Sub(due) > onTime || d.behindBy > 1 || d.queued > 0)
	limit := 0
	switch {
	case late:
		limit = d.s.config.Missed.Max
	case d.s.config.Overlap == QueueOverlap:
		limit = 1
	}
	switch {
	case waited && attempt > 1:
	case waited:
		d.queued++
	case limit == 0:
		d.skip(due, attempt, "a run of this schedule was going on")
	case d.queued >= limit:
		d.skip(due, attempt, "a run of this schedule was going on and another slot waits for it")
	default:
		d.wait(due, attempt, d.now, "a run of this schedule is going on")
	}
}

func (d *decider) wait(due time.Time, attempt int, until time.Time, reason string) {
	if attempt == 1 {
		d.queued++
	}
	d.add(Decision{Do: Wait, Due: due, Attempt: attempt, Until: until, Reason: reason})
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
