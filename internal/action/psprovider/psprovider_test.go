package psprovider_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/action"
	"exorunner/internal/action/actiontest"
	"exorunner/internal/action/psprovider"
	"exorunner/internal/exr"
	"exorunner/internal/failure"
	"exorunner/internal/host"
	"exorunner/internal/rehearsal"
)

func nuget(change ...func(*psprovider.Provider)) *psprovider.Provider {
	p := psprovider.New(action.Deps{}).(*psprovider.Provider)
	p.Provider, p.Minimum, p.Version = "NuGet", "2.8.5.201", "2.8.5.208"
	for _, c := range change {
		c(p)
	}
	return p
}

func TestValidate(t *testing.T) {
	for about, tt := range map[string]struct {
		change func(*psprovider.Provider)
		want   []action.Problem
	}{
		"from the network": {func(*psprovider.Provider) {}, nil},
		"a minimum above the folder's version counts only with a folder": {func(p *psprovider.Provider) { p.Minimum = "2.8.5.300" }, nil},
		"a folder with too old a version": {func(p *psprovider.Provider) { p.Folder, p.Minimum = "x", "2.8.5.300" },
			[]action.Problem{{Field: "version", What: "2.8.5.208 in the folder is less than the minimum 2.8.5.300"}}},
		"neither is a version": {func(p *psprovider.Provider) { p.Minimum, p.Version = "new", "" }, []action.Problem{
			{Field: "minimum", What: `version "new": field 1 is not a number`}, {Field: "version", What: `version "": field 1 is not a number`}}},
	} {
		if diff := cmp.Diff(tt.want, nuget(tt.change).Validate()); diff != "" {
			t.Errorf("%s: want(-) got(+):\n%s", about, diff)
		}
	}
}

func TestCheck(t *testing.T) {
	for about, tt := range map[string]struct {
		there []any
		want  action.Finding
	}{
		"none":                {nil, action.Finding{State: action.Differs, Summary: "provider NuGet is not there", Before: "none", After: ">=2.8.5.201"}},
		"an old one":          {[]any{exr.Provider{Version: "2.8.5.127"}}, action.Finding{State: action.Differs, Summary: "provider NuGet is 2.8.5.127, wanted at least 2.8.5.201", Before: "2.8.5.127", After: ">=2.8.5.201"}},
		"the very one":        {[]any{exr.Provider{Version: "2.8.5.201"}}, action.Finding{Summary: "2.8.5.201", Before: "2.8.5.201", After: "2.8.5.201"}},
		"the best of several": {[]any{exr.Provider{Version: "2.8.5.99"}, exr.Provider{Version: "3.0.0.1"}, exr.Provider{Version: "2.8.5.208"}}, action.Finding{Summary: "3.0.0.1", Before: "3.0.0.1", After: "3.0.0.1"}},
	} {
		f, err := nuget().Check(t.Context(), actiontest.New(t, map[string]actiontest.Answer{"Get-ExrPackageProvider": actiontest.Gives(tt.there...)}))
		if diff := cmp.Diff(tt.want, f); err != nil || diff != "" {
			t.Errorf("%s: %v, want(-) got(+):\n%s", about, err, diff)
		}
	}
}

func TestApplyThenCheckThenApply(t *testing.T) {
	for machine, p := range map[string]*psprovider.Provider{
		"ce-v2": nuget(), "ce-offline": nuget(func(p *psprovider.Provider) { p.Folder = `D:\gallery\provider\nuget\2.8.5.208` }),
	} {
		h, err := rehearsal.Open(rehearsal.Options{Machine: machine, Classify: failure.Classify})
		if err != nil {
			t.Fatal(err)
		}
		if f, err := p.Check(t.Context(), h); err != nil || f.State != action.Differs || h.Writes() != 0 {
			t.Fatalf("%s: check: %+v, %v, %d writes; want a difference and none", machine, f, err, h.Writes())
		}
		if done, err := p.Apply(t.Context(), h); err != nil || done.Summary != "installed 2.8.5.208" {
			t.Errorf("%s: apply: %q, %v; want installed 2.8.5.208", machine, done.Summary, err)
		}
		if f, err := p.Check(t.Context(), h); err != nil || f.State != action.InPlace {
			t.Errorf("%s: check afterwards: %+v, %v; want it in place", machine, f, err)
		}
		if _, err := p.Apply(t.Context(), h); err != nil || h.Writes() != 1 {
			t.Errorf("%s: second apply: %v, %d writes; want one in all", machine, err, h.Writes())
		}
	}
}

func TestErrorsKeepClassAndRemedy(t *testing.T) {
	for about, tt := range map[string]struct {
		p    *psprovider.Provider
		rule string
	}{
		"no network":             {nuget(), "I02"},
		"a folder without a DLL": {nuget(func(p *psprovider.Provider) { p.Folder = `D:\gallery` }), "P19"},
	} {
		h, err := rehearsal.Open(rehearsal.Options{Machine: "ce-offline", Classify: failure.Classify})
		if err != nil {
			t.Fatal(err)
		}
		_, err = tt.p.Apply(t.Context(), h)
		if e := host.As(err); e == nil || e.Class != host.Never || e.Rule != tt.rule || e.Remedy == "" {
			t.Errorf("%s: error %+v, want %s, never, with a remedy", about, e, tt.rule)
		}
	}
}

func TestAnInstallThatSaysNothingIsNotCalledDone(t *testing.T) {
	h := actiontest.New(t, map[string]actiontest.Answer{"Get-ExrPackageProvider": actiontest.Gives(), "Install-ExrPackageProvider": actiontest.Gives(exr.Provider{Version: "2.8.5.127"})})
	if done, err := nuget().Apply(t.Context(), h); err != nil || done.Summary != "Install-PackageProvider said nothing" {
		t.Errorf("%q, %v; want that it said nothing", done.Summary, err)
	}
}

// On ce-32bit the 64-bit PowerShell has the provider and the other has not.
func TestEachPowerShellHasItsOwn(t *testing.T) {
	h, err := rehearsal.Open(rehearsal.Options{Machine: "ce-32bit", Classify: failure.Classify})
	if err != nil {
		t.Fatal(err)
	}
	if f, err := nuget().Check(t.Context(), h); err != nil || f.State != action.InPlace {
		t.Errorf("the session's own: %+v, %v; want it in place", f, err)
	}
	p := nuget(func(p *psprovider.Provider) { p.Bits = "both" })
	want := action.Finding{State: action.Differs, Summary: "64-bit: 2.8.5.208; 32-bit: provider NuGet is not there",
		Before: "64-bit: 2.8.5.208; 32-bit: none", After: "64-bit: 2.8.5.208; 32-bit: >=2.8.5.201"}
	if f, err := p.Check(t.Context(), h); err != nil || !cmp.Equal(f, want) {
		t.Errorf("both: %v, want(-) got(+):\n%s", err, cmp.Diff(want, f))
	}
	if done, err := p.Apply(t.Context(), h); err != nil || done.Summary != "installed 2.8.5.208 for 32 bits" || h.Writes() != 1 {
		t.Errorf("apply: %q, %v, %d writes; want only what is missing", done.Summary, err, h.Writes())
	}
	if f, err := p.Check(t.Context(), h); err != nil || f.State != action.InPlace {
		t.Errorf("afterwards: %+v, %v; want it in place", f, err)
	}
}
