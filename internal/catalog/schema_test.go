package catalog

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"exorunner/internal/action"
	"exorunner/internal/playbook"
)

type sample struct {
	Name     string            `yaml:"name" need:"true" doc:"its name | or what"`
	Bits     string            `yaml:"bits" default:"64" enum:"32|64" doc:"which PowerShell"`
	Count    int               `yaml:"count" default:"3" doc:"how many"`
	Quiet    bool              `yaml:"quiet" doc:"say little"`
	Wait     time.Duration     `yaml:"wait" default:"30d" doc:"how long"`
	Hosts    []string          `yaml:"hosts" doc:"names"`
	Ports    []int             `yaml:"ports" default:"[443]" doc:"ports"`
	Env      map[string]string `yaml:"env" doc:"environment"`
	Any      any               `yaml:"any" doc:"anything"`
	Password action.Secret     `yaml:"password" doc:"where the password is"`
	Probes   []struct {
		File string `yaml:"file" need:"true" doc:"a file"`
	} `yaml:"probes" doc:"files to look at"`
}

var samples = []Kind{
	{Name: "sample", About: "Does a thing.", New: func(action.Deps) any { return &sample{} }, Example: "name: t\naction: sample\nwith: {name: x}\n"},
	{Name: "empty", About: "Does nothing.", New: func(action.Deps) any { return &struct{}{} }, Example: "- name: t\n  action: empty"},
}

func compile(t *testing.T, kinds []Kind) *jsonschema.Schema {
	t.Helper()
	text, err := Schema(kinds)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// check is what an editor does with a playbook.
func check(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

// wrapped is an example within a playbook that declares the variables it uses.
func wrapped(example string) string {
	example = strings.TrimSpace(example)
	if !strings.HasPrefix(example, "- ") {
		example = "- " + strings.ReplaceAll(example, "\n", "\n  ")
	}
	out := "playbook: example\nvars:\n"
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`vars\.(\w+)`).FindAllStringSubmatch(example, -1) {
		if !seen[m[1]] {
			out += "  " + m[1] + ":\n"
		}
		seen[m[1]] = true
	}
	return out + "tasks:\n" + example + "\n"
}

func TestEveryKindIsComplete(t *testing.T) {
	s := compile(t, All())
	table := ForPlaybook(action.Deps{})
	for _, k := range All() {
		t.Run(k.Name, func(t *testing.T) {
			if k.About == "" || k.Example == "" {
				t.Error("a kind has an About and an Example")
			}
			do := k.New(action.Deps{})
			_, acts := do.(action.Action)
			_, proves := do.(action.Proof)
			if acts == proves {
				t.Errorf("Action: %v, Proof: %v; want one of them", acts, proves)
			}
			if err := playbook.CheckFields(do); err != nil {
				t.Error(err)
			}
			text := wrapped(k.Example)
			if err := check(t, s, text); err != nil {
				t.Errorf("the example against the schema: %v\n%s", err, text)
			}
			if k.Closed {
				if _, err := playbook.Load(playbook.File{Name: k.Name, Data: []byte(text)}, playbook.Options{Kinds: table}); err == nil || !strings.Contains(err.Error(), "2023-10-01") {
					t.Errorf("a closed kind was not refused with its date: %v", err)
				}
				return
			}
			p, err := playbook.Load(playbook.File{Name: k.Name, Data: []byte(text)}, playbook.Options{Kinds: table, AllowMissing: true})
			if err != nil {
				t.Fatalf("the example: %v\n%s", err, text)
			}
			if len(p.Tasks) != 1 || p.Tasks[0].Action != k.Name {
				t.Errorf("the example is no single task of the kind: %+v", p.Tasks)
			}
		})
	}
}

func TestSchema(t *testing.T) {
	s := compile(t, samples)
	file := func(with string) string {
		return "playbook: up\ntasks: [{name: t, action: sample, with: {name: n, " + with + "}}]\n"
	}
	for what, c := range map[string]struct {
		text string
		ok   bool
	}{
		"every field of a file":         {"playbook: up\nabout: a\ngoal: g\nas: a\nvars: {a: , b: [1]}\ndefaults: {timeout: 5m, on_failure: continue, retry: {attempts: 2, wait: 1d}}\nimport: [a, b]\ntasks: [{name: t, action: empty}]\nhandlers: [{name: h, action: empty}]\n", true},
		"an import of one":              {"playbook: up\nimport: a\n", true},
		"lists with nothing behind":     {"playbook: up\nhandlers:\nvars:\ntasks: [{name: t, action: empty}]\n", true},
		"every field of a task":         {"playbook: up\ntasks: [{name: t, action: sample, with: {name: n}, when: vars.a, retry: {attempts: 2}, timeout: 1h30m, notify: h, on_failure: stop, tags: [a]}]\n", true},
		"a condition that is a boolean": {"playbook: up\ntasks: [{name: t, action: empty, when: false}]\n", true},
		"every type":                    {file(`bits: "64", count: 1, quiet: true, wait: 1d2h, hosts: [a], ports: [1], env: {a: b}, any: [1, {a: b}], password: "env:P", probes: [{file: f}]`), true},
		"expressions in place of types": {file(`bits: "${vars.b}", count: "${1}", quiet: "${true}", wait: "${vars.w}s", hosts: "${vars.h}", ports: ["${1}"], env: "${vars.e}", any: "${1}", probes: [{file: "${vars.f}"}]`), true},
		"one for a list":                {file("hosts: a, ports: 443"), true},
		"a number that is in the enum":  {file("bits: 64"), true},

		"no name":                         {"tasks: [{name: t, action: empty}]\n", false},
		"an unknown field":                {"playbook: up\ntaks: []\n", false},
		"an unknown field of a task":      {"playbook: up\ntasks: [{name: t, action: empty, wen: x}]\n", false},
		"an unknown action":               {"playbook: up\ntasks: [{name: t, action: nothing}]\n", false},
		"an unknown field of an action":   {file("nmae: x"), false},
		"a field of another action":       {"playbook: up\ntasks: [{name: t, action: empty, with: {name: x}}]\n", false},
		"no with where one is needed":     {"playbook: up\ntasks: [{name: t, action: sample}]\n", false},
		"a with that lacks what it needs": {"playbook: up\ntasks: [{name: t, action: sample, with: {count: 1}}]\n", false},
		"a version that is a number":      {"playbook: up\ntasks: [{name: 3.10, action: empty}]\n", false},
		"none of an enum":                 {file("bits: 16"), false},
		"text for a number":               {file("count: many"), false},
		"text for a boolean":              {file(`quiet: "yes"`), false},
		"a duration without a unit":       {file("wait: 20"), false},
		"a duration that is none":         {file("wait: soon"), false},
		"a number in a list of texts":     {file("hosts: [1]"), false},
		"a group that lacks its field":    {file("probes: [{}]"), false},
	} {
		t.Run(what, func(t *testing.T) {
			if err := check(t, s, c.text); (err == nil) != c.ok {
				t.Errorf("got %v, want ok %v:\n%s", err, c.ok, c.text)
			}
			_, err := playbook.Load(playbook.File{Name: "up.yaml", Data: []byte(c.text)}, playbook.Options{Kinds: kindsOf(samples), AllowMissing: true})
			if !c.ok && err == nil {
				t.Error("the schema refuses what the program takes")
			}
		})
	}
}

func kindsOf(kinds []Kind) map[string]playbook.Kind {
	all := map[string]playbook.Kind{}
	for _, k := range kinds {
		all[k.Name] = playbook.Kind{New: func() any { return k.New(action.Deps{}) }}
	}
	return all
}

func TestSchemaWithoutKinds(t *testing.T) {
	if err := check(t, compile(t, nil), "playbook: up\ntasks: [{name: t, action: x}]\n"); err != nil {
		t.Error(err)
	}
}

func TestSchemaIsTheSameEveryTime(t *testing.T) {
	a, _ := Schema(samples)
	b, _ := Schema(samples)
	if !bytes.Equal(a, b) {
		t.Error("two schemas of the same kinds differ")
	}
	if !strings.Contains(string(a), `"default": "30d"`) || !strings.Contains(string(a), `"description": "how many"`) {
		t.Errorf("defaults or docs are missing:\n%s", a)
	}
}

func TestReference(t *testing.T) {
	got := string(Reference(samples))
	for _, want := range []string{
		"| `playbook` | text |  | yes | the playbook's name: small letters, digits and hyphens |\n",
		"| `tasks` | list of tasks |",
		"| `defaults.retry.attempts` | whole number |  | yes |",
		"| `on_failure` | `stop`, `continue` | `stop` |",
		"- [sample](#sample)\n",
		"### sample\n\nDoes a thing.\n",
		"| `name` | text |  | yes | its name \\| or what |\n",
		"| `bits` | `32`, `64` | `64` |  | which PowerShell |\n",
		"| `hosts` | list of text |",
		"| `env` | map of text |",
		"| `password` | reference to a secret |",
		"| `probes` | list of groups |",
		"| `probes[].file` | text |  | yes | a file |\n",
		"```yaml\nname: t\naction: sample\nwith: {name: x}\n```\n",
		"| `facts.os.windows` | true or false |\n",
		"`join`, `last`",
		"### empty\n\nDoes nothing.\n\nIt has no fields.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
