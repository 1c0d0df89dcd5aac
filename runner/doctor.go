package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"exorunner/internal/action"
	"exorunner/internal/action/cemodule"
	"exorunner/internal/action/preflight"
	"exorunner/internal/engine"
	"exorunner/internal/exr"
	"exorunner/internal/host"
)

func newDoctor(a *app) *cobra.Command {
	spec := "auto"
	var faults []string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look at the machine: facts, preflight, and what to type next",
		Long:  "doctor asks the machine what it is and judges whether it can run ExO V3. It changes nothing and signs in nowhere.\n" + exitHelp,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.doctor(cmd.Context(), spec, faults) },
	}
	c.Flags().StringVar(&spec, "host", spec, "auto, powershell, pwsh, the path of a PowerShell, or rehearsal[:MACHINE]")
	c.Flags().StringArrayVar(&faults, "fault", nil, "what goes wrong in a rehearsal")
	return c
}

// examination is what doctor found, as --format json prints it.
type examination struct {
	Host      string           `json:"host"`
	Rehearsal bool             `json:"rehearsal"`
	Preflight preflight.Report `json:"preflight"`
	Modules   []exr.Module     `json:"modules"`
	// CloudExtender is what looks like it: services, and places where its ActiveSync module\'s version may be read.
	CloudExtender exr.Candidates `json:"cloud_extender"`
	Next          []string       `json:"next"`
}

func (a *app) doctor(ctx context.Context, spec string, faults []string) error {
	t, err := a.open(spec, faults, func(host.Said) {})
	if err != nil {
		return err
	}
	defer t.close()
	if err := t.there(); err != nil {
		return err
	}
	found := examination{Host: t.Name(), Rehearsal: t.rehearsal}
	pre := preflight.Default(action.Deps{})
	if found.Preflight, err = pre.Look(ctx, t); err == nil {
		err = t.Query(ctx, exr.GetModule("ExchangeOnlineManagement"), &found.Modules)
	}
	if err == nil && found.Preflight.Facts.OS.Windows {
		found.CloudExtender, err = cemodule.Discover(ctx, t)
	}
	if err != nil {
		return hinted(fail(statusOf(err), fmt.Errorf("%s: %w", t.Name(), err)), "%s", askHint(spec, err))
	}
	refused := 0
	for _, f := range found.Preflight.Findings {
		if f.Verdict == preflight.Refused {
			refused++
		}
	}
	found.Next = next(spec, refused)
	if a.format == "json" {
		err = json.NewEncoder(a.stdout).Encode(found)
	} else {
		a.examined(found)
	}
	if err == nil && refused > 0 {
		err = &exit{status: engine.StatusRefused}
	}
	return err
}

func next(spec string, refused int) []string {
	if refused > 0 {
		return []string{"do what the remedies say, then: exorunner doctor --host " + spec}
	}
	vars := " --vars site.vars.yaml"
	if strings.HasPrefix(spec, rehearsalName) {
		vars = ""
	}
	return []string{"exorunner plan upgrade-exo-v3 --host " + spec + vars}
}

func (a *app) examined(x examination) {
	w, f := a.stdout, x.Preflight.Facts
	if x.Rehearsal {
		fmt.Fprintf(w, "REHEARSAL   a modelled machine; nothing real is read or changed\n")
	}
	line := func(label, format string, args ...any) {
		fmt.Fprintf(w, "%-12s%s\n", label, fmt.Sprintf(format, args...))
	}
	line("machine", "%s, %s %s, %d bits, %s", f.OS.Computer, f.OS.Name, f.OS.Version, f.OS.Bits, f.OS.TimeZone)
	line("account", `%s\%s, %s, profile %s`, f.Account.Domain, f.Account.Name, map[bool]string{true: "elevated", false: "not elevated"}[f.Account.Elevated], f.Account.Profile)
	line("powershell", "%s %s, %d bits, %s, %s", f.PowerShell.Edition, f.PowerShell.Version, f.PowerShell.Bits, f.PowerShell.LanguageMode, f.PowerShell.Home)
	line("packages", "PowerShellGet %s, PackageManagement %s", orNone(f.Packages.PowerShellGet), orNone(f.Packages.PackageManagement))
	var modules []string
	for _, m := range x.Modules {
		modules = append(modules, fmt.Sprintf("%s (%s, %s)", m.Version, m.Scope, m.Path))
	}
	line("ExO", "%s", orNone(modules))
	for _, s := range x.CloudExtender.Services {
		line("service", "%s (%s)  # ce_service", s.Name, s.DisplayName)
	}
	for _, c := range cemodule.Describe(x.CloudExtender) {
		line("candidate", "%s", c)
	}
	if f.OS.Windows && len(x.CloudExtender.Services) == 0 {
		line("service", "nothing looks like Cloud Extender: is this the right server?")
	}
	fmt.Fprintln(w)
	for _, finding := range x.Preflight.Findings {
		text := finding.Requirement + ": " + finding.Found
		if finding.Wanted != "" && finding.Verdict != preflight.OK {
			text += ", wanted " + finding.Wanted
		}
		verdict := finding.Verdict
		if verdict == preflight.NotHere {
			verdict = "-"
		}
		line(verdict, "%s", text)
		if finding.Remedy != "" {
			line("", "remedy    %s", finding.Remedy)
		}
	}
	fmt.Fprintln(w)
	for _, n := range x.Next {
		line("next", "%s", n)
	}
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}
