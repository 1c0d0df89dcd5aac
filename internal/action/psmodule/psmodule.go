// Package psmodule keeps exactly one version of a PowerShell module installed, beside the others. PowerShellGet never
// touches another version for it, and which one an import takes is a matter of folders and not of numbers: so what is
// in force is asked of a fresh process and reported.
package psmodule

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"exorunner/internal/action"
	"exorunner/internal/exr"
	"exorunner/internal/host"
	"exorunner/internal/version"
)

// Module is the action ps_module.
type Module struct {
	Module     string `yaml:"name" need:"true" doc:"the module"`
	Version    string `yaml:"version" need:"true" doc:"exactly this version, in quotes"`
	Repository string `yaml:"repository" default:"PSGallery" doc:"the registered repository it comes from"`
	Scope      string `yaml:"scope" default:"AllUsers" enum:"AllUsers|CurrentUser" doc:"for everybody or for this account; a service sees AllUsers and its own account's"`
	Method     string `yaml:"method" default:"auto" enum:"auto|install|update" doc:"Install-Module or Update-Module; auto updates what PowerShellGet installed from the same repository, and says why"`
	Newer      string `yaml:"newer" default:"keep" enum:"keep|remove|fail" doc:"what to do with newer versions"`
	Older      string `yaml:"older" default:"keep" enum:"keep|remove" doc:"what to do with older versions, once this one is there"`
	Bits       string `yaml:"bits" default:"own" enum:"own|64|32|both" doc:"for which PowerShell of a 64-bit Windows; own is the one that the session runs in"`
	State      string `yaml:"state" default:"present" enum:"present|absent" doc:"absent removes this one version"`
	Package    string `yaml:"package" doc:"install from this .nupkg on the machine, instead of a repository"`
	SHA256     string `yaml:"sha256" doc:"of that package; needed with it"`
	Effective  string `yaml:"effective" default:"warn" enum:"warn|fail" doc:"what to do when a fresh Import-Module takes another version than this one"`
}

// New makes an empty one.
func New(action.Deps) any { return &Module{} }

// Validate implements action.Validator.
func (p *Module) Validate() []action.Problem {
	var all []action.Problem
	if strings.ContainsAny(p.Module, `*?[]/\`) {
		all = append(all, action.Problem{Field: "name", What: fmt.Sprintf("%q is not the name of one module", p.Module)})
	}
	if v, err := version.Parse(p.Version); err != nil {
		all = append(all, action.Problem{Field: "version", What: err.Error()})
	} else if v.Preview() {
		all = append(all, action.Problem{Field: "version", What: p.Version + " is a preview: name a release"})
	}
	switch {
	case p.Package != "" && !isSHA256(p.SHA256):
		all = append(all, action.Problem{Field: "sha256", What: "a package needs its SHA-256, 64 hexadecimal digits: (Get-FileHash PACKAGE).Hash prints it"})
	case p.Package == "" && p.SHA256 != "":
		all = append(all, action.Problem{Field: "sha256", What: "is of a package, and none is given"})
	case p.Package != "" && p.State == "absent":
		all = append(all, action.Problem{Field: "package", What: "nothing is installed where state is absent"})
	case p.Package != "" && p.Method == "update":
		all = append(all, action.Problem{Field: "method", What: "Update-Module takes no package: leave method out"})
	}
	return all
}

func isSHA256(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == sha256.Size
}

// Check implements action.Action.
func (p *Module) Check(ctx context.Context, r host.Reader) (action.Finding, error) {
	f, err := Each(p.Bits, func(bits int) (action.Finding, error) { return p.check(ctx, r, bits) })
	f.Changes = Subject(p.Module)
	return f, err
}

// Each is one finding of the PowerShells that a field bits names: it differs where one of them does.
func Each(field string, check func(bits int) (action.Finding, error)) (action.Finding, error) {
	var all []action.Finding
	for _, bits := range Bits(field) {
		f, err := check(bits)
		if err != nil {
			return f, Of(bits, err)
		}
		all = append(all, f)
	}
	return merge(Bits(field), all), nil
}

// Subject is what a finding about a module is about.
func Subject(module string) string { return "module " + module }

// Bits are the PowerShells that a field bits names; 0 is the session's own.
func Bits(field string) []int {
	return map[string][]int{"": {0}, "own": {0}, "64": {64}, "32": {32}, "both": {64, 32}}[field]
}

// Of says which PowerShell an error is of, where there is a choice.
func Of(bits int, err error) error {
	if bits == 0 {
		return err
	}
	return fmt.Errorf("%d-bit PowerShell: %w", bits, err)
}

// merge is one finding of several: it differs where one does.
func merge(bits []int, all []action.Finding) action.Finding {
	if len(all) == 1 {
		return all[0]
	}
	var one action.Finding
	join := func(to *string, bits int, text string) {
		if *to != "" {
			*to += "; "
		}
		*to += fmt.Sprintf("%d-bit: %s", bits, text)
	}
	for i, f := range all {
		one.State = max(one.State, f.State)
		join(&one.Summary, bits[i], f.Summary)
		join(&one.Before, bits[i], f.Before)
		join(&one.After, bits[i], f.After)
		one.Warnings = append(one.Warnings, f.Warnings...)
	}
	return one
}

// A state is what is installed, told apart by what is to happen to it.
type state struct {
	all          []exr.Module
	exact        *exr.Module // in the scope, its manifest agreeing with its folder
	broken       *exr.Module // in the scope, its manifest saying another version than its folder
	newer, older []exr.Module
}

func (p *Module) look(ctx context.Context, r host.Reader, bits int) (state, error) {
	var s state
	call := exr.GetModule(p.Module)
	call.Bits = bits
	if err := r.Query(ctx, call, &s.all); err != nil {
		return s, err
	}
	for i := range s.all {
		m := &s.all[i]
		// A preview has the number of the release it comes before.
		c := version.Compare(m.Version, p.Version)
		removable := m.Scope == "AllUsers" || m.Scope == "CurrentUser"
		switch {
		case m.Scope == p.Scope && folderVersion(m.Path, p.Version) && c != 0:
			s.broken = m
		case c == 0 && m.Scope == p.Scope && m.Prerelease == "":
			s.exact = m
		case c > 0 && removable:
			s.newer = append(s.newer, *m)
		case c < 0 && removable:
			s.older = append(s.older, *m)
		}
	}
	return s, nil
}

// folderVersion says whether the module's folder is named as that version. Paths are the machine's, so both separators count.
func folderVersion(path, v string) bool {
	leaf := path[strings.LastIndexAny(path, `/\`)+1:]
	_, err := version.Parse(leaf)
	return err == nil && version.Compare(leaf, v) == 0
}

func (p *Module) check(ctx context.Context, r host.Reader, bits int) (action.Finding, error) {
	s, err := p.look(ctx, r, bits)
	if err != nil {
		return action.Finding{}, err
	}
	if p.State == "absent" {
		return p.absent(s), nil
	}
	if p.Newer == "fail" && len(s.newer) > 0 {
		return action.Finding{}, p.refuse("ExrNewerModule", fmt.Sprintf("newer than %s is there: %s", p.Version, list(s.newer)),
			"decide whether the newer version stays: set newer: keep or newer: remove on this task")
	}
	f := action.Finding{Before: list(s.all), After: p.wanted(s)}
	var changes []string
	switch {
	case s.broken != nil:
		changes = append(changes, fmt.Sprintf("the manifest in %s says %s", s.broken.Path, s.broken.Version))
	case s.exact == nil:
		changes = append(changes, fmt.Sprintf("%s %s is not installed for %s", p.Module, p.Version, p.Scope))
	}
	for _, m := range p.toRemove(s) {
		changes = append(changes, fmt.Sprintf("%s is to be removed from %s", m.Version, m.Scope))
	}
	if len(changes) > 0 {
		f.State, f.Summary = action.Differs, strings.Join(changes, ", ")
		return f, nil
	}
	f.Summary, f.After = p.Version+" is installed", f.Before
	warning, err := p.effective(ctx, r, bits)
	if warning != "" {
		f.Warnings = append(f.Warnings, warning)
	}
	return f, err
}

func (p *Module) absent(s state) action.Finding {
	f := action.Finding{Before: list(s.all), After: list(s.all), Summary: p.Version + " is not installed"}
	if s.exact != nil {
		f.State, f.After = action.Differs, p.wanted(s)
		f.Summary = fmt.Sprintf("%s is to be removed from %s", p.Version, p.Scope)
	}
	return f
}

// effective asks a fresh process what an import takes: the first folder of PSModulePath that has the module wins.
func (p *Module) effective(ctx context.Context, r host.Reader, bits int) (string, error) {
	call := exr.ResolveModule(p.Module, "")
	call.Bits = bits
	var got exr.Resolved
	if err := r.Query(ctx, call, &got); err != nil {
		return "", fmt.Errorf("import of %s: %w", p.Module, err)
	}
	if version.Compare(got.Version, p.Version) == 0 {
		return "", nil
	}
	text := fmt.Sprintf("a fresh Import-Module takes %s from %s, not %s", got.Version, got.Path, p.Version)
	remedy := "remove or rename that folder, as the account that owns it; the first folder of PSModulePath that has the module wins, whatever its version"
	if version.Compare(got.Version, p.Version) > 0 {
		remedy = "set newer: remove on this task, or pin the newer version: inside one folder the highest version wins"
	}
	if p.Effective == "fail" {
		return "", p.refuse("ExrModuleHidden", text, remedy)
	}
	return text + ": " + remedy, nil
}

func (p *Module) refuse(id, text, remedy string) error {
	return &host.Error{ID: id, Message: p.Module + ": " + text, Class: host.Never, Remedy: remedy}
}

func (p *Module) toRemove(s state) []exr.Module {
	var all []exr.Module
	if p.State == "absent" {
		if s.exact != nil {
			all = append(all, *s.exact)
		}
		return all
	}
	if p.Newer == "remove" {
		all = append(all, s.newer...)
	}
	if p.Older == "remove" {
		all = append(all, s.older...)
	}
	return all
}

// wanted is what is to be there afterwards.
func (p *Module) wanted(s state) string {
	gone := map[string]bool{}
	for _, m := range p.toRemove(s) {
		gone[m.Path] = true
	}
	after := []exr.Module{}
	if s.exact == nil && p.State != "absent" {
		after = append(after, exr.Module{Version: p.Version, Scope: p.Scope})
	}
	for _, m := range s.all {
		if !gone[m.Path] && (s.broken == nil || m.Path != s.broken.Path) {
			after = append(after, m)
		}
	}
	return list(after)
}

func list(modules []exr.Module) string {
	if len(modules) == 0 {
		return "none"
	}
	texts := make([]string, len(modules))
	for i, m := range modules {
		texts[i] = m.Version
		if m.Prerelease != "" {
			texts[i] += "-" + m.Prerelease
		}
		texts[i] += " (" + m.Scope
		if m.Origin != nil && m.Origin.Repository != "" {
			texts[i] += ", from " + m.Origin.Repository
		}
		texts[i] += ")"
	}
	return strings.Join(texts, ", ")
}

// Apply implements action.Action. It removes only after the wanted version is there.
func (p *Module) Apply(ctx context.Context, h host.Host) (action.Result, error) {
	var said []string
	for _, bits := range Bits(p.Bits) {
		s, err := p.look(ctx, h, bits)
		if err != nil {
			return action.Result{}, Of(bits, err)
		}
		if p.State != "absent" && (s.exact == nil || s.broken != nil) {
			what, err := p.install(ctx, h, bits)
			if err != nil {
				return action.Result{}, Of(bits, err)
			}
			said = append(said, what)
			// The word of an installer is not enough to remove what works.
			if s, err = p.look(ctx, h, bits); err != nil {
				return action.Result{}, Of(bits, err)
			}
			if s.exact == nil {
				return action.Result{Summary: strings.Join(said, ", ")}, nil
			}
		}
		for _, m := range p.toRemove(s) {
			call := exr.UninstallModule(p.Module, m.Version, m.Scope)
			call.Bits = bits
			if err := h.Invoke(ctx, call, nil); err != nil {
				return action.Result{}, Of(bits, fmt.Errorf("remove %s from %s: %w", m.Version, m.Scope, err))
			}
			said = append(said, fmt.Sprintf("removed %s from %s", m.Version, m.Scope))
		}
	}
	return action.Result{Summary: strings.Join(said, ", ")}, nil
}

func (p *Module) install(ctx context.Context, h host.Host, bits int) (string, error) {
	call := exr.InstallModule(p.Module, p.Version, p.Repository, p.Scope, p.Method)
	if p.Package != "" {
		call = exr.InstallModulePackage(p.Module, p.Version, p.Package, p.SHA256, p.Scope)
	}
	call.Bits = bits
	var done exr.Installed
	if err := h.Invoke(ctx, call, &done); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s installed %s (%s)", done.Verb, p.Version, done.Why), nil
}
