package preflight_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/action"
	"exorunner/internal/action/actiontest"
	"exorunner/internal/action/preflight"
	"exorunner/internal/exr"
	"exorunner/internal/failure"
	"exorunner/internal/host"
	"exorunner/internal/rehearsal"
)

func ptr[T any](v T) *T { return &v }

// server is a Windows Server 2016 on which everything holds.
func server() exr.Facts {
	var f exr.Facts
	f.PowerShell.Version, f.PowerShell.Edition, f.PowerShell.Bits = "5.1.14393.5582", "Desktop", 64
	f.PowerShell.ModulePath = []string{`C:\Users\ce\Documents\WindowsPowerShell\Modules`, `D:\Modules`, `C:\Windows\x`}
	f.OS.Windows, f.OS.Bits = true, 64
	f.Account.Elevated, f.Account.Profile, f.Account.Temp = true, `C:\Users\ce`, `C:\Users\ce\Temp\`
	f.Policy.Effective, f.Policy.MachinePolicy, f.Policy.UserPolicy, f.Policy.LocalMachine = "RemoteSigned", "Undefined", "Undefined", "RemoteSigned"
	f.TLS.Protocols, f.TLS.StrongCrypto64, f.TLS.StrongCrypto32 = "Tls12", ptr(1), ptr(1)
	f.DotNet.Release = ptr(461808)
	f.Packages.PowerShellGet, f.Packages.PackageManagement = []string{"2.2.5", "1.0.0.1"}, []string{"1.4.8.1"}
	return f
}

// linux is a laptop with PowerShell 7.
func linux() exr.Facts {
	f := server()
	f.PowerShell.Version, f.PowerShell.Edition = "7.3.6", "Core"
	f.PowerShell.ModulePath = []string{"/home/ce/m", "/usr/m"}
	f.OS.Windows = false
	f.Account.Profile, f.Account.Temp = "/home/ce", "/tmp/"
	f.Policy.Effective, f.Policy.MachinePolicy, f.Policy.UserPolicy = "Unrestricted", "Unrestricted", "Unrestricted"
	f.TLS.Protocols, f.TLS.StrongCrypto64, f.TLS.StrongCrypto32 = "SystemDefault", nil, nil
	f.DotNet.Release, f.DotNet.Version = nil, "6.0.36"
	return f
}

// A situation is what the machine of a test says, and what is asked of it.
type situation struct {
	facts   exr.Facts
	disks   []exr.Disk
	noDisks error
	pending exr.PendingReboot
	noAsk   error
	ports   []exr.Port
	outside bool
	p       *preflight.Preflight
}

// hold is one in which everything holds.
func hold() *situation {
	const gib = 1 << 30
	return &situation{facts: server(), disks: []exr.Disk{
		{Path: `C:\Users\ce\Temp\`, Exists: true, Root: `C:\`, FreeBytes: gib}, {Path: `D:\Modules`, Exists: true, Root: `D:\`, FreeBytes: gib}}}
}

func (s *situation) preflight() *preflight.Preflight {
	p := preflight.New(action.Deps{Outside: s.outside}).(*preflight.Preflight)
	d := preflight.Default(action.Deps{})
	p.PowerShell, p.DotNet, p.Module, p.Disk = d.PowerShell, d.DotNet, d.Module, d.Disk
	if s.p != nil {
		p.Hosts, p.Token, p.Refuse, p.Warn = s.p.Hosts, s.p.Token, s.p.Refuse, s.p.Warn
	}
	return p
}

func (s *situation) machine(t *testing.T) *actiontest.Host {
	return actiontest.New(t, map[string]actiontest.Answer{"Get-ExrFact": actiontest.Gives(s.facts)}).
		With("Get-ExrDisk", s.disks, s.noDisks).With("Get-ExrPendingReboot", []exr.PendingReboot{s.pending}, s.noAsk).With("Test-ExrPort", s.ports, nil)
}

// found are the findings of a requirement.
func found(r preflight.Report, requirement string) []preflight.Finding {
	var all []preflight.Finding
	for _, f := range r.Findings {
		if f.Requirement == requirement {
			all = append(all, f)
		}
	}
	return all
}

func TestRequirements(t *testing.T) {
	for about, tt := range map[string]struct {
		change      func(*situation)
		requirement string
		verdict     string
		found       string
		remedy      string // a part of it
	}{
		"Windows PowerShell 5.1 will do":   {nil, "powershell", preflight.OK, "Desktop 5.1.14393.5582", ""},
		"PowerShell 4 will not":            {func(s *situation) { s.facts.PowerShell.Version = "4.0" }, "powershell", preflight.Refused, "Desktop 4.0", "Windows Management Framework 5.1"},
		"both of 64 bits":                  {nil, "bitness", preflight.OK, "a 64-bit PowerShell on a 64-bit system", ""},
		"a 32-bit PowerShell is told of":   {func(s *situation) { s.facts.PowerShell.Bits = 32 }, "bitness", preflight.Warned, "a 32-bit PowerShell on a 64-bit system", "bits: both"},
		"a pair":                           {nil, "pair", preflight.OK, "ExO 3.1.0 on Desktop 5.1.14393.5582", ""},
		"no pair":                          {func(s *situation) { s.facts = linux(); s.facts.PowerShell.Version = "7.6.5" }, "pair", preflight.Refused, "ExO 3.1.0 on Core 7.6.5", "5.1"},
		".NET 4.7.2":                       {nil, "dotnet_framework", preflight.OK, "4.7.2", ""},
		".NET 4.7.1":                       {func(s *situation) { s.facts.DotNet.Release = ptr(461310) }, "dotnet_framework", preflight.Refused, "4.7.1", "4.8"},
		"no .NET that registers itself":    {func(s *situation) { s.facts.DotNet.Release = nil }, "dotnet_framework", preflight.Refused, "none", "4.8"},
		"a .NET older than the table":      {func(s *situation) { s.facts.DotNet.Release = ptr(1) }, "dotnet_framework", preflight.Refused, "release 1", "4.8"},
		"PowerShell 7 brings its own .NET": {func(s *situation) { s.facts = linux() }, "dotnet_framework", preflight.NotHere, "PowerShell 7 brings its own .NET, 6.0.36", ""},
		"no restart is pending":            {nil, "pending_reboot", preflight.OK, "no restart is pending", ""},
		"a restart is pending": {func(s *situation) {
			s.pending = exr.PendingReboot{Updates: true, Files: []string{`\??\C:\a`, "", `\??\C:\b`, "", `\??\C:\c`, ""}}
		}, "pending_reboot", preflight.Warned, `a restart is pending: Windows Update has installed updates, C:\a is removed, C:\b is removed and 1 more`, "restart the server"},
		"who may not look, goes on": {func(s *situation) { s.noAsk = &host.Error{ID: "x", Message: "access is denied"} }, "pending_reboot", preflight.Warned, "cannot be asked: access is denied", "yourself"},
		"a pending restart that refuses": {func(s *situation) {
			s.pending, s.p = exr.PendingReboot{Components: true}, &preflight.Preflight{Refuse: []string{"pending_reboot"}}
		}, "pending_reboot", preflight.Refused, "a restart is pending: Windows has changed components", "restart the server"},
		"RemoteSigned":               {nil, "execution_policy", preflight.OK, "RemoteSigned", ""},
		"Restricted here":            {func(s *situation) { s.facts.Policy.Effective = "Restricted" }, "execution_policy", preflight.Warned, "Restricted", "Set-ExecutionPolicy RemoteSigned"},
		"AllSigned in small letters": {func(s *situation) { s.facts.Policy.Effective = "allsigned" }, "execution_policy", preflight.Warned, "allsigned", "Set-ExecutionPolicy"},
		"a group policy for the machine": {func(s *situation) { s.facts.Policy.MachinePolicy = "AllSigned" }, "execution_policy", preflight.Refused,
			"a group policy (MachinePolicy) says AllSigned", "owner of that group policy"},
		"a group policy for the user": {func(s *situation) { s.facts.Policy.UserPolicy = "Restricted" }, "execution_policy", preflight.Refused,
			"a group policy (UserPolicy) says Restricted", "owner of that group policy"},
		"the machine's group policy overrules the user's": {func(s *situation) {
			s.facts.Policy.MachinePolicy, s.facts.Policy.UserPolicy = "RemoteSigned", "AllSigned"
		}, "execution_policy", preflight.OK, "a group policy (MachinePolicy) says RemoteSigned", ""},
		"there are no policies on Linux": {func(s *situation) { s.facts = linux() }, "execution_policy", preflight.NotHere, "there is none away from Windows", ""},
		"elevated":                       {nil, "elevation", preflight.OK, "elevated", ""},
		"not elevated":                   {func(s *situation) { s.facts.Account.Elevated = false }, "elevation", preflight.Refused, "not elevated", "administrator"},
		"strong crypto in both views":    {nil, "tls", preflight.OK, "SchUseStrongCrypto is set", ""},
		"strong crypto in one view":      {func(s *situation) { s.facts.TLS.StrongCrypto32 = nil }, "tls", preflight.Warned, "SchUseStrongCrypto is not set in both views", "Wow6432Node"},
		"strong crypto switched off":     {func(s *situation) { s.facts.TLS.StrongCrypto64 = ptr(0) }, "tls", preflight.Warned, "SchUseStrongCrypto is not set in both views", "Wow6432Node"},
		"one view is all of a 32-bit Windows": {func(s *situation) {
			s.facts.OS.Bits, s.facts.TLS.StrongCrypto32 = 32, nil
		}, "tls", preflight.OK, "SchUseStrongCrypto is set", ""},
		"the system decides on Server 2019": {func(s *situation) {
			s.facts.TLS.Protocols, s.facts.TLS.StrongCrypto64 = "SystemDefault", nil
		}, "tls", preflight.OK, "the system decides", ""},
		"TLS is the system's in PowerShell 7": {func(s *situation) { s.facts = linux() }, "tls", preflight.NotHere, "PowerShell 7 uses what the system offers", ""},
		"TEMP":                                {nil, "temp", preflight.OK, `C:\Users\ce\Temp\`, ""},
		"no TEMP":                             {func(s *situation) { s.disks[0].Exists = false }, "temp", preflight.Refused, `C:\Users\ce\Temp\ is not there`, "set TMP and TEMP"},
		"a profile":                           {nil, "profile", preflight.OK, `C:\Users\ce`, ""},
		"a $ in the profile":                  {func(s *situation) { s.facts.Account.Profile = `C:\Users\ce$` }, "profile", preflight.Warned, `C:\Users\ce$`, "no $ in their paths"},
		"a $ in TEMP":                         {func(s *situation) { s.facts.Account.Temp = `D:\t$` }, "profile", preflight.Warned, `TEMP is D:\t$`, "no $ in their paths"},
		"a preview of PowerShellGet": {func(s *situation) { s.facts.Packages.PowerShellGet = []string{"3.0.17-beta17", "2.2.5"} }, "previews",
			preflight.Refused, "PowerShellGet 3.0.17-beta17", "AllowPrerelease"},
		"previews of both": {func(s *situation) {
			s.facts.Packages.PowerShellGet, s.facts.Packages.PackageManagement = []string{"3.0.1-beta"}, []string{"1.4.8-beta1"}
		}, "previews", preflight.Refused, "PowerShellGet 3.0.1-beta, PackageManagement 1.4.8-beta1", "AllowPrerelease"},
		"a preview of the successor does no harm": {func(s *situation) { s.facts.Packages.PSResourceGet = []string{"1.2.0-rc3"} }, "previews",
			preflight.OK, "no preview of PowerShellGet or PackageManagement", ""},
		"module logging is off":          {nil, "module_logging", preflight.OK, "module logging is off", ""},
		"module logging is switched off": {func(s *situation) { s.facts.Logging.Module, s.p = ptr(0), &preflight.Preflight{Token: true} }, "module_logging", preflight.OK, "module logging is off", ""},
		"module logging without a token": {func(s *situation) { s.facts.Logging.Module = ptr(1) }, "module_logging", preflight.OK, "module logging is on, and no access token is used", ""},
		"module logging sees the token":  {func(s *situation) { s.facts.Logging.Module, s.p = ptr(1), &preflight.Preflight{Token: true} }, "module_logging", preflight.Warned, "module logging is on together with an access token", "4103"},
		"there is no event log on Linux": {func(s *situation) { s.facts = linux() }, "module_logging", preflight.NotHere, "there is no event log away from Windows", ""},
		"refuse is graver than the table": {func(s *situation) {
			s.facts.Account.Profile, s.p = "$", &preflight.Preflight{Refuse: []string{"profile"}}
		}, "profile", preflight.Refused, "$", "$"},
		"warn is milder than the table": {func(s *situation) {
			s.facts.Account.Elevated, s.p = false, &preflight.Preflight{Warn: []string{"elevation"}}
		}, "elevation", preflight.Warned, "not elevated", "administrator"},
		"refuse does not touch what holds": {func(s *situation) { s.p = &preflight.Preflight{Refuse: []string{"elevation"}} }, "elevation", preflight.OK, "elevated", ""},
		"nor what does not apply":          {func(s *situation) { s.facts, s.p = linux(), &preflight.Preflight{Refuse: []string{"tls"}} }, "tls", preflight.NotHere, "PowerShell 7 uses what the system offers", ""},
	} {
		t.Run(about, func(t *testing.T) {
			s := hold()
			if tt.change != nil {
				tt.change(s)
			}
			report, err := s.preflight().Look(t.Context(), s.machine(t))
			if err != nil {
				t.Fatal(err)
			}
			all := found(report, tt.requirement)
			if len(all) != 1 {
				t.Fatalf("%d findings of %s, want one", len(all), tt.requirement)
			}
			f := all[0]
			if f.Verdict != tt.verdict || f.Found != tt.found || !strings.Contains(f.Remedy, tt.remedy) {
				t.Errorf("got %+v, want %s: %s, remedy with %q", f, tt.verdict, tt.found, tt.remedy)
			}
			if bad := f.Verdict == preflight.Warned || f.Verdict == preflight.Refused; bad != (f.Remedy != "") {
				t.Errorf("verdict %s with the remedy %q; want one exactly where something is to be done", f.Verdict, f.Remedy)
			}
		})
	}
}

func TestDisks(t *testing.T) {
	for about, tt := range map[string]struct {
		disks []exr.Disk
		want  []preflight.Finding
	}{
		"both have room to the byte": {
			[]exr.Disk{{Exists: true, Root: `C:\`, FreeBytes: 500 << 20}, {Root: `D:\`, FreeBytes: 500 << 20}},
			[]preflight.Finding{
				{Requirement: "disk", Verdict: "ok", Found: `C:\ has 500 MiB free`, Wanted: "at least 500MiB"},
				{Requirement: "disk", Verdict: "ok", Found: `D:\ has 500 MiB free`, Wanted: "at least 500MiB"}}},
		"one lacks a byte": {
			[]exr.Disk{{Exists: true, Root: `C:\`, FreeBytes: 500<<20 - 1}, {Root: `D:\`, FreeBytes: 500 << 20}},
			[]preflight.Finding{
				{Requirement: "disk", Verdict: "refuse", Found: `C:\ has 499 MiB free`, Wanted: "at least 500MiB", Remedy: `free space on C:\`},
				{Requirement: "disk", Verdict: "ok", Found: `D:\ has 500 MiB free`, Wanted: "at least 500MiB"}}},
		"one volume is told of once": {
			[]exr.Disk{{Exists: true, Root: `C:\`, FreeBytes: 1 << 30}, {Root: `C:\`, FreeBytes: 1 << 30}},
			[]preflight.Finding{{Requirement: "disk", Verdict: "ok", Found: `C:\ has 1024 MiB free`, Wanted: "at least 500MiB"}}},
	} {
		s := hold()
		s.disks = tt.disks
		report, err := s.preflight().Look(t.Context(), s.machine(t))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, found(report, "disk")); diff != "" {
			t.Errorf("%s: want(-) got(+):\n%s", about, diff)
		}
	}
}

func TestAsksForTheVolumesOfTEMPAndOfTheModulesForAllUsers(t *testing.T) {
	for about, tt := range map[string]struct{ modules, want []string }{
		"as it comes":          {server().PowerShell.ModulePath, []string{`C:\Users\ce\Temp\`, `D:\Modules`}},
		"with one folder":      {[]string{`D:\Modules`}, []string{`C:\Users\ce\Temp\`}},
		"without PSModulePath": {nil, []string{`C:\Users\ce\Temp\`}},
	} {
		s := hold()
		s.facts.PowerShell.ModulePath = tt.modules
		h := s.machine(t)
		if _, err := s.preflight().Look(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, h.Calls[1].Args["Path"]); diff != "" {
			t.Errorf("%s: want(-) got(+):\n%s", about, diff)
		}
	}
}

func TestAVolumeThatCannotBeReadIsAFindingAmongTheOthers(t *testing.T) {
	s := hold()
	s.disks, s.noDisks = nil, &host.Error{ID: "ExrNotLocal", Class: host.Never, Message: `\\share\t: not on a drive of this machine`, Remedy: "name a local one"}
	s.facts.Account.Elevated = false
	ev, err := s.preflight().Prove(t.Context(), s.machine(t))
	if !errors.Is(err, action.ErrRefused) || ev.Data == nil {
		t.Fatalf("error %v, evidence %v; want a refusal with evidence", err, ev.Data)
	}
	for _, want := range []string{"not elevated", `\\share\t`, "name a local one"} {
		if remedy := host.As(err).Remedy; !strings.Contains(remedy, want) {
			t.Errorf("remedy %q, want %q in it", remedy, want)
		}
	}
	s.noDisks = host.ErrUnreachable
	if _, err := s.preflight().Prove(t.Context(), s.machine(t)); !errors.Is(err, host.ErrUnreachable) || errors.Is(err, action.ErrRefused) {
		t.Errorf("error %v, want unreachable and no refusal", err)
	}
}

func TestHostsAreAskedOnlyWhereThatIsAllowed(t *testing.T) {
	s := hold()
	s.p = &preflight.Preflight{Hosts: []string{"a", "b", "c"}}
	h := s.machine(t)
	report, err := s.preflight().Look(t.Context(), h)
	if err != nil || h.Called("Test-ExrPort") != 0 {
		t.Fatalf("error %v, %d calls; want none of either in a plan", err, h.Called("Test-ExrPort"))
	}
	want := []preflight.Finding{{Requirement: "hosts", Verdict: "does not apply", Found: "not asked in a plan"}}
	if diff := cmp.Diff(want, found(report, "hosts")); diff != "" {
		t.Errorf("in a plan, want(-) got(+):\n%s", diff)
	}
	s.outside = true
	s.ports = []exr.Port{{Address: "a", Port: 443, Open: true}, {Address: "b", Port: 443, Error: ptr("refused")}, {Address: "c", Port: 443}}
	report, err = s.preflight().Look(t.Context(), s.machine(t))
	if err != nil {
		t.Fatal(err)
	}
	const remedy = "open it in the firewall for this server and this account, or name the proxy"
	want = []preflight.Finding{
		{Requirement: "hosts", Verdict: "ok", Found: "a answers on 443"},
		{Requirement: "hosts", Verdict: "refuse", Found: "b does not answer on 443 (refused)", Remedy: remedy},
		{Requirement: "hosts", Verdict: "refuse", Found: "c does not answer on 443 (no answer)", Remedy: remedy},
	}
	if diff := cmp.Diff(want, found(report, "hosts")); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
	s.ports = s.ports[:2]
	if _, err := s.preflight().Look(t.Context(), s.machine(t)); err == nil || err.Error() != "hosts: 3 names were to be tried and 2 were" {
		t.Errorf("with a name that nobody tried: %v, want it said", err)
	}
}

func TestEverythingIsToldAtOnce(t *testing.T) {
	s := hold()
	f := &s.facts
	f.PowerShell.Version, f.PowerShell.Bits = "3.0", 32
	f.DotNet.Release, f.Policy.MachinePolicy, f.Account.Elevated, f.TLS.StrongCrypto64 = ptr(378389), "Restricted", false, nil
	f.Account.Profile, f.Packages.PowerShellGet, f.Logging.Module = `C:\Users\x$`, []string{"3.0.1-beta"}, ptr(1)
	s.disks[0].Exists, s.disks[0].FreeBytes = false, 0
	s.p = &preflight.Preflight{Token: true, Hosts: []string{"a"}}
	s.outside, s.ports = true, []exr.Port{{Address: "a", Port: 443}}
	ev, err := s.preflight().Prove(t.Context(), s.machine(t))
	e := host.As(err)
	if !errors.Is(err, action.ErrRefused) || e == nil || e.Class != host.Never || e.ID != "ExrPreflight" {
		t.Fatalf("error %v, want a refusal of class never", err)
	}
	if want := "9 of 15 requirements"; e.Message != want {
		t.Errorf("message %q, want %q", e.Message, want)
	}
	if n := strings.Count(e.Remedy, "\n") + 1; n != 9 || len(ev.Warnings) != 4 {
		t.Errorf("%d lines of remedies and %d warnings, want 9 and 4:\n%s\n%s", n, len(ev.Warnings), e.Remedy, strings.Join(ev.Warnings, "\n"))
	}
	for _, requirement := range []string{"powershell", "pair", "dotnet_framework", "execution_policy", "elevation", "temp", "disk", "previews", "hosts"} {
		if !strings.Contains("\n"+e.Remedy, "\n"+requirement+": ") {
			t.Errorf("the remedies do not name %s:\n%s", requirement, e.Remedy)
		}
	}
	if report := ev.Data.(preflight.Report); len(report.Findings) != 15 || report.Facts.PowerShell.Version != "3.0" {
		t.Errorf("evidence has %d findings of PowerShell %s, want all 15 with the facts", len(report.Findings), report.Facts.PowerShell.Version)
	}
}

func TestNothingToRefuse(t *testing.T) {
	s := hold()
	s.facts.PowerShell.Bits = 32
	ev, err := s.preflight().Prove(t.Context(), s.machine(t))
	if err != nil {
		t.Fatal(err)
	}
	if want := "13 requirements hold, 1 warn, 0 do not apply"; ev.Summary != want || len(ev.Warnings) != 1 {
		t.Errorf("summary %q, warnings %q; want %q and one", ev.Summary, ev.Warnings, want)
	}
}

func TestValidate(t *testing.T) {
	for about, tt := range map[string]struct {
		change func(*preflight.Preflight)
		want   []action.Problem
	}{
		"the default is fine":         {func(*preflight.Preflight) {}, nil},
		"bytes are":                   {func(p *preflight.Preflight) { p.Disk = "1073741824" }, nil},
		"so is a space before a unit": {func(p *preflight.Preflight) { p.Disk = "2 GiB" }, nil},
		"all at once": {func(p *preflight.Preflight) {
			p.PowerShell, p.DotNet, p.Module, p.Disk = ">=five", "", "3.x", "lots"
			p.Refuse, p.Warn = []string{"tls", "disk"}, []string{"disk", "temp"}
		}, []action.Problem{
			{Field: "powershell", What: `version "five": field 1 is not a number`},
			{Field: "dotnet_framework", What: `range "": no version in it`},
			{Field: "module_version", What: `version "3.x": field 2 is not a number`},
			{Field: "disk", What: `"lots" is not a size: write 500MiB or 2GiB`},
			{Field: "warn", What: "disk is under refuse as well"}}},
		"a negative size":   {func(p *preflight.Preflight) { p.Disk = "-1" }, []action.Problem{{Field: "disk", What: `"-1" is not a size: write 500MiB or 2GiB`}}},
		"half a size":       {func(p *preflight.Preflight) { p.Disk = "1.5GiB" }, []action.Problem{{Field: "disk", What: `"1.5GiB" is not a size: write 500MiB or 2GiB`}}},
		"a unit alone":      {func(p *preflight.Preflight) { p.Disk = "MiB" }, []action.Problem{{Field: "disk", What: `"MiB" is not a size: write 500MiB or 2GiB`}}},
		"another unit":      {func(p *preflight.Preflight) { p.Disk = "500MB" }, []action.Problem{{Field: "disk", What: `"500MB" is not a size: write 500MiB or 2GiB`}}},
		"a size beyond all": {func(p *preflight.Preflight) { p.Disk = "99999999999GiB" }, []action.Problem{{Field: "disk", What: `"99999999999GiB" is not a size: write 500MiB or 2GiB`}}},
	} {
		t.Run(about, func(t *testing.T) {
			p := hold().preflight()
			tt.change(p)
			if diff := cmp.Diff(tt.want, p.Validate()); diff != "" {
				t.Errorf("want(-) got(+):\n%s", diff)
			}
		})
	}
}

func TestOnTheRehearsal(t *testing.T) {
	for machine, want := range map[string]string{
		"ce-v2": "", "ce-migrated": "", "ce-offline": "hosts: ", "ce-group-policy": "execution_policy: ", "ce-service-account": "elevation: ",
	} {
		h, err := rehearsal.Open(rehearsal.Options{Machine: machine, Classify: failure.Classify})
		if err != nil {
			t.Fatal(err)
		}
		s := hold()
		s.outside, s.p = true, &preflight.Preflight{Hosts: []string{"www.powershellgallery.com"}}
		ev, err := s.preflight().Prove(t.Context(), h)
		switch {
		case h.Writes() != 0 || ev.Data == nil:
			t.Errorf("%s: %d writes, evidence %v; want none, and evidence", machine, h.Writes(), ev.Data)
		case want == "" && err != nil:
			t.Errorf("%s: %v, want no error", machine, err)
		case want != "" && (!errors.Is(err, action.ErrRefused) || !strings.Contains(host.As(err).Remedy, want)):
			t.Errorf("%s: %v, want a refusal for %s", machine, err, want)
		}
	}
}
