package scripts

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// source is one file and its tokens.
type source struct {
	path, name, text string
	tokens           []token
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text := mustRead(p)
		tokens, err := tokenize(text)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		all = append(all, source{path: p, name: strings.TrimSuffix(path.Base(p), ".ps1"), text: text, tokens: tokens})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (s source) public() bool { return path.Dir(s.path) == publicFolder }

// functions are the names that a source defines, outside of any function.
func (s source) functions() []string {
	var names []string
	for i, t := range s.tokens {
		if t.is("function") && t.Kind == word && i+1 < len(s.tokens) {
			names = append(names, s.tokens[i+1].Text)
		}
	}
	return names
}

// defined is every function of ours with its parameters, host.ps1's included.
func defined(t *testing.T) map[string][]Param {
	t.Helper()
	all := map[string][]Param{}
	for _, s := range sources(t) {
		for i, tok := range s.tokens {
			if tok.Kind != word || !tok.is("function") {
				continue
			}
			body := s.tokens[i:]
			for j := range body {
				if body[j].is("param") {
					block, err := inside(body[j+1:])
					if err != nil {
						t.Fatalf("%s: %v", s.path, err)
					}
					params, err := parseBlock(block)
					if err != nil {
						t.Fatalf("%s: %v", s.path, err)
					}
					all[s.tokens[i+1].Text] = params
					break
				}
			}
		}
	}
	return all
}

func TestSourceIsPlainText(t *testing.T) {
	for _, s := range sources(t) {
		for i, line := range strings.Split(s.text, "\n") {
			at := fmt.Sprintf("%s:%d", s.path, i+1)
			if bad := strings.IndexFunc(line, func(r rune) bool { return r > 126 || r < 32 }); bad >= 0 {
				t.Errorf("%s: character %q; Windows PowerShell would read it in a code page of its own, want ASCII, line feeds and spaces", at, line[bad])
			}
			if strings.TrimRight(line, " ") != line {
				t.Errorf("%s: spaces at the end", at)
			}
		}
		if !strings.HasSuffix(s.text, "}\n") && !strings.HasSuffix(s.text, "}\n\n") {
			t.Errorf("%s: does not end with a closing brace and one line end", s.path)
		}
	}
}

// approved are the approved verbs that we use.
// https://learn.microsoft.com/powershell/scripting/developer/cmdlet/approved-verbs-for-windows-powershell-commands
var approved = []string{"Assert", "ConvertFrom", "ConvertTo", "Find", "Get", "Install", "Invoke", "New", "Open", "Read", "Resolve", "Restart", "Set",
	"Start", "Stop", "Test", "Uninstall", "Wait", "Write"}

func TestEachFileDefinesTheFunctionOfItsName(t *testing.T) {
	form := regexp.MustCompile(`^([A-Z][A-Za-z]+)-Exr[A-Z][A-Za-z]+$`)
	for _, s := range sources(t) {
		for _, name := range s.functions() {
			m := form.FindStringSubmatch(name)
			if m == nil || !slices.Contains(approved, m[1]) {
				t.Errorf("%s: function %s: want an approved verb and Exr before the noun", s.path, name)
			}
		}
		if s.name == "host" {
			continue
		}
		if got := s.functions(); len(got) != 1 || got[0] != s.name {
			t.Errorf("%s: defines %q, want %q alone", s.path, got, s.name)
		}
		if rest := outside(s); len(rest) > 0 {
			t.Errorf("%s: line %d: %q outside of the function: a source only defines", s.path, rest[0].Line, rest[0].Text)
		}
	}
}

// outside are the tokens that are not part of a function.
func outside(s source) []token {
	var rest []token
	for i := 0; i < len(s.tokens); i++ {
		switch tok := s.tokens[i]; {
		case tok.Kind == newline:
		case tok.is("function") && i+2 < len(s.tokens):
			body, err := inside(s.tokens[i+2:])
			if err != nil {
				return s.tokens[i:]
			}
			i += len(body) + 3
		default:
			rest = append(rest, tok)
		}
	}
	return rest
}

func TestPublicFunctionsRefuseUnknownArguments(t *testing.T) {
	for _, s := range sources(t) {
		if s.public() && !strings.Contains(s.text, "\nfunction "+s.name+" {\n    [CmdletBinding()]\n    param(") {
			t.Errorf("%s: want [CmdletBinding()] and param() first: without them an unknown argument vanishes", s.path)
		}
	}
}

func TestPublicFunctionsHaveHelp(t *testing.T) {
	for _, s := range sources(t) {
		if !s.public() {
			continue
		}
		help := regexp.MustCompile(`\A<#\n\.SYNOPSIS\n\S[^#]*\n\.EXAMPLE\n` + s.name + `\b[^#]*\n#>\nfunction `)
		if !help.MatchString(s.text) {
			t.Errorf("%s: want help with a .SYNOPSIS and an .EXAMPLE that calls %s, directly before the function", s.path, s.name)
		}
	}
}

func TestBracketsHaveTheirPartners(t *testing.T) {
	for _, s := range sources(t) {
		var open []token
		for _, tok := range s.tokens {
			if tok.Kind != symbol {
				continue
			}
			if closing[tok.Text] != "" {
				open = append(open, tok)
				continue
			}
			if tok.Text != ")" && tok.Text != "}" && tok.Text != "]" {
				continue
			}
			if len(open) == 0 || closing[open[len(open)-1].Text] != tok.Text {
				t.Fatalf("%s: line %d: %q closes nothing", s.path, tok.Line, tok.Text)
			}
			open = open[:len(open)-1]
		}
		if len(open) > 0 {
			t.Errorf("%s: line %d: %q is never closed", s.path, open[len(open)-1].Line, open[len(open)-1].Text)
		}
	}
}

// banned is what Windows PowerShell 5.1 does not know, or what we do not do, and why.
var banned = map[string]string{
	"??": "5.1 does not know it", "?.": "5.1 does not know it", "?[": "5.1 does not know it", "?": "5.1 knows no ternary",
	"&&": "5.1 does not know it", "||": "5.1 does not know it", "-Parallel": "5.1 does not know it",
	"class": "5.1 and 7 differ in it", "enum": "5.1 and 7 differ in it", "using": "nothing is loaded from outside", "clean": "5.1 does not know it",
	"exit":              "it ends the process, and with it the answer",
	"trap":              "use try and catch",
	"-AsPlainText":      "the event log would have the secret",
	"Invoke-Expression": "data never becomes source text",
	"Write-Host":        "use a stream that the caller can tell apart",
	"Read-Host":         "nobody is there to answer",
	"Set-StrictMode":    "it would hold for the user's scripts too",
	"Add-Type":          "it compiles, which Constrained Language Mode and some virus scanners refuse",
	"Get-WmiObject":     "7 does not know it",
	"Update-Help":       "it goes to the network",
}

func TestNothingThatOnePowerShellLacks(t *testing.T) {
	for _, s := range sources(t) {
		for i, tok := range s.tokens {
			why, bad := banned[tok.Text]
			member := i > 0 && !tok.Apart && (s.tokens[i-1].is(".") || s.tokens[i-1].is("::"))
			key := i+1 < len(s.tokens) && s.tokens[i+1].is("=")
			if bad && (tok.Kind == symbol || tok.Kind == word) && !member && !key {
				t.Errorf("%s: line %d: %s: %s", s.path, tok.Line, tok.Text, why)
			}
		}
	}
}

func TestBreakLeavesALoopOfItsOwn(t *testing.T) {
	for _, s := range sources(t) {
		loops := []bool{}
		for i, tok := range s.tokens {
			switch {
			case tok.Kind == symbol && closing[tok.Text] != "":
				loops = append(loops, tok.is("{") && opensLoop(s.tokens[:i]))
			case tok.Kind == symbol && (tok.is(")") || tok.is("}") || tok.is("]")):
				loops = loops[:len(loops)-1]
			case tok.Kind == word && (tok.is("break") || tok.is("continue")) && !slices.Contains(loops, true):
				t.Errorf("%s: line %d: %s outside of a loop unwinds to whatever loop called us", s.path, tok.Line, tok.Text)
			}
		}
	}
}

// opensLoop says whether the tokens end in foreach (...), while (...) or do.
func opensLoop(before []token) bool {
	last := len(before) - 1
	if last >= 0 && before[last].is("do") {
		return true
	}
	depth := 0
	for i := last; i >= 0; i-- {
		if before[i].is(")") {
			depth++
		}
		if before[i].Kind == symbol && closing[before[i].Text] == ")" {
			depth--
		}
		if depth == 0 {
			return i > 0 && (before[i-1].is("foreach") || before[i-1].is("while") || before[i-1].is("for"))
		}
	}
	return false
}

// called is all that is started by "&", by file. A native program gets an empty stdin, for ours carries the protocol, and
// runs under Continue, for 5.1 makes its first line on stderr an error otherwise.
var called = map[string]struct {
	what   string
	native bool
}{
	"host.ps1":                             {what: "$request.func"},
	"Exr/Public/Get-ExrFact.ps1":           {what: "id"}, // away from Windows alone; reads no stdin, writes no stderr
	"Exr/Public/Install-ExrModule.ps1":     {what: "$verb"},
	"Exr/Public/Test-ExrConnection.ps1":    {what: "$one.command"},
	"Exr/Private/Set-ExrServiceStart.ps1":  {what: "$program", native: true},
	"Exr/Public/Restart-ExrComputer.ps1":   {what: "$program", native: true},
	"Exr/Private/Invoke-ExrScriptText.ps1": {what: "$block"},
}

func TestOnlyKnownThingsAreStartedByAmpersand(t *testing.T) {
	for _, s := range sources(t) {
		for i, tok := range s.tokens {
			if !tok.is("&") || tok.Kind != symbol {
				continue
			}
			want, known := called[s.path]
			what := written(s.tokens[i+1:])
			if !known || want.what != what {
				t.Errorf("%s: line %d: & %s: not in the list of what may be called so", s.path, tok.Line, what)
			}
			if want.native && (i < 2 || !s.tokens[i-1].is("|") || s.tokens[i-2].Text != "null") {
				t.Errorf("%s: line %d: a native program without $null in front", s.path, tok.Line)
			}
			if want.native && !strings.Contains(s.text, "    $ErrorActionPreference = 'Continue'\n") {
				t.Errorf("%s: a native program without a local $ErrorActionPreference = 'Continue'", s.path)
			}
		}
	}
}

// written is the first argument as it stands in the source: $request.func.
func written(tokens []token) string {
	text := ""
	for i, tok := range tokens {
		if i > 0 && tok.Apart || tok.Kind == newline {
			break
		}
		if tok.Kind == variable {
			text += "$"
		}
		text += tok.Text
	}
	return text
}

func TestSecretsAreSecureStrings(t *testing.T) {
	secret := regexp.MustCompile(`(?i)password|secret|token`)
	for function, params := range defined(t) {
		for _, p := range params {
			if secret.MatchString(p.Name) && p.Type != "securestring" {
				t.Errorf("%s -%s: type %s, want securestring: the event log has every plain argument", function, p.Name, p.Type)
			}
		}
	}
}

func TestFunctionsComeInOneOrder(t *testing.T) {
	var names []string
	for _, text := range Functions() {
		names = append(names, regexp.MustCompile(`(?m)^function (\S+)`).FindStringSubmatch(text)[1])
	}
	private := len(entriesOf(t, privateFolder))
	if !slices.IsSorted(names[:private]) || !slices.IsSorted(names[private:]) || len(names) != private+len(entriesOf(t, publicFolder)) {
		t.Errorf("order is %q, want the %d private ones sorted, then the public ones sorted", names, private)
	}
	params, err := Params()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Sorted(maps.Keys(params)), names[private:]; !slices.Equal(got, want) {
		t.Errorf("Params() knows %q, want %q", got, want)
	}
}

func entriesOf(t *testing.T, folder string) []fs.DirEntry {
	t.Helper()
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}
