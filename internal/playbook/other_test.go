package playbook

import (
	"testing"
	"time"
)

type otherFile struct {
	Name  string        `yaml:"name" need:"true" doc:"d"`
	Wait  time.Duration `yaml:"wait" default:"1h" doc:"d"`
	Parts []struct {
		Kind string `yaml:"kind" enum:"a|b" doc:"d"`
		Size int    `yaml:"size" doc:"d"`
	} `yaml:"parts" doc:"d"`
}

func TestDecodeIsAsStrictAsAPlaybook(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"all well":                       {"name: ${vars.x}\nparts:\n  - {kind: a, size: 1}\n", ""},
		"a field that is not known":      {"name: x\nprats: []\n", `f.yaml:2:1: unknown field "prats", did you mean "parts"?`},
		"a value of no enum":             {"name: x\nparts:\n  - {kind: c}\n", `f.yaml:3:12: kind: "c" is none of a, b`},
		"a missing name":                 {"wait: 2h\n", `f.yaml:1:1: missing field "name"`},
		"what the check finds, in place": {"name: x\nparts:\n  - {kind: a}\n  - {kind: b, size: 7}\n", "f.yaml:4:21: parts[1].size: seven"},
		"no map":                         {"- x\n", "f.yaml:1:1: want a map of fields, this is a list"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var v otherFile
			err := Decode(File{"f.yaml", []byte(tt.text)}, &v, func() []Problem {
				for i, p := range v.Parts {
					if p.Size == 7 {
						return []Problem{{"parts[" + string(rune('0'+i)) + "].size", "seven"}}
					}
				}
				return nil
			})
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if tt.want == "" && (v.Wait != time.Hour || v.Name != "${vars.x}") {
				t.Errorf("got %+v, want the default of wait and a name in which ${ is text", v)
			}
		})
	}
}

func TestTopLevel(t *testing.T) {
	got := TopLevel(File{"f.yaml", []byte("host: auto\nschedules: []\n")})
	if len(got) != 2 || got[0] != "host" || got[1] != "schedules" {
		t.Errorf("got %q, want host and schedules", got)
	}
	if got := TopLevel(File{"f.yaml", []byte(":\n\t- {")}); got != nil {
		t.Errorf("got %q of a file that is no YAML, want none", got)
	}
}
