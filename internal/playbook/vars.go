package playbook

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/types"
)

// The most that one playbook's variables may be. It bounds what an expression can be given to do.
const (
	maxVars     = 1000
	maxVarItems = 1000
	maxVarText  = 16 << 10
)

var varName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// A variable is declared by a playbook; its value may come from elsewhere.
type variable struct {
	name     string
	declared Pos
	fallback *node // nil: none
	has      bool
	value    any
	node     *node // that the value was read from; nil where a flag or the machine gave it
}

type vars struct {
	all   map[string]*variable
	names []string // sorted
}

func (v *vars) values() map[string]any {
	all := map[string]any{}
	for name, one := range v.all {
		if one.has {
			all[name] = one.value
		}
	}
	return all
}

// types are what expressions are checked against; a variable without a value may be anything.
func (v *vars) types() types.Map {
	all := types.Map{}
	for name, one := range v.all {
		all[name] = typesOf(one.value)
	}
	return all
}

// variables brings the declarations of all files together, and the values given from outside.
func (l *loader) variables(files []*loaded) *vars {
	v := &vars{all: map[string]*variable{}}
	for _, f := range files { // what is imported comes first, so the importer wins
		l.declare(v, f.shape.Vars.node)
	}
	for name := range v.all {
		v.names = append(v.names, name)
	}
	slices.Sort(v.names)
	for name, value := range l.opt.Base {
		if one := v.all[name]; one != nil && value != nil {
			l.take(one, value)
		}
	}
	size := 0
	for _, f := range l.opt.VarsFiles {
		l.errs.files = append(l.errs.files, f.Name)
		if size += len(f.Data); size > MaxBytes {
			l.errs.at(Pos{f.Name, 1, 1}, "files of variables have more than %d KiB in all", MaxBytes>>10)
			break
		}
		l.varsFile(v, f)
	}
	for _, g := range l.opt.Given {
		if g.node != nil {
			l.errs.files = append(l.errs.files, g.node.at.File)
			l.values(v, g.node, g.Shared)
		}
	}
	for _, set := range l.opt.Sets {
		l.set(v, set)
	}
	return v
}

func (l *loader) declare(v *vars, n *node) {
	if n == nil || n.kind == null {
		return
	}
	if n.kind != mapping {
		l.errs.at(n.at, "vars: want a map of names and values, %s", n.what())
		return
	}
	for _, p := range n.pairs {
		if !varName.MatchString(p.key) {
			l.errs.at(p.at, "vars: %s is no name for a variable: letters, digits and _, so that vars.NAME can be written", quote(p.key))
			continue
		}
		if len(v.all) >= maxVars {
			l.errs.at(p.at, "vars: more than %d variables", maxVars)
			return
		}
		one := &variable{name: p.key, declared: p.at}
		v.all[p.key] = one
		if p.value.kind != null {
			one.fallback = p.value
			l.give(one, p.value)
		}
	}
}

// give sets a variable to what stands in a file.
func (l *loader) give(one *variable, n *node) {
	before := len(l.errs.all)
	count := 0
	value := l.varValue(n, one.name, &count)
	if len(l.errs.all) == before {
		one.has, one.value, one.node = true, value, n
	}
}

// varValue is a node as expressions see it. A number within a list that YAML shortened is an error here, where its place
// is known; one that stands alone is an error where it is used as a text, for it may be meant as a number.
func (l *loader) varValue(n *node, name string, count *int) any {
	if *count++; *count > maxVarItems {
		if *count == maxVarItems+1 {
			l.errs.at(n.at, "vars.%s has more than %d values", name, maxVarItems)
		}
		return nil
	}
	alone := *count == 1
	switch n.kind {
	case list:
		all := make([]any, 0, len(n.items))
		for _, item := range n.items {
			all = append(all, l.varValue(item, name, count))
		}
		return all
	case mapping:
		all := map[string]any{}
		for _, p := range n.pairs {
			all[p.key] = l.varValue(p.value, name, count)
		}
		return all
	}
	switch {
	case n.kind == text && len(n.text) > maxVarText:
		l.errs.at(n.at, "vars.%s is longer than %d KiB", name, maxVarText>>10)
	case n.kind == date, n.kind != text && n.kind != null && !alone && n.text != n.canonical():
		l.errs.at(n.at, "vars.%s: %s", name, n.forYAML())
	}
	return n.plain()
}

// take sets a variable to what the machine brings.
func (l *loader) take(one *variable, value any) {
	n, err := fromGo(value, one.declared, &origin{expr: "the machine's value"})
	if err != nil {
		l.errs.at(one.declared, "vars.%s: %s", one.name, err)
		return
	}
	count := 0
	one.has, one.value = true, l.varValue(n, one.name, &count)
}

func (l *loader) varsFile(v *vars, f File) {
	if n := parse(f, l.errs); n != nil {
		l.values(v, n, false)
	}
}

// values gives variables what a map says. A shared one may have names that this playbook does not declare.
func (l *loader) values(v *vars, n *node, shared bool) {
	if n.kind == null && shared {
		return
	}
	if n.kind != mapping {
		l.errs.at(n.at, "want a map of variables and their values, %s", n.what())
		return
	}
	for _, p := range n.pairs {
		one := v.all[p.key]
		switch {
		case one == nil && (shared || l.opt.Elsewhere != nil && l.opt.Elsewhere(p.key)):
		case one == nil:
			l.errs.at(p.at, "the playbook declares no variable %s%s", quote(p.key), didYouMean(p.key, v.names))
		case p.value.kind == null:
			// A form that nobody filled in: as if the line were not there.
		case !one.like(p.value):
			l.notLike(one, p.value)
		default:
			l.give(one, p.value)
		}
	}
}

// like says whether a value from outside is of the type that the default has.
func (v *variable) like(n *node) bool {
	if v.fallback == nil || v.fallback.kind == n.kind {
		return true
	}
	return v.fallback.kind == number && n.kind == whole
}

func (l *loader) notLike(one *variable, n *node) {
	if one.fallback.kind == text && n.scalar() {
		l.errs.at(n.at, "%s: %s", one.name, n.forYAML())
		return
	}
	l.errs.at(n.at, "%s: want %s like its default at %s, %s", one.name, one.kindWord(), one.fallback.at, n.what())
}

func (v *variable) kindWord() string {
	switch v.fallback.kind {
	case truth:
		return "true or false"
	case whole:
		return "a whole number"
	case number:
		return "a number"
	case list:
		return "a list"
	case mapping:
		return "a map"
	}
	return "text"
}

// set takes one --var. Its errors name the flag and never the value.
func (l *loader) set(v *vars, set string) {
	name, value, ok := strings.Cut(set, "=")
	flag := Pos{File: "--var " + oneLine(name)}
	if !ok {
		l.errs.at(Pos{File: "--var"}, "want name=value")
		return
	}
	one := v.all[name]
	if one == nil {
		l.errs.at(flag, "the playbook declares no variable %s%s", quote(name), didYouMean(name, v.names))
		return
	}
	if len(value) > maxVarText {
		l.errs.at(flag, "longer than %d KiB", maxVarText>>10)
		return
	}
	if !utf8.ValidString(value) {
		l.errs.at(flag, "not UTF-8")
		return
	}
	one.node = nil
	if one.fallback == nil || one.fallback.kind == text {
		one.has, one.value = true, value
		return
	}
	if parsed, ok := one.convert(l, value); ok {
		one.has, one.value = true, parsed
		return
	}
	l.errs.at(flag, "want %s like its default at %s%s", one.kindWord(), one.fallback.at, one.form())
}

func (v *variable) form() string {
	switch v.fallback.kind {
	case list:
		return ": write [one, two]"
	case mapping:
		return ": write {name: value}"
	}
	return ""
}

func (v *variable) convert(l *loader, value string) (any, bool) {
	switch v.fallback.kind {
	case truth:
		return value == "true", value == "true" || value == "false"
	case whole:
		n, err := strconv.Atoi(value)
		return n, err == nil
	case number:
		n, err := strconv.ParseFloat(value, 64)
		return n, err == nil && n-n == 0
	}
	aside := &loader{errs: &problems{}}
	n := parse(File{"value", []byte(value)}, aside.errs)
	if n == nil || n.kind != v.fallback.kind {
		return nil, false
	}
	count := 0
	parsed := aside.varValue(n, v.name, &count)
	for _, e := range aside.errs.all {
		l.errs.at(Pos{File: "--var " + v.name}, "%s", e.What)
	}
	return parsed, true
}
