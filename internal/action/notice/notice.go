// Package notice waits for something that a person must do and no program can. It is acknowledged by name, and the
// acknowledgement is kept.
package notice

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"exorunner/internal/action"
	"exorunner/internal/host"
)

// Notice is the action notice.
type Notice struct {
	ID   string `yaml:"id" need:"true" doc:"what exorunner ack names it by"`
	Text string `yaml:"text" need:"true" doc:"what the person has to do"`

	notes action.Notes
}

// New makes an empty one.
func New(d action.Deps) any { return &Notice{notes: d.Notes} }

var name = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Validate implements action.Validator.
func (p *Notice) Validate() []action.Problem {
	if !name.MatchString(p.ID) {
		return []action.Problem{{Field: "id", What: fmt.Sprintf("%q is no id: small letters, digits and hyphens", p.ID)}}
	}
	return nil
}

// Check implements action.Action.
func (p *Notice) Check(context.Context, host.Reader) (action.Finding, error) {
	note, done, err := p.notes.Note(p.ID)
	switch {
	case err != nil:
		return action.Finding{}, err
	case done:
		return action.Finding{Summary: fmt.Sprintf("acknowledged by %s on %s", note.By, note.At.UTC().Format(time.RFC3339))}, nil
	}
	return action.Finding{State: action.Waiting, Summary: p.Text, Remedy: "when it is done: " + Acknowledge(p.ID)}, nil
}

// Acknowledge is what a person types when it is done.
func Acknowledge(id string) string { return fmt.Sprintf("exorunner ack %s --by NAME", id) }

// Apply implements action.Action. The engine does not call it: a notice waits or is in place.
func (p *Notice) Apply(context.Context, host.Host) (action.Result, error) {
	return action.Result{}, fmt.Errorf("notice %s: only a person can do it", p.ID)
}
