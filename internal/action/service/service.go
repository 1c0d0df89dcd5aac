// Package service keeps a Windows service running or stopped, its start type, and sees that it was restarted after a
// module was installed: a restart that an interruption has lost is found again by looking, and not by remembering.
package service

import (
	"context"
	"fmt"
	"strings"
	"time"

	"exorunner/internal/action"
	"exorunner/internal/action/psmodule"
	"exorunner/internal/exr"
	"exorunner/internal/host"
)

// Service is the action service.
type Service struct {
	Service        string        `yaml:"name" need:"true" doc:"the service's name, not its display name"`
	State          string        `yaml:"state" default:"running" enum:"running|stopped" doc:"what it is to be"`
	StartType      string        `yaml:"start_type" enum:"automatic|delayed|manual|disabled" doc:"how it starts; left as it is if left out"`
	RestartedAfter []string      `yaml:"restarted_after" doc:"modules: the service must have started later than the newest version of each was installed"`
	Bits           string        `yaml:"bits" default:"own" enum:"own|64|32|both" doc:"whose modules those are, on a 64-bit Windows; own is the one that the session runs in"`
	Wait           time.Duration `yaml:"wait" default:"2m" doc:"for each of stopping and starting"`
}

// New makes an empty one.
func New(action.Deps) any { return &Service{} }

// Validate implements action.Validator.
func (p *Service) Validate() []action.Problem {
	switch {
	case p.State == "stopped" && len(p.RestartedAfter) > 0:
		return []action.Problem{{Field: "restarted_after", What: "a service that is to be stopped is not restarted"}}
	case p.State == "running" && p.StartType == "disabled":
		return []action.Problem{{Field: "start_type", What: "a disabled service cannot be running after the next start of Windows"}}
	}
	return nil
}

// Check implements action.Action.
func (p *Service) Check(ctx context.Context, r host.Reader) (action.Finding, error) {
	s, err := p.look(ctx, r)
	if err != nil {
		return action.Finding{}, err
	}
	stale, unknown, err := p.stale(ctx, r, s)
	if err != nil {
		return action.Finding{}, err
	}
	f := action.Finding{Before: describe(s.Status, s.StartType, s.StartedUTC), After: describe(p.State, p.startType(s), ""), Warnings: unknown}
	for _, module := range p.RestartedAfter {
		f.RestsOn = append(f.RestsOn, psmodule.Subject(module))
	}
	var changes []string
	if s.Status != p.State {
		changes = append(changes, "it is "+s.Status)
	} else if stale != "" {
		changes = append(changes, stale)
		f.After += ", restarted"
	}
	if p.StartType != "" && s.StartType != p.StartType {
		changes = append(changes, "its start type is "+s.StartType)
	}
	if len(changes) == 0 {
		f.Summary, f.After = f.Before, f.Before
		return f, nil
	}
	f.State, f.Summary = action.Differs, strings.Join(changes, ", ")
	return f, nil
}

func describe(status, startType, since string) string {
	text := status + ", " + startType
	if t, err := time.Parse(time.RFC3339Nano, since); err == nil {
		text += ", since " + t.UTC().Format("2006-01-02 15:04:05Z")
	}
	return text
}

func (p *Service) startType(s exr.Service) string {
	if p.StartType == "" {
		return s.StartType
	}
	return p.StartType
}

// look finds the service, or tells a name that is near.
func (p *Service) look(ctx context.Context, r host.Reader) (exr.Service, error) {
	var found []exr.Service
	if err := r.Query(ctx, exr.GetService(p.Service), &found); err != nil {
		return exr.Service{}, err
	}
	if len(found) > 0 {
		return found[0], nil
	}
	var near []exr.ServiceName
	words := strings.FieldsFunc(p.Service, func(c rune) bool { return c == ' ' || c == '-' || c == '_' || c == '.' })
	if err := r.Query(ctx, exr.FindService(words...), &near); err != nil {
		return exr.Service{}, err
	}
	remedy := "exorunner doctor lists what looks like Cloud Extender; Get-Service lists all"
	if len(near) > 0 {
		names := make([]string, 0, 5)
		for _, n := range near[:min(len(near), 5)] {
			names = append(names, fmt.Sprintf("%s (%s)", n.Name, n.DisplayName))
		}
		remedy = "near ones are " + strings.Join(names, ", ")
	}
	return exr.Service{}, &host.Error{ID: "ExrNoService", Class: host.Never, Message: "no service " + p.Service, Remedy: remedy}
}

// stale says why a running service has to be restarted, "" if it need not, and of what that cannot be told.
func (p *Service) stale(ctx context.Context, r host.Reader, s exr.Service) (why string, unknown []string, err error) {
	if len(p.RestartedAfter) == 0 || s.Status != "running" {
		return "", nil, nil
	}
	started, err := time.Parse(time.RFC3339Nano, s.StartedUTC)
	if err != nil {
		return "", nil, fmt.Errorf("service %s: when it started: %w", p.Service, err)
	}
	for _, name := range p.RestartedAfter {
		modules, err := p.installed(ctx, r, name)
		if err != nil {
			return "", nil, err
		}
		for _, m := range modules {
			installed, err := time.Parse(time.RFC3339Nano, m.InstalledUTC)
			switch {
			case err != nil: // to restart for it would be to restart at every apply
				unknown = append(unknown, fmt.Sprintf("when %s %s was installed cannot be told: restart the service by hand if it was lately", name, m.Version))
			case !started.After(installed):
				return fmt.Sprintf("it started before %s %s was installed", name, m.Version), nil, nil
			}
		}
	}
	return "", unknown, nil
}

// installed are the versions of a module in every PowerShell that counts.
func (p *Service) installed(ctx context.Context, r host.Reader, name string) ([]exr.Module, error) {
	var all []exr.Module
	for _, bits := range psmodule.Bits(p.Bits) {
		call := exr.GetModule(name)
		call.Bits = bits
		var modules []exr.Module
		if err := r.Query(ctx, call, &modules); err != nil {
			return nil, psmodule.Of(bits, err)
		}
		all = append(all, modules...)
	}
	return all, nil
}

// Apply implements action.Action.
func (p *Service) Apply(ctx context.Context, h host.Host) (action.Result, error) {
	s, err := p.look(ctx, h)
	if err != nil {
		return action.Result{}, err
	}
	stale, _, err := p.stale(ctx, h, s)
	if err != nil {
		return action.Result{}, err
	}
	change := exr.ServiceChange{StartType: p.StartType, Wait: p.Wait}
	switch {
	case s.Status != p.State:
		change.Status = p.State
	case stale != "":
		change.Status = "restarted"
	}
	var now exr.Service
	if err := h.Invoke(ctx, exr.SetService(p.Service, change), &now); err != nil {
		return action.Result{}, err
	}
	summary := describe(now.Status, now.StartType, now.StartedUTC)
	if change.Status == "restarted" {
		summary = "restarted: " + summary
	}
	return action.Result{Summary: summary}, nil
}
