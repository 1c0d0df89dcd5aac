package psrepository_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/action"
	"exorunner/internal/action/actiontest"
	"exorunner/internal/action/psrepository"
	"exorunner/internal/exr"
	"exorunner/internal/failure"
	"exorunner/internal/host"
	"exorunner/internal/rehearsal"
)

func repository(name, source string, trusted bool) *psrepository.Repository {
	p := psrepository.New(action.Deps{}).(*psrepository.Repository)
	p.Repository, p.Source, p.Trusted = name, source, trusted
	return p
}

func TestValidate(t *testing.T) {
	for about, tt := range map[string]struct {
		p    *psrepository.Repository
		want []action.Problem
	}{
		"the gallery": {repository("PSGallery", "", true), nil},
		"a folder":    {repository("Local", `D:\gallery`, false), nil},
		"the gallery elsewhere": {repository("psgallery", `D:\gallery`, true),
			[]action.Problem{{Field: "source", What: "PSGallery's source is PowerShellGet's own: leave it out, or give the repository another name"}}},
		"another one nowhere": {repository("Local", "", true), []action.Problem{{Field: "source", What: "repository Local needs a source"}}},
	} {
		if diff := cmp.Diff(tt.want, tt.p.Validate()); diff != "" {
			t.Errorf("%s: want(-) got(+):\n%s", about, diff)
		}
	}
}

func TestCheck(t *testing.T) {
	const web = "https://www.powershellgallery.com/api/v2"
	for about, tt := range map[string]struct {
		p     *psrepository.Repository
		there []any
		want  action.Finding
	}{
		"not registered": {repository("Local", `D:\g`, true), nil,
			action.Finding{State: action.Differs, Summary: "not registered for this account", Before: "none", After: `D:\g, trusted`}},
		"the gallery is not registered": {repository("PSGallery", "", true), nil,
			action.Finding{State: action.Differs, Summary: "not registered for this account", Before: "none", After: "its own source, trusted"}},
		"the gallery is not trusted": {repository("PSGallery", "", true), []any{exr.Repository{SourceLocation: web, InstallationPolicy: "Untrusted"}},
			action.Finding{State: action.Differs, Summary: "it is not trusted", Before: web + ", untrusted", After: "its own source, trusted"}},
		"it is trusted and should not be": {repository("Local", `D:\g`, false), []any{exr.Repository{SourceLocation: `D:\g`, InstallationPolicy: "Trusted"}},
			action.Finding{State: action.Differs, Summary: "it is trusted", Before: `D:\g, trusted`, After: `D:\g, untrusted`}},
		"it points elsewhere": {repository("Local", `D:\g`, true), []any{exr.Repository{SourceLocation: `E:\g`, InstallationPolicy: "Untrusted"}},
			action.Finding{State: action.Differs, Summary: `its source is E:\g, it is not trusted`, Before: `E:\g, untrusted`, After: `D:\g, trusted`}},
		"case and a separator at the end do not count": {repository("Local", `D:\Gallery\`, true), []any{exr.Repository{SourceLocation: `d:\gallery`, InstallationPolicy: "trusted"}},
			action.Finding{Summary: `d:\gallery, trusted`, Before: `d:\gallery, trusted`, After: `d:\gallery, trusted`}},
	} {
		h := actiontest.New(t, map[string]actiontest.Answer{
			"Get-ExrPackageProvider": actiontest.Gives(exr.Provider{Version: "2.8.5.208"}), "Get-ExrRepository": actiontest.Gives(tt.there...)})
		f, err := tt.p.Check(t.Context(), h)
		if diff := cmp.Diff(tt.want, f); err != nil || diff != "" {
			t.Errorf("%s: %v, want(-) got(+):\n%s", about, err, diff)
		}
	}
}

func TestNeedsAProviderThatPowerShellGetWorksWith(t *testing.T) {
	for about, there := range map[string][]any{"none": nil, "too old a one": {exr.Provider{Version: "2.8.5.127"}}} {
		h := actiontest.New(t, map[string]actiontest.Answer{"Get-ExrPackageProvider": actiontest.Gives(there...)})
		_, err := repository("PSGallery", "", true).Check(t.Context(), h)
		if want := "the NuGet provider 2.8.5.201 or newer is not there, and PowerShellGet cannot list repositories without it"; action.Needed(err) != want {
			t.Errorf("%s: %v, want a need: %s", about, err, want)
		}
	}
}

func TestApplyThenCheckThenApply(t *testing.T) {
	for about, tt := range map[string]struct {
		machine string
		p       *psrepository.Repository
	}{
		"the gallery is trusted":               {"ce-v2", repository("PSGallery", "", true)},
		"a folder is registered":               {"ce-offline", repository("Internal", `D:\gallery`, true)},
		"and an account that has none gets it": {"ce-service-account", repository("PSGallery", "", false)},
	} {
		t.Run(about, func(t *testing.T) {
			h := provided(t, tt.machine)
			before := h.Writes()
			if f, err := tt.p.Check(t.Context(), h); err != nil || f.State != action.Differs || h.Writes() != before {
				t.Fatalf("check: %+v, %v, %d writes; want a difference and none", f, err, h.Writes()-before)
			}
			if _, err := tt.p.Apply(t.Context(), h); err != nil {
				t.Fatal(err)
			}
			if f, err := tt.p.Check(t.Context(), h); err != nil || f.State != action.InPlace {
				t.Errorf("check afterwards: %+v, %v; want it in place", f, err)
			}
			if _, err := tt.p.Apply(t.Context(), h); err != nil || h.Writes() != before+1 {
				t.Errorf("second apply: %v, %d writes; want one in all", err, h.Writes()-before)
			}
		})
	}
}

func provided(t *testing.T, machine string) *rehearsal.Host {
	t.Helper()
	h, err := rehearsal.Open(rehearsal.Options{Machine: machine, Classify: failure.Classify})
	if err != nil {
		t.Fatal(err)
	}
	call := exr.InstallPackageProvider("NuGet", "2.8.5.201")
	if machine == "ce-offline" {
		call = exr.InstallPackageProviderFile("NuGet", "2.8.5.208", `D:\gallery\provider\nuget\2.8.5.208`)
	}
	if err := h.Invoke(t.Context(), call, nil); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestErrorsKeepClassAndRemedy(t *testing.T) {
	for about, tt := range map[string]struct {
		p    *psrepository.Repository
		rule string
	}{
		"a folder that is not there":      {repository("Internal", `D:\nowhere`, true), "I21"},
		"a source under another name too": {repository("Other", "https://www.powershellgallery.com/api/v2", true), "P02"},
	} {
		_, err := tt.p.Apply(t.Context(), provided(t, "ce-v2"))
		if e := host.As(err); e == nil || e.Class != host.Never || e.Rule != tt.rule || e.Remedy == "" {
			t.Errorf("%s: error %+v, want %s, never, with a remedy", about, e, tt.rule)
		}
	}
}
