// Package cemodule waits for Cloud Extender's own ActiveSync module. Cloud Extender fetches its modules itself, over a
// channel of its own; no public address of a package is known, nor is the place where the version can be read. So the
// site says where to look, and until it does, what looks like it is listed.
package cemodule

import (
	"context"
	"fmt"
	"strings"

	"exorunner/internal/action"
	"exorunner/internal/exr"
	"exorunner/internal/host"
	"exorunner/internal/version"
)

// Module is the action ce_module. Its Apply does nothing: the module comes or it does not.
type Module struct {
	Minimum string `yaml:"minimum" default:"3.000.100" doc:"the oldest version that will do, in quotes; fields are compared as numbers"`
	Probe   Probe  `yaml:"probe" doc:"where the installed version can be read; exorunner doctor lists candidates"`
}

// A Probe is one of three.
type Probe struct {
	Registry    *RegistryProbe `yaml:"registry" doc:"a registry value"`
	FileVersion string         `yaml:"file_version" doc:"a DLL or EXE, whose version resource is read"`
	Script      string         `yaml:"script" doc:"a script that only reads, and whose last line is the version"`
}

// A RegistryProbe names a value below HKEY_LOCAL_MACHINE.
type RegistryProbe struct {
	Path string `yaml:"path" need:"true" doc:"the key, without HKLM\\"`
	Name string `yaml:"name" need:"true" doc:"the value"`
	View int    `yaml:"view" default:"32" doc:"32 or 64; Cloud Extender's core is a 32-bit program"`
}

// New makes an empty one.
func New(action.Deps) any { return &Module{} }

// Remedy is IBM's: early delivery on request, otherwise Cloud Extender fetches it by itself.
const Remedy = "ask MaaS360 support for early delivery of the module to this server, or wait until Cloud Extender fetches it by itself (Setup, Cloud Extender Settings: automatic updates must be on); then run this again"

// words find Cloud Extender on a machine; keys is the registry area that IBM's documentation attests.
var (
	words = []string{"cloud extender", "maas360", "fiberlink"}
	keys  = []string{`SOFTWARE\Fiberlink`}
)

// Validate implements action.Validator.
func (p *Module) Validate() []action.Problem {
	var all []action.Problem
	if _, err := version.Parse(p.Minimum); err != nil {
		all = append(all, action.Problem{Field: "minimum", What: err.Error()})
	}
	given := 0
	for _, set := range []bool{p.Probe.Registry != nil, p.Probe.FileVersion != "", p.Probe.Script != ""} {
		if set {
			given++
		}
	}
	if given > 1 {
		all = append(all, action.Problem{Field: "probe", What: fmt.Sprintf("%d probes: give one of registry, file_version and script", given)})
	}
	if r := p.Probe.Registry; r != nil && r.View != 32 && r.View != 64 {
		all = append(all, action.Problem{Field: "probe.registry.view", What: fmt.Sprintf("%d: 32 or 64", r.View)})
	}
	return all
}

func broken(what, remedy string) error {
	return &host.Error{ID: "ExrProbeBroken", Class: host.Never, Message: "probe: " + what, Remedy: remedy + "; exorunner doctor lists candidates"}
}

// Check implements action.Action.
func (p *Module) Check(ctx context.Context, r host.Reader) (action.Finding, error) {
	if p.Probe == (Probe{}) {
		return p.candidates(ctx, r)
	}
	found, err := p.read(ctx, r)
	if err != nil {
		return action.Finding{}, err
	}
	if _, err := version.Parse(found); err != nil {
		return action.Finding{}, broken(err.Error(), "name another place, where the version alone can be read")
	}
	f := action.Finding{Before: found, After: ">=" + p.Minimum, Summary: "ActiveSync module " + found}
	if version.Compare(found, p.Minimum) < 0 {
		f.State, f.Remedy = action.Waiting, Remedy
		f.Summary = fmt.Sprintf("ActiveSync module %s, wanted at least %s (an old one with ExO V3 was never supported)", found, p.Minimum)
	}
	return f, nil
}

func (p *Module) read(ctx context.Context, r host.Reader) (string, error) {
	switch {
	case p.Probe.Registry != nil:
		return p.fromRegistry(ctx, r, *p.Probe.Registry)
	case p.Probe.FileVersion != "":
		return p.fromFile(ctx, r, p.Probe.FileVersion)
	}
	var res exr.ScriptResult
	if err := r.Query(ctx, exr.TestScript(p.Probe.Script, nil), &res); err != nil {
		return "", fmt.Errorf("probe: %w", err)
	}
	for i := len(res.Lines) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(res.Lines[i]); line != "" {
			return line, nil
		}
	}
	return "", broken("the script wrote nothing", "let it end with the version")
}

func (p *Module) fromRegistry(ctx context.Context, r host.Reader, at RegistryProbe) (string, error) {
	var v exr.RegistryValue
	if err := r.Query(ctx, exr.GetRegistryValue(at.Path, at.Name, at.View), &v); err != nil {
		return "", fmt.Errorf("probe: %w", err)
	}
	if !v.Exists {
		return "", broken(fmt.Sprintf(`HKLM\%s has no value %s in the %d-bit view`, at.Path, at.Name, at.View), "correct path, name or view")
	}
	return fmt.Sprint(v.Value), nil
}

// fromFile prefers the text that the maker wrote over the four numbers.
func (p *Module) fromFile(ctx context.Context, r host.Reader, path string) (string, error) {
	var v exr.FileVersion
	if err := r.Query(ctx, exr.GetFileVersion(path), &v); err != nil {
		return "", fmt.Errorf("probe: %w", err)
	}
	if !v.Exists {
		return "", broken(path+" is not there", "correct the path")
	}
	for _, text := range []string{v.FileVersion, v.ProductVersion, v.Numeric} {
		if _, err := version.Parse(text); err == nil {
			return text, nil
		}
	}
	return "", broken(path+" has no version resource", "name another file")
}

// candidates is for a site that has not said where to look.
func (p *Module) candidates(ctx context.Context, r host.Reader) (action.Finding, error) {
	c, err := Discover(ctx, r)
	if err != nil {
		return action.Finding{}, err
	}
	f := action.Finding{State: action.Waiting, Summary: "no probe says where the version of the ActiveSync module can be read",
		Remedy: "set probe on this task to one of the candidates"}
	if list := Describe(c); len(list) > 0 {
		f.Before = strings.Join(list, "\n")
		f.Remedy += ":\n" + f.Before
	} else {
		f.Remedy = "nothing on this machine looks like Cloud Extender: is this the right server? If so, set probe on this task"
	}
	return f, nil
}

// Discover looks for Cloud Extender. It only reads.
func Discover(ctx context.Context, r host.Reader) (exr.Candidates, error) {
	var c exr.Candidates
	err := r.Query(ctx, exr.FindCandidate(words, keys), &c)
	return c, err
}

// Describe is a line a candidate, as a playbook would name it.
func Describe(c exr.Candidates) []string {
	var all []string
	for _, f := range c.Files {
		all = append(all, fmt.Sprintf("file_version: '%s'  # %s", f.Path, f.FileVersion))
	}
	for _, v := range c.Values {
		all = append(all, fmt.Sprintf("registry: {path: '%s', name: %s, view: %d}  # %s", v.Path, v.Name, v.Bits, v.Value))
	}
	return all
}

// Apply implements action.Action. The engine does not call it: the module waits or is in place.
func (p *Module) Apply(context.Context, host.Host) (action.Result, error) {
	return action.Result{}, fmt.Errorf("the ActiveSync module: only Cloud Extender itself can bring it")
}
