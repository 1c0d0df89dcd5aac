package failure

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"exorunner/internal/host"
	"exorunner/scripts"

	"github.com/google/go-cmp/cmp"
)

// recorded is an error that somebody met, and what the catalogue must say of it. It is written down apart from the table.
type recorded struct {
	Name  string
	From  string
	Error host.Error
	Rule  string
	Class host.Class
	// Japanese is the message of a machine that speaks it; without one any Japanese text will do.
	Japanese string
	// JapaneseRule is the row there, where English would tell more. Its class must be the same.
	JapaneseRule *string
	// Near are changes after which the row must not know it any more, but NearRule, which may be none.
	Near     json.RawMessage
	NearRule string
}

func readRecorded(t *testing.T) []recorded {
	t.Helper()
	text, err := os.ReadFile("testdata/recorded.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []recorded
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

func ruleOf(t *testing.T, id string) Rule {
	t.Helper()
	for _, r := range Rules() {
		if r.ID == id {
			return r
		}
	}
	t.Fatalf("no rule %s", id)
	return Rule{}
}

func TestRecordedErrors(t *testing.T) {
	for _, r := range readRecorded(t) {
		t.Run(r.Name, func(t *testing.T) {
			e := r.Error
			Classify(&e)
			if e.Rule != r.Rule || e.Class != r.Class || (e.Remedy == "") != (r.Rule == "") {
				t.Errorf("got rule %q, class %q, remedy %q; want rule %q, class %q", e.Rule, e.Class, e.Remedy, r.Rule, r.Class)
			}
		})
	}
}

const anyJapanese = "エラーが発生しました。詳細については、管理者に問い合わせてください。"

func TestAJapaneseMachineGetsTheSameAnswer(t *testing.T) {
	for _, r := range readRecorded(t) {
		t.Run(r.Name, func(t *testing.T) {
			e := r.Error
			thrown := e.ID == e.Message
			if e.Message = r.Japanese; e.Message == "" {
				e.Message = anyJapanese
			}
			e.RootMessage = e.Message
			if thrown {
				e.ID = e.Message
			}
			want, class := r.Rule, r.Class
			switch {
			case r.JapaneseRule != nil:
				want = *r.JapaneseRule
			case r.Rule != "" && ruleOf(t, r.Rule).English:
				want, class = "", host.Unknown
			}
			Classify(&e)
			if e.Rule != want || e.Class != class {
				t.Errorf("%s: got rule %q, class %q; want rule %q, class %q", e.Message, e.Rule, e.Class, want, class)
			}
		})
	}
}

func TestNearMisses(t *testing.T) {
	for _, r := range readRecorded(t) {
		if r.Near == nil {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			e := r.Error
			if err := json.Unmarshal(r.Near, &e); err != nil {
				t.Fatal(err)
			}
			before := e
			Classify(&e)
			if e.Rule != r.NearRule || e.Rule == r.Rule && e.Class == r.Class {
				t.Errorf("%+v: got rule %q, class %q, want rule %q", before, e.Rule, e.Class, r.NearRule)
			}
		})
	}
}

func TestEveryRowHasARecordedErrorAndANearMiss(t *testing.T) {
	all := readRecorded(t)
	for _, rule := range Rules() {
		known := func(r recorded) bool { return r.Rule == rule.ID && r.Class == rule.Class }
		switch {
		case strings.HasPrefix(rule.ID, "AADSTS"): // TestSignInCodes
		case len(rule.Match) == 0:
			if rule.ID != "C32" {
				t.Errorf("%s: nothing to know an error by", rule.ID)
			}
		case !slices.ContainsFunc(all, known):
			t.Errorf("%s, class %s: no recorded error", rule.ID, rule.Class)
		case !slices.ContainsFunc(all, func(r recorded) bool { return known(r) && r.Near != nil }):
			t.Errorf("%s, class %s: no near miss", rule.ID, rule.Class)
		}
	}
}

func TestSignInCodes(t *testing.T) {
	all := append([]Rule(nil), signInRules...)
	classOf := map[string]Rule{}
	for _, rule := range all {
		for _, p := range rule.any {
			classOf[p.Code] = rule
		}
	}
	for code, rule := range classOf {
		if code == "*" {
			continue
		}
		for name, message := range map[string]string{
			"plain":                       "AADSTS" + code + ": Something happened. Trace ID: 0",
			"in Japanese":                 "AADSTS" + code + ": エラーが発生しました。",
			"behind the misleading words": prefix + "AADSTS" + code + ": Something happened.",
		} {
			t.Run(code+" "+name, func(t *testing.T) {
				e := &host.Error{ID: message, Message: message, Exception: "System.Exception"}
				Classify(e)
				if e.Rule != rule.ID || e.Class != rule.Class || e.Remedy != rule.Remedy {
					t.Errorf("got rule %q, class %q, want %q, %q", e.Rule, e.Class, rule.ID, rule.Class)
				}
			})
		}
		longer := &host.Error{Message: "AADSTS" + code + "99: another code that begins alike"}
		Classify(longer)
		if longer.Rule != "AADSTS" {
			t.Errorf("AADSTS%s99: got rule %q, want AADSTS, the row of unknown codes", code, longer.Rule)
		}
	}
}

// prefix is in the recording connect-certificate-unknown-app.
const prefix = `Case when Message contains:AADSTS70011 Invalid scope. The scope has to be of the form "https://resourceUrl/.default"Mitigation: change the scope to be as expected`

func TestClean(t *testing.T) {
	tests := map[string]struct{ message, want string }{
		"the real error follows directly":     {prefix + "AADSTS90002: Tenant 'nope' not found.", "AADSTS90002: Tenant 'nope' not found."},
		"it follows on a line of its own":     {prefix + "\r\n AADSTS90002: no.", "AADSTS90002: no."},
		"the words come twice":                {prefix + prefix + "AADSTS90002: no.", "AADSTS90002: no."},
		"a real wrong scope stays":            {"AADSTS70011: The provided value for the input parameter 'scope' is not valid.", "AADSTS70011: The provided value for the input parameter 'scope' is not valid."},
		"nothing follows":                     {prefix, prefix},
		"the words are quoted further inside": {"it said: " + prefix + "x", "it said: " + prefix + "x"},
		"an empty message":                    {"", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Clean(tt.message); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestClassifyCleansTheErrorItself(t *testing.T) {
	e := &host.Error{ID: prefix + "AADSTS90002: no.", Message: prefix + "AADSTS90002: no."}
	Classify(e)
	if got, want := e.Error(), "AADSTS90002: no."; got != want {
		t.Errorf("error text is %q, want %q", got, want)
	}
	other := &host.Error{ID: "x,Y", Message: prefix + "AADSTS90002: no."}
	Classify(other)
	if other.ID != "x,Y" {
		t.Errorf("id is %q, want x,Y: it was not the message", other.ID)
	}
}

func TestClassifyTwiceIsTheSame(t *testing.T) {
	for _, r := range readRecorded(t) {
		once := r.Error
		Classify(&once)
		twice := once
		Classify(&twice)
		if d := cmp.Diff(once, twice); d != "" {
			t.Errorf("%s: the second time (-once +twice):\n%s", r.Name, d)
		}
	}
	Classify(nil)
}

func TestTheFindersOwnClassStays(t *testing.T) {
	http := host.Error{Message: "x", Exception: "System.Net.Http.HttpRequestException"} // C24, transient
	tests := map[string]struct {
		class            host.Class
		remedy           string
		rule, wantRemedy string
	}{
		"another class, and no remedy":  {class: host.Never},
		"another class, with a remedy":  {class: host.Never, remedy: "mine", wantRemedy: "mine"},
		"the same class, and no remedy": {class: host.Transient, rule: "C24", wantRemedy: ruleOf(t, "C24").Remedy},
		"the same class, with a remedy": {class: host.Transient, remedy: "mine", rule: "C24", wantRemedy: "mine"},
		"no class, with a remedy":       {remedy: "mine", rule: "C24", wantRemedy: "mine"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := http
			e.Class, e.Remedy = tt.class, tt.remedy
			Classify(&e)
			want := tt.class
			if want == host.Unknown {
				want = host.Transient
			}
			if e.Class != want || e.Rule != tt.rule || e.Remedy != tt.wantRemedy {
				t.Errorf("got class %q, rule %q, remedy %q; want %q, %q, %q", e.Class, e.Rule, e.Remedy, want, tt.rule, tt.wantRemedy)
			}
		})
	}
}

func TestEveryIdOfOurScriptsIsKnown(t *testing.T) {
	ids := regexp.MustCompile(`'(Exr[A-Z][A-Za-z]+)'`)
	found := map[string]bool{}
	for _, source := range scripts.Functions() {
		for _, m := range ids.FindAllStringSubmatch(source, -1) {
			found[m[1]] = true
			e := &host.Error{ID: m[1] + ",F", Message: anyJapanese, Exception: "System.Exception"}
			if Classify(e); e.Rule == "" || e.Remedy == "" {
				t.Errorf("%s: no row of the catalogue knows it", m[1])
			}
		}
	}
	if len(found) < 10 {
		t.Errorf("found the ids %v in the scripts, want more: the test looks in the wrong way", found)
	}
}

func TestRemotePowerShellIsNeverRepaired(t *testing.T) {
	for _, id := range []string{"C06", "C07", "C08"} {
		r := ruleOf(t, id)
		if r.Class != host.Never || !strings.Contains(r.Remedy, "ps_module") || !strings.Contains(r.Remedy, "Leave the Basic setting of WinRM alone") {
			t.Errorf("%s: class %q, remedy %q; want never, and to load V3 without touching Basic", id, r.Class, r.Remedy)
		}
	}
}

func TestRowsAreFitToPrint(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		key := r.ID + " " + string(r.Class)
		if seen[key] {
			t.Errorf("%s: twice", key)
		}
		seen[key] = true
		if r.Class == host.Unknown || r.Source == "" || !strings.HasSuffix(r.Remedy, ".") || len(r.Remedy) > 400 {
			t.Errorf("%s: class %q, source %q, remedy %q: want all of them, the remedy as one or two sentences", r.ID, r.Class, r.Source, r.Remedy)
		}
		for _, m := range r.Match {
			if m == "" {
				t.Errorf("%s: a pattern that matches everything", r.ID)
			}
		}
	}
	// The rows that only English text decides are few, and named here so that nobody adds to them by accident.
	var english []string
	for _, r := range Rules() {
		if r.English {
			english = append(english, r.ID)
		}
	}
	if got, want := strings.Join(english, " "), "I05 I14 I20"; got != want {
		t.Errorf("only English decides %s, want %s", got, want)
	}
}

func TestGlob(t *testing.T) {
	tests := map[string]struct {
		pattern, text string
		want          bool
	}{
		"the same in another case":      {"SourceNotFound", "sourcenotfound", true},
		"a prefix is not enough":        {"SourceNotFound", "SourceNotFoundYet", false},
		"a star at the end":             {"System.IO.*", "System.IO.IOException", true},
		"a star in the middle":          {"A*C", "AbbC", true},
		"the middle may be empty":       {"A*C", "AC", true},
		"the ends may not overlap":      {"aba*ba", "aba", false},
		"two stars":                     {"*,*.ReadHostCommand", "InvalidOperation,Microsoft.PowerShell.Commands.ReadHostCommand", true},
		"two stars without the middle":  {"*,*.ReadHostCommand", "InvalidOperation", false},
		"a star alone takes everything": {"*", "", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := glob(tt.pattern, tt.text); got != tt.want {
				t.Errorf("glob(%q, %q) is %v, want %v", tt.pattern, tt.text, got, tt.want)
			}
		})
	}
}
