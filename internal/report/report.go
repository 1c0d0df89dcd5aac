// Package report says what happened: the events of a run, and the printers that show them. It knows nothing of how
// tasks are done.
package report

import (
	"encoding/json"
	"time"
)

// An Outcome is how a task ended.
type Outcome string

const (
	OK          Outcome = "ok"
	Changed     Outcome = "changed"
	Skipped     Outcome = "skipped"
	Waiting     Outcome = "waiting"
	Failed      Outcome = "failed"
	Unreachable Outcome = "unreachable"
	Drift       Outcome = "drift"  // in verify
	Change      Outcome = "change" // in a plan
	Later       Outcome = "later"  // in a plan
)

// A Kind is what an event is about.
type Kind string

const (
	RunStarted   Kind = "run_started"
	TaskStarted  Kind = "task_started"
	Attempt      Kind = "attempt" // one ended and another follows
	Message      Kind = "message" // somebody on the machine said something
	TaskFinished Kind = "task_finished"
	RunFinished  Kind = "run_finished"
	// RebootPending comes before the first change: what the machine wanted a restart for already.
	RebootPending Kind = "reboot_pending"
)

// An Event is one line of --format json. Fields are added, never renamed: it is a promise.
type Event struct {
	Kind      Kind      `json:"event"`
	Time      time.Time `json:"time"` // UTC
	Run       string    `json:"run"`
	Rehearsal bool      `json:"rehearsal"`
	Command   string    `json:"command"` // plan, apply, verify
	Playbook  string    `json:"playbook"`
	Host      string    `json:"host"`

	Task       string   `json:"task,omitempty"`
	Index      int      `json:"index,omitempty"` // from 1; handlers go on counting
	Of         int      `json:"of,omitempty"`
	Action     string   `json:"action,omitempty"`
	Handler    bool     `json:"handler,omitempty"`
	Attempt    int      `json:"attempt,omitempty"` // from 1
	Wait       float64  `json:"wait_seconds,omitempty"`
	Outcome    Outcome  `json:"outcome,omitempty"`
	Summary    string   `json:"summary,omitempty"`
	Before     string   `json:"before,omitempty"`
	After      string   `json:"after,omitempty"`
	Unverified bool     `json:"unverified,omitempty"`
	Reboot     bool     `json:"reboot,omitempty"`
	RebootFor  []string `json:"reboot_for,omitempty"` // why
	// RebootUnknown: at the end of the run the machine was not asked whether it wants a restart for what was changed.
	RebootUnknown bool           `json:"reboot_unknown,omitempty"`
	Warnings      []string       `json:"warnings,omitempty"`
	Evidence      *Evidence      `json:"evidence,omitempty"`
	Error         *Error         `json:"error,omitempty"`
	Seconds       float64        `json:"seconds,omitempty"`
	Message       *Saying        `json:"message,omitempty"`
	Counts        map[string]int `json:"counts,omitempty"`
	Goal          *Goal          `json:"goal,omitempty"`
	Status        *int           `json:"status,omitempty"` // of exit
}

// Evidence is what a proof saw, hashed and dated.
type Evidence struct {
	Time   time.Time       `json:"time"`
	SHA256 string          `json:"sha256"` // of data, as it stands here
	Data   json.RawMessage `json:"data"`
	// Warnings say what keeps it from being all that it could be: another account than Cloud Extender's.
	Warnings []string `json:"warnings,omitempty"`
}

// An Error is why a task did not go well.
type Error struct {
	ID      string `json:"id,omitempty"`
	Rule    string `json:"rule,omitempty"` // of the catalogue of errors
	Class   string `json:"class"`          // transient, fresh, never, unknown, unreachable, waiting
	Message string `json:"message"`
	Remedy  string `json:"remedy,omitempty"`
}

// A Saying is something said on the machine.
type Saying struct {
	Kind string `json:"kind"` // warning, error, information, verbose, debug, text
	Text string `json:"text"`
}

// A Goal is what a playbook is for, and whether it holds now.
type Goal struct {
	Text    string `json:"text"`
	Reached bool   `json:"reached"`
}

// A Reporter gets events, one at a time and in order.
type Reporter interface {
	Report(Event)
}
