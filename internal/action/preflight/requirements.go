package preflight

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"exorunner/internal/exr"
	"exorunner/internal/version"
)

// A judgement is what a requirement found.
type judgement struct {
	ok, skip bool
	found    string
	wanted   string
	remedy   string
	mild     bool // it only warns, whatever the requirement does otherwise
}

// A requirement judges one side of a machine. severity is its verdict where the playbook says nothing.
type requirement struct {
	name     string
	severity string
	judge    func(*Preflight, exr.Facts, []exr.Disk) []judgement
}

// requirements are in the order of the report. Every one is judged, whatever the ones before it said.
var requirements = []requirement{
	{"powershell", Refused, powershell},
	{"bitness", Warned, bitness},
	{"pair", Refused, pair},
	{"dotnet_framework", Refused, dotnet},
	{"execution_policy", Refused, policy},
	{"elevation", Refused, elevation},
	{"tls", Warned, tls},
	{"temp", Refused, temp},
	{"profile", Warned, profile},
	{"disk", Refused, disk},
	{"previews", Refused, previews},
	{"module_logging", Warned, logging},
}

func one(j judgement) []judgement { return []judgement{j} }

func powershell(p *Preflight, f exr.Facts, _ []exr.Disk) []judgement {
	r, _ := version.ParseRange(p.PowerShell)
	return one(judgement{
		ok:    r.Holds(f.PowerShell.Version),
		found: f.PowerShell.Edition + " " + f.PowerShell.Version, wanted: p.PowerShell,
		remedy: "install Windows Management Framework 5.1, or name another PowerShell with --host",
	})
}

func bitness(_ *Preflight, f exr.Facts, _ []exr.Disk) []judgement {
	return one(judgement{
		ok:     f.PowerShell.Bits == f.OS.Bits,
		found:  fmt.Sprintf("a %d-bit PowerShell on a %d-bit system", f.PowerShell.Bits, f.OS.Bits),
		remedy: "the 32-bit PowerShell has module folders of its own: use the 64-bit one, or say bits: both on the tasks that install",
	})
}

//go:embed pairs.json
var pairsJSON []byte

// A Pair says which PowerShell a range of module versions is supported on. The table is Microsoft's ("Supported
// operating systems for the Exchange Online PowerShell module", about the module's V3 versions).
type Pair struct {
	Module     string `json:"module"`
	Edition    string `json:"edition"`
	PowerShell string `json:"powershell"`
}

// Pairs is that table.
func Pairs() []Pair {
	var pairs []Pair
	if err := json.Unmarshal(pairsJSON, &pairs); err != nil {
		panic("pairs.json: " + err.Error()) // embedded, and held by a test
	}
	return pairs
}

func pair(p *Preflight, f exr.Facts, _ []exr.Disk) []judgement {
	j := judgement{
		found:  fmt.Sprintf("ExO %s on %s %s", p.Module, f.PowerShell.Edition, f.PowerShell.Version),
		wanted: "a pair that Microsoft supports",
		remedy: "use Windows PowerShell 5.1, which all versions of the module support",
	}
	for _, pair := range Pairs() {
		module, _ := version.ParseRange(pair.Module)
		ps, _ := version.ParseRange(pair.PowerShell)
		if pair.Edition == f.PowerShell.Edition && module.Holds(p.Module) {
			j.wanted = fmt.Sprintf("%s PowerShell %s", pair.Edition, pair.PowerShell)
			j.ok = ps.Holds(f.PowerShell.Version)
			break
		}
	}
	return one(j)
}

// releases maps the registry's number to a version, newest first: "How to determine which .NET Framework versions are
// installed", Microsoft Learn.
var releases = []struct {
	least   int
	version string
}{
	{533320, "4.8.1"}, {528040, "4.8"}, {461808, "4.7.2"}, {461308, "4.7.1"}, {460798, "4.7"}, {394802, "4.6.2"},
	{394254, "4.6.1"}, {393295, "4.6"}, {379893, "4.5.2"}, {378675, "4.5.1"}, {378389, "4.5"},
}

func dotnet(p *Preflight, f exr.Facts, _ []exr.Disk) []judgement {
	if f.PowerShell.Edition != "Desktop" {
		return one(judgement{skip: true, found: "PowerShell 7 brings its own .NET, " + f.DotNet.Version})
	}
	j := judgement{found: "none", wanted: p.DotNet, remedy: "install .NET Framework 4.8 and restart the server"}
	if f.DotNet.Release != nil {
		j.found = fmt.Sprintf("release %d", *f.DotNet.Release)
		for _, known := range releases {
			if *f.DotNet.Release >= known.least {
				r, _ := version.ParseRange(p.DotNet)
				j.ok, j.found = r.Holds(known.version), known.version
				break
			}
		}
	}
	return one(j)
}

// policy: Connect-ExchangeOnline writes a temporary module without a signature and imports it. A group policy cannot be
// overruled from inside.
func policy(_ *Preflight, f exr.Facts, _ []exr.Disk) []judgement {
	if !f.OS.Windows {
		return one(judgement{skip: true, found: "there is none away from Windows"})
	}
	for _, scope := range []struct{ name, value string }{{"MachinePolicy", f.Policy.MachinePolicy}, {"UserPolicy", f.Policy.UserPolicy}} {
		if scope.value == "" || strings.EqualFold(scope.value, "Undefined") {
			continue
		}
		// The first one that says anything decides: MachinePolicy overrules UserPolicy.
		return one(judgement{
			ok: !strict(scope.value), found: fmt.Sprintf("a group policy (%s) says %s", scope.name, scope.value), wanted: "RemoteSigned",
			remedy: "have the owner of that group policy set 'Turn on Script Execution' to 'Allow local scripts and remote signed scripts' for this server",
		})
	}
	return one(judgement{
		ok: !strict(f.Policy.Effective), found: f.Policy.Effective, wanted: "RemoteSigned",
		mild:   true, // no group policy stands behind it, so the action execution_policy cures it
		remedy: "have a task with execution_policy set it, or run Set-ExecutionPolicy RemoteSigned -Scope LocalMachine in an elevated PowerShell",
	})
}

func strict(value string) bool {
	return strings.EqualFold(value, "Restricted") || strings.EqualFold(value, "AllSigned")
}

func elevation(_ *Preflight, f exr.Facts, _ []exr.Disk) []judgement {
	return one(judgement{
		ok: f.Account.Elevated, found: map[bool]string{true: "elevated", false: "not elevated"}[f.Account.Elevated],
		remedy: "run exorunner as administrator: modules for all users are written under Program Files",
	})
}

// tls: our own PowerShell is made to use TLS 1.2 by host.ps1, so its protocols say nothing of the one that CE starts.
func tls(_ *Preflight, f exr.Facts, _ []exr.Disk) []judgement {
	if f.PowerShell.Edition != "Desktop" {
		return one(judgement{skip: true, found: "PowerShell 7 uses what the system offers"})
	}
	if strings.Contains(f.TLS.Protocols, "SystemDefault") {
		return one(judgement{ok: true, found: "the system decides"})
	}
	strong := f.TLS.StrongCrypto64 != nil && *f.TLS.StrongCrypto64 == 1
	if f.OS.Bits == 64 {
		strong = strong && f.TLS.StrongCrypto32 != nil && *f.TLS.StrongCrypto32 == 1
	}
	return one(judgement{
		ok: strong, found: map[bool]string{true: "SchUseStrongCrypto is set", false: "SchUseStrongCrypto is not set in both views"}[strong],
		remedy: `a PowerShell that Cloud Extender starts may be left without TLS 1.2: set SchUseStrongCrypto to 1 under HKLM\SOFTWARE\Microsoft\.NETFramework\v4.0.30319 and its Wow6432Node twin`,
	})
}

func temp(_ *Preflight, f exr.Facts, disks []exr.Disk) []judgement {
	j := judgement{ok: true, found: f.Account.Temp,
		remedy: "make that folder, or set TMP and TEMP of this account to one that is there: Connect-ExchangeOnline writes a module into it"}
	if len(disks) > 0 && !disks[0].Exists {
		j.ok, j.found = false, f.Account.Temp+" is not there"
	}
	return one(j)
}

// profile: "special characters" in the profile's path make connect and disconnect fail ("Connect to Exchange Online
// PowerShell", Microsoft Learn). Names of service accounts often end in one, and TEMP lies in the profile.
func profile(_ *Preflight, f exr.Facts, _ []exr.Disk) []judgement {
	j := judgement{ok: true, found: f.Account.Profile, wanted: "no $ in the path",
		remedy: "Connect-ExchangeOnline may fail for this account: use one whose profile and TEMP have no $ in their paths"}
	if strings.Contains(f.Account.Temp, "$") {
		j.ok, j.found = false, "TEMP is "+f.Account.Temp
	}
	if strings.Contains(f.Account.Profile, "$") {
		j.ok, j.found = false, f.Account.Profile
	}
	return one(j)
}

func disk(p *Preflight, _ exr.Facts, disks []exr.Disk) []judgement {
	free, _ := size(p.Disk)
	seen := map[string]bool{}
	var all []judgement
	for _, d := range disks {
		if seen[d.Root] {
			continue
		}
		seen[d.Root] = true
		all = append(all, judgement{
			ok: d.FreeBytes >= free, found: fmt.Sprintf("%s has %d MiB free", d.Root, d.FreeBytes>>20), wanted: "at least " + p.Disk,
			remedy: "free space on " + d.Root,
		})
	}
	return all
}

// previews of PowerShellGet 3 break Connect-ExchangeOnline (PSResourceGet issue 876).
func previews(_ *Preflight, f exr.Facts, _ []exr.Disk) []judgement {
	var found []string
	for _, p := range []struct {
		name     string
		versions []string
	}{{"PowerShellGet", f.Packages.PowerShellGet}, {"PackageManagement", f.Packages.PackageManagement}} {
		for _, v := range p.versions {
			if strings.Contains(v, "-") {
				found = append(found, p.name+" "+v)
			}
		}
	}
	if len(found) == 0 {
		return one(judgement{ok: true, found: "no preview of PowerShellGet or PackageManagement"})
	}
	return one(judgement{found: strings.Join(found, ", "), wanted: "no preview",
		remedy: "remove it with Uninstall-Module -AllowPrerelease: it breaks Connect-ExchangeOnline"})
}

func logging(p *Preflight, f exr.Facts, _ []exr.Disk) []judgement {
	switch {
	case !f.OS.Windows:
		return one(judgement{skip: true, found: "there is no event log away from Windows"})
	case f.Logging.Module == nil || *f.Logging.Module != 1:
		return one(judgement{ok: true, found: "module logging is off"})
	case !p.Token:
		return one(judgement{ok: true, found: "module logging is on, and no access token is used"})
	}
	return one(judgement{found: "module logging is on together with an access token", wanted: "one of them",
		remedy: "Connect-ExchangeOnline takes the token as plain text, and the event log records it (event 4103): sign in with a certificate"})
}
