package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// A RunState says how far a run came.
type RunState string

const (
	Running     RunState = "running"
	Ended       RunState = "ended"
	Interrupted RunState = "interrupted" // its process died
)

// A Run is one execution of a playbook. Times are stored in milliseconds.
type Run struct {
	ID             string    `json:"id"`
	Playbook       string    `json:"playbook"`
	PlaybookSHA256 string    `json:"playbook_sha256"`
	Command        string    `json:"command"` // apply, verify, plan
	Host           string    `json:"host"`
	Account        string    `json:"account"`
	Schedule       string    `json:"schedule,omitempty"` // with Due and Attempt: the slot it was started for
	Due            time.Time `json:"due,omitzero"`
	Attempt        int       `json:"attempt,omitempty"`
	Follows        string    `json:"follows,omitempty"` // the run that this one tries again
	Rehearsal      bool      `json:"rehearsal"`
	Started        time.Time `json:"started"`

	// BeginRun does not look at these.
	State  RunState       `json:"state"`
	Ended  time.Time      `json:"ended,omitzero"`
	Status int            `json:"status"` // of exit
	Counts map[string]int `json:"counts,omitempty"`
}

// A Task is one task of a run, counted from 1; handlers go on counting.
type Task struct {
	Index   int       `json:"index"`
	Name    string    `json:"name"`
	Action  string    `json:"action"`
	Started time.Time `json:"started"`

	// StartTask does not look at these.
	Ended   time.Time `json:"ended,omitzero"`
	Outcome string    `json:"outcome,omitempty"`
	Summary string    `json:"summary,omitempty"`
	Error   string    `json:"error,omitempty"`
}

// An Attempt is one try at a task.
type Attempt struct {
	Attempt int       `json:"attempt"` // from 1
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	Outcome string    `json:"outcome"`
	Class   string    `json:"class,omitempty"`
	Error   string    `json:"error,omitempty"`
}

// runOf is the number of the run with an id, inside a statement.
const runOf = "(SELECT n FROM runs WHERE id = ?)"

// BeginRun records a run before anything of it happens. A run that was started for a slot is noted there too.
func (j *Journal) BeginRun(r Run) error {
	return j.w.write(func(t *tx) error {
		_, err := t.exec(`INSERT INTO runs (id, playbook, playbook_sha256, command, host, account, schedule, due, attempt, follows, rehearsal, started, state, status, counts, owner)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'running', 0, '{}', ?)`,
			r.ID, r.Playbook, r.PlaybookSHA256, r.Command, r.Host, r.Account, r.Schedule, r.Due, r.Attempt, r.Follows, r.Rehearsal, stored(r.Started), j.id)
		if primary(err) == codeConstraint {
			return fmt.Errorf("run %s: is in the journal already", r.ID)
		}
		if err != nil || r.Schedule == "" {
			return err
		}
		_, err = t.exec("UPDATE slots SET run = ? WHERE schedule = ? AND due = ? AND attempt = ?", r.ID, r.Schedule, r.Due, r.Attempt)
		return err
	})
}

// stored is for columns that must have a moment.
func stored(t time.Time) int64 { return t.UnixMilli() }

// StartTask is on disk before it returns; only then may the engine touch the machine.
func (j *Journal) StartTask(run string, task Task) error {
	return j.w.write(func(t *tx) error {
		return t.must("run "+run, `INSERT INTO tasks (run, idx, name, action, started, outcome, summary, error)
			SELECT n, ?, ?, ?, ?, '', '', '' FROM runs WHERE id = ? AND state = 'running'`,
			task.Index, task.Name, task.Action, stored(task.Started), run)
	})
}

// FinishTask sets Ended, Outcome, Summary and Error of a task that was started, and is on disk before it returns; only
// then may the next one start.
func (j *Journal) FinishTask(run string, task Task) error {
	return j.w.write(func(t *tx) error {
		return t.must(fmt.Sprintf("task %d of run %s", task.Index, run),
			"UPDATE tasks SET ended = ?, outcome = ?, summary = ?, error = ? WHERE run = "+runOf+" AND idx = ?",
			task.Ended, task.Outcome, task.Summary, task.Error, run, task.Index)
	})
}

// AddAttempt records a try at a task that was started.
func (j *Journal) AddAttempt(run string, index int, a Attempt) error {
	return j.w.write(func(t *tx) error {
		return t.must(fmt.Sprintf("task %d of run %s", index, run),
			`INSERT INTO attempts (task, attempt, started, ended, outcome, class, error)
			SELECT n, ?, ?, ?, ?, ?, ? FROM tasks WHERE run = `+runOf+" AND idx = ?",
			a.Attempt, stored(a.Started), a.Ended, a.Outcome, a.Class, a.Error, run, index)
	})
}

// EndRun sets the end of a run, its exit status and its counts.
func (j *Journal) EndRun(run string, ended time.Time, status int, counts map[string]int) error {
	text, err := json.Marshal(counts)
	if err != nil {
		return fmt.Errorf("run %s: counts: %w", run, err)
	}
	return j.w.write(func(t *tx) error {
		return t.must("run "+run, "UPDATE runs SET state = 'ended', ended = ?, status = ?, counts = ? WHERE id = ? AND state = 'running'",
			ended, status, jsonText(text), run)
	})
}

// A Filter chooses runs; what is left empty does not matter.
type Filter struct {
	Playbook, Command, Host, Schedule string
	State                             RunState
	Since, Before                     time.Time // of the start
	NoRehearsals                      bool
	Limit                             int // 0 is a hundred
}

const runColumns = `SELECT id, playbook, playbook_sha256, command, host, account, schedule, due, attempt, follows, rehearsal,
	started, ended, state, status, counts FROM runs `

func scanRun(rows *sql.Rows) (Run, error) {
	var r Run
	var counts []byte
	err := rows.Scan(&r.ID, &r.Playbook, &r.PlaybookSHA256, &r.Command, &r.Host, &r.Account, &r.Schedule, moment{&r.Due}, &r.Attempt,
		&r.Follows, &r.Rehearsal, moment{&r.Started}, moment{&r.Ended}, &r.State, &r.Status, &counts)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(counts, &r.Counts)
}

// Runs are those that a filter chooses, the newest first.
func (r *Reader) Runs(ctx context.Context, f Filter) ([]Run, error) {
	var w where
	w.text("playbook", f.Playbook)
	w.text("command", f.Command)
	w.text("host", f.Host)
	w.text("schedule", f.Schedule)
	w.text("state", string(f.State))
	w.span("started", f.Since, f.Before)
	if f.NoRehearsals {
		w.add("rehearsal = ?", 0)
	}
	return query(ctx, r.db, runColumns+w.String()+" ORDER BY n DESC"+atMost(f.Limit), scanRun, w.args...)
}

// Run is the one with that id; an error wrapping ErrNotFound if there is none.
func (r *Reader) Run(ctx context.Context, id string) (Run, error) {
	runs, err := query(ctx, r.db, runColumns+"WHERE id = ?", scanRun, id)
	if err == nil && len(runs) == 0 {
		err = fmt.Errorf("run %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return Run{}, err
	}
	return runs[0], nil
}

// Tasks are those of a run, in order.
func (r *Reader) Tasks(ctx context.Context, run string) ([]Task, error) {
	return query(ctx, r.db, "SELECT idx, name, action, started, ended, outcome, summary, error FROM tasks WHERE run = "+runOf+" ORDER BY idx",
		func(rows *sql.Rows) (t Task, err error) {
			return t, rows.Scan(&t.Index, &t.Name, &t.Action, moment{&t.Started}, moment{&t.Ended}, &t.Outcome, &t.Summary, &t.Error)
		}, run)
}

// Attempts are those at one task of a run, in order.
func (r *Reader) Attempts(ctx context.Context, run string, index int) ([]Attempt, error) {
	return query(ctx, r.db, `SELECT attempt, started, ended, outcome, class, error FROM attempts
		WHERE task = (SELECT n FROM tasks WHERE run = `+runOf+" AND idx = ?) ORDER BY n",
		func(rows *sql.Rows) (a Attempt, err error) {
			return a, rows.Scan(&a.Attempt, moment{&a.Started}, moment{&a.Ended}, &a.Outcome, &a.Class, &a.Error)
		}, run, index)
}

// Append records one event, a line of JSON, and is on disk before it returns.
func (j *Journal) Append(run string, event []byte) error {
	do, err := eventRecord(run, event)
	if err != nil {
		return err
	}
	return j.w.write(do)
}

// Note is Append for what may be lost in a power cut, progress above all: it returns at once, and the event is on disk
// a quarter of a second later, in its place before anything written after it. Its error is that of an earlier Note.
func (j *Journal) Note(run string, event []byte) error {
	do, err := eventRecord(run, event)
	if err != nil {
		return err
	}
	return j.w.note(do)
}

func eventRecord(run string, event []byte) (func(*tx) error, error) {
	if !json.Valid(event) {
		return nil, fmt.Errorf("run %s: event: not JSON", run)
	}
	line := jsonText(append([]byte(nil), event...)) // a caller may use its buffer again
	return func(t *tx) error {
		return t.must("run "+run, "INSERT INTO events (run, line) SELECT n, ? FROM runs WHERE id = ?", line, run)
	}, nil
}

// An Event is a line of a run, with its number in the journal.
type Event struct {
	N    int64
	Line json.RawMessage
}

// Events are those of a run after a number, in order; 0 begins with the first. limit 0 is a hundred.
func (r *Reader) Events(ctx context.Context, run string, after int64, limit int) ([]Event, error) {
	return query(ctx, r.db, "SELECT n, line FROM events WHERE run = "+runOf+" AND n > ? ORDER BY n"+atMost(limit),
		func(rows *sql.Rows) (e Event, err error) {
			var line []byte
			err = rows.Scan(&e.N, &line)
			e.Line = line
			return e, err
		}, run, after)
}
