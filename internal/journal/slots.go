package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// A SlotState says what became of a slot.
type SlotState string

const (
	SlotWaiting SlotState = "waiting" // begins at NotBefore or later
	SlotClaimed SlotState = "claimed" // its run goes on
	SlotDone    SlotState = "done"
	SlotFailed  SlotState = "failed"
	SlotSkipped SlotState = "skipped"
)

// A Key names a slot: there is never a second one with the same schedule, time and attempt, which is why nothing runs
// twice, whatever the clock does.
type Key struct {
	Schedule string    `json:"schedule"`
	Due      time.Time `json:"due"`
	Attempt  int       `json:"attempt"` // from 1
}

func (k Key) String() string {
	return fmt.Sprintf("slot of %s at %s, attempt %d", k.Schedule, k.Due.UTC().Format(time.RFC3339), k.Attempt)
}

// A Slot is one time at which a schedule wanted a run.
type Slot struct {
	Key
	State     SlotState `json:"state"`
	Through   time.Time `json:"through,omitzero"` // of a skip that is about several: the last
	NotBefore time.Time `json:"not_before,omitzero"`
	PutOff    time.Time `json:"put_off,omitzero"` // when it was made to wait
	Reason    string    `json:"reason,omitempty"`
	Run       string    `json:"run,omitempty"`
	Claimed   time.Time `json:"claimed,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
}

// Reasons of slots that waited and are skipped because what they were computed from no longer holds.
const (
	ReasonChanged = "the schedule was changed"
	ReasonRemoved = "the schedule was removed"
)

// A Schedule is what is known of one.
type Schedule struct {
	Name        string    `json:"name"`
	Fingerprint string    `json:"fingerprint"` // of the configuration that Next was computed from
	Next        time.Time `json:"next,omitzero"`
	LastDue     time.Time `json:"last_due,omitzero"`
	LastStarted time.Time `json:"last_started,omitzero"`
	LastEnded   time.Time `json:"last_ended,omitzero"`
	Claimed     []Slot    `json:"claimed,omitempty"`
	Waiting     []Slot    `json:"waiting,omitempty"` // oldest first
}

// PutSchedule makes a schedule known. If it is so already, with that fingerprint, nothing changes; with another one its
// next slot is replaced, and slots that wait are skipped: they were computed from what no longer holds.
func (j *Journal) PutSchedule(name, fingerprint string, now, next time.Time) error {
	return j.w.write(func(t *tx) error {
		var known string
		err := t.row("SELECT fingerprint FROM schedules WHERE name = ?", []any{name}, &known)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			_, err = t.exec("INSERT INTO schedules (name, fingerprint, next) VALUES (?, ?, ?)", name, fingerprint, next)
			return err
		case err != nil || known == fingerprint:
			return err
		}
		if err := dropWaiting(t, name, now, ReasonChanged); err != nil {
			return err
		}
		_, err = t.exec("UPDATE schedules SET fingerprint = ?, next = ? WHERE name = ?", fingerprint, next, name)
		return err
	})
}

// RemoveSchedule forgets a schedule that is no longer configured. Its slots stay, those that wait as skipped.
func (j *Journal) RemoveSchedule(name string, now time.Time) error {
	return j.w.write(func(t *tx) error {
		if err := dropWaiting(t, name, now, ReasonRemoved); err != nil {
			return err
		}
		_, err := t.exec("DELETE FROM schedules WHERE name = ?", name)
		return err
	})
}

func dropWaiting(t *tx, name string, now time.Time, reason string) error {
	_, err := t.exec("UPDATE slots SET state = 'skipped', ended = ?, reason = ? || ': ' || reason WHERE schedule = ? AND state = 'waiting'", now, reason, name)
	return err
}

// MoveNext sets the next slot of a schedule and nothing else; the zero time means that there is none.
func (j *Journal) MoveNext(schedule string, next time.Time) error {
	return j.w.write(func(t *tx) error { return moveNext(t, schedule, next) })
}

func moveNext(t *tx, schedule string, next time.Time) error {
	return t.must("schedule "+schedule, "UPDATE schedules SET next = ? WHERE name = ?", next, schedule)
}

// Claim takes a slot for this process and moves the schedule on to next, in one piece. Where the slot was claimed or
// settled before it returns an error wrapping ErrTaken, and has moved the schedule on all the same. A slot that was
// skipped at a time which has not come yet, by a clock that was wrong, is not settled.
func (j *Journal) Claim(k Key, now, next time.Time) error {
	return j.settle(k, next, nil, `INSERT INTO slots (schedule, due, attempt, state, reason, run, owner, claimed) VALUES (?, ?, ?, 'claimed', '', '', ?, ?)
		ON CONFLICT DO UPDATE SET state = 'claimed', not_before = NULL, put_off = NULL, through = NULL, ended = NULL, reason = '',
		owner = excluded.owner, claimed = excluded.claimed WHERE `+free, j.id, now, now)
}

// Wait puts a slot off: it is a waiting one from now on, begun at until or later. ErrTaken as for Claim.
func (j *Journal) Wait(k Key, now, until time.Time, reason string, next time.Time) error {
	return j.settle(k, next, nil, `INSERT INTO slots (schedule, due, attempt, state, reason, run, owner, not_before, put_off) VALUES (?, ?, ?, 'waiting', ?, '', '', ?, ?)
		ON CONFLICT DO UPDATE SET state = 'waiting', not_before = excluded.not_before, put_off = excluded.put_off, through = NULL, ended = NULL,
		reason = excluded.reason WHERE `+free, reason, until, now, now)
}

// Skip settles a slot, and all after it up to through, without a run. What is told about it goes into the queue in the
// same piece, unless the slot was taken. ErrTaken as for Claim.
func (j *Journal) Skip(k Key, through, now time.Time, reason string, next time.Time, told ...Notification) error {
	return j.settle(k, next, told, `INSERT INTO slots (schedule, due, attempt, state, reason, run, owner, through, ended) VALUES (?, ?, ?, 'skipped', ?, '', '', ?, ?)
		ON CONFLICT DO UPDATE SET state = 'skipped', reason = excluded.reason, through = excluded.through, ended = excluded.ended
		WHERE `+free, reason, through, now, now)
}

// free is the condition of a slot that nobody has and nobody has settled yet.
const free = "state = 'waiting' OR state = 'skipped' AND ended > ?"

// settle records one decision about a slot. What changes no row met a slot that is claimed or settled.
func (j *Journal) settle(k Key, next time.Time, told []Notification, statement string, args ...any) error {
	taken := false
	err := j.w.write(func(t *tx) error {
		n, err := t.exec(statement, append([]any{k.Schedule, k.Due, k.Attempt}, args...)...)
		if err != nil {
			return err
		}
		if taken = n == 0; !taken {
			if err := enqueue(t, told); err != nil {
				return err
			}
		}
		return moveNext(t, k.Schedule, next)
	})
	if err == nil && taken {
		err = fmt.Errorf("%s: %w", k, ErrTaken)
	}
	return err
}

// An Again is a retry: the same slot's next attempt, not before a moment.
type Again struct {
	NotBefore time.Time
	Reason    string
}

// FinishSlot ends a claimed slot, done or failed, and puts its retry and what is told about it in their queues in the
// same piece; nil is no retry. It also ends a slot that a dead process had claimed. A schedule that was removed meanwhile
// gets no retry.
func (j *Journal) FinishSlot(k Key, ended time.Time, state SlotState, reason string, again *Again, told ...Notification) error {
	if state != SlotDone && state != SlotFailed {
		return fmt.Errorf("%s: ends done or failed, not %q", k, state)
	}
	return j.w.write(func(t *tx) error {
		err := t.must(k.String(), "UPDATE slots SET state = ?, ended = ?, reason = ? WHERE schedule = ? AND due = ? AND attempt = ? AND state = 'claimed'",
			string(state), ended, reason, k.Schedule, k.Due, k.Attempt)
		if err == nil {
			err = enqueue(t, told)
		}
		if err != nil {
			return err
		}
		// A removed schedule leaves no row, and that is no error.
		_, err = t.exec(`UPDATE schedules SET last_due = ?, last_ended = ?, last_started = (
			SELECT claimed FROM slots WHERE schedule = ? AND due = ? AND attempt = ?) WHERE name = ?`,
			k.Due, ended, k.Schedule, k.Due, k.Attempt, k.Schedule)
		if err != nil || again == nil {
			return err
		}
		_, err = t.exec(`INSERT INTO slots (schedule, due, attempt, state, reason, run, owner, not_before, put_off)
			SELECT name, ?, ?, 'waiting', ?, '', '', ?, ? FROM schedules WHERE name = ?
			ON CONFLICT DO NOTHING`, k.Due, k.Attempt+1, again.Reason, again.NotBefore, ended, k.Schedule)
		return err
	})
}

const slotColumns = "SELECT schedule, due, attempt, state, through, not_before, put_off, reason, run, claimed, ended FROM slots "

func scanSlot(rows *sql.Rows) (s Slot, err error) {
	return s, rows.Scan(&s.Schedule, moment{&s.Due}, &s.Attempt, &s.State, moment{&s.Through}, moment{&s.NotBefore}, moment{&s.PutOff}, &s.Reason, &s.Run,
		moment{&s.Claimed}, moment{&s.Ended})
}

func (r *Reader) slots(ctx context.Context, rest string, args ...any) ([]Slot, error) {
	return query(ctx, r.db, slotColumns+rest, scanSlot, args...)
}

// Slots are the newest of a schedule, settled ones too; all schedules if the name is empty. limit 0 is a hundred.
func (r *Reader) Slots(ctx context.Context, schedule string, limit int) ([]Slot, error) {
	var w where
	w.text("schedule", schedule)
	return r.slots(ctx, w.String()+" ORDER BY due DESC, attempt DESC"+atMost(limit), w.args...)
}

// Ended are the slots of all schedules that failed since a moment for a reason that begins so, the oldest first.
func (r *Reader) Ended(ctx context.Context, since time.Time, reason string) ([]Slot, error) {
	return r.slots(ctx, "WHERE ended >= ? AND state = 'failed' AND substr(reason, 1, length(?)) = ? ORDER BY ended"+atMost(1000), since.UnixMilli(), reason, reason)
}

// Schedules are all that are known, by name, each with what of it is under way.
func (r *Reader) Schedules(ctx context.Context) ([]Schedule, error) {
	all, err := query(ctx, r.db, "SELECT name, fingerprint, next, last_due, last_started, last_ended FROM schedules ORDER BY name",
		func(rows *sql.Rows) (s Schedule, err error) {
			return s, rows.Scan(&s.Name, &s.Fingerprint, moment{&s.Next}, moment{&s.LastDue}, moment{&s.LastStarted}, moment{&s.LastEnded})
		})
	if err != nil {
		return nil, err
	}
	open, err := r.slots(ctx, "WHERE state IN ('waiting', 'claimed') ORDER BY due, attempt")
	if err != nil {
		return nil, err
	}
	at := map[string]*Schedule{}
	for i := range all {
		at[all[i].Name] = &all[i]
	}
	for _, slot := range open {
		s := at[slot.Schedule]
		switch {
		case s == nil: // of a schedule that was removed while its run goes on
		case slot.State == SlotClaimed:
			s.Claimed = append(s.Claimed, slot)
		default:
			s.Waiting = append(s.Waiting, slot)
		}
	}
	return all, nil
}
