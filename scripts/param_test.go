package scripts

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseParams(t *testing.T) {
	tests := map[string]struct {
		source string
		want   []Param
	}{
		"an empty block": {source: "function f {\n    param()\n}", want: nil},
		"a mandatory text": {source: "param([Parameter(Mandatory = $true)] [string] $Name)",
			want: []Param{{Name: "Name", Type: "string", Mandatory: true}}},
		"mandatory without a value, and one that is not": {source: "param([Parameter(Mandatory)] $A, [Parameter(Mandatory = $false)] $B)",
			want: []Param{{Name: "A", Mandatory: true}, {Name: "B"}}},
		"a switch, a list, a secret and a table": {source: "param([switch] $S, [string[]] $L, [securestring] $P, [hashtable] $T = @{})",
			want: []Param{{Name: "S", Type: "switch", Switch: true}, {Name: "L", Type: "string[]"}, {Name: "P", Type: "securestring"}, {Name: "T", Type: "hashtable"}}},
		"values, with a comma and a bracket in one": {source: "param([ValidateSet('a,b', 'c)')] [string] $X = 'c)')",
			want: []Param{{Name: "X", Type: "string", Values: []string{"a,b", "c)"}}}},
		"numbers as values": {source: "param([ValidateSet(32, 64)] [int] $Bits = 64)",
			want: []Param{{Name: "Bits", Type: "int", Values: []string{"32", "64"}}}},
		"a default value with commas and brackets": {source: "param([object[]] $Probe = @(@{ command = 'x' }, @{ command = 'y' }), [int] $N)",
			want: []Param{{Name: "Probe", Type: "object[]"}, {Name: "N", Type: "int"}}},
		"comments, and the word param in help and in a text": {source: "<#\nparam( $not )\n#>\nfunction f {\n    # param( $nor )\n    param(\n        # the most of each\n        [int] $Limit = 200   # at most\n    )\n    'param( $never )'\n}",
			want: []Param{{Name: "Limit", Type: "int"}}},
		"other attributes": {source: "param([Parameter(Mandatory = $true)] [AllowEmptyString()] [ValidateNotNull()] [string] $V)",
			want: []Param{{Name: "V", Type: "string", Mandatory: true}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseParams(tt.source)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("parameters (-want +got):\n%s", d)
			}
		})
	}
}

func TestParseParamsRefusesWhatItCannotRead(t *testing.T) {
	tests := map[string]struct{ source, want string }{
		"no block":                   {source: "function f { 1 }", want: "no param() block"},
		"a block without an end":     {source: "param([string] $Name", want: "a bracket without its partner"},
		"a parameter without a name": {source: "param([string])", want: "a parameter without a name"},
		"something else":             {source: "param(Name)", want: `"Name" is not part of a parameter`},
		"a text without an end":      {source: "param($A = 'x)", want: "a text without an end"},
		"a here-string":              {source: "param($A = @'\nx\n'@)", want: "a here-string"},
		"a comment without an end":   {source: "<# param()", want: "a comment without an end"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseParams(tt.source)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v and error %v, want an error with %q", got, err, tt.want)
			}
		})
	}
}

func TestTokenize(t *testing.T) {
	tests := map[string]struct {
		source string
		want   []string
	}{
		"variables with scopes, and a method of a type": {source: "$script:a + $env:TEMP; [IO.Path]::Combine($x)",
			want: []string{"$script:a", "+", "$env:TEMP", ";", "[", "IO.Path", "]", "::", "Combine", "(", "$x", ")"}},
		"members end where a minus begins": {source: "$a.Count-1", want: []string{"$a", ".", "Count", "-1"}},
		"a splat, a list and a table":      {source: "f @arguments @(1) @{ a = 2 }", want: []string{"f", "@arguments", "@(", "1", ")", "@{", "a", "=", "2", "}"}},
		"quotes":                           {source: `'it''s' "say ""x"" $y` + "`" + `n"`, want: []string{"'it's'", `"say ""x"" $y` + "`" + `n"`}},
		"merged streams":                   {source: "f *>&1 | g", want: []string{"f", "*>&1", "|", "g"}},
		"what 5.1 lacks is one symbol":     {source: "$a ?? $b", want: []string{"$a", "??", "$b"}},
		"a comment is no token":            {source: "f # 'x\n", want: []string{"f", "\n"}},
		"Windows line ends":                {source: "f\r\ng", want: []string{"f", "\n", "g"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tokens, err := tokenize(tt.source)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, tok := range tokens {
				got = append(got, spelled(tok))
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("tokens (-want +got):\n%s", d)
			}
		})
	}
}

// spelled is a token with its kind shown by how it is written.
func spelled(tok token) string {
	switch {
	case tok.Splat:
		return "@" + tok.Text
	case tok.Kind == variable:
		return "$" + tok.Text
	case tok.Kind == literal:
		return "'" + tok.Text + "'"
	case tok.Kind == expanded:
		return `"` + tok.Text + `"`
	}
	return tok.Text
}
