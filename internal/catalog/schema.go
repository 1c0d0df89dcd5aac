package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"exorunner/internal/action"
	"exorunner/internal/playbook"
)

type object = map[string]any

// Schema is the JSON Schema (2020-12) of a playbook file, for editors. It refuses nothing that the program takes; what
// the program refuses beyond it (a variable without a value, a name used twice) takes more than one place to see.
func Schema(kinds []Kind) ([]byte, error) {
	defs := object{"expression": object{"type": "string", "pattern": `\$\{`, "description": "an expression over vars, facts and run, within ${ }"}}
	file, err := withExpressions.group(playbook.FileFields())
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	tasks := object{"type": []string{"array", "null"}, "items": object{"$ref": "#/$defs/task"}}
	for _, name := range []string{"tasks", "handlers"} {
		of(file)[name] = described(tasks, of(file)[name].(object)["description"])
	}
	of(file)["playbook"].(object)["pattern"] = "^[a-z0-9-]+$"
	if defs["task"], err = task(kinds, defs); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	file["$defs"] = defs
	return written(file, "exorunner playbook")
}

// SchemaOf is the JSON Schema of a file with these fields, in which nothing is an expression.
func SchemaOf(title string, fields []playbook.Field) ([]byte, error) {
	file, err := plain.group(fields)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return written(file, title)
}

func written(file object, title string) ([]byte, error) {
	file["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	file["title"] = title
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(file); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return out.Bytes(), nil
}

// task is a task's schema; what with may be depends on the action.
func task(kinds []Kind, defs object) (object, error) {
	t, err := withExpressions.group(playbook.TaskFields())
	if err != nil {
		return nil, err
	}
	var names []string
	var cases []object
	for _, k := range kinds {
		names = append(names, k.Name)
		fields := playbook.Fields(k.New(action.Deps{}))
		with, err := withExpressions.group(fields)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.Name, err)
		}
		with["description"] = k.About
		then := object{"properties": object{"with": object{"$ref": "#/$defs/" + k.Name}}}
		if slices.ContainsFunc(fields, func(f playbook.Field) bool { return f.Need }) {
			then["required"] = []string{"with"}
		} else {
			with["type"] = []string{"object", "null"}
		}
		defs[k.Name] = with
		cases = append(cases, object{
			"if":   object{"properties": object{"action": object{"const": k.Name}}, "required": []string{"action"}},
			"then": then,
		})
	}
	properties := of(t)
	properties["action"] = described(object{"enum": names}, properties["action"].(object)["description"])
	properties["with"] = described(object{"type": []string{"object", "null"}}, properties["with"].(object)["description"])
	properties["when"] = described(object{"type": []string{"string", "boolean"}}, properties["when"].(object)["description"])
	if len(cases) > 0 {
		t["allOf"] = cases
	} else {
		delete(properties["action"].(object), "enum") // which must not be empty
	}
	return t, nil
}

func of(o object) object { return o["properties"].(object) }

func described(o object, description any) object {
	with := object{"description": description}
	for k, v := range o {
		with[k] = v
	}
	return with
}

// A maker makes schemas of fields.
type maker struct{ expressions bool }

var withExpressions, plain = maker{true}, maker{false}

// or are the schemas that a value may have, expressions among them where there are any.
func (m maker) or(all ...object) object {
	if m.expressions {
		all = append(all, object{"$ref": "#/$defs/expression"})
	}
	if len(all) == 1 {
		return all[0]
	}
	return object{"anyOf": all}
}

// group is a map with these fields and no others.
func (m maker) group(fields []playbook.Field) (object, error) {
	properties := object{}
	var needed []string
	for _, f := range fields {
		s, err := m.field(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		s["description"] = f.Doc
		if f.Default != "" {
			if s["default"], err = value(f); err != nil {
				return nil, fmt.Errorf("%s: default: %w", f.Name, err)
			}
		}
		if f.Need {
			needed = append(needed, f.Name)
		}
		properties[f.Name] = s
	}
	o := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(needed) > 0 {
		o["required"] = needed
	}
	return o, nil
}

// duration is what time.ParseDuration reads, with days in front, and no sign.
const duration = `^([0-9]+d)?(([0-9]+\.?[0-9]*|\.[0-9]+)(h|m|s|ms|us|µs|μs|ns))*$`

// field allows, beside the type itself, an expression in its place, one scalar for a list of them, and nothing behind
// the name of a list, map or group that need not be there.
func (m maker) field(f playbook.Field) (object, error) {
	or := func(all ...object) object {
		if !f.Need && (f.Type == playbook.Group || f.Type == playbook.List || f.Type == playbook.Map) {
			all = append(all, object{"type": "null"})
		}
		return m.or(all...)
	}
	switch f.Type {
	case playbook.Text:
		return m.texts(f), nil
	case playbook.Truth:
		return or(object{"type": "boolean"}), nil
	case playbook.Whole:
		return or(object{"type": "integer"}), nil
	case playbook.Number:
		return or(object{"type": "number"}), nil
	case playbook.Duration:
		return or(object{"type": "string", "minLength": 1, "pattern": duration}), nil
	case playbook.Group:
		g, err := m.group(f.Nested)
		return or(g), err
	case playbook.List, playbook.Map:
		item, err := m.field(*f.Elem)
		if err != nil {
			return nil, err
		}
		if f.Type == playbook.Map {
			return or(object{"type": "object", "additionalProperties": item}), nil
		}
		list := object{"type": "array", "items": item}
		if f.Need {
			list["minItems"] = 1
		}
		switch f.Elem.Type {
		case playbook.List, playbook.Map, playbook.Group, playbook.Anything:
			return or(list), nil
		}
		return or(list, item), nil
	}
	return object{}, nil
}

func (m maker) texts(f playbook.Field) object {
	if len(f.Enum) == 0 {
		s := object{"type": "string"}
		if f.Need {
			s["minLength"] = 1
		}
		return s
	}
	var all []any
	for _, e := range f.Enum {
		all = append(all, e)
		var v any
		// 64 without its quotes is the text 64 where that is one of the words.
		if yaml.Unmarshal([]byte(e), &v) == nil {
			if _, text := v.(string); !text && v != nil {
				all = append(all, v)
			}
		}
	}
	return m.or(object{"enum": all})
}

// value is a default as JSON has it.
func value(f playbook.Field) (any, error) {
	if f.Type == playbook.Text || f.Type == playbook.Duration {
		return f.Default, nil
	}
	var v any
	err := yaml.Unmarshal([]byte(f.Default), &v)
	return v, err
}

// typeText names a field's type for the reference.
func typeText(f playbook.Field) string {
	switch f.Type {
	case playbook.List, playbook.Map:
		if f.Elem.Type != playbook.Anything {
			return string(f.Type) + " of " + strings.Replace(typeText(*f.Elem), string(playbook.Group), "groups", 1)
		}
	case playbook.Text:
		if f.Secret {
			return "reference to a secret"
		}
		if len(f.Enum) > 0 {
			return "`" + strings.Join(f.Enum, "`, `") + "`"
		}
	}
	return string(f.Type)
}
