// Package environment keeps a variable of the machine's environment. Services see a change after a restart of Windows.
package environment

import (
	"context"
	"fmt"
	"strings"

	"exorunner/internal/action"
	"exorunner/internal/exr"
	"exorunner/internal/host"
)

// Variable is the action environment.
type Variable struct {
	Variable string `yaml:"name" need:"true" doc:"the variable; PATH is refused, for it is many values in one"`
	Value    string `yaml:"value" doc:"what it is to be; empty removes it"`
}

// New makes an empty one.
func New(action.Deps) any { return &Variable{} }

// Validate implements action.Validator.
func (p *Variable) Validate() []action.Problem {
	switch {
	case strings.EqualFold(p.Variable, "Path") || strings.EqualFold(p.Variable, "PSModulePath"):
		return []action.Problem{{Field: "name", What: p.Variable + " is many values in one, and replacing it whole would lose the others"}}
	case strings.ContainsAny(p.Variable, "=\x00"):
		return []action.Problem{{Field: "name", What: fmt.Sprintf("%q is no name of a variable", p.Variable)}}
	}
	return nil
}

// Check implements action.Action.
func (p *Variable) Check(ctx context.Context, r host.Reader) (action.Finding, error) {
	var now exr.Variable
	if err := r.Query(ctx, exr.GetEnvironmentVariable(p.Variable), &now); err != nil {
		return action.Finding{}, err
	}
	show := func(value string) string {
		if value == "" {
			return "absent"
		}
		return value
	}
	f := action.Finding{Before: show(now.Value), After: show(p.Value), Summary: p.Variable + " is " + show(now.Value)}
	if now.Value != p.Value {
		f.State = action.Differs
	}
	return f, nil
}

// Apply implements action.Action.
func (p *Variable) Apply(ctx context.Context, h host.Host) (action.Result, error) {
	if err := h.Invoke(ctx, exr.SetEnvironmentVariable(p.Variable, p.Value), nil); err != nil {
		return action.Result{}, err
	}
	return action.Result{Summary: "services see it after a restart of Windows"}, nil
}
