package playbook

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// secret is like the references to secrets that actions take: it refuses anything else without repeating it.
type Secret string

func (s *Secret) UnmarshalText(t []byte) error {
	if !strings.HasPrefix(string(t), "env:") {
		return errors.New("not a reference to a secret")
	}
	*s = Secret(t)
	return nil
}

type probe struct {
	File    string        `yaml:"file" need:"true" doc:"a file"`
	Age     time.Duration `yaml:"age" default:"30d" doc:"how old"`
	Ignored string
}

type common struct {
	Bits  string `yaml:"bits" enum:"32|64" doc:"which PowerShell"`
	Quiet bool   `yaml:"quiet" doc:"say little"`
}

type module struct {
	common     `yaml:",inline"`
	Name       string            `yaml:"name" need:"true" doc:"the module"`
	Version    string            `yaml:"version" doc:"exactly this one"`
	Scope      string            `yaml:"scope" default:"AllUsers" enum:"AllUsers|CurrentUser" doc:"for whom"`
	Ports      []int             `yaml:"ports" default:"[443, 80]" doc:"ports"`
	Hosts      []string          `yaml:"hosts" doc:"hosts"`
	Count      int               `yaml:"count" default:"3" doc:"a number"`
	Big        int64             `yaml:"big" doc:"a big number"`
	Ratio      float64           `yaml:"ratio" doc:"a number"`
	Keep       *bool             `yaml:"keep" doc:"a choice of three"`
	Level      *int              `yaml:"level" doc:"a level"`
	Wait       time.Duration     `yaml:"wait" default:"90s" doc:"a while"`
	Env        map[string]string `yaml:"env" doc:"environment"`
	Args       map[string]any    `yaml:"args" doc:"arguments"`
	Any        any               `yaml:"any" doc:"anything"`
	Probe      *probe            `yaml:"probe" doc:"a probe"`
	Probes     []probe           `yaml:"probes" doc:"more probes"`
	Password   Secret            `yaml:"password" doc:"a reference"`
	Passwords  map[string]Secret `yaml:"passwords" doc:"references"`
	Deps       any               // not for playbooks
	unexported string            //lint:ignore U1000 the decoder has to pass it over
}

type factsShape struct {
	OS struct {
		Name    string  `expr:"name"`
		Windows bool    `expr:"windows"`
		Bits    int     `expr:"bits"`
		Build   *string `expr:"build"`
		Release *int    `expr:"release"`
	} `expr:"os"`
	Paths []string `expr:"paths"`
}

type runShape struct {
	ID      string `expr:"id"`
	Command string `expr:"command"`
}

var testKinds = map[string]Kind{
	"module": {New: func() any { return &module{} }, Validate: func(v any) []Problem {
		switch m := v.(*module); {
		case m.Version == "bad":
			return []Problem{{"version", "not a version"}}
		case m.Version == "worse":
			return []Problem{{"", "nothing fits"}, {"probe.file", "not there"}, {"hosts[1]", "not a host"}}
		}
		return nil
	}},
	"noop": {New: func() any { return &struct{}{} }},
}

// options are what the tests read with; files are what can be imported, by name.
func options(files map[string]string) Options {
	return Options{Kinds: testKinds, Facts: factsShape{}, Run: runShape{}, Open: func(from, name string) (File, error) {
		text, ok := files[name]
		if !ok {
			return File{}, fmt.Errorf("%s: %w", name, os.ErrNotExist)
		}
		return File{name, []byte(text)}, nil
	}}
}

func load(t *testing.T, text string, change ...func(*Options)) *Playbook {
	t.Helper()
	o := options(nil)
	for _, c := range change {
		c(&o)
	}
	p, err := Load(File{"up.yaml", []byte(text)}, o)
	if err != nil {
		t.Fatalf("load:\n%s", err)
	}
	return p
}

// one is a playbook with one task of kind module; with is its fields, indented by six.
func one(with string) string {
	return "playbook: up\nvars: {version: \"3.1.0\", none: , list: [a, b], n: 3, f: 3.10, yes: true, m: {k: v}}\ntasks:\n  - name: t\n    action: module\n    with:\n      name: M\n" + with + "\n"
}

// bindOne gives the module of the only task.
func bindOne(t *testing.T, p *Playbook, f factsShape) *module {
	t.Helper()
	tasks, _, err := p.Bind(f, runShape{ID: "r1"})
	if err != nil {
		t.Fatalf("bind:\n%s", err)
	}
	return tasks[0].Do.(*module)
}
