package scripts

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// cmdlets are the commands of PowerShell and its modules that our scripts call, with the parameters that they use: those
// that Windows PowerShell 5.1 with PowerShellGet 1.0.0.1 has, and 7 too. A parameter that only some versions have is put
// into a table after a look at (Get-Command).Parameters, and is not here.
// https://learn.microsoft.com/powershell/module/?view=powershell-5.1
var cmdlets = map[string]string{
	"Copy-Item":                 "LiteralPath Destination Force",
	"ConvertFrom-Json":          "InputObject",
	"ConvertTo-Json":            "InputObject Compress Depth",
	"Connect-ExchangeOnline":    "",
	"Disconnect-ExchangeOnline": "Confirm",
	"ForEach-Object":            "",
	"Get-ChildItem":             "LiteralPath Recurse",
	"Get-CimInstance":           "ClassName Filter",
	"Get-Command":               "Name",
	"Get-ConnectionInformation": "",
	"Get-Culture":               "",
	"Get-ExecutionPolicy":       "List Scope",
	"Get-FileHash":              "LiteralPath Algorithm",
	"Get-InstalledModule":       "Name RequiredVersion",
	"Get-Item":                  "LiteralPath",
	"Get-Module":                "Name ListAvailable",
	"Get-PackageProvider":       "Name ListAvailable",
	"Get-PSRepository":          "Name",
	"Get-PSSession":             "",
	"Get-Service":               "Name",
	"Get-UICulture":             "",
	"Import-Clixml":             "LiteralPath",
	"Import-Module":             "Name RequiredVersion",
	"Import-PackageProvider":    "Name RequiredVersion Force",
	"Install-PackageProvider":   "Name MinimumVersion Scope Force ForceBootstrap",
	"Invoke-WebRequest":         "UseBasicParsing Uri TimeoutSec",
	"Move-Item":                 "LiteralPath Destination",
	"New-Item":                  "ItemType Path Force",
	"New-Object":                "TypeName ArgumentList",
	"Out-String":                "Stream Width",
	"Register-PSRepository":     "Name SourceLocation InstallationPolicy Default",
	"Remove-Item":               "LiteralPath Recurse Force",
	"Select-Object":             "First",
	"Set-ExecutionPolicy":       "Scope ExecutionPolicy Force",
	"Set-PSRepository":          "Name InstallationPolicy",
	"Sort-Object":               "Property Descending Unique",
	"Start-Sleep":               "Milliseconds",
	"Test-Path":                 "LiteralPath PathType",
	"Unblock-File":              "LiteralPath",
	"Uninstall-Module":          "Name RequiredVersion Force",
	"Unregister-PSRepository":   "Name",
	"Where-Object":              "",
	"Write-Warning":             "",
}

// common are the parameters of every cmdlet and of every function with [CmdletBinding()].
var common = []string{"ErrorAction", "WarningAction"}

// keywords stand where a command may.
var keywords = []string{"function", "param", "if", "else", "elseif", "for", "foreach", "in", "while", "do", "switch", "default", "try", "catch", "finally",
	"throw", "return", "break", "continue", "begin", "process", "end"}

// A call is a command with the parameters that are written out.
type call struct {
	name  token
	names []token // of parameters, with their dash
}

// calls finds the commands in a source: words where a statement or a pipeline begins.
func calls(tokens []token) []call {
	var all []call
	for i, tok := range tokens {
		if tok.Kind != word || strings.HasPrefix(tok.Text, "-") || digits.MatchString(tok.Text) || slices.Contains(keywords, strings.ToLower(tok.Text)) {
			continue
		}
		if i+1 < len(tokens) && tokens[i+1].is("=") || !begins(tokens, i) {
			continue
		}
		all = append(all, call{name: tok, names: parameters(tokens[i+1:])})
	}
	return all
}

var digits = regexp.MustCompile(`^[0-9]`)

// begins says whether a command may stand at i.
func begins(tokens []token, i int) bool {
	if i == 0 {
		return true
	}
	before := tokens[i-1]
	switch before.Kind {
	case newline:
		return true
	case word:
		return before.Text != "function" && slices.Contains([]string{"in", "return", "else", "do", "try", "finally", "throw"}, before.Text)
	case symbol:
		if before.is("(") && i > 1 && !before.Apart && tokens[i-2].Kind == word && (i < 3 || !tokens[i-3].is("[")) {
			return false // a method's arguments
		}
		return slices.Contains([]string{"(", "@(", "$(", "{", ";", "|", "="}, before.Text) || before.is("}")
	}
	return false
}

// parameters are the words with a dash that belong to a command, up to its end. In parentheses and braces of its own there
// are other commands.
func parameters(tokens []token) []token {
	var all []token
	depth := 0
	for _, tok := range tokens {
		if tok.Kind == symbol && closing[tok.Text] != "" {
			depth++
		}
		if tok.Kind == symbol && (tok.is(")") || tok.is("}") || tok.is("]")) {
			if depth--; depth < 0 {
				break
			}
		}
		if depth == 0 && (tok.Kind == newline || tok.is("|") || tok.is(";")) {
			break
		}
		if depth == 0 && tok.Kind == word && strings.HasPrefix(tok.Text, "-") && tok.Apart && len(tok.Text) > 1 && !digits.MatchString(tok.Text[1:]) {
			all = append(all, tok)
		}
	}
	return all
}

func TestCommandsAndParametersExist(t *testing.T) {
	functions := defined(t)
	used := map[string]bool{}
	for _, s := range sources(t) {
		for _, c := range calls(s.tokens) {
			allowed := append([]string(nil), common...)
			if params, ours := functions[c.name.Text]; ours {
				for _, p := range params {
					allowed = append(allowed, p.Name)
				}
			} else if names, known := cmdlets[c.name.Text]; known {
				used[c.name.Text] = true
				allowed = append(allowed, strings.Fields(names)...)
			} else {
				t.Errorf("%s: line %d: command %s: neither ours nor in the list of cmdlets; aliases are not used", s.path, c.name.Line, c.name.Text)
				continue
			}
			for _, p := range c.names {
				if !slices.Contains(allowed, p.Text[1:]) {
					t.Errorf("%s: line %d: %s %s: no such parameter", s.path, p.Line, c.name.Text, p.Text)
				}
			}
		}
	}
	for name := range cmdlets {
		if !used[name] {
			t.Errorf("%s: in the list of cmdlets, and no script calls it", name)
		}
	}
}

func TestMandatoryParametersOfOurFunctionsAreGiven(t *testing.T) {
	functions := defined(t)
	for _, s := range sources(t) {
		for _, c := range calls(s.tokens) {
			for _, p := range functions[c.name.Text] {
				given := slices.ContainsFunc(c.names, func(n token) bool { return n.Text == "-"+p.Name })
				if p.Mandatory && !given {
					t.Errorf("%s: line %d: %s without -%s, which is mandatory", s.path, c.name.Line, c.name.Text, p.Name)
				}
			}
		}
	}
}

// automatic are the variables that PowerShell brings.
var automatic = []string{"_", "?", "null", "true", "false", "args", "PSCmdlet", "PSBoundParameters", "PSVersionTable", "PSHOME", "HOME", "IsWindows",
	"ExecutionContext", "Matches", "LASTEXITCODE", "ErrorActionPreference"}

func TestVariablesAreSetBeforeTheyAreUsed(t *testing.T) {
	for _, s := range sources(t) {
		set := map[string]bool{}
		for _, name := range automatic {
			set[strings.ToLower(name)] = true
		}
		for _, use := range variables(s.tokens) {
			name := strings.ToLower(use.Text)
			switch {
			case strings.HasPrefix(name, "env:"), strings.HasPrefix(name, "script:"), strings.HasPrefix(name, "global:"):
			case use.sets:
				set[name] = true
			case !set[name]:
				t.Errorf("%s: line %d: $%s is used and was never set", s.path, use.Line, use.Text)
			}
		}
	}
}

func TestVariablesThatAreSetAreUsed(t *testing.T) {
	for _, s := range sources(t) {
		if strings.Contains(s.text, "$PSBoundParameters[") {
			continue // reads its parameters by their names
		}
		read := map[string]bool{"erroractionpreference": true, "confirmpreference": true, "progresspreference": true, "true": true}
		uses := variables(s.tokens)
		for _, u := range uses {
			read[strings.ToLower(u.Text)] = read[strings.ToLower(u.Text)] || !u.sets
		}
		for _, u := range uses {
			name := strings.ToLower(u.Text)
			if !read[name] && !strings.Contains(name, ":") && name != "null" {
				t.Errorf("%s: line %d: $%s is set and never used", s.path, u.Line, u.Text)
			}
		}
	}
}

// A use of a variable either sets it or reads it.
type use struct {
	token
	sets bool
}

var inText = regexp.MustCompile("(?:^|[^`])\\$([A-Za-z_][A-Za-z0-9_:]*)")

// variables are the uses in the order in which they are written, those inside of double quotes too. Parameters count as
// set; the name in front of "=" counts as set after the line's end, so that "$a = $a + 1" alone is an error.
func variables(tokens []token) []use {
	var all, later []use
	in := paramBlocks(tokens)
	for i, tok := range tokens {
		next := token{}
		if i+1 < len(tokens) {
			next = tokens[i+1]
		}
		switch {
		case tok.Kind == newline || tok.is(";") || tok.is("{"):
			all, later = append(all, later...), nil
		case tok.Kind == expanded:
			for _, m := range inText.FindAllStringSubmatch(tok.Text, -1) {
				all = append(all, use{token: token{Text: m[1], Line: tok.Line}})
			}
		case tok.Kind == variable && in[i]:
			all = append(all, use{tok, true})
		case tok.Kind == variable && next.is("="):
			later = append(later, use{tok, true})
		case tok.Kind == variable && next.is("in"):
			later = append(later, use{tok, true})
		case tok.Kind == variable:
			all = append(all, use{tok, false})
		}
	}
	return append(all, later...)
}

// paramBlocks says which variables are parameters' names. Default values are constants in our scripts.
func paramBlocks(tokens []token) map[int]bool {
	names := map[int]bool{}
	for i, tok := range tokens {
		if tok.Kind != word || !tok.is("param") || i+1 >= len(tokens) {
			continue
		}
		block, err := inside(tokens[i+1:])
		if err != nil {
			continue
		}
		for j := i + 2; j < i+2+len(block); j++ {
			if tokens[j].Kind == variable && !slices.Contains([]string{"true", "false", "null"}, tokens[j].Text) {
				names[j] = true
			}
		}
	}
	return names
}
