package playbook

import (
	"fmt"
	"reflect"
	"strings"
)

// An entry is a task with what it takes to bind it.
type entry struct {
	Task
	node *node
	with *node
	kind Kind
}

// condition evaluates a task's when in s; n is nil where it has none. Known is false where it has to wait for the machine, or is wrong.
func condition(n *node, s *scope, errs *problems) (holds, known bool) {
	if n == nil {
		return true, true
	}
	if n.kind == truth {
		return n.val == true, true
	}
	switch {
	case n.kind == null:
		errs.at(n.at, "when has no value: give it one or leave the line out")
		return false, false
	case n.kind != text:
		errs.at(n.at, "when: want an expression in quotes, %s", n.what())
		return false, false
	}
	if i := strings.Index(n.text, "${"); i >= 0 {
		errs.at(n.place(i), "when: write the expression without ${ }")
		return false, false
	}
	x := s.compile(n, piece{text: n.text, expr: true}, "when: ", errs)
	if x == nil {
		return false, false
	}
	if !fits(x.out, reflect.TypeFor[bool]()) {
		errs.at(n.at, "when: want true or false, this is %s", typeWord(x.out))
		return false, false
	}
	if x.later {
		return false, false
	}
	v, err := s.run(x)
	if err == nil {
		if holds, known = v.(bool); known {
			return holds, true
		}
		err = fmt.Errorf("want true or false, this is %s", typeWord(reflect.TypeOf(v)))
	}
	errs.at(n.at, "when: %s", err)
	return false, false
}

// decode fills a fresh struct from the task's with, and validates it if it is complete and will be used.
func (e *entry) decode(s *scope, used bool, errs *problems) any {
	do := e.kind.New()
	with := e.with
	if with == nil || with.kind == null {
		with = &node{at: e.node.at, kind: mapping}
	}
	before := len(errs.all)
	d := &decoder{errs: errs, scope: s}
	d.group(with, reflect.ValueOf(do).Elem(), "with")
	if !used || d.later || len(errs.all) > before || e.kind.Validate == nil {
		return do
	}
	for _, p := range e.kind.Validate(do) {
		what := p.What
		if p.Field != "" {
			what = p.Field + ": " + what
		}
		at := with.find(p.Field)
		errs.at(at.at, "%s%s", what, at.from(s.vars))
	}
	return do
}

func (e *entry) bind(s *scope) *Bound {
	mine := *s
	errs := mine.errs
	holds, known := condition(e.node.get("when"), &mine, errs)
	mine.asleep = !holds
	b := &Bound{Task: e.Task, When: holds}
	if known {
		b.Do = e.decode(&mine, holds, errs)
	}
	return b
}

// bindScope is a scope in which everything is known.
func bindScope(p *Playbook, facts, run any, errs *problems) (*scope, error) {
	s := newScope(p.opt, p.vars)
	s.bound, s.errs = true, errs
	for _, f := range p.Files {
		errs.files = append(errs.files, f.Name)
	}
	for name, given := range map[string]struct {
		value any
		want  reflect.Type
	}{"facts": {facts, s.factsType}, "run": {run, s.runType}} {
		if given.want == nil {
			continue
		}
		v := reflect.ValueOf(given.value)
		for v.Kind() == reflect.Pointer && !v.IsNil() {
			v = v.Elem()
		}
		if !v.IsValid() || v.Type() != given.want {
			return nil, fmt.Errorf("bind %s: want a %s, this is a %T", name, given.want, given.value)
		}
		s.env[name] = v.Interface()
	}
	return s, nil
}
