// Package psprovider keeps a package provider of PowerShell's PackageManagement at a minimum version. Without NuGet's
// no gallery can be used, and every command of PowerShellGet that meets its absence asks a question that nobody answers.
package psprovider

import (
	"context"
	"fmt"

	"exorunner/internal/action"
	"exorunner/internal/exr"
	"exorunner/internal/host"
	"exorunner/internal/version"
)

// Provider is the action ps_provider.
type Provider struct {
	Provider string `yaml:"name" default:"NuGet" doc:"the provider"`
	Minimum  string `yaml:"minimum" default:"2.8.5.201" doc:"at least this version; 2.8.5.201 is what PowerShellGet itself demands"`
	Folder   string `yaml:"folder" doc:"install without a network, from this folder on the machine, which holds Microsoft.PackageManagement.NuGetProvider.dll"`
	Version  string `yaml:"version" default:"2.8.5.208" doc:"the version of the DLL in that folder"`
}

// New makes an empty one.
func New(action.Deps) any { return &Provider{} }

// Validate implements action.Validator.
func (p *Provider) Validate() []action.Problem {
	var all []action.Problem
	for _, v := range []struct{ field, text string }{{"minimum", p.Minimum}, {"version", p.Version}} {
		if _, err := version.Parse(v.text); err != nil {
			all = append(all, action.Problem{Field: v.field, What: err.Error()})
		}
	}
	if len(all) == 0 && p.Folder != "" && version.Compare(p.Version, p.Minimum) < 0 {
		all = append(all, action.Problem{Field: "version", What: fmt.Sprintf("%s in the folder is less than the minimum %s", p.Version, p.Minimum)})
	}
	return all
}

// Check implements action.Action. PowerShell 7 brings the provider with it.
func (p *Provider) Check(ctx context.Context, r host.Reader) (action.Finding, error) {
	var found []exr.Provider
	if err := r.Query(ctx, exr.GetPackageProvider(p.Provider), &found); err != nil {
		return action.Finding{}, err
	}
	best := ""
	for _, f := range found {
		if best == "" || version.Compare(f.Version, best) > 0 {
			best = f.Version
		}
	}
	f := action.Finding{Before: best, After: ">=" + p.Minimum}
	switch {
	case best == "":
		f.State, f.Before = action.Differs, "none"
		f.Summary = fmt.Sprintf("provider %s is not there", p.Provider)
	case version.Compare(best, p.Minimum) < 0:
		f.State = action.Differs
		f.Summary = fmt.Sprintf("provider %s is %s, wanted at least %s", p.Provider, best, p.Minimum)
	default:
		f.Summary, f.After = best, best
	}
	return f, nil
}

// Apply implements action.Action.
func (p *Provider) Apply(ctx context.Context, h host.Host) (action.Result, error) {
	var now []exr.Provider
	call := exr.InstallPackageProvider(p.Provider, p.Minimum)
	if p.Folder != "" {
		call = exr.InstallPackageProviderFile(p.Provider, p.Version, p.Folder)
	}
	if err := h.Invoke(ctx, call, &now); err != nil {
		return action.Result{}, err
	}
	for _, n := range now {
		if version.Compare(n.Version, p.Minimum) >= 0 {
			return action.Result{Summary: fmt.Sprintf("installed %s", n.Version)}, nil
		}
	}
	return action.Result{Summary: "Install-PackageProvider said nothing"}, nil
}
