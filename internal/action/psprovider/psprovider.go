// Package psprovider keeps a package provider of PowerShell's PackageManagement at a minimum version. Without NuGet's
// no gallery can be used, and every command of PowerShellGet that meets its absence asks a question that nobody answers.
package psprovider

import (
	"context"
	"fmt"
	"strings"

	"exorunner/internal/action"
	"exorunner/internal/action/psmodule"
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
	Bits     string `yaml:"bits" default:"own" enum:"own|64|32|both" doc:"for which PowerShell of a 64-bit Windows; own is the one that the session runs in"`
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
	return psmodule.Each(p.Bits, func(bits int) (action.Finding, error) { return p.check(ctx, r, bits) })
}

func newest(found []exr.Provider) string {
	best := ""
	for _, f := range found {
		if best == "" || version.Compare(f.Version, best) > 0 {
			best = f.Version
		}
	}
	return best
}

func (p *Provider) check(ctx context.Context, r host.Reader, bits int) (action.Finding, error) {
	call := exr.GetPackageProvider(p.Provider)
	call.Bits = bits
	var found []exr.Provider
	if err := r.Query(ctx, call, &found); err != nil {
		return action.Finding{}, err
	}
	best := newest(found)
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
	var said []string
	for _, bits := range psmodule.Bits(p.Bits) {
		now, err := p.check(ctx, h, bits)
		if err != nil {
			return action.Result{}, psmodule.Of(bits, err)
		}
		if now.State == action.InPlace { // of two PowerShells one may have it
			continue
		}
		what, err := p.install(ctx, h, bits)
		if err != nil {
			return action.Result{}, psmodule.Of(bits, err)
		}
		said = append(said, what)
	}
	return action.Result{Summary: strings.Join(said, ", ")}, nil
}

func (p *Provider) install(ctx context.Context, h host.Host, bits int) (string, error) {
	call := exr.InstallPackageProvider(p.Provider, p.Minimum)
	if p.Folder != "" {
		call = exr.InstallPackageProviderFile(p.Provider, p.Version, p.Folder)
	}
	call.Bits = bits
	var now []exr.Provider
	if err := h.Invoke(ctx, call, &now); err != nil {
		return "", err
	}
	best := newest(now)
	if best == "" || version.Compare(best, p.Minimum) < 0 {
		return "Install-PackageProvider said nothing", nil
	}
	if bits != 0 {
		return fmt.Sprintf("installed %s for %d bits", best, bits), nil
	}
	return "installed " + best, nil
}
