package psmodule_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/action"
	"exorunner/internal/action/actiontest"
	"exorunner/internal/action/psmodule"
	"exorunner/internal/exr"
	"exorunner/internal/failure"
	"exorunner/internal/host"
	"exorunner/internal/rehearsal"
)

const (
	exo        = "ExchangeOnlineManagement"
	allUser    = `C:\Program Files\WindowsPowerShell\Modules\` + exo + `\`
	own        = `C:\Users\ce\Documents\WindowsPowerShell\Modules\` + exo + `\`
	package310 = `D:\gallery\ExchangeOnlineManagement.3.1.0.nupkg`
	hash310    = "1f0c8a5c6b0f5d6c2fd2a7a04b9f3f6f57f6d3e3a7b1c1d0e9f8a7b6c5d4e3f2"
)

// wanted is ExO 3.1.0 for everybody, with the defaults of a playbook.
func wanted(change ...func(*psmodule.Module)) *psmodule.Module {
	p := psmodule.New(action.Deps{}).(*psmodule.Module)
	p.Module, p.Version, p.Repository, p.Scope, p.Method = exo, "3.1.0", "PSGallery", "AllUsers", "auto"
	p.Newer, p.Older, p.State, p.Effective = "keep", "keep", "present", "warn"
	for _, c := range change {
		c(p)
	}
	return p
}

// provided has the NuGet provider, without which nothing can be installed. The faults come after it.
func provided(t *testing.T, machine string, faults ...string) *rehearsal.Host {
	t.Helper()
	o := rehearsal.Options{Machine: machine, Dir: t.TempDir(), Classify: failure.Classify}
	h, err := rehearsal.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	call := exr.InstallPackageProvider("NuGet", "2.8.5.201")
	if machine == "ce-offline" {
		call = exr.InstallPackageProviderFile("NuGet", "2.8.5.208", `D:\gallery\provider\nuget\2.8.5.208`)
	}
	for _, bits := range []int{64, 32} {
		call.Bits = bits
		if err := h.Invoke(t.Context(), call, nil); err != nil {
			t.Fatal(err)
		}
	}
	o.Faults = faults
	if h, err = rehearsal.Open(o); err != nil {
		t.Fatal(err)
	}
	return h
}

// installed are the versions that the machine has, "scope version" each.
func installed(t *testing.T, h host.Reader, bits int) []string {
	t.Helper()
	call := exr.GetModule(exo)
	call.Bits = bits
	var all []exr.Module
	if err := h.Query(t.Context(), call, &all); err != nil {
		t.Fatal(err)
	}
	texts := make([]string, len(all))
	for i, m := range all {
		texts[i] = m.Scope + " " + m.Version
	}
	slices.Sort(texts)
	return texts
}

func TestValidate(t *testing.T) {
	for about, tt := range map[string]struct {
		change func(*psmodule.Module)
		want   []action.Problem
	}{
		"from a repository": {func(*psmodule.Module) {}, nil},
		"from a package":    {func(p *psmodule.Module) { p.Package, p.SHA256 = "a.nupkg", strings.ToUpper(hash310) }, nil},
		"no version":        {func(p *psmodule.Module) { p.Version = "latest" }, []action.Problem{{Field: "version", What: `version "latest": field 1 is not a number`}}},
		"a preview":         {func(p *psmodule.Module) { p.Version = "3.1.0-Preview1" }, []action.Problem{{Field: "version", What: "3.1.0-Preview1 is a preview: name a release"}}},
		"a package without its hash": {func(p *psmodule.Module) { p.Package = "a.nupkg" },
			[]action.Problem{{Field: "sha256", What: "a package needs its SHA-256, 64 hexadecimal digits: (Get-FileHash PACKAGE).Hash prints it"}}},
		"a package with another hash than SHA-256": {func(p *psmodule.Module) { p.Package, p.SHA256 = "a.nupkg", hash310[:40] },
			[]action.Problem{{Field: "sha256", What: "a package needs its SHA-256, 64 hexadecimal digits: (Get-FileHash PACKAGE).Hash prints it"}}},
		"a hash of nothing":       {func(p *psmodule.Module) { p.SHA256 = hash310 }, []action.Problem{{Field: "sha256", What: "is of a package, and none is given"}}},
		"a package to be removed": {func(p *psmodule.Module) { p.Package, p.SHA256, p.State = "a", hash310, "absent" }, []action.Problem{{Field: "package", What: "nothing is installed where state is absent"}}},
		"a package to update":     {func(p *psmodule.Module) { p.Package, p.SHA256, p.Method = "a", hash310, "update" }, []action.Problem{{Field: "method", What: "Update-Module takes no package: leave method out"}}},
		"many modules in one": {func(p *psmodule.Module) { p.Module, p.Older = "Exchange*", "remove" },
			[]action.Problem{{Field: "name", What: `"Exchange*" is not the name of one module`}}},
	} {
		t.Run(about, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, wanted(tt.change).Validate()); diff != "" {
				t.Errorf("want(-) got(+):\n%s", diff)
			}
		})
	}
}

// at is a module that lies where its scope and folder say.
func at(scope, folder, version string) exr.Module {
	path := allUser
	if scope == "CurrentUser" {
		path = own
	}
	return exr.Module{Name: exo, Version: version, Scope: scope, Path: path + folder}
}

func TestCheck(t *testing.T) {
	there := at("AllUsers", "3.1.0", "3.1.0")
	for about, tt := range map[string]struct {
		modules  []any
		takes    string // what an import takes; "" where it is not to be asked
		change   func(*psmodule.Module)
		want     action.Finding
		refused  string // id of the error
		warnings int
	}{
		"nothing is there": {nil, "", nil,
			action.Finding{State: action.Differs, Summary: exo + " 3.1.0 is not installed for AllUsers", Before: "none", After: "3.1.0 (AllUsers)"}, "", 0},
		"it is there": {[]any{there}, "3.1.0", nil,
			action.Finding{Summary: "3.1.0 is installed", Before: "3.1.0 (AllUsers)", After: "3.1.0 (AllUsers)"}, "", 0},
		"a version is the same with another number of fields": {[]any{at("AllUsers", "3.1", "3.1")}, "3.1", nil,
			action.Finding{Summary: "3.1.0 is installed", Before: "3.1 (AllUsers)", After: "3.1 (AllUsers)"}, "", 0},
		"for this account it is not for everybody": {[]any{at("CurrentUser", "3.1.0", "3.1.0")}, "", nil,
			action.Finding{State: action.Differs, Summary: exo + " 3.1.0 is not installed for AllUsers", Before: "3.1.0 (CurrentUser)", After: "3.1.0 (AllUsers), 3.1.0 (CurrentUser)"}, "", 0},
		"its preview is not it": {[]any{exr.Module{Version: "3.1.0", Prerelease: "Preview2", Scope: "AllUsers", Path: allUser + "3.1.0"}}, "", nil,
			action.Finding{State: action.Differs, Summary: exo + " 3.1.0 is not installed for AllUsers", Before: "3.1.0-Preview2 (AllUsers)", After: "3.1.0 (AllUsers), 3.1.0-Preview2 (AllUsers)"}, "", 0},
		"folders win over numbers": {[]any{at("CurrentUser", "3.0.0", "3.0.0"), there}, "3.0.0", nil,
			action.Finding{Summary: "3.1.0 is installed", Before: "3.0.0 (CurrentUser), 3.1.0 (AllUsers)", After: "3.0.0 (CurrentUser), 3.1.0 (AllUsers)"}, "", 1},
		"and fail where that is asked": {[]any{at("CurrentUser", "3.0.0", "3.0.0"), there}, "3.0.0", func(p *psmodule.Module) { p.Effective = "fail" },
			action.Finding{}, "ExrModuleHidden", 0},
		"a newer one shadows it": {[]any{at("AllUsers", "3.9.0", "3.9.0"), there}, "3.9.0", nil,
			action.Finding{Summary: "3.1.0 is installed", Before: "3.9.0 (AllUsers), 3.1.0 (AllUsers)", After: "3.9.0 (AllUsers), 3.1.0 (AllUsers)"}, "", 1},
		"a newer one is to go": {[]any{at("AllUsers", "3.9.0", "3.9.0"), there}, "", func(p *psmodule.Module) { p.Newer = "remove" },
			action.Finding{State: action.Differs, Summary: "3.9.0 is to be removed from AllUsers", Before: "3.9.0 (AllUsers), 3.1.0 (AllUsers)", After: "3.1.0 (AllUsers)"}, "", 0},
		"a newer one is an error": {[]any{at("AllUsers", "3.9.0", "3.9.0"), there}, "", func(p *psmodule.Module) { p.Newer = "fail" },
			action.Finding{}, "ExrNewerModule", 0},
		"a newer one that nobody may remove is left": {[]any{exr.Module{Version: "3.9.0", Scope: "System", Path: `C:\Windows\x\3.9.0`}, there}, "3.1.0",
			func(p *psmodule.Module) { p.Newer, p.Older = "remove", "remove" },
			action.Finding{Summary: "3.1.0 is installed", Before: "3.9.0 (System), 3.1.0 (AllUsers)", After: "3.9.0 (System), 3.1.0 (AllUsers)"}, "", 0},
		"an older one is to go when it is there": {[]any{at("AllUsers", "2.0.5", "2.0.5")}, "", func(p *psmodule.Module) { p.Older = "remove" },
			action.Finding{State: action.Differs, Summary: exo + " 3.1.0 is not installed for AllUsers, 2.0.5 is to be removed from AllUsers", Before: "2.0.5 (AllUsers)", After: "3.1.0 (AllUsers)"}, "", 0},
		"the folder says it and the manifest does not": {[]any{at("AllUsers", "3.1.0", "3.2.0")}, "", func(p *psmodule.Module) { p.Newer = "fail" },
			action.Finding{State: action.Differs, Summary: "the manifest in " + allUser + "3.1.0 says 3.2.0", Before: "3.2.0 (AllUsers)", After: "3.1.0 (AllUsers)"}, "", 0},
		"a folder of Linux says it too": {[]any{exr.Module{Version: "0.0", Scope: "AllUsers", Path: "/usr/m/" + exo + "/3.1.0"}}, "", nil,
			action.Finding{State: action.Differs, Summary: "the manifest in /usr/m/" + exo + "/3.1.0 says 0.0", Before: "0.0 (AllUsers)", After: "3.1.0 (AllUsers)"}, "", 0},
		"a folder without a version is one too": {[]any{exr.Module{Version: "3.1.0", Scope: "AllUsers", Path: strings.TrimSuffix(allUser, `\`)}}, "3.1.0", nil,
			action.Finding{Summary: "3.1.0 is installed", Before: "3.1.0 (AllUsers)", After: "3.1.0 (AllUsers)"}, "", 0},
		"where it came from is told": {[]any{exr.Module{Version: "2.0.5", Scope: "AllUsers", Path: allUser + "2.0.5", Origin: &exr.Origin{Repository: "PSGallery"}}}, "", nil,
			action.Finding{State: action.Differs, Summary: exo + " 3.1.0 is not installed for AllUsers", Before: "2.0.5 (AllUsers, from PSGallery)", After: "3.1.0 (AllUsers), 2.0.5 (AllUsers, from PSGallery)"}, "", 0},
		"absent, and it is not there": {[]any{at("CurrentUser", "3.1.0", "3.1.0")}, "", func(p *psmodule.Module) { p.State = "absent" },
			action.Finding{Summary: "3.1.0 is not installed", Before: "3.1.0 (CurrentUser)", After: "3.1.0 (CurrentUser)"}, "", 0},
		"absent, and it is there": {[]any{there, at("AllUsers", "2.0.5", "2.0.5")}, "", func(p *psmodule.Module) { p.State, p.Older = "absent", "remove" },
			action.Finding{State: action.Differs, Summary: "3.1.0 is to be removed from AllUsers", Before: "3.1.0 (AllUsers), 2.0.5 (AllUsers)", After: "2.0.5 (AllUsers)"}, "", 0},
	} {
		t.Run(about, func(t *testing.T) {
			answers := map[string]actiontest.Answer{"Get-ExrModule": actiontest.Gives(tt.modules...)}
			if tt.takes != "" {
				answers["Resolve-ExrModule"] = actiontest.Gives(exr.Resolved{Version: tt.takes, Path: "somewhere"})
			}
			p := wanted()
			if tt.change != nil {
				tt.change(p)
			}
			f, err := p.Check(t.Context(), actiontest.New(t, answers))
			if tt.refused != "" {
				if e := host.As(err); e == nil || e.ID != tt.refused || e.Class != host.Never || e.Remedy == "" {
					t.Errorf("error %+v, want %s, never, with a remedy", e, tt.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(f.Warnings) != tt.warnings {
				t.Errorf("warnings %q, want %d", f.Warnings, tt.warnings)
			}
			f.Warnings = nil
			tt.want.Changes = "module " + exo
			if diff := cmp.Diff(tt.want, f); diff != "" {
				t.Errorf("want(-) got(+):\n%s", diff)
			}
		})
	}
}

func TestApplyThenCheckThenApply(t *testing.T) {
	for about, tt := range map[string]struct {
		machine string
		change  func(*psmodule.Module)
		want    []string // of 64 bits
		said    string   // a part of the summary
	}{
		"an update beside the old one": {"ce-v2", nil, []string{"AllUsers 2.0.5", "AllUsers 3.1.0"}, "Update-Module installed 3.1.0 (2.0.5 came from PSGallery)"},
		"an install because it was asked for": {"ce-v2", func(p *psmodule.Module) { p.Method = "install" },
			[]string{"AllUsers 2.0.5", "AllUsers 3.1.0"}, "Install-Module installed 3.1.0 (asked for)"},
		"an install because nobody has a record": {"ce-copied-module", nil, []string{"AllUsers 2.0.5", "AllUsers 3.1.0"}, "Install-Module installed 3.1.0 (not installed by PowerShellGet)"},
		"the old one goes":                       {"ce-v2", func(p *psmodule.Module) { p.Older = "remove" }, []string{"AllUsers 3.1.0"}, "removed 2.0.5 from AllUsers"},
		"the newer one goes":                     {"ce-newer-module", func(p *psmodule.Module) { p.Newer = "remove" }, []string{"AllUsers 3.1.0"}, "removed 3.9.0 from AllUsers"},
		"the hidden one goes from where it is":   {"ce-hidden-module", func(p *psmodule.Module) { p.Older = "remove" }, []string{"AllUsers 3.1.0"}, "removed 3.0.0 from CurrentUser"},
		"for this account":                       {"ce-v2", func(p *psmodule.Module) { p.Scope = "CurrentUser" }, []string{"AllUsers 2.0.5", "CurrentUser 3.1.0"}, "Install-Module installed"},
		"from a package":                         {"ce-offline", func(p *psmodule.Module) { p.Package, p.SHA256 = package310, hash310 }, []string{"AllUsers 2.0.5", "AllUsers 3.1.0"}, "installed 3.1.0"},
		"absent":                                 {"ce-v2", func(p *psmodule.Module) { p.State, p.Version = "absent", "2.0.5" }, []string{}, "removed 2.0.5 from AllUsers"},
	} {
		t.Run(about, func(t *testing.T) {
			h := provided(t, tt.machine)
			p := wanted()
			if tt.change != nil {
				tt.change(p)
			}
			before := h.Writes()
			f, err := p.Check(t.Context(), h)
			if err != nil || f.State != action.Differs {
				t.Fatalf("check: %+v, %v; want a difference", f, err)
			}
			if h.Writes() != before {
				t.Fatalf("check wrote %d times", h.Writes()-before)
			}
			done, err := p.Apply(t.Context(), h)
			if err != nil || !strings.Contains(done.Summary, tt.said) {
				t.Errorf("apply: %q, %v; want %q in it", done.Summary, err, tt.said)
			}
			if diff := cmp.Diff(tt.want, installed(t, h, 64)); diff != "" {
				t.Errorf("installed, want(-) got(+):\n%s", diff)
			}
			if f, err = p.Check(t.Context(), h); err != nil || f.State != action.InPlace {
				t.Errorf("check afterwards: %+v, %v; want it in place", f, err)
			}
			before = h.Writes()
			if done, err := p.Apply(t.Context(), h); err != nil || h.Writes() != before || done.Summary != "" {
				t.Errorf("second apply: %q, %v, %d writes; want nothing done", done.Summary, err, h.Writes()-before)
			}
		})
	}
}

func TestBothPowerShells(t *testing.T) {
	h := provided(t, "ce-32bit")
	p := wanted(func(p *psmodule.Module) { p.Bits = "both" })
	f, err := p.Check(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	want := "64-bit: 3.1.0 is installed; 32-bit: " + exo + " 3.1.0 is not installed for AllUsers"
	if f.State != action.Differs || f.Summary != want {
		t.Errorf("check: %v, %q; want a difference, %q", f.State, f.Summary, want)
	}
	if _, err := p.Apply(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	for _, bits := range []int{64, 32} {
		if got := installed(t, h, bits); !slices.Contains(got, "AllUsers 3.1.0") {
			t.Errorf("%d bits have %q, want 3.1.0 among them", bits, got)
		}
	}
	if f, err := p.Check(t.Context(), h); err != nil || f.State != action.InPlace {
		t.Errorf("check afterwards: %+v, %v; want it in place", f, err)
	}
}

func TestErrorsKeepClassAndRemedy(t *testing.T) {
	for about, tt := range map[string]struct {
		machine string
		faults  []string
		change  func(*psmodule.Module)
		class   host.Class
		rule    string
	}{
		"the gallery is away":      {"ce-v2", []string{"gallery-away"}, nil, host.Transient, "P11"},
		"the version is not there": {"ce-v2", []string{"version-not-in-repository"}, nil, host.Never, "P10"},
		"no right to write":        {"ce-v2", []string{"access-denied"}, nil, host.Never, "P43"},
		"the disk is full":         {"ce-v2", []string{"disk-full"}, nil, host.Never, "P36"},
		"another file": {"ce-offline", []string{"hash-mismatch"}, func(p *psmodule.Module) { p.Package, p.SHA256 = package310, hash310 },
			host.Never, "P12"},
		"the old one is in use": {"ce-hidden-module", []string{"module-in-use"}, func(p *psmodule.Module) { p.Older = "remove" }, host.OnceMore, "I16"},
		"a repository that is not registered": {"ce-v2", nil, func(p *psmodule.Module) { p.Repository, p.Method = "Nowhere", "install" },
			host.Never, "I07"},
	} {
		t.Run(about, func(t *testing.T) {
			h := provided(t, tt.machine, tt.faults...)
			p := wanted()
			p.Bits = "64"
			if tt.change != nil {
				tt.change(p)
			}
			_, err := p.Apply(t.Context(), h)
			e := host.As(err)
			if e == nil || e.Class != tt.class || e.Rule != tt.rule || e.Remedy == "" {
				t.Fatalf("error %+v (%v), want class %s, rule %s and a remedy", e, err, tt.class, tt.rule)
			}
			if !strings.HasPrefix(err.Error(), "64-bit PowerShell: ") {
				t.Errorf("error %q, want it to say which PowerShell", err)
			}
		})
	}
}

func TestWhatWorksStaysUntilTheNewOneIsThere(t *testing.T) {
	remove := func(p *psmodule.Module) { p.Older, p.Newer = "remove", "remove" }
	for about, fault := range map[string]string{
		"the install fails":        "gallery-away",
		"the install lies":         "apply-lies:Install-ExrModule",
		"nobody knows what it did": "host-dies:Install-ExrModule",
		"it died after its work":   "host-dies-after:Install-ExrModule",
	} {
		t.Run(about, func(t *testing.T) {
			h := provided(t, "ce-v2", fault)
			p := wanted(remove)
			_, err := p.Apply(t.Context(), h)
			if lies := strings.HasPrefix(fault, "apply-lies"); lies != (err == nil) {
				t.Errorf("error %v", err)
			}
			if got := installed(t, h, 64); !slices.Contains(got, "AllUsers 2.0.5") {
				t.Errorf("installed %q, want 2.0.5 among them still", got)
			}
			f, err := p.Check(t.Context(), h)
			if err != nil || f.State != action.Differs {
				t.Errorf("check afterwards: %+v, %v; want a difference", f, err)
			}
		})
	}
}

func TestABrokenFolderIsInstalledAnewBesideAGoodOne(t *testing.T) {
	flat := exr.Module{Name: exo, Version: "3.1.0", Scope: "AllUsers", Path: strings.TrimSuffix(allUser, `\`)}
	h := actiontest.New(t, map[string]actiontest.Answer{
		"Get-ExrModule":     actiontest.Gives(flat, at("AllUsers", "3.1.0", "9.9")),
		"Install-ExrModule": actiontest.Gives(exr.Installed{Verb: "Install-Module", Why: "asked for"}),
	})
	if _, err := wanted().Apply(t.Context(), h); err != nil || h.Called("Install-ExrModule") != 1 {
		t.Errorf("%d installs, %v; want one: a check finds the folder wrong", h.Called("Install-ExrModule"), err)
	}
}

func TestUnreachableStaysSo(t *testing.T) {
	gone := actiontest.New(t, map[string]actiontest.Answer{"Get-ExrModule": actiontest.Throws(host.ErrUnreachable)})
	p := wanted(func(p *psmodule.Module) { p.Bits = "32" })
	if _, err := p.Check(t.Context(), gone); !errors.Is(err, host.ErrUnreachable) {
		t.Errorf("check: %v, want unreachable", err)
	}
	if _, err := p.Apply(t.Context(), gone); !errors.Is(err, host.ErrUnreachable) {
		t.Errorf("apply: %v, want unreachable", err)
	}
	if gone.Calls[0].Bits != 32 {
		t.Errorf("asked the PowerShell of %d bits, want 32", gone.Calls[0].Bits)
	}
}
