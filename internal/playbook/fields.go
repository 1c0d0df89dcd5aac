package playbook

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// A Field is what a playbook may say at one place, as the tags of a Go struct declare it:
//
//	yaml:"name"     how it is written; yaml:",inline" takes an embedded struct's fields up; "-" or no tag: not for playbooks
//	doc:"sentence"  for the reference and the schema
//	need:"true"     it must be there and must not be empty
//	default:"text"  what an absent field becomes, written as in YAML
//	enum:"a|b|c"    the texts it may be
type Field struct {
	Name    string
	Type    Type
	Doc     string
	Default string
	Enum    []string
	Need    bool
	Nested  []Field // of a group
	Elem    *Field  // of a list or a map: what its values are
	Secret  bool    // a reference to a secret: its type is called Secret and reads text
}

// A Type is what YAML is wanted for a field.
type Type string

const (
	Text     Type = "text"
	Truth    Type = "true or false"
	Whole    Type = "whole number"
	Number   Type = "number"
	Duration Type = "duration" // 90s, 20m, 30d
	List     Type = "list"
	Map      Type = "map"   // any names
	Group    Type = "group" // the names in Nested
	Anything Type = "anything"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
	literalType  = reflect.TypeFor[literal]()
	rawType      = reflect.TypeFor[rawTaker]()
)

// literal is text in which a "${" means nothing.
type literal string

// raw keeps a field's YAML to be decoded as a T once more is known.
type raw[T any] struct{ node *node }

type rawTaker interface {
	take(*node)
	later() reflect.Type
}

func (r *raw[T]) take(n *node)      { r.node = n }
func (*raw[T]) later() reflect.Type { return reflect.TypeFor[T]() }

// slot is a field within a struct.
type slot struct {
	Field
	index []int
	typ   reflect.Type
}

// Fields describes the struct that v is or points to, in the order of its fields. The struct must not contain itself.
func Fields(v any) []Field {
	return fieldsOf(base(reflect.TypeOf(v)))
}

func fieldsOf(t reflect.Type) []Field {
	var all []Field
	for _, s := range slots(t) {
		f := describe(s.typ)
		f.Name, f.Doc, f.Default, f.Need = s.Name, s.Doc, s.Default, s.Need
		for e := &f; e != nil; e = e.Elem {
			if e.Type == Text {
				e.Enum = s.Enum
			}
		}
		all = append(all, f)
	}
	return all
}

func describe(t reflect.Type) Field {
	t = base(t)
	if reflect.PointerTo(t).Implements(rawType) {
		return describe(reflect.New(t).Interface().(rawTaker).later())
	}
	switch {
	case t == durationType:
		return Field{Type: Duration}
	case reflect.PointerTo(t).Implements(textType):
		return Field{Type: Text, Secret: t.Name() == "Secret"}
	}
	switch t.Kind() {
	case reflect.String:
		return Field{Type: Text}
	case reflect.Bool:
		return Field{Type: Truth}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return Field{Type: Whole}
	case reflect.Float32, reflect.Float64:
		return Field{Type: Number}
	case reflect.Slice:
		elem := describe(t.Elem())
		return Field{Type: List, Elem: &elem}
	case reflect.Map:
		elem := describe(t.Elem())
		return Field{Type: Map, Elem: &elem}
	case reflect.Struct:
		return Field{Type: Group, Nested: fieldsOf(t)}
	}
	return Field{Type: Anything}
}

func base(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// slots are the fields of a struct that a playbook can name.
func slots(t reflect.Type) []slot {
	var all []slot
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("yaml")
		name, option, _ := strings.Cut(tag, ",")
		switch {
		case option == "inline" && f.Type.Kind() == reflect.Struct:
			for _, s := range slots(f.Type) {
				s.index = append([]int{i}, s.index...)
				all = append(all, s)
			}
		case tagged && f.IsExported() && name != "-" && name != "":
			s := slot{Field: Field{Name: name, Doc: f.Tag.Get("doc"), Default: f.Tag.Get("default"), Need: f.Tag.Get("need") == "true"}, index: []int{i}, typ: f.Type}
			if enum := f.Tag.Get("enum"); enum != "" {
				s.Enum = strings.Split(enum, "|")
			}
			all = append(all, s)
		}
	}
	return all
}

// CheckFields holds the tags of the struct that v points to, and of those within it, to their rules: every field has a
// doc, no name stands twice, a default can be decoded and is one of the enum, and the types are ones that a playbook can
// fill. It is for the tests of those who write such structs.
func CheckFields(v any) error {
	return checkFields(base(reflect.TypeOf(v)))
}

func checkFields(t reflect.Type) error {
	seen := map[string]bool{}
	for _, s := range slots(t) {
		where := t.String() + ": " + s.Name
		switch {
		case s.Doc == "":
			return fmt.Errorf("%s: no doc tag", where)
		case seen[s.Name]:
			return fmt.Errorf("%s: the name stands twice", where)
		case s.Need && s.Default != "":
			return fmt.Errorf("%s: needed and with a default", where)
		}
		seen[s.Name] = true
		if err := checkType(s.typ); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		d := &decoder{errs: &problems{}}
		d.absent(s, reflect.New(s.typ).Elem())
		if err := d.errs.err(); err != nil {
			return fmt.Errorf("%s: default: %w", where, err)
		}
	}
	return nil
}

func checkType(t reflect.Type) error {
	t = base(t)
	switch {
	case t == durationType, reflect.PointerTo(t).Implements(textType):
		return nil
	case reflect.PointerTo(t).Implements(rawType):
		return checkType(reflect.New(t).Interface().(rawTaker).later())
	}
	switch t.Kind() {
	case reflect.Struct:
		return checkFields(t)
	case reflect.Slice:
		return checkType(t.Elem())
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			return fmt.Errorf("a map by %s", t.Key())
		}
		return checkType(t.Elem())
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return nil
		}
	}
	if describe(t).Type != Anything {
		return nil
	}
	return fmt.Errorf("a playbook cannot fill a %s", t)
}
