package playbook

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const declared = `playbook: up
vars:
  version: "3.1.0"
  organization:
  count: 3
  ratio: 1.5
  strict: true
  list: [a]
  table: {a: b}
tasks: [{name: t, action: noop}]
`

func TestVariables(t *testing.T) {
	file := func(text string) []File { return []File{{"vars.yaml", []byte(text)}} }
	for what, c := range map[string]struct {
		o    Options
		want map[string]any // beside the playbook's own
	}{
		"the playbook's own":                  {Options{}, nil},
		"a flag":                              {Options{Sets: []string{"version=4.0"}}, map[string]any{"version": "4.0"}},
		"a flag with another = in it":         {Options{Sets: []string{"version=a=b"}}, map[string]any{"version": "a=b"}},
		"a flag that is empty":                {Options{Sets: []string{"version="}}, map[string]any{"version": ""}},
		"the last of two flags":               {Options{Sets: []string{"version=1", "version=2"}}, map[string]any{"version": "2"}},
		"flags of every type":                 {Options{Sets: []string{"count=7", "ratio=2", "strict=false", "list=[x, y]", "table={c: 1}", "organization=3.10"}}, map[string]any{"count": 7, "ratio": 2.0, "strict": false, "list": []any{"x", "y"}, "table": map[string]any{"c": 1}, "organization": "3.10"}},
		"a ${ in a flag, which means nothing": {Options{Sets: []string{"version=${vars.count}"}}, map[string]any{"version": "${vars.count}"}},
		"a file":                              {Options{VarsFiles: file("organization: contoso\nlist: [q]\n")}, map[string]any{"organization": "contoso", "list": []any{"q"}}},
		"a file with a line left open":        {Options{VarsFiles: file("organization:\nversion: v\n")}, map[string]any{"version": "v"}},
		"the later of two files":              {Options{VarsFiles: append(file("version: a"), File{"b", []byte("version: b")})}, map[string]any{"version": "b"}},
		"a flag over a file":                  {Options{VarsFiles: file("version: a"), Sets: []string{"version=b"}}, map[string]any{"version": "b"}},
		"the machine over the playbook":       {Options{Base: map[string]any{"organization": "rehearsal", "version": "9", "unheard": 1}}, map[string]any{"organization": "rehearsal", "version": "9"}},
		"the machine's list":                  {Options{Base: map[string]any{"organization": []string{"a"}}}, map[string]any{"organization": []any{"a"}}},
		"a file over the machine":             {Options{Base: map[string]any{"organization": "r"}, VarsFiles: file("organization: f")}, map[string]any{"organization": "f"}},
	} {
		t.Run(what, func(t *testing.T) {
			c.o.Kinds = testKinds
			p, err := Load(File{"up.yaml", []byte(declared)}, c.o)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]any{"version": "3.1.0", "count": 3, "ratio": 1.5, "strict": true, "list": []any{"a"}, "table": map[string]any{"a": "b"}}
			for k, v := range c.want {
				want[k] = v
			}
			if d := cmp.Diff(want, p.Vars); d != "" {
				t.Errorf("want - got +:\n%s", d)
			}
		})
	}
}

func TestErrorsOfVariables(t *testing.T) {
	file := func(text string) []File { return []File{{"vars.yaml", []byte(text)}} }
	for what, c := range map[string]struct {
		o    Options
		want string
	}{
		"a flag of an unknown name":        {Options{Sets: []string{"verison=1"}}, `--var verison: the playbook declares no variable "verison", did you mean "version"?`},
		"a flag without a value":           {Options{Sets: []string{"version"}}, "--var: want name=value"},
		"a flag with bytes of no letter":   {Options{Sets: []string{"version=\xff"}}, "--var version: not UTF-8"},
		"a flag that is no number":         {Options{Sets: []string{"count=secret"}}, "--var count: want a whole number like its default at up.yaml:5:10"},
		"a flag that is no boolean":        {Options{Sets: []string{"strict=yes"}}, "--var strict: want true or false like its default at up.yaml:7:11"},
		"a flag that is no list":           {Options{Sets: []string{"list=a,b"}}, "--var list: want a list like its default at up.yaml:8:9: write [one, two]"},
		"a flag that is no map":            {Options{Sets: []string{"table=["}}, "--var table: want a map like its default at up.yaml:9:10: write {name: value}"},
		"a flag with a number in a list":   {Options{Sets: []string{"list=[1.10]"}}, `--var list: vars.list: 1.10 is the number 1.1 for YAML: write it in quotes, "1.10"`},
		"a file with an unknown name":      {Options{VarsFiles: file("a: 1\norganisation: x\n")}, "vars.yaml:1:1: the playbook declares no variable \"a\"\nvars.yaml:2:1: the playbook declares no variable \"organisation\", did you mean \"organization\"?"},
		"a file that is a list":            {Options{VarsFiles: file("[a]")}, "vars.yaml:1:1: want a map of variables and their values, this is a list"},
		"a file that is no YAML":           {Options{VarsFiles: file("a: b: c")}, `vars.yaml:1:1: mapping values are not allowed in this context: a text with ": " in it must be in quotes`},
		"a file with a version unquoted":   {Options{VarsFiles: file("version: 3.10")}, `vars.yaml:1:10: version: 3.10 is the number 3.1 for YAML: write it in quotes, "3.10"`},
		"a file with another type":         {Options{VarsFiles: file("list: a\ncount: x\n")}, "vars.yaml:1:7: list: want a list like its default at up.yaml:8:9, this is text\nvars.yaml:2:8: count: want a whole number like its default at up.yaml:5:10, this is text"},
		"a file with a date":               {Options{VarsFiles: file("organization: 2023-06-01")}, `vars.yaml:1:15: vars.organization: 2023-06-01 is a date for YAML: write it in quotes, "2023-06-01"`},
		"flags come before files":          {Options{Sets: []string{"x=1"}, VarsFiles: file("y: 1")}, "--var x: the playbook declares no variable \"x\"\nvars.yaml:1:1: the playbook declares no variable \"y\""},
		"what the machine brings is wrong": {Options{Base: map[string]any{"organization": struct{}{}}}, "up.yaml:4:3: vars.organization: the machine's value is a group of values and cannot be used as one"},
	} {
		t.Run(what, func(t *testing.T) {
			c.o.Kinds = testKinds
			_, err := Load(File{"up.yaml", []byte(declared)}, c.o)
			if err == nil || err.Error() != c.want {
				t.Errorf("got\n%v\nwant\n%s", err, c.want)
			}
		})
	}
}

func TestVariablesInTexts(t *testing.T) {
	for what, c := range map[string]struct {
		text string
		sets []string
		want string
	}{
		"a float as a text":            {one("      version: ${vars.f}"), nil, `up.yaml:8:18: version: vars.f, at up.yaml:2:57: 3.10 is the number 3.1 for YAML: write it in quotes, "3.10"`},
		"a float within a text":        {one("      version: v${vars.f}"), nil, `up.yaml:8:19: version: vars.f, at up.yaml:2:57: 3.10 is the number 3.1 for YAML: write it in quotes, "3.10"`},
		"a float given by flag":        {one("      version: v${vars.f}"), []string{"f=3.10"}, `up.yaml:8:19: version: vars.f is a number, as its default at up.yaml:2:54 is one: write that in quotes`},
		"an octal as a text":           {"playbook: up\nvars: {o: 0755}\ntasks: [{name: \"${vars.o}\", action: noop}]\n", nil, `up.yaml:3:19: name: vars.o, at up.yaml:2:11: 0755 is the number 493 for YAML: write it in quotes, "0755"`},
		"a name that is no identifier": {"playbook: up\nvars: {exo-version: x}\ntasks: [{name: t, action: noop}]\n", nil, `up.yaml:2:8: vars: "exo-version" is no name for a variable: letters, digits and _, so that vars.NAME can be written`},
		"a float in a list":            {"playbook: up\nvars: {l: [a, 3.10]}\ntasks: [{name: t, action: noop}]\n", nil, `up.yaml:2:15: vars.l: 3.10 is the number 3.1 for YAML: write it in quotes, "3.10"`},
		"a short float in a list":      {"playbook: up\nvars: {l: [3.1]}\ntasks: [{name: t, action: module, with: {name: M, hosts: \"${vars.l}\"}}]\n", nil, `up.yaml:3:61: hosts[0]: vars.l, at up.yaml:2:12: 3.1 is a number for YAML: write it in quotes, "3.1"`},
		"a list within a text":         {one("      version: v${vars.list}"), nil, "up.yaml:8:19: version: want something that can stand in a text, ${vars.list} is a list"},
		"no value":                     {one("      version: ${vars.none}"), nil, "up.yaml:8:18: version: vars.none has no value: give it with --var none=... or in a --vars FILE"},
		"no value in a condition":      {"playbook: up\nvars: {none: }\ntasks: [{name: t, action: noop, when: vars.none}]\n", nil, "up.yaml:3:39: when: vars.none has no value: give it with --var none=... or in a --vars FILE"},
		"no value in two tasks":        {"playbook: up\nvars: {none: }\ntasks:\n  - {name: \"a${vars.none}\", action: noop}\n  - {name: \"b${vars.none}\", action: noop}\n", nil, "up.yaml:4:16: name: vars.none has no value: give it with --var none=... or in a --vars FILE\nup.yaml:5:16: name: vars.none has no value: give it with --var none=... or in a --vars FILE"},
		"undefined":                    {one("      version: ${vars.verison}"), nil, `up.yaml:8:18: version: undefined vars.verison, did you mean "version"?`},
	} {
		t.Run(what, func(t *testing.T) {
			o := options(nil)
			o.Sets = c.sets
			_, err := Load(File{"up.yaml", []byte(c.text)}, o)
			if err == nil || err.Error() != c.want {
				t.Errorf("got\n%v\nwant\n%s", err, c.want)
			}
		})
	}
}

func TestValuesAreNeverExpanded(t *testing.T) {
	p := load(t, one("      version: a ${vars.version}\n      hosts: ${vars.list}"), func(o *Options) {
		o.Sets = []string{"version=${vars.n}", "list=['${vars.n}']"}
	})
	m := bindOne(t, p, factsShape{})
	if m.Version != "a ${vars.n}" || m.Hosts[0] != "${vars.n}" {
		t.Errorf("got %q and %q", m.Version, m.Hosts)
	}
}

func TestATaskThatIsSkippedNeedsNoVariables(t *testing.T) {
	text := "playbook: up\nvars: {none: , on: false}\ntasks:\n  - name: ask ${vars.none}\n    action: module\n    when: vars.on\n    with: {name: \"${vars.none}\", version: bad}\n"
	p := load(t, text)
	tasks, _, err := p.Bind(factsShape{}, runShape{})
	if err != nil || tasks[0].When || tasks[0].Name != "ask ${vars.none}" {
		t.Errorf("got %+v, %v", tasks, err)
	}
	_, err = Load(File{"up.yaml", []byte(text)}, Options{Kinds: testKinds, Sets: []string{"on=true"}})
	want := "up.yaml:4:17: name: vars.none has no value: give it with --var none=... or in a --vars FILE\nup.yaml:7:21: name: vars.none has no value: give it with --var none=... or in a --vars FILE"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	_, err = Load(File{"up.yaml", []byte(text + "    nmae: x\n")}, Options{Kinds: testKinds})
	if want := `up.yaml:8:5: unknown field "nmae", did you mean "name"?`; err == nil || err.Error() != want {
		t.Errorf("a skipped task is not read strictly: got %v", err)
	}
}

func TestMissingVariablesMayBeAllowed(t *testing.T) {
	text := one("      version: ${vars.none}") + "  - {name: two, action: module, when: vars.none != nil, with: {name: x}}\n"
	p := load(t, text, func(o *Options) { o.AllowMissing = true })
	if !cmp.Equal(p.Missing, []string{"none"}) {
		t.Errorf("missing: got %q", p.Missing)
	}
	_, _, err := p.Bind(factsShape{}, runShape{})
	want := "up.yaml:8:18: version: vars.none has no value: give it with --var none=... or in a --vars FILE\nup.yaml:9:39: when: vars.none has no value: give it with --var none=... or in a --vars FILE"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// Who wrote a wrong value is led to it, and not only to the playbook that uses it, which may be a shipped one.
func TestAWrongValueIsSaidWithThePlaceWhereItStands(t *testing.T) {
	text := "playbook: up\nvars: {version: \"1\", wait: 1s, scope: AllUsers}\ntasks:\n  - name: t\n    action: module\n    with: {name: x, version: \"${vars.version}\", wait: \"${vars.wait}\", scope: \"${vars.scope}\"}\n"
	for given, want := range map[string]string{
		"# mine\nversion: bad\n": "up.yaml:6:30: version: not a version (version stands at vars.yaml:2:10)",
		"wait: 60 days\n":        `up.yaml:6:58: wait: want a duration like 90s, 20m, 1h30m or 30d, this is "60 days" (wait stands at vars.yaml:1:7)`,
		"scope: allusers\n":      `up.yaml:6:81: scope: "allusers" is none of AllUsers, CurrentUser, did you mean "AllUsers"? (scope stands at vars.yaml:1:8)`,
	} {
		o := options(nil)
		o.VarsFiles = []File{{"vars.yaml", []byte(given)}}
		_, err := Load(File{"up.yaml", []byte(text)}, o)
		if err == nil || err.Error() != want {
			t.Errorf("got\n%v\nwant\n%s", err, want)
		}
	}
	o := options(nil)
	o.Sets = []string{"version=bad"}
	if _, err := Load(File{"up.yaml", []byte(text)}, o); err == nil || err.Error() != "up.yaml:6:30: version: not a version" {
		t.Errorf("got %v", err)
	}
}

func TestVariablesOfAnotherPlaybook(t *testing.T) {
	o := options(nil)
	o.Elsewhere = func(name string) bool { return name == "theirs" }
	o.VarsFiles = []File{{"vars.yaml", []byte("theirs: 1\nnobodys: 1\n")}}
	_, err := Load(File{"up.yaml", []byte("playbook: up\nvars: {a: 1}\ntasks: [{name: t, action: noop}]\n")}, o)
	if want := `vars.yaml:2:1: the playbook declares no variable "nobodys"`; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if got := Variables(File{"x", []byte("playbook: x\nvars: {b: , a: 1}\nnonsense: 3\n")}); !cmp.Equal(got, []string{"b", "a"}) {
		t.Errorf("got %q", got)
	}
	for _, text := range []string{"", "[", "vars: 3", "[a]"} {
		if got := Variables(File{"x", []byte(text)}); got != nil {
			t.Errorf("%q: got %q", text, got)
		}
	}
}
