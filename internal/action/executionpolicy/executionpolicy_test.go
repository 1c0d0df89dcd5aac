package executionpolicy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/action"
	"exorunner/internal/action/actiontest"
	"exorunner/internal/action/executionpolicy"
	"exorunner/internal/exr"
	"exorunner/internal/failure"
	"exorunner/internal/host"
	"exorunner/internal/rehearsal"
)

func remoteSigned(scope string) *executionpolicy.Policy {
	p := executionpolicy.New(action.Deps{}).(*executionpolicy.Policy)
	p.Scope, p.Policy = scope, "RemoteSigned"
	return p
}

// server says Undefined everywhere but for the machine.
func server() exr.Facts {
	var f exr.Facts
	f.OS.Windows = true
	f.Policy.MachinePolicy, f.Policy.UserPolicy, f.Policy.CurrentUser = "Undefined", "Undefined", "Undefined"
	f.Policy.LocalMachine, f.Policy.Effective = "RemoteSigned", "RemoteSigned"
	return f
}

func TestCheck(t *testing.T) {
	for about, tt := range map[string]struct {
		scope  string
		change func(*exr.Facts)
		want   action.Finding
		group  bool
	}{
		"it is so":                   {"LocalMachine", func(*exr.Facts) {}, action.Finding{Summary: "LocalMachine is RemoteSigned", Before: "RemoteSigned", After: "RemoteSigned"}, false},
		"in another spelling":        {"LocalMachine", func(f *exr.Facts) { f.Policy.LocalMachine = "remotesigned" }, action.Finding{Summary: "LocalMachine is remotesigned", Before: "remotesigned", After: "RemoteSigned"}, false},
		"it is not":                  {"LocalMachine", func(f *exr.Facts) { f.Policy.LocalMachine = "Restricted" }, action.Finding{State: action.Differs, Summary: "LocalMachine is Restricted", Before: "Restricted", After: "RemoteSigned"}, false},
		"the account's is another":   {"CurrentUser", func(*exr.Facts) {}, action.Finding{State: action.Differs, Summary: "CurrentUser is Undefined", Before: "Undefined", After: "RemoteSigned"}, false},
		"a nearer scope is stricter": {"LocalMachine", func(f *exr.Facts) { f.Policy.CurrentUser, f.Policy.Effective = "Restricted", "Restricted" }, action.Finding{Summary: "LocalMachine is RemoteSigned", Before: "RemoteSigned", After: "RemoteSigned", Warnings: []string{"in force is Restricted: a nearer scope decides (Get-ExecutionPolicy -List)"}}, false},
		"a group policy will do":     {"LocalMachine", func(f *exr.Facts) { f.Policy.MachinePolicy = "Unrestricted" }, action.Finding{Summary: "a group policy (MachinePolicy) says Unrestricted, which will do"}, false},
		"the machine's group policy is over the user's": {"LocalMachine", func(f *exr.Facts) { f.Policy.MachinePolicy, f.Policy.UserPolicy = "RemoteSigned", "AllSigned" }, action.Finding{Summary: "a group policy (MachinePolicy) says RemoteSigned, which will do"}, false},
		"a group policy forbids":                        {"LocalMachine", func(f *exr.Facts) { f.Policy.MachinePolicy = "AllSigned" }, action.Finding{}, true},
		"the user's group policy forbids":               {"LocalMachine", func(f *exr.Facts) { f.Policy.UserPolicy = "Restricted" }, action.Finding{}, true},
		"there is none on Linux":                        {"LocalMachine", func(f *exr.Facts) { f.OS.Windows, f.Policy.MachinePolicy = false, "Unrestricted" }, action.Finding{Summary: "there is none away from Windows"}, false},
	} {
		facts := server()
		tt.change(&facts)
		f, err := remoteSigned(tt.scope).Check(t.Context(), actiontest.New(t, map[string]actiontest.Answer{"Get-ExrFact": actiontest.Gives(facts)}))
		if e := host.As(err); tt.group != (err != nil) || tt.group && (e == nil || e.ID != "ExrGroupPolicy" || e.Class != host.Never || e.Remedy == "") {
			t.Errorf("%s: error %v, want that of a group policy: %v", about, err, tt.group)
		}
		if diff := cmp.Diff(tt.want, f); diff != "" {
			t.Errorf("%s: want(-) got(+):\n%s", about, diff)
		}
	}
}

func TestApplyThenCheckThenApply(t *testing.T) {
	for scope, warnings := range map[string]int{"LocalMachine": 0, "CurrentUser": 0} {
		h, err := rehearsal.Open(rehearsal.Options{Classify: failure.Classify})
		if err != nil {
			t.Fatal(err)
		}
		p := remoteSigned(scope)
		p.Policy = "Bypass"
		if f, err := p.Check(t.Context(), h); err != nil || f.State != action.Differs || h.Writes() != 0 {
			t.Fatalf("%s: check: %+v, %v, %d writes; want a difference and none", scope, f, err, h.Writes())
		}
		done, err := p.Apply(t.Context(), h)
		if want := scope + " is Bypass now"; err != nil || done.Summary != want || len(done.Warnings) != warnings {
			t.Errorf("apply: %+v, %v; want %q and %d warnings", done, err, want, warnings)
		}
		if f, err := p.Check(t.Context(), h); err != nil || f.State != action.InPlace {
			t.Errorf("%s: check afterwards: %+v, %v; want it in place", scope, f, err)
		}
		if _, err := p.Apply(t.Context(), h); err != nil || h.Writes() != 1 {
			t.Errorf("%s: second apply: %v, %d writes; want one in all", scope, err, h.Writes())
		}
	}
}

func TestApplyWarnsWhereANearerScopeDecides(t *testing.T) {
	h := actiontest.New(t, map[string]actiontest.Answer{"Set-ExrExecutionPolicy": actiontest.Gives(exr.Policy{Policy: "RemoteSigned", Effective: "Restricted"})})
	done, err := remoteSigned("LocalMachine").Apply(t.Context(), h)
	if diff := cmp.Diff([]string{"in force is Restricted: a nearer scope decides"}, done.Warnings); err != nil || diff != "" {
		t.Errorf("%v, want(-) got(+):\n%s", err, diff)
	}
}

func TestErrorsKeepClassAndRemedy(t *testing.T) {
	h, err := rehearsal.Open(rehearsal.Options{Machine: "ce-service-account", Classify: failure.Classify})
	if err != nil {
		t.Fatal(err)
	}
	_, err = remoteSigned("LocalMachine").Apply(t.Context(), h)
	if e := host.As(err); e == nil || e.Class != host.Never || e.Rule != "P43" || e.Remedy == "" {
		t.Errorf("error %+v, want P43, never, with a remedy", e)
	}
}
