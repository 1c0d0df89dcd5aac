package rehearsal

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

//go:embed machines/*.yaml
var machineFiles embed.FS

// DefaultMachine is the one that is meant where no name is given.
const DefaultMachine = "ce-v2"

// A Machine is one that can be rehearsed on.
type Machine struct{ Name, About string }

// A definition is what a machine's file says.
type definition struct {
	// Like names the machine that this one is but for what its own file says: tables are merged, lists replaced.
	Like  string         `json:"like"`
	About string         `json:"about"`
	Vars  map[string]any `json:"vars"`
	// Secrets are made up, by reference; any other reference gets one that is derived from its name.
	Secrets map[string]string `json:"secrets"`
	Model   model             `json:"machine"`
}

// Machines lists them by name.
func Machines() []Machine {
	var all []Machine
	for _, name := range machineNames() {
		d, err := define(name)
		if err != nil {
			// The files are part of the program and a test loads each of them.
			panic(err)
		}
		all = append(all, Machine{Name: name, About: d.About})
	}
	return all
}

func machineNames() []string {
	entries, err := machineFiles.ReadDir("machines")
	if err != nil {
		panic(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// define reads a machine's file and those that it is like.
func define(name string) (definition, error) {
	if names := machineNames(); !slices.Contains(names, name) {
		return definition{}, unknown("machine", name, names)
	}
	table, err := readMachine(name, nil)
	if err != nil {
		return definition{}, err
	}
	// By way of JSON: the model has one set of names, for these files and for the state on disk.
	text, err := json.Marshal(table)
	if err != nil {
		return definition{}, fmt.Errorf("machine %s: %w", name, err)
	}
	var d definition
	if err := strict(text, &d); err != nil {
		return definition{}, fmt.Errorf("machine %s: %w", name, err)
	}
	return d, nil
}

func readMachine(name string, above []string) (map[string]any, error) {
	if slices.Contains(above, name) {
		return nil, fmt.Errorf("machine %s: is like itself", name)
	}
	text, err := machineFiles.ReadFile(path.Join("machines", name+".yaml"))
	if err != nil {
		return nil, fmt.Errorf("machine %s: %w", name, err)
	}
	own := map[string]any{}
	if err := yaml.Unmarshal(text, &own); err != nil {
		return nil, fmt.Errorf("machine %s: %w", name, err)
	}
	like, _ := own["like"].(string)
	if like == "" {
		return own, nil
	}
	base, err := readMachine(like, append(above, name))
	if err != nil {
		return nil, err
	}
	return merge(base, own), nil
}

// merge lays over upon base. A null in over takes the key away.
func merge(base, over map[string]any) map[string]any {
	merged := maps.Clone(base)
	for key, value := range over {
		below, isTable := merged[key].(map[string]any)
		above, overTable := value.(map[string]any)
		switch {
		case value == nil:
			delete(merged, key)
		case isTable && overTable:
			merged[key] = merge(below, above)
		default:
			merged[key] = value
		}
	}
	return merged
}

func unknown(what, name string, known []string) error {
	text := fmt.Sprintf("no %s is called %q; ", what, name)
	if near := nearest(name, known); near != "" {
		text += fmt.Sprintf("did you mean %q? ", near)
	}
	return errors.New(text + "known: " + strings.Join(known, ", "))
}

// nearest is the known name that is at most a third of its letters away; "" if none is.
func nearest(name string, known []string) string {
	best, at := "", len(name)
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < at && d <= 1+len(k)/3 {
			best, at = k, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
