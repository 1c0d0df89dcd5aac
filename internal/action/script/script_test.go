package script_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/action"
	"exorunner/internal/action/actiontest"
	"exorunner/internal/action/script"
	"exorunner/internal/exr"
	"exorunner/internal/host"
	"exorunner/internal/notes"
	"exorunner/internal/rehearsal"
)

func site(deps action.Deps, change ...func(*script.Script)) *script.Script {
	p := script.New(deps).(*script.Script)
	p.Run = "do it"
	for _, c := range change {
		c(p)
	}
	return p
}

func TestValidate(t *testing.T) {
	for about, tt := range map[string]struct {
		change func(*script.Script)
		want   []action.Problem
	}{
		"a script":                  {func(*script.Script) {}, nil},
		"with a check that reads":   {func(p *script.Script) { p.Test, p.ReadsOnly = "$true", true }, nil},
		"both in files":             {func(p *script.Script) { p.Run, p.ApplyFile, p.CheckFile = "", "a.ps1", "c.ps1" }, nil},
		"once":                      {func(p *script.Script) { p.Once = true }, nil},
		"nothing to run":            {func(p *script.Script) { p.Run = "" }, []action.Problem{{Field: "apply", What: "what is to be run? give apply or apply_file"}}},
		"two to run":                {func(p *script.Script) { p.ApplyFile = "a.ps1" }, []action.Problem{{Field: "apply_file", What: "apply and apply_file are two scripts: give one"}}},
		"two checks":                {func(p *script.Script) { p.Test, p.CheckFile = "$true", "c.ps1" }, []action.Problem{{Field: "check_file", What: "check and check_file are two scripts: give one"}}},
		"once and a check":          {func(p *script.Script) { p.Test, p.Once = "$true", true }, []action.Problem{{Field: "once", What: "a script with a check runs whenever the check says so: leave one of them out"}}},
		"a promise without a check": {func(p *script.Script) { p.ReadsOnly = true }, []action.Problem{{Field: "check_reads_only", What: "there is no check"}}},
	} {
		if diff := cmp.Diff(tt.want, site(action.Deps{}, tt.change).Validate()); diff != "" {
			t.Errorf("%s: want(-) got(+):\n%s", about, diff)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestTheLastLineOfACheckIsItsAnswer(t *testing.T) {
	prompt := host.Error{ID: "X", Message: "Windows PowerShell is in NonInteractive mode. Read and Prompt functionality is not available."}
	for about, tt := range map[string]struct {
		result exr.ScriptResult
		state  action.State
		before string
		id     string
		class  host.Class
	}{
		"true":                              {exr.ScriptResult{Lines: []string{"True"}}, action.InPlace, "", "", ""},
		"false, with something said":        {exr.ScriptResult{Lines: []string{"a", "", " b ", "False", "  "}}, action.Differs, "a\nb", "", ""},
		"in any case":                       {exr.ScriptResult{Lines: []string{"fALSE"}}, action.Differs, "", "", ""},
		"nothing":                           {exr.ScriptResult{}, 0, "", "ExrScriptAnswer", host.Never},
		"something else":                    {exr.ScriptResult{Lines: []string{"True", "done"}}, 0, "", "ExrScriptAnswer", host.Never},
		"a status that is not 0":            {exr.ScriptResult{Lines: []string{"True"}, Exit: ptr(1)}, 0, "", "ExrScriptStatus", host.Never},
		"0":                                 {exr.ScriptResult{Lines: []string{"True"}, Exit: ptr(0)}, action.InPlace, "", "", ""},
		"an error after which it went on":   {exr.ScriptResult{Lines: []string{"True"}, Errors: []host.Error{{ID: "X", Message: "x"}}}, 0, "", "X", host.Unknown},
		"an error that the catalogue knows": {exr.ScriptResult{Lines: []string{"True"}, Errors: []host.Error{prompt}}, 0, "", "X", host.Never},
	} {
		t.Run(about, func(t *testing.T) {
			h := actiontest.New(t, map[string]actiontest.Answer{"Test-ExrScript": actiontest.Gives(tt.result)})
			f, err := site(action.Deps{}, func(p *script.Script) { p.Test = "check" }).Check(t.Context(), h)
			if tt.id != "" {
				if e := host.As(err); e == nil || e.ID != tt.id || e.Class != tt.class || !strings.HasPrefix(err.Error(), "check: ") {
					t.Errorf("error %+v (%v), want %s of class %q, about the check", e, err, tt.id, tt.class)
				}
				return
			}
			if err != nil || f.State != tt.state || f.Before != tt.before || f.Summary != "its check says so" {
				t.Errorf("%+v, %v; want state %v, before %q", f, err, tt.state, tt.before)
			}
		})
	}
}

func TestWhereNothingMayChangeOnlyADeclaredCheckRuns(t *testing.T) {
	for about, tt := range map[string]struct {
		change   func(*script.Script)
		readOnly bool
		calls    int
		summary  string
	}{
		"no check":                          {func(*script.Script) {}, false, 0, "it has no check, so it runs every time"},
		"no check in a plan":                {func(*script.Script) {}, true, 0, "it has no check, so it runs every time"},
		"a check":                           {func(p *script.Script) { p.Test = "x" }, false, 1, ""},
		"a check in a plan":                 {func(p *script.Script) { p.Test = "x" }, true, 0, "its check is not declared check_reads_only, so it is not run here"},
		"a check in a plan that reads only": {func(p *script.Script) { p.Test, p.ReadsOnly = "x", true }, true, 1, ""},
	} {
		h := actiontest.New(t, map[string]actiontest.Answer{"Test-ExrScript": actiontest.Gives(exr.ScriptResult{Lines: []string{"True"}})})
		f, err := site(action.Deps{ReadOnly: tt.readOnly}, tt.change).Check(t.Context(), h)
		if err != nil || len(h.Calls) != tt.calls || tt.calls == 0 && (f.State != action.Unverifiable || f.Summary != tt.summary) {
			t.Errorf("%s: %+v, %v, %d calls; want %d calls, %q", about, f, err, len(h.Calls), tt.calls, tt.summary)
		}
	}
}

func TestApply(t *testing.T) {
	many := strings.Split(strings.TrimSpace(strings.Repeat("line\n", 30)), "\n")
	for about, tt := range map[string]struct {
		result exr.ScriptResult
		want   action.Result
		id     string
	}{
		"it says nothing":                  {exr.ScriptResult{}, action.Result{}, ""},
		"it says something":                {exr.ScriptResult{Lines: []string{" a ", "", "b"}, Exit: ptr(0)}, action.Result{Summary: "a\nb"}, ""},
		"it says very much":                {exr.ScriptResult{Lines: many}, action.Result{Summary: strings.TrimSuffix(strings.Repeat("line\n", 20), "\n")}, ""},
		"it wants a restart":               {exr.ScriptResult{Exit: ptr(3010)}, action.Result{Reboot: true}, ""},
		"its program said no":              {exr.ScriptResult{Exit: ptr(-1)}, action.Result{}, "ExrScriptStatus"},
		"an error, after which it went on": {exr.ScriptResult{Errors: []host.Error{{ID: "X", Message: "x"}}}, action.Result{}, "X"},
	} {
		h := actiontest.New(t, map[string]actiontest.Answer{"Invoke-ExrScript": actiontest.Gives(tt.result)})
		got, err := site(action.Deps{}).Apply(t.Context(), h)
		if tt.id != "" {
			if host.As(err) == nil || host.As(err).ID != tt.id {
				t.Errorf("%s: %v, want %s", about, err, tt.id)
			}
			continue
		}
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, want(-) got(+):\n%s", about, err, diff)
		}
		if c := h.Calls[0]; !c.Fresh {
			t.Errorf("%s: it did not get a process of its own", about)
		}
	}
}

func TestArgumentsAreDataOfBothScripts(t *testing.T) {
	h := actiontest.New(t, map[string]actiontest.Answer{
		"Test-ExrScript":   actiontest.Gives(exr.ScriptResult{Lines: []string{"False"}}),
		"Invoke-ExrScript": actiontest.Gives(exr.ScriptResult{}),
	})
	p := site(action.Deps{}, func(p *script.Script) { p.Test, p.Arguments = "look", map[string]any{"Name": `'"; Remove-Item C:\`} })
	if _, err := p.Check(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{"look", "do it"} {
		want := map[string]any{"Script": text, "Arguments": map[string]any{"Name": `'"; Remove-Item C:\`}}
		if diff := cmp.Diff(want, h.Calls[i].Args); diff != "" {
			t.Errorf("call %d, want(-) got(+):\n%s", i+1, diff)
		}
	}
}

func TestOnceIsKnownByWhatItIs(t *testing.T) {
	book := notes.Book{Path: filepath.Join(t.TempDir(), "notes.json")}
	h, err := rehearsal.Open(rehearsal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	once := func(deps action.Deps, text string, arguments map[string]any) *script.Script {
		return site(deps, func(p *script.Script) { p.Run, p.Once, p.Arguments = text, true, arguments })
	}
	plan := action.Deps{ReadOnly: true, Notes: notes.Book{Path: book.Path, ReadOnly: true}}
	f, err := once(plan, "a", nil).Check(t.Context(), h)
	if diff := cmp.Diff(action.Finding{State: action.Differs, Summary: "has not run yet"}, f); err != nil || diff != "" || h.Writes() != 0 {
		t.Fatalf("before: %v, %d writes, want(-) got(+):\n%s", err, h.Writes(), diff)
	}
	if _, err := once(action.Deps{Notes: book}, "a", nil).Apply(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "a.ps1")
	if err := os.WriteFile(file, []byte("\xef\xbb\xbfa"), 0o600); err != nil {
		t.Fatal(err)
	}
	moved := once(plan, "", nil)
	moved.ApplyFile = file
	for about, tt := range map[string]struct {
		p     *script.Script
		state action.State
	}{
		"the same":               {once(plan, "a", nil), action.InPlace},
		"the same in a file":     {moved, action.InPlace},
		"another text":           {once(plan, "b", nil), action.Differs},
		"the same for something": {once(plan, "a", map[string]any{"For": 1}), action.Differs},
	} {
		f, err := tt.p.Check(t.Context(), h)
		if err != nil || f.State != tt.state {
			t.Errorf("%s: %+v, %v; want state %v", about, f, err, tt.state)
		}
	}
	if _, err := once(plan, "b", nil).Apply(t.Context(), h); err == nil || !strings.HasPrefix(err.Error(), "it ran, and its marker could not be kept: ") {
		t.Errorf("a marker that cannot be kept: %v, want it said", err)
	}
}

func TestAScriptThatFailedHasNotRun(t *testing.T) {
	book := notes.Book{Path: filepath.Join(t.TempDir(), "notes.json")}
	p := site(action.Deps{Notes: book}, func(p *script.Script) { p.Once = true })
	for about, answer := range map[string]actiontest.Answer{
		"it threw":        actiontest.Throws(&host.Error{ID: "X"}),
		"it went on":      actiontest.Gives(exr.ScriptResult{Errors: []host.Error{{ID: "X"}}}),
		"nobody knows":    actiontest.Throws(host.ErrUnreachable),
		"its program did": actiontest.Gives(exr.ScriptResult{Exit: ptr(5)}),
	} {
		h := actiontest.New(t, map[string]actiontest.Answer{"Invoke-ExrScript": answer})
		if _, err := p.Apply(t.Context(), h); err == nil {
			t.Errorf("%s: no error", about)
		}
		if f, err := p.Check(t.Context(), h); err != nil || f.State != action.Differs {
			t.Errorf("%s: check afterwards: %+v, %v; want it still to do", about, f, err)
		}
	}
}

func TestFilesThatAreNoScripts(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for about, tt := range map[string]struct{ path, message string }{
		"missing":              {filepath.Join(dir, "none.ps1"), ""},
		"a folder":             {dir, ""},
		"too large":            {write("large.ps1", strings.Repeat("#", 256<<10+1)), "over 256 KiB"},
		"UTF-16, as > writes":  {write("wide.ps1", "\xff\xfe'\x00"), "not UTF-8"},
		"a Japanese code page": {write("932.ps1", "'\x93\xfa\x96\x7b'"), "not UTF-8"},
	} {
		h := actiontest.New(t, nil)
		p := site(action.Deps{}, func(p *script.Script) { p.Run, p.ApplyFile, p.CheckFile = "", tt.path, tt.path })
		for _, err := range []error{second(p.Check(t.Context(), h)), second(p.Apply(t.Context(), h))} {
			want := "script " + tt.path + ": " + tt.message
			if e := host.As(err); e == nil || e.ID != "ExrScriptFile" || e.Class != host.Never || !strings.HasPrefix(e.Message, want) || e.Remedy == "" {
				t.Errorf("%s: %+v, want ExrScriptFile, never: %s", about, e, want)
			}
		}
	}
	large := write("just.ps1", strings.Repeat("#", 256<<10))
	h := actiontest.New(t, map[string]actiontest.Answer{"Invoke-ExrScript": actiontest.Gives(exr.ScriptResult{})})
	if _, err := site(action.Deps{}, func(p *script.Script) { p.Run, p.ApplyFile = "", large }).Apply(t.Context(), h); err != nil {
		t.Errorf("256 KiB: %v, want them accepted", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestUnreachableStaysSo(t *testing.T) {
	h := actiontest.New(t, map[string]actiontest.Answer{"Test-ExrScript": actiontest.Throws(host.ErrUnreachable)})
	if _, err := site(action.Deps{}, func(p *script.Script) { p.Test = "x" }).Check(t.Context(), h); !errors.Is(err, host.ErrUnreachable) {
		t.Errorf("%v, want unreachable", err)
	}
}
