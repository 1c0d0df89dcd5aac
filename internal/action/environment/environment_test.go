package environment_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/action"
	"exorunner/internal/action/environment"
	"exorunner/internal/failure"
	"exorunner/internal/host"
	"exorunner/internal/rehearsal"
)

func variable(name, value string) *environment.Variable {
	p := environment.New(action.Deps{}).(*environment.Variable)
	p.Variable, p.Value = name, value
	return p
}

func TestValidate(t *testing.T) {
	for about, tt := range map[string]struct {
		name string
		want string
	}{
		"a variable":           {"EXO_TEMP", ""},
		"PATH in any spelling": {"pAtH", "pAtH is many values in one, and replacing it whole would lose the others"},
		"PSModulePath":         {"PSMODULEPATH", "PSMODULEPATH is many values in one, and replacing it whole would lose the others"},
		"an assignment":        {"A=B", `"A=B" is no name of a variable`},
		"a zero byte":          {"A\x00", `"A\x00" is no name of a variable`},
	} {
		var want []action.Problem
		if tt.want != "" {
			want = []action.Problem{{Field: "name", What: tt.want}}
		}
		if diff := cmp.Diff(want, variable(tt.name, "x").Validate()); diff != "" {
			t.Errorf("%s: want(-) got(+):\n%s", about, diff)
		}
	}
}

func TestSetsChangesAndRemoves(t *testing.T) {
	h, err := rehearsal.Open(rehearsal.Options{Classify: failure.Classify})
	if err != nil {
		t.Fatal(err)
	}
	if f, err := variable("EXO_TEMP", "").Check(t.Context(), h); err != nil || f.State != action.InPlace {
		t.Fatalf("what is to be absent and is: %+v, %v; want it in place", f, err)
	}
	before := "absent"
	for i, value := range []string{`D:\temp`, `d:\temp`, ""} { // the case of a value counts
		p, after := variable("EXO_TEMP", value), value
		if after == "" {
			after = "absent"
		}
		f, err := p.Check(t.Context(), h)
		want := action.Finding{State: action.Differs, Summary: "EXO_TEMP is " + before, Before: before, After: after}
		if diff := cmp.Diff(want, f); err != nil || diff != "" || h.Writes() != i {
			t.Errorf("%q: check: %v, %d writes, want %d; want(-) got(+):\n%s", value, err, h.Writes(), i, diff)
		}
		if done, err := p.Apply(t.Context(), h); err != nil || done.Summary != "services see it after a restart of Windows" {
			t.Errorf("%q: apply: %q, %v", value, done.Summary, err)
		}
		if f, err := p.Check(t.Context(), h); err != nil || f.State != action.InPlace {
			t.Errorf("%q: check afterwards: %+v, %v; want it in place", value, f, err)
		}
		if _, err := p.Apply(t.Context(), h); err != nil || h.Writes() != i+1 {
			t.Errorf("%q: second apply: %v, %d writes; want %d", value, err, h.Writes(), i+1)
		}
		before = after
	}
}

func TestErrorsKeepClassAndRemedy(t *testing.T) {
	h, err := rehearsal.Open(rehearsal.Options{Machine: "ce-service-account", Classify: failure.Classify})
	if err != nil {
		t.Fatal(err)
	}
	// It is System.Security.SecurityException, which no row knows: a fresh process is tried once.
	if _, err := variable("X", "x").Apply(t.Context(), h); host.As(err) == nil || host.As(err).ID == "" {
		t.Errorf("error %v, want PowerShell's own", err)
	}
}
