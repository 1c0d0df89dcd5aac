// Package action is the contract between the engine and the kinds of work. It knows checks, findings and evidence;
// what a kind does is in a folder of its own below this one.
package action

import (
	"context"
	"errors"
	"time"

	"exorunner/internal/host"
)

// An Action changes one thing about a host. Both methods may be called again after any error.
type Action interface {
	// Check says what Apply would do. It leaves the host as it is.
	Check(ctx context.Context, r host.Reader) (Finding, error)
	// Apply does it. After a successful Apply, Check finds it in place, unless the Finding was Unverifiable.
	Apply(ctx context.Context, h host.Host) (Result, error)
}

// A Proof changes nothing; it establishes that something holds, and keeps the evidence either way.
type Proof interface {
	// Prove returns the evidence also when it returns an error: what was seen matters most when it fails.
	Prove(ctx context.Context, r host.Reader) (Evidence, error)
}

// A Validator is an Action or Proof whose fields can be wrong together, in ways that their types and tags cannot say.
// It is asked before anything runs.
type Validator interface {
	Validate() []Problem
}

// A Problem is what is wrong with the field of that name; "" is the whole.
type Problem struct{ Field, What string }

// A State is what a Check found.
type State int

const (
	// InPlace: nothing to do.
	InPlace State = iota
	// Differs: Apply would change it.
	Differs
	// Waiting: right so far, but something outside must happen first. Apply is not called.
	Waiting
	// Unverifiable: there is no telling; Apply is called and its effect is not checked.
	Unverifiable
)

// A Finding is the answer of a Check, in words for a person.
type Finding struct {
	State    State
	Summary  string
	Before   string
	After    string
	Warnings []string
	// Changes names what Apply would change, and RestsOn what this finding would have to be asked again after: in a plan a
	// finding in place that rests on what an earlier task changes is not known yet. "module ExchangeOnlineManagement".
	Changes string
	RestsOn []string
	// Remedy is what a person does where the state is Waiting.
	Remedy string
}

// A Result is the answer of an Apply.
type Result struct {
	Summary  string
	Warnings []string
	Reboot   bool
}

// Evidence is what a Proof saw. Data goes through encoding/json.
type Evidence struct {
	Summary  string
	Warnings []string
	Data     any
}

// ErrRefused is in the chain of a Proof's error when the machine is not to be touched at all.
var ErrRefused = errors.New("refused")

type needs struct{ reason string }

func (n *needs) Error() string { return n.reason }

// Needs is the error of a Check or Prove that cannot tell yet: "ExchangeOnlineManagement 3.1.0 is not installed". The
// engine alone knows whether an earlier task will cure it.
func Needs(reason string) error { return &needs{reason} }

// Needed is the reason in the chain of an error that Needs made; "" if there is none.
func Needed(err error) string {
	var n *needs
	if errors.As(err, &n) {
		return n.reason
	}
	return ""
}

// Deps is what an action may use beside its host. A plan gets a reading form of it, the rehearsal brings its own.
type Deps struct {
	Secrets Secrets
	Notes   Notes
	Fetch   Fetcher
	// ReadOnly is set where nothing may change: in a plan and in verify. A user's script runs then only if its author says
	// that it reads only.
	ReadOnly bool
	// Outside allows to ask beyond the machine: a network, a service. A plan does not.
	Outside bool
}

// Secrets resolves references: env:NAME, file:PATH, wincred:TARGET, dpapi:PATH.
type Secrets interface {
	// Resolve returns the UTF-8 text that a reference names. Its error names the reference and never the secret.
	Resolve(ctx context.Context, ref Secret) ([]byte, error)
}

// Notes are what is kept beside a machine and cannot be asked of it: that a person has acknowledged something, that a
// script has run.
type Notes interface {
	// Note says whether, by whom and when the note of that id was made.
	Note(id string) (Note, bool, error)
	// Keep makes one, durably. In a plan it is refused.
	Keep(id string, n Note) error
}

// A Note is one entry.
type Note struct {
	By   string    `json:"by"`
	At   time.Time `json:"at"` // UTC
	Text string    `json:"text,omitempty"`
}
