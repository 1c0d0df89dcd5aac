package site

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// The schema that editors use takes what Load takes, and finds what is wrong in the form of a file.
func TestTheSchemaOfAConfiguration(t *testing.T) {
	folder := filepath.Join("..", "..", "playbooks")
	raw, err := os.ReadFile(filepath.Join(folder, "exorunner.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("s.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("s.json")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile(filepath.Join(folder, "exorunner.site.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for about, one := range map[string]struct {
		text  string
		holds bool
	}{
		"a good one":              {good, true},
		"the shipped one":         {string(example), true},
		"an unknown field":        {strings.Replace(good, "reboot:", "rebot:", 1), false},
		"a word of no list":       {strings.Replace(good, "reboot: window", "reboot: always", 1), false},
		"no schedules":            {"host: auto\n", false},
		"a number for a duration": {strings.Replace(good, "splay: 20m", "splay: 20", 1), false},
		"an expression":           {strings.Replace(good, "deadline: 1d", "deadline: \"${vars.x}\"", 1), false},
	} {
		t.Run(about, func(t *testing.T) {
			var v any
			if err := yaml.Unmarshal([]byte(one.text), &v); err != nil {
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
			if err := schema.Validate(doc); (err == nil) != one.holds {
				t.Errorf("got %v, want that it holds: %v", err, one.holds)
			}
		})
	}
}
