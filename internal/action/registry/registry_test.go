package registry_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/action"
	"exorunner/internal/action/actiontest"
	"exorunner/internal/action/registry"
	"exorunner/internal/failure"
	"exorunner/internal/host"
	"exorunner/internal/rehearsal"
)

func value(kind string, data any, change ...func(*registry.Value)) *registry.Value {
	p := registry.New(action.Deps{}).(*registry.Value)
	p.Path, p.Value, p.Type, p.Data, p.View = `HKLM\SOFTWARE\X`, "V", kind, data, "64"
	for _, c := range change {
		c(p)
	}
	return p
}

func TestValidate(t *testing.T) {
	for about, tt := range map[string]struct {
		p    *registry.Value
		want string // a part of each problem, apart by |; "" for none
	}{
		"a number":                  {value("DWord", 1), ""},
		"the greatest DWord":        {value("DWord", 4294967295), ""},
		"one more":                  {value("DWord", 4294967296), "value: 4294967296 is no DWord: a whole number without sign"},
		"the greatest QWord":        {value("QWord", uint64(18446744073709551615)), ""},
		"a sign":                    {value("QWord", -1), "value: -1 is no QWord"},
		"a fraction":                {value("DWord", 1.5), "value: 1.5 is no DWord"},
		"a number as text":          {value("DWord", "0x10"), ""},
		"a truth":                   {value("DWord", true), "value: true is no DWord"},
		"text":                      {value("String", ""), ""},
		"a number for a text":       {value("String", 1), "value: 1 is no text: write it in quotes, or name another type"},
		"nothing":                   {value("ExpandString", nil), "value: <nil> is no text"},
		"a list":                    {value("MultiString", []any{"a", ""}), ""},
		"an empty list":             {value("MultiString", []any{}), ""},
		"a text for a list":         {value("MultiString", "a"), "value: a MultiString is a list of texts"},
		"a number in a list":        {value("MultiString", []any{"a", 2}), "value: a MultiString is a list of texts, and 2 is none"},
		"the drive's spelling":      {value("DWord", 1, func(p *registry.Value) { p.Path = `hklm:\SOFTWARE\X\` }), ""},
		"the hive's long name":      {value("DWord", 1, func(p *registry.Value) { p.Path = `HKEY_LOCAL_MACHINE\SOFTWARE` }), ""},
		"an account's own hive":     {value("DWord", 1, func(p *registry.Value) { p.Path = `HKCU\SOFTWARE` }), `path: "HKCU\\SOFTWARE" is not below HKLM\`},
		"a hive alone":              {value("DWord", 1, func(p *registry.Value) { p.Path = `HKLM\` }), "is not below HKLM"},
		"a hive and nothing":        {value("DWord", 1, func(p *registry.Value) { p.Path = `HKLM\\\` }), "is not below HKLM"},
		"a value without a name":    {value("DWord", 1, func(p *registry.Value) { p.Value = "" }), "name: "},
		"all that is wrong at once": {value("DWord", "x", func(p *registry.Value) { p.Path = "x" }), "path: |value: "},
	} {
		var got []string
		for _, problem := range tt.p.Validate() {
			got = append(got, problem.Field+": "+problem.What)
		}
		want := strings.Split(tt.want, "|")
		if tt.want == "" {
			want = nil
		}
		if len(got) != len(want) {
			t.Errorf("%s: problems %q, want %q", about, got, want)
			continue
		}
		for i := range want {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("%s: problem %q, want %q in it", about, got[i], want[i])
			}
		}
	}
}

// raw is a value as it comes off the wire.
func raw(text string) any { return json.RawMessage(text) }

func TestCheck(t *testing.T) {
	for about, tt := range map[string]struct {
		p      *registry.Value
		now    string
		state  action.State
		before string
		after  string
	}{
		"there is none":             {value("DWord", 1), `{"exists":false,"value":null}`, action.Differs, "64-bit view: absent", "1 (DWord)"},
		"it is so":                  {value("DWord", 1), `{"exists":true,"type":"DWord","value":1}`, action.InPlace, "64-bit view: 1", "1 (DWord)"},
		"it is another":             {value("DWord", 1), `{"exists":true,"type":"DWord","value":0}`, action.Differs, "64-bit view: 0", "1 (DWord)"},
		"it is of another type":     {value("DWord", 1), `{"exists":true,"type":"String","value":"1"}`, action.Differs, `64-bit view: "1" (String)`, "1 (DWord)"},
		"it is of a near type":      {value("DWord", 1), `{"exists":true,"type":"QWord","value":1}`, action.Differs, "64-bit view: 1 (QWord)", "1 (DWord)"},
		"a DWord comes back signed": {value("DWord", 4294967295), `{"exists":true,"type":"DWord","value":-1}`, action.InPlace, "64-bit view: 4294967295", "4294967295 (DWord)"},
		"so does a QWord":           {value("QWord", uint64(18446744073709551615)), `{"exists":true,"type":"QWord","value":-1}`, action.InPlace, "64-bit view: 18446744073709551615", "18446744073709551615 (QWord)"},
		"a QWord is exact":          {value("QWord", 9007199254740993), `{"exists":true,"type":"QWord","value":9007199254740993}`, action.InPlace, "64-bit view: 9007199254740993", "9007199254740993 (QWord)"},
		"text is text":              {value("String", `C:\a<b`), `{"exists":true,"type":"String","value":"C:\\a<b"}`, action.InPlace, `64-bit view: "C:\\a\u003cb"`, `"C:\\a\u003cb" (String)`},
		"a list keeps its order":    {value("MultiString", []any{"a", "b"}), `{"exists":true,"type":"MultiString","value":["b","a"]}`, action.Differs, `64-bit view: ["b","a"]`, `["a","b"] (MultiString)`},
		"an empty list is one":      {value("MultiString", []any{}), `{"exists":true,"type":"MultiString","value":[]}`, action.InPlace, "64-bit view: []", "[] (MultiString)"},
	} {
		h := actiontest.New(t, map[string]actiontest.Answer{"Get-ExrRegistryValue": actiontest.Gives(raw(tt.now))})
		f, err := tt.p.Check(t.Context(), h)
		want := action.Finding{State: tt.state, Before: tt.before, After: tt.after, Summary: "V is " + tt.before}
		if diff := cmp.Diff(want, f); diff != "" || err != nil {
			t.Errorf("%s: %v, want(-) got(+):\n%s", about, err, diff)
		}
	}
}

func TestApplyThenCheckThenApply(t *testing.T) {
	for about, p := range map[string]*registry.Value{
		"a text":             value("String", "x"),
		"variables":          value("ExpandString", "%TEMP%"),
		"a list":             value("MultiString", []any{"a", "b"}),
		"a list of one":      value("MultiString", []any{"a"}),
		"zero":               value("DWord", 0),
		"the greatest":       value("DWord", 4294967295),
		"a great one":        value("QWord", 1<<40),
		"both views":         value("DWord", 1, func(p *registry.Value) { p.View = "both" }),
		"the 32-bit view":    value("DWord", 1, func(p *registry.Value) { p.View = "32" }),
		"a number as a text": value("DWord", "0x10"),
		"another spelling":   value("DWord", 1, func(p *registry.Value) { p.Path = `hklm:\SOFTWARE\X\` }),
	} {
		t.Run(about, func(t *testing.T) {
			h, err := rehearsal.Open(rehearsal.Options{Classify: failure.Classify})
			if err != nil {
				t.Fatal(err)
			}
			if f, err := p.Check(t.Context(), h); err != nil || f.State != action.Differs || h.Writes() != 0 {
				t.Fatalf("check: %+v, %v, %d writes; want a difference and none", f, err, h.Writes())
			}
			if _, err := p.Apply(t.Context(), h); err != nil {
				t.Fatal(err)
			}
			if f, err := p.Check(t.Context(), h); err != nil || f.State != action.InPlace {
				t.Errorf("check afterwards: %+v, %v; want it in place", f, err)
			}
			before := h.Writes()
			if _, err := p.Apply(t.Context(), h); err != nil || h.Writes() != before {
				t.Errorf("second apply: %v, %d writes; want none", err, h.Writes()-before)
			}
		})
	}
}

func TestErrorsKeepClassAndRemedy(t *testing.T) {
	h, err := rehearsal.Open(rehearsal.Options{Faults: []string{"access-denied"}, Classify: failure.Classify})
	if err != nil {
		t.Fatal(err)
	}
	_, err = value("DWord", 1).Apply(t.Context(), h)
	e := host.As(err)
	if e == nil || e.Class != host.Never || e.Remedy == "" || !strings.HasPrefix(err.Error(), "64-bit view: ") {
		t.Errorf("error %v, want one of the 64-bit view, never, with a remedy", err)
	}
}
