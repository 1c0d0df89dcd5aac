package playbook

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestDecode(t *testing.T) {
	yes, seven := true, 7
	for what, c := range map[string]struct {
		with string
		want func(*module)
	}{
		"defaults alone": {"", func(*module) {}},
		"every type": {"      count: 5\n      big: 5000000000\n      ratio: 2\n      keep: true\n      level: 7\n      quiet: true", func(m *module) {
			m.Count, m.Big, m.Ratio, m.Keep, m.Level, m.Quiet = 5, 5000000000, 2, &yes, &seven, true
		}},
		"days":                                 {"      wait: 30d", func(m *module) { m.Wait = 30 * 24 * time.Hour }},
		"days and hours":                       {"      wait: 1d12h", func(m *module) { m.Wait = 36 * time.Hour }},
		"hours and minutes":                    {"      wait: 1h30m", func(m *module) { m.Wait = 90 * time.Minute }},
		"no time at all":                       {"      wait: 0s", func(m *module) { m.Wait = 0 }},
		"a list":                               {"      hosts: [a, b]\n      ports: []", func(m *module) { m.Hosts, m.Ports = []string{"a", "b"}, []int{} }},
		"a scalar as a list of one":            {"      hosts: a\n      ports: 8080", func(m *module) { m.Hosts, m.Ports = []string{"a"}, []int{8080} }},
		"a list with nothing behind it":        {"      hosts:", func(*module) {}},
		"a number where the enum has its text": {"      bits: 64", func(m *module) { m.Bits = "64" }},
		"maps": {"      env: {A: b}\n      args: {a: 1, b: [true, null, 1.5], c: {d: e}}", func(m *module) {
			m.Env = map[string]string{"A": "b"}
			m.Args = map[string]any{"a": 1, "b": []any{true, nil, 1.5}, "c": map[string]any{"d": "e"}}
		}},
		"anything": {"      any: [1, a]", func(m *module) { m.Any = []any{1, "a"} }},
		"a group with its defaults": {"      probe: {file: f}\n      probes: [{file: g, age: 1d}]", func(m *module) {
			m.Probe, m.Probes = &probe{File: "f", Age: 720 * time.Hour}, []probe{{File: "g", Age: 24 * time.Hour}}
		}},
		"references to secrets":         {"      password: env:P\n      passwords: {a: env:A}", func(m *module) { m.Password, m.Passwords = "env:P", map[string]Secret{"a": "env:A"} }},
		"a list from an expression":     {"      hosts: ${vars.list}", func(m *module) { m.Hosts = []string{"a", "b"} }},
		"a number from an expression":   {"      count: ${vars.n + 1}", func(m *module) { m.Count = 4 }},
		"a boolean from an expression":  {"      quiet: ${vars.yes}\n      keep: ${!vars.yes == false}", func(m *module) { m.Quiet, m.Keep = true, &yes }},
		"a map from an expression":      {"      env: ${vars.m}\n      any: ${vars.list}", func(m *module) { m.Env, m.Any = map[string]string{"k": "v"}, []any{"a", "b"} }},
		"a whole number as a text":      {"      version: ${vars.n}", func(m *module) { m.Version = "3" }},
		"scalars within a text":         {"      version: v${vars.n}-${vars.yes}-${vars.version}", func(m *module) { m.Version = "v3-true-3.1.0" }},
		"a dollar that means nothing":   {"      version: $${vars.n} $x $$ ${\"}\"}", func(m *module) { m.Version = "${vars.n} $x $$ }" }},
		"expressions deep in values":    {"      args: {a: [\"${vars.n}\", \"n${vars.n}\"]}", func(m *module) { m.Args = map[string]any{"a": []any{3, "n3"}} }},
		"a duration from an expression": {"      wait: ${string(vars.n)}h", func(m *module) { m.Wait = 3 * time.Hour }},
		"lines of a script":             {"      version: |\n        a\n        ${vars.n}\n", func(m *module) { m.Version = "a\n3\n" }},
	} {
		t.Run(what, func(t *testing.T) {
			want := module{Name: "M", Scope: "AllUsers", Ports: []int{443, 80}, Count: 3, Wait: 90 * time.Second}
			c.want(&want)
			got := bindOne(t, load(t, one(c.with)), factsShape{})
			if d := cmp.Diff(&want, got, cmp.AllowUnexported(module{}, common{}), cmpopts.EquateEmpty()); d != "" {
				t.Errorf("want - got +:\n%s", d)
			}
		})
	}
}

func TestErrorsOfFields(t *testing.T) {
	for what, c := range map[string]struct{ with, want string }{
		"an unknown field":                        {"      versoin: x", `8:7: unknown field "versoin", did you mean "version"?`},
		"a field of Go's alone":                   {"      Deps: x", `8:7: unknown field "Deps"`},
		"a needed one that is empty":              {"      probe: {file: \"\"}", "8:21: file must not be empty"},
		"a needed one that is missing":            {"      probe: {}", `8:14: missing field "file"`},
		"text without a value":                    {"      version:", "8:15: version has no value: give it one or leave the line out"},
		"a version that lost its zero":            {"      version: 3.10", `8:16: version: 3.10 is the number 3.1 for YAML: write it in quotes, "3.10"`},
		"a version that is a number":              {"      version: 3", `8:16: version: 3 is a number for YAML: write it in quotes, "3"`},
		"an octal":                                {"      version: 0755", `8:16: version: 0755 is the number 493 for YAML: write it in quotes, "0755"`},
		"a text that is a boolean":                {"      version: true", `8:16: version: true is a yes or no for YAML: write it in quotes, "true"`},
		"a text that is a date":                   {"      version: 2023-06-01", `8:16: version: 2023-06-01 is a date for YAML: write it in quotes, "2023-06-01"`},
		"a text that is a list":                   {"      version: [a]", "8:16: version: want text, this is a list"},
		"a text within a list":                    {"      hosts: [a, 1.20]", `8:18: hosts[1]: 1.20 is the number 1.2 for YAML: write it in quotes, "1.20"`},
		"a map where a list is wanted":            {"      hosts: {a: b}", "8:14: hosts: want a list, this is a map"},
		"a list where a map is wanted":            {"      env: [a]", "8:12: env: want a map, this is a list"},
		"a group that is text":                    {"      probe: f", "8:14: probe: want a map of fields, this is text"},
		"a text in a list of groups":              {"      probes: f", "8:15: probes: want a list, this is text"},
		"a group in a list":                       {"      probes: [{file: f, aeg: 1d}]", `8:26: unknown field "aeg", did you mean "age"?`},
		"no number":                               {"      count: many", "8:14: count: want a whole number, this is text"},
		"a broken number":                         {"      count: 1.5", "8:14: count: want a whole number, this is the number 1.5"},
		"a number too large":                      {"      count: 99999999999999999999", "8:14: count: want a whole number, this is the number 1e+20"},
		"a number in quotes":                      {"      count: \"5\"", "8:14: count: want a whole number, this is text"},
		"yes":                                     {"      quiet: yes", "8:14: quiet: want true or false, yes is text for YAML"},
		"a boolean that is a number":              {"      quiet: 1", "8:14: quiet: want true or false, this is the number 1"},
		"a duration without a unit":               {"      wait: 20", "8:13: wait: 20 has no unit: write 20s, 20m, 20h or 20d"},
		"a duration that is none":                 {"      wait: soon", `8:13: wait: want a duration like 90s, 20m, 1h30m or 30d, this is "soon"`},
		"a negative duration":                     {"      wait: -5s", "8:13: wait: a duration cannot be negative"},
		"negative days":                           {"      wait: -5d", "8:13: wait: a duration cannot be negative"},
		"days less hours":                         {"      wait: 5d-1h", `8:13: wait: want a duration like 90s, 20m, 1h30m or 30d, this is "5d-1h"`},
		"days without end":                        {"      wait: 999999999d", `8:13: wait: want a duration like 90s, 20m, 1h30m or 30d, this is "999999999d"`},
		"none of an enum":                         {"      scope: alluser", `8:14: scope: "alluser" is none of AllUsers, CurrentUser, did you mean "AllUsers"?`},
		"a number none of an enum":                {"      bits: 16", `8:13: bits: 16 is a number for YAML: write it in quotes, "16"`},
		"a secret in plain":                       {"      password: hunter2", "8:17: password: not a reference to a secret"},
		"a secret in plain that is a number":      {"      password: 12345", "8:17: password: want text in quotes"},
		"a secret in plain within a map":          {"      passwords: {a: hunter2}", "8:22: passwords.a: not a reference to a secret"},
		"a number that changed within anything":   {"      args: {v: 3.10}", `8:17: args.v: 3.10 is the number 3.1 for YAML: write it in quotes, "3.10"`},
		"a date within anything":                  {"      args: {v: 2023-06-01}", `8:17: args.v: 2023-06-01 is a date for YAML: write it in quotes, "2023-06-01"`},
		"a name that is an expression":            {"      args: {\"${vars.n}\": 1}", "8:14: args: a name cannot be an expression"},
		"what the action says":                    {"      version: bad", "8:16: version: not a version"},
		"what the action says of parts":           {"      version: worse\n      hosts: [a, b]\n      probe: {file: f}", "7:7: nothing fits\nup.yaml:9:18: hosts[1]: not a host\nup.yaml:10:21: probe.file: not there"},
		"what the action says of an absent field": {"      version: worse", "7:7: nothing fits\nup.yaml:7:7: probe.file: not there\nup.yaml:7:7: hosts[1]: not a host"},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := Load(File{"up.yaml", []byte(one(c.with))}, options(nil))
			if want := "up.yaml:" + c.want; err == nil || err.Error() != want {
				t.Errorf("got\n%v\nwant\n%s", err, want)
			}
		})
	}
}

func TestASecretInPlainIsNeverRepeated(t *testing.T) {
	for _, written := range []string{"hunter2", "!hunter2", "*hunter2", "&hunter2", "[hunter2]", "{hunter2: }", "'hunter2'", "@hunter2", "|\n        hunter2", "hunter2: x", "a${vars.none}hunter2"} {
		_, err := Load(File{"up.yaml", []byte(one("      password: " + written))}, options(nil))
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", written, err)
		}
	}
}

func TestEveryBindingIsItsOwn(t *testing.T) {
	p := load(t, one("      args: {a: [1]}\n      hosts: ${vars.list}"))
	first, second := bindOne(t, p, factsShape{}), bindOne(t, p, factsShape{})
	first.Args["a"].([]any)[0], first.Hosts[0] = 2, "z"
	if second.Args["a"].([]any)[0] != 1 || second.Hosts[0] != "a" || bindOne(t, p, factsShape{}).Hosts[0] != "a" {
		t.Errorf("a change of one showed in another: %+v", second)
	}
}

func TestCheckFields(t *testing.T) {
	for _, v := range []any{&module{}, &fileShape{}, &taskShape{}} {
		if err := CheckFields(v); err != nil {
			t.Error(err)
		}
	}
	for what, c := range map[string]struct {
		v    any
		want string
	}{
		"no doc": {struct {
			A string `yaml:"a"`
		}{}, `struct { A string "yaml:\"a\"" }: a: no doc tag`},
		"a default of another type": {struct {
			A int `yaml:"a" doc:"d" default:"x"`
		}{}, `struct { A int "yaml:\"a\" doc:\"d\" default:\"x\"" }: a: default: default:1:1: a: want a whole number, this is text`},
		"a default outside the enum": {struct {
			A string `yaml:"a" doc:"d" enum:"b" default:"c"`
		}{}, `struct { A string "yaml:\"a\" doc:\"d\" enum:\"b\" default:\"c\"" }: a: default: default: a: "c" is none of b`},
		"a type that YAML has not": {struct {
			A chan int `yaml:"a" doc:"d"`
		}{}, `struct { A chan int "yaml:\"a\" doc:\"d\"" }: a: a playbook cannot fill a chan int`},
	} {
		t.Run(what, func(t *testing.T) {
			if err := CheckFields(c.v); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestFields(t *testing.T) {
	all := map[string]Field{}
	for _, f := range Fields(&module{}) {
		all[f.Name] = f
	}
	for _, want := range []Field{
		{Name: "name", Type: Text, Doc: "the module", Need: true},
		{Name: "bits", Type: Text, Doc: "which PowerShell", Enum: []string{"32", "64"}},
		{Name: "ports", Type: List, Doc: "ports", Default: "[443, 80]", Elem: &Field{Type: Whole}},
		{Name: "wait", Type: Duration, Doc: "a while", Default: "90s"},
		{Name: "args", Type: Map, Doc: "arguments", Elem: &Field{Type: Anything}},
		{Name: "keep", Type: Truth, Doc: "a choice of three"},
		{Name: "password", Type: Text, Doc: "a reference", Secret: true},
		{Name: "probe", Type: Group, Doc: "a probe", Nested: []Field{{Name: "file", Type: Text, Doc: "a file", Need: true}, {Name: "age", Type: Duration, Doc: "how old", Default: "30d"}}},
	} {
		if d := cmp.Diff(want, all[want.Name]); d != "" {
			t.Errorf("%s, want - got +:\n%s", want.Name, d)
		}
	}
	if _, ok := all["Deps"]; ok {
		t.Error("a field without a yaml tag is listed")
	}
}
