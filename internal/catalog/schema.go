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
	file, err := group(playbook.FileFields())
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
	file["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	file["title"] = "exorunner playbook"
	file["$defs"] = defs
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
	t, err := group(playbook.TaskFields())
	if err != nil {
		return nil, err
	}
	var names []string
	var cases []object
	for _, k := range kinds {
		names = append(names, k.Name)
		fields := playbook.Fields(k.New(action.Deps{}))
		with, err := group(fields)
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

// group is a map with these fields and no others.
func group(fields []playbook.Field) (object, error) {
	properties := object{}
	var needed []string
	for _, f := range fields {
		s, err := field(f)
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
func field(f playbook.Field) (object, error) {
	expression := object{"$ref": "#/$defs/expression"}
	nothing := object{"type": "null"}
	either := func(all ...object) object {
		if f.Need {
			all = slices.DeleteFunc(all, func(o object) bool { return o["type"] == "null" })
		}
		return object{"anyOf": all}
	}
	switch f.Type {
	case playbook.Text:
		return texts(f, expression), nil
	case playbook.Truth:
		return either(object{"type": "boolean"}, expression), nil
	case playbook.Whole:
		return either(object{"type": "integer"}, expression), nil
	case playbook.Number:
		return either(object{"type": "number"}, expression), nil
	case playbook.Duration:
		return either(object{"type": "string", "minLength": 1, "pattern": duration}, expression), nil
	case playbook.Group:
		g, err := group(f.Nested)
		return either(g, expression, nothing), err
	case playbook.List, playbook.Map:
		item, err := field(*f.Elem)
		if err != nil {
			return nil, err
		}
		if f.Type == playbook.Map {
			return either(object{"type": "object", "additionalProperties": item}, expression, nothing), nil
		}
		list := object{"type": "array", "items": item}
		if f.Need {
			list["minItems"] = 1
		}
		switch f.Elem.Type {
		case playbook.List, playbook.Map, playbook.Group, playbook.Anything:
			return either(list, expression, nothing), nil
		}
		return either(list, item, expression, nothing), nil
	}
	return object{}, nil
}

func texts(f playbook.Field, expression object) object {
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
	return object{"anyOf": []object{{"enum": all}, expression}}
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
