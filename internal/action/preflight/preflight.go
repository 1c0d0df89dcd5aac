// Package preflight proves that a machine can run ExO V3 before anything is touched. It finds everything at once, each
// finding with its remedy, and refuses or warns as the playbook says.
package preflight

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"exorunner/internal/action"
	"exorunner/internal/exr"
	"exorunner/internal/host"
	"exorunner/internal/version"
)

// Preflight is the proof preflight.
type Preflight struct {
	PowerShell string   `yaml:"powershell" default:">=5.1" doc:"versions of PowerShell that will do"`
	DotNet     string   `yaml:"dotnet_framework" default:">=4.7.2" doc:"versions of the .NET Framework that will do; of Windows PowerShell alone"`
	Module     string   `yaml:"module_version" default:"3.1.0" doc:"the ExO version that is to run here: the pair with PowerShell must be a supported one"`
	Disk       string   `yaml:"disk" default:"500MiB" doc:"free space where TEMP and the modules for all users lie"`
	Hosts      []string `yaml:"hosts" doc:"names that must answer on port 443; a plan does not ask"`
	Token      bool     `yaml:"access_token" doc:"the proof of the connection signs in with an access token, which module logging would write into the event log"`
	Refuse     []string `yaml:"refuse" enum:"powershell|bitness|pair|dotnet_framework|execution_policy|elevation|tls|temp|profile|disk|previews|module_logging|pending_reboot|hosts" doc:"requirements that refuse, though they would warn"`
	Warn       []string `yaml:"warn" enum:"powershell|bitness|pair|dotnet_framework|execution_policy|elevation|tls|temp|profile|disk|previews|module_logging|pending_reboot|hosts" doc:"requirements that warn, though they would refuse"`

	outside bool
}

// New makes an empty one.
func New(d action.Deps) any { return &Preflight{outside: d.Outside} }

// Validate implements action.Validator.
func (p *Preflight) Validate() []action.Problem {
	var all []action.Problem
	bad := func(field string, err error) {
		if err != nil {
			all = append(all, action.Problem{Field: field, What: err.Error()})
		}
	}
	_, err := version.ParseRange(p.PowerShell)
	bad("powershell", err)
	_, err = version.ParseRange(p.DotNet)
	bad("dotnet_framework", err)
	_, err = version.Parse(p.Module)
	bad("module_version", err)
	_, err = size(p.Disk)
	bad("disk", err)
	for _, name := range p.Warn {
		if slices.Contains(p.Refuse, name) {
			bad("warn", fmt.Errorf("%s is under refuse as well", name))
		}
	}
	return all
}

// size reads a number with KiB, MiB, GiB behind it, or of bytes.
func size(s string) (int64, error) {
	for unit, factor := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if digits, ok := strings.CutSuffix(s, unit); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 32)
			if err != nil || n < 0 {
				break
			}
			return n * factor, nil
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
		return n, nil
	}
	return 0, fmt.Errorf("%q is not a size: write 500MiB or 2GiB", s)
}

// A Finding is the answer of one requirement.
type Finding struct {
	Requirement string `json:"requirement"`
	Verdict     string `json:"verdict"` // ok, warn, refuse, does not apply
	Found       string `json:"found"`
	Wanted      string `json:"wanted,omitempty"`
	Remedy      string `json:"remedy,omitempty"`
}

// The verdicts of a Finding.
const (
	OK      = "ok"
	Warned  = "warn"
	Refused = "refuse"
	NotHere = "does not apply"
)

// Report is the evidence of a preflight.
type Report struct {
	Findings []Finding `json:"findings"`
	Facts    exr.Facts `json:"facts"`
}

// Prove implements action.Proof.
func (p *Preflight) Prove(ctx context.Context, r host.Reader) (action.Evidence, error) {
	report, err := p.Look(ctx, r)
	if err != nil {
		return action.Evidence{}, err
	}
	ev := action.Evidence{Data: report}
	var refused []string
	counts := map[string]int{}
	for _, f := range report.Findings {
		counts[f.Verdict]++
		text := fmt.Sprintf("%s: %s", f.Requirement, f.Found)
		if f.Wanted != "" {
			text += ", wanted " + f.Wanted
		}
		switch f.Verdict {
		case Warned:
			ev.Warnings = append(ev.Warnings, text+": "+f.Remedy)
		case Refused:
			refused = append(refused, text+": "+f.Remedy)
		}
	}
	ev.Summary = fmt.Sprintf("%d requirements hold, %d warn, %d do not apply", counts[OK], counts[Warned], counts[NotHere])
	if len(refused) == 0 {
		return ev, nil
	}
	return ev, fmt.Errorf("%w: %w", action.ErrRefused, &host.Error{
		ID: "ExrPreflight", Class: host.Never,
		Message: fmt.Sprintf("%d of %d requirements", len(refused), len(report.Findings)),
		Remedy:  strings.Join(refused, "\n"),
	})
}

// Look asks the machine and judges every requirement.
func (p *Preflight) Look(ctx context.Context, r host.Reader) (Report, error) {
	var report Report
	if err := r.Query(ctx, exr.GetFact(), &report.Facts); err != nil {
		return report, fmt.Errorf("facts: %w", err)
	}
	f := report.Facts
	disks, err := p.disks(ctx, r, f)
	unread := host.As(err)
	if err != nil && (unread == nil || unread.Class != host.Never) {
		return report, fmt.Errorf("disk: %w", err)
	}
	for _, require := range requirements {
		for _, found := range require.judge(p, f, disks) {
			report.Findings = append(report.Findings, p.finding(require, found))
		}
	}
	if unread != nil { // a finding like any other: the rest is worth knowing too
		report.Findings = append(report.Findings, p.finding(requirement{name: "disk", severity: Refused},
			judgement{found: unread.Message, wanted: "at least " + p.Disk, remedy: unread.Remedy}))
	}
	pending, err := pendingReboot(ctx, r)
	if err != nil {
		return report, fmt.Errorf("pending reboot: %w", err)
	}
	report.Findings = append(report.Findings, p.finding(requirement{name: "pending_reboot", severity: Warned}, pending))
	ports, err := p.ports(ctx, r)
	if err != nil {
		return report, fmt.Errorf("hosts: %w", err)
	}
	for _, found := range ports {
		report.Findings = append(report.Findings, p.finding(requirement{name: "hosts", severity: Refused}, found))
	}
	return report, nil
}

// finding turns a judgement into a verdict.
func (p *Preflight) finding(require requirement, j judgement) Finding {
	f := Finding{Requirement: require.name, Verdict: OK, Found: j.found, Wanted: j.wanted, Remedy: j.remedy}
	switch {
	case j.skip:
		f.Verdict = NotHere
	case !j.ok && slices.Contains(p.Refuse, require.name):
		f.Verdict = Refused
	case !j.ok && (j.mild || slices.Contains(p.Warn, require.name)):
		f.Verdict = Warned
	case !j.ok:
		f.Verdict = require.severity
	}
	if f.Verdict == OK || f.Verdict == NotHere {
		f.Remedy = ""
	}
	return f
}

func (p *Preflight) disks(ctx context.Context, r host.Reader, f exr.Facts) ([]exr.Disk, error) {
	paths := []string{f.Account.Temp}
	if len(f.PowerShell.ModulePath) > 1 {
		paths = append(paths, f.PowerShell.ModulePath[1]) // the folder for all users comes after the account's own
	}
	var disks []exr.Disk
	err := r.Query(ctx, exr.GetDisk(paths...), &disks)
	return disks, err
}

// pendingReboot: what is to be replaced at the next start is not in force, and a file that an installer left behind may
// be what the upgrade installs over.
func pendingReboot(ctx context.Context, r host.Reader) (judgement, error) {
	var pending exr.PendingReboot
	err := r.Query(ctx, exr.GetPendingReboot(), &pending)
	if e := host.As(err); e != nil { // an account that may not look knows less, and can go on
		return judgement{found: "cannot be asked: " + e.Message, remedy: "look for a pending restart yourself before the upgrade"}, nil
	}
	if err != nil {
		return judgement{}, err
	}
	reasons := pending.Reasons()
	if len(reasons) == 0 {
		return judgement{ok: true, found: "no restart is pending"}, nil
	}
	const most = 3
	found := strings.Join(reasons[:min(most, len(reasons))], ", ")
	if more := len(reasons) - most; more > 0 {
		found += fmt.Sprintf(" and %d more", more)
	}
	return judgement{found: "a restart is pending: " + found, remedy: "restart the server before the upgrade, so that what is half installed does not get in its way"}, nil
}

func (p *Preflight) ports(ctx context.Context, r host.Reader) ([]judgement, error) {
	if len(p.Hosts) == 0 {
		return nil, nil
	}
	if !p.outside {
		return []judgement{{skip: true, found: "not asked in a plan"}}, nil
	}
	var ports []exr.Port
	if err := r.Query(ctx, exr.TestPort(443, p.Hosts...), &ports); err != nil {
		return nil, err
	}
	if len(ports) != len(p.Hosts) { // a name that nobody asked for must not count as one that answers
		return nil, fmt.Errorf("%d names were to be tried and %d were", len(p.Hosts), len(ports))
	}
	all := make([]judgement, len(ports))
	for i, port := range ports {
		all[i] = judgement{ok: port.Open, found: fmt.Sprintf("%s answers on %d", port.Address, port.Port)}
		if !port.Open {
			why := "no answer"
			if port.Error != nil && *port.Error != "" {
				why = *port.Error
			}
			all[i].found = fmt.Sprintf("%s does not answer on %d (%s)", port.Address, port.Port, why)
			all[i].remedy = "open it in the firewall for this server and this account, or name the proxy"
		}
	}
	return all, nil
}

// Default is a preflight that asks for what ExO 3.1.0 needs, as a playbook that says nothing would.
func Default(d action.Deps) *Preflight {
	return &Preflight{PowerShell: ">=5.1", DotNet: ">=4.7.2", Module: "3.1.0", Disk: "500MiB", outside: d.Outside}
}
