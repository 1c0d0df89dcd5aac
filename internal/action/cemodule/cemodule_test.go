package cemodule_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/action"
	"exorunner/internal/action/actiontest"
	"exorunner/internal/action/cemodule"
	"exorunner/internal/exr"
	"exorunner/internal/failure"
	"exorunner/internal/host"
	"exorunner/internal/rehearsal"
)

const (
	library = `C:\Program Files (x86)\MaaS360\Cloud Extender\Modules\ActiveSync\ActiveSync.dll`
	old     = " (an old one with ExO V3 was never supported)"
)

func module(probe cemodule.Probe) *cemodule.Module {
	p := cemodule.New(action.Deps{}).(*cemodule.Module)
	p.Minimum, p.Probe = "3.000.100", probe
	return p
}

func inRegistry(view int) cemodule.Probe {
	return cemodule.Probe{Registry: &cemodule.RegistryProbe{Path: `SOFTWARE\Fiberlink\V360`, Name: "ActiveSyncVersion", View: view}}
}

func TestValidate(t *testing.T) {
	two := inRegistry(16)
	two.FileVersion = library
	for about, tt := range map[string]struct {
		minimum string
		probe   cemodule.Probe
		want    []action.Problem
	}{
		"no probe yet": {"3.000.100", cemodule.Probe{}, nil},
		"a value":      {"3.000.100", inRegistry(32), nil},
		"a file":       {"3.000.100", cemodule.Probe{FileVersion: library}, nil},
		"a script":     {"3.000.100", cemodule.Probe{Script: "'3'"}, nil},
		"all at once": {"new", two, []action.Problem{
			{Field: "minimum", What: `version "new": field 1 is not a number`},
			{Field: "probe", What: "2 probes: give one of registry, file_version and script"},
			{Field: "probe.registry.view", What: "16: 32 or 64"}}},
	} {
		p := module(tt.probe)
		p.Minimum = tt.minimum
		if diff := cmp.Diff(tt.want, p.Validate()); diff != "" {
			t.Errorf("%s: want(-) got(+):\n%s", about, diff)
		}
	}
}

func TestVersionsAreComparedAsNumbers(t *testing.T) {
	for found, waits := range map[string]bool{
		"3.000.100": false, "3.0.100": false, "3.000.100.012": false, "3.000.800": false, "3.10": false, "10.0": false, " 3.000.100 ": false,
		"3.000.099": true, "3.000.99.999": true, "2.106.500.016": true, "2.999": true, "3.000.100-beta": true, "0": true,
	} {
		h := actiontest.New(t, map[string]actiontest.Answer{"Get-ExrRegistryValue": actiontest.Gives(exr.RegistryValue{Exists: true, Value: found})})
		f, err := module(inRegistry(32)).Check(t.Context(), h)
		want := action.Finding{Summary: "ActiveSync module " + found, Before: found, After: ">=3.000.100"}
		if waits {
			want.State, want.Remedy = action.Waiting, cemodule.Remedy
			want.Summary += ", wanted at least 3.000.100" + old
		}
		if diff := cmp.Diff(want, f); err != nil || diff != "" {
			t.Errorf("%s: %v, want(-) got(+):\n%s", found, err, diff)
		}
	}
}

func TestProbes(t *testing.T) {
	for about, tt := range map[string]struct {
		probe  cemodule.Probe
		answer actiontest.Answer
		before string // "" where the probe is broken
		what   string // a part of the error
	}{
		"no such value": {inRegistry(64), actiontest.Gives(exr.RegistryValue{}), "", `probe: HKLM\SOFTWARE\Fiberlink\V360 has no value ActiveSyncVersion in the 64-bit view`},
		"a value that is no version": {inRegistry(32), actiontest.Gives(exr.RegistryValue{Exists: true, Value: "yes"}), "",
			`probe: version "yes": field 1 is not a number`},
		"a value of numbers is none either": {inRegistry(32), actiontest.Gives(exr.RegistryValue{Exists: true, Value: []string{"3"}}), "", "field 1 is not a number"},
		"no such file":                      {cemodule.Probe{FileVersion: library}, actiontest.Gives(exr.FileVersion{}), "", library + " is not there"},
		"the maker's text is preferred": {cemodule.Probe{FileVersion: library}, actiontest.Gives(exr.FileVersion{Exists: true, FileVersion: "3.000.100", Numeric: "3.0.100.0"}),
			"3.000.100", ""},
		"a text with words is not": {cemodule.Probe{FileVersion: library},
			actiontest.Gives(exr.FileVersion{Exists: true, FileVersion: "3, 0, 100", ProductVersion: "3.000.100 (release)", Numeric: "3.0.100.0"}), "3.0.100.0", ""},
		"no resource":            {cemodule.Probe{FileVersion: library}, actiontest.Gives(exr.FileVersion{Exists: true}), "", library + " has no version resource"},
		"the script's last line": {cemodule.Probe{Script: "x"}, actiontest.Gives(exr.ScriptResult{Lines: []string{"looking", "  3.000.100 ", "", " "}}), "3.000.100", ""},
		"a silent script":        {cemodule.Probe{Script: "x"}, actiontest.Gives(exr.ScriptResult{Lines: []string{" "}}), "", "the script wrote nothing"},
	} {
		t.Run(about, func(t *testing.T) {
			h := actiontest.New(t, map[string]actiontest.Answer{"Get-ExrRegistryValue": tt.answer, "Get-ExrFileVersion": tt.answer, "Test-ExrScript": tt.answer})
			f, err := module(tt.probe).Check(t.Context(), h)
			if tt.before != "" {
				if err != nil || f.Before != tt.before || f.State != action.InPlace {
					t.Errorf("got %+v, %v; want %s in place", f, err, tt.before)
				}
				return
			}
			e := host.As(err)
			if e == nil || e.ID != "ExrProbeBroken" || e.Class != host.Never || !strings.Contains(e.Message, tt.what) || !strings.HasSuffix(e.Remedy, "exorunner doctor lists candidates") {
				t.Errorf("error %+v, want ExrProbeBroken, never: %s", e, tt.what)
			}
		})
	}
}

func TestWithoutAProbeItWaitsAndListsCandidates(t *testing.T) {
	h, err := rehearsal.Open(rehearsal.Options{Classify: failure.Classify})
	if err != nil {
		t.Fatal(err)
	}
	f, err := module(cemodule.Probe{}).Check(t.Context(), h)
	want := "file_version: '" + library + "'  # 3.000.100"
	if err != nil || f.State != action.Waiting || !strings.Contains(f.Remedy, want) || !strings.Contains(f.Remedy, "registry: {path: 'SOFTWARE\\Fiberlink\\V360', name: ActiveSyncVersion, view: 32}  # 3.000.100") {
		t.Errorf("%+v, %v; want it waiting with %s", f, err, want)
	}
	nothing := actiontest.New(t, map[string]actiontest.Answer{"Find-ExrCandidate": actiontest.Gives(exr.Candidates{})})
	f, err = module(cemodule.Probe{}).Check(t.Context(), nothing)
	if err != nil || f.State != action.Waiting || !strings.Contains(f.Remedy, "is this the right server?") {
		t.Errorf("%+v, %v; want it waiting, and the question whether this is the right server", f, err)
	}
}

func TestItComesByItself(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	h, err := rehearsal.Open(rehearsal.Options{Machine: "ce-waiting", Classify: failure.Classify, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for about, probe := range map[string]cemodule.Probe{"file": {FileVersion: library}, "registry": inRegistry(32)} {
		f, err := module(probe).Check(t.Context(), h)
		if want := "ActiveSync module 2.106.500.016, wanted at least 3.000.100" + old; err != nil || f.State != action.Waiting || f.Summary != want || f.Remedy != cemodule.Remedy {
			t.Errorf("%s: %+v, %v; want it waiting: %s", about, f, err, want)
		}
	}
	if h.Writes() != 0 {
		t.Errorf("%d writes, want none", h.Writes())
	}
	if err := h.Invoke(t.Context(), exr.SetEnvironmentVariable("X", "x"), nil); err != nil { // the first change of any kind
		t.Fatal(err)
	}
	now = now.Add(25 * time.Hour)
	f, err := module(cemodule.Probe{FileVersion: library}).Check(t.Context(), h)
	if err != nil || f.State != action.InPlace || f.Before != "3.000.100" {
		t.Errorf("a day later: %+v, %v; want 3.000.100 in place", f, err)
	}
	if _, err := module(cemodule.Probe{}).Apply(t.Context(), h); err == nil {
		t.Error("apply: no error, want that only Cloud Extender can bring it")
	}
}
