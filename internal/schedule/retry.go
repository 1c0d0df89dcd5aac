package schedule

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Retry says how a slot whose run did not go well is tried again.
type Retry struct {
	Attempts int           `yaml:"attempts" json:"attempts,omitempty" doc:"in all, up to 100; only errors that may pass by themselves are tried so often"`
	Wait     time.Duration `yaml:"wait" json:"wait,omitempty" doc:"the longest before the second, a minute if left out; it doubles, and each wait is drawn between a second and it"`
	MaxWait  time.Duration `yaml:"max_wait" json:"max_wait,omitempty" doc:"the longest before any, an hour if left out"`
}

const (
	defaultWait, defaultMaxWait = time.Minute, time.Hour
	leastWait                   = time.Second
)

// A Failure is a run that did not go well.
type Failure struct {
	Due     time.Time // of its slot
	Ended   time.Time
	Attempt int // from 1
	// Class is that of the error, as package host names them: "transient", "fresh", "never", "fine", and "" for unknown.
	Class string
}

// Random returns a number from 0 to n-1; n is at least 1.
type Random func(n int64) int64

// Again says when a failed slot is tried again; false with the reason if it is not. The wait is drawn evenly between a
// second and a limit that doubles with each attempt, so that machines which failed together do not return together. A
// nil Random is the runtime's own.
func (s *Schedule) Again(f Failure, random Random) (at time.Time, reason string, again bool) {
	r := s.config.Retry
	attempts := r.Attempts
	switch f.Class {
	case "never":
		return time.Time{}, "trying again cannot help until a person has acted", false
	case "fine":
		return time.Time{}, "nothing failed", false
	case "transient":
	default: // fresh, unknown, and classes that are still to come: once more
		attempts = min(attempts, 2)
	}
	if f.Attempt >= attempts {
		return time.Time{}, fmt.Sprintf("that was attempt %d of %d", f.Attempt, max(attempts, 1)), false
	}
	if random == nil {
		random = rand.Int64N
	}
	limit := r.limit(f.Attempt)
	at = f.Ended.Round(0).UTC().Add(leastWait + time.Duration(random(int64(limit-leastWait)+1)))
	if deadline := s.config.Deadline; deadline > 0 && at.Sub(f.Due) > deadline {
		return time.Time{}, fmt.Sprintf("the next attempt would begin after the deadline of %v", deadline), false
	}
	return at, "", true
}

// limit is the longest wait after that attempt.
func (r Retry) limit(attempt int) time.Duration {
	wait, longest := r.Wait, r.longest()
	if wait == 0 {
		wait = defaultWait
	}
	for ; attempt > 1 && wait < longest; attempt-- {
		wait *= 2
	}
	return max(min(wait, longest), leastWait)
}

func (r Retry) longest() time.Duration {
	if r.MaxWait == 0 {
		return max(defaultMaxWait, r.Wait)
	}
	return r.MaxWait
}

// A Breaker keeps an account from being locked: it lets no more than Max sign-ins fail Within a time.
type Breaker struct {
	Max    int           // 0 and less is 5
	Within time.Duration // 0 and less is an hour
}

// Allows says whether one more sign-in may be tried, given the moments at which some failed, in any order, and if not
// from when on. Failures that lie ahead, on a clock that was put back, count as if they had just happened, unless they
// lie further ahead than Within.
func (b Breaker) Allows(now time.Time, failed []time.Time) (from time.Time, ok bool) {
	if b.Max <= 0 {
		b.Max = 5
	}
	if b.Within <= 0 {
		b.Within = time.Hour
	}
	recent := make([]time.Time, 0, len(failed))
	for _, t := range failed {
		if ago := now.Sub(t); ago < b.Within && ago > -b.Within {
			recent = append(recent, t)
		}
	}
	if len(recent) < b.Max {
		return time.Time{}, true
	}
	slices.SortFunc(recent, time.Time.Compare)
	return recent[len(recent)-b.Max].Add(b.Within), false
}
