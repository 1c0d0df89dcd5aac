// Package registry keeps a value below HKEY_LOCAL_MACHINE. A 64-bit Windows has two views of it, one for programs of
// each bitness; Cloud Extender's core is a 32-bit program.
package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"exorunner/internal/action"
	"exorunner/internal/exr"
	"exorunner/internal/host"
)

// Value is the action registry.
type Value struct {
	Path  string `yaml:"path" need:"true" doc:"the key, beginning with HKLM\\"`
	Value string `yaml:"name" need:"true" doc:"the value's name"`
	Type  string `yaml:"type" default:"String" enum:"String|ExpandString|MultiString|DWord|QWord" doc:"of the value"`
	Data  any    `yaml:"value" need:"true" doc:"what it is to be: text, a list of texts, or a number"`
	View  string `yaml:"view" default:"64" enum:"64|32|both" doc:"which view of a 64-bit Windows"`
}

// New makes an empty one.
func New(action.Deps) any { return &Value{} }

// Validate implements action.Validator.
func (p *Value) Validate() []action.Problem {
	var all []action.Problem
	if _, ok := p.key(); !ok {
		all = append(all, action.Problem{Field: "path", What: fmt.Sprintf("%q is not below HKLM\\: settings of one account are no business of a server's playbook", p.Path)})
	}
	if p.Value == "" {
		all = append(all, action.Problem{Field: "name", What: "a value needs its name: the default value of a key is not kept by this action"})
	}
	if _, err := p.wanted(); err != nil {
		all = append(all, action.Problem{Field: "value", What: err.Error()})
	}
	return all
}

// key is the path without its hive.
func (p *Value) key() (string, bool) {
	for _, hive := range []string{`HKLM:\`, `HKLM\`, `HKEY_LOCAL_MACHINE\`} {
		if len(p.Path) > len(hive) && strings.EqualFold(p.Path[:len(hive)], hive) {
			key := strings.Trim(p.Path[len(hive):], `\`)
			return key, key != ""
		}
	}
	return "", false
}

// wanted is the data in the form in which JSON would bring it back.
func (p *Value) wanted() (string, error) {
	data := p.Data
	switch p.Type {
	case "DWord", "QWord":
		n, err := number(data)
		if err != nil || p.Type == "DWord" && n > 1<<32-1 {
			return "", fmt.Errorf("%v is no %s: a whole number without sign", data, p.Type)
		}
		return strconv.FormatUint(n, 10), nil
	case "MultiString":
		list, ok := data.([]any)
		if !ok {
			return "", fmt.Errorf("a MultiString is a list of texts")
		}
		for _, item := range list {
			if _, text := item.(string); !text {
				return "", fmt.Errorf("a MultiString is a list of texts, and %v is none", item)
			}
		}
	default:
		if _, text := data.(string); !text {
			return "", fmt.Errorf("%v is no text: write it in quotes, or name another type", data)
		}
	}
	raw, err := json.Marshal(data)
	return string(raw), err
}

func number(v any) (uint64, error) {
	text := fmt.Sprint(v)
	if f, ok := v.(float64); ok {
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.ParseUint(text, 0, 64)
}

// A value is exr.RegistryValue with its number in full: a QWord does not fit a float64.
type value struct {
	exr.RegistryValue
	Value json.RawMessage `json:"value"`
}

// found is a value as wanted would say it. The registry's numbers come back signed.
func found(v value) string {
	if !v.Exists {
		return "absent"
	}
	if n, err := strconv.ParseInt(string(v.Value), 10, 64); err == nil {
		switch v.Type {
		case "DWord":
			return strconv.FormatUint(uint64(uint32(n)), 10)
		case "QWord":
			return strconv.FormatUint(uint64(n), 10)
		}
	}
	var data any
	if err := json.Unmarshal(v.Value, &data); err != nil {
		return string(v.Value)
	}
	raw, _ := json.Marshal(data)
	return string(raw)
}

func (p *Value) views() []int {
	return map[string][]int{"64": {64}, "32": {32}, "both": {64, 32}}[p.View]
}

// Check implements action.Action.
func (p *Value) Check(ctx context.Context, r host.Reader) (action.Finding, error) {
	key, _ := p.key()
	wanted, err := p.wanted()
	if err != nil {
		return action.Finding{}, err
	}
	f := action.Finding{}
	var before []string
	for _, bits := range p.views() {
		var now value
		if err := r.Query(ctx, exr.GetRegistryValue(key, p.Value, bits), &now); err != nil {
			return f, err
		}
		text := found(now)
		if text != wanted || now.Type != p.Type {
			f.State = action.Differs
		}
		if now.Exists && now.Type != p.Type {
			text += " (" + now.Type + ")"
		}
		before = append(before, fmt.Sprintf("%d-bit view: %s", bits, text))
	}
	f.Before, f.After = strings.Join(before, ", "), fmt.Sprintf("%s (%s)", wanted, p.Type)
	f.Summary = p.Value + " is " + f.Before
	return f, nil
}

// Apply implements action.Action.
func (p *Value) Apply(ctx context.Context, h host.Host) (action.Result, error) {
	key, _ := p.key()
	data := p.Data
	if p.Type == "DWord" || p.Type == "QWord" {
		n, err := number(data)
		if err != nil {
			return action.Result{}, err
		}
		data = n
	}
	for _, bits := range p.views() {
		if err := h.Invoke(ctx, exr.SetRegistryValue(key, p.Value, p.Type, data, bits), nil); err != nil {
			return action.Result{}, fmt.Errorf("%d-bit view: %w", bits, err)
		}
	}
	return action.Result{}, nil
}
