package playbook

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// maxText is the longest text that expressions may make, in bytes.
const maxText = 64 << 10

// A piece of a text is an expression or stands for itself.
type piece struct {
	text string
	expr bool
	off  int // of text within the whole, in bytes
}

// split cuts a text at its ${...}. Of "$${" it makes a "${" that means nothing. It returns the offset of a "${" that is
// never closed, or -1.
func split(s string) ([]piece, int) {
	var all []piece
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			all = append(all, piece{text: lit.String()})
			lit.Reset()
		}
	}
	for i := 0; i < len(s); {
		next := strings.IndexByte(s[i:], '$')
		if next < 0 {
			lit.WriteString(s[i:])
			break
		}
		lit.WriteString(s[i : i+next])
		i += next
		switch {
		case strings.HasPrefix(s[i:], "$${"):
			lit.WriteString("${")
			i += 3
		case strings.HasPrefix(s[i:], "${"):
			end := closing(s[i+2:])
			if end < 0 {
				return nil, i
			}
			flush()
			all = append(all, piece{text: s[i+2 : i+2+end], expr: true, off: i + 2})
			i += 2 + end + 1
		default:
			lit.WriteByte('$')
			i++
		}
	}
	flush()
	return all, -1
}

// closing finds the brace that ends an expression, past the braces and the quoted texts within it; -1 if there is none.
func closing(s string) int {
	depth := 0
	var quote byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == '\\' && quote != '`' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '{':
			depth++
		case c == '}' && depth == 0:
			return i
		case c == '}':
			depth--
		}
	}
	return -1
}

// expand gives the value of a text with expressions in it, or n itself where there are none. It says false where there
// is no value: an error was reported, or it is not known yet and d.later is set.
func (d *decoder) expand(n *node, into reflect.Value, s slot) (*node, bool) {
	if d.scope == nil || n.kind != text || n.made != nil || !strings.Contains(n.text, "${") {
		return n, true
	}
	pieces, open := split(n.text)
	if open >= 0 {
		d.errs.at(n.place(open), "%s: a ${ without its }; write $${ where no expression is meant", s.Name)
		return nil, false
	}
	alone := len(pieces) == 1 && pieces[0].expr
	o := &origin{expr: "${...}"}
	if alone {
		o.expr = quoteless("${" + pieces[0].text + "}")
	}
	compiled, known, ok := d.compile(n, pieces, s)
	if !ok {
		return nil, false
	}
	for _, e := range compiled {
		if e == nil {
			continue
		}
		o.vars = append(o.vars, e.vars...)
		if alone && !fits(e.out, into.Type()) || !alone && !fits(e.out, reflect.TypeFor[string]()) {
			want := string(describe(into.Type()).Type)
			if !alone {
				want = "something that can stand in a text"
			}
			d.errs.at(n.place(e.off), "%s: want %s, %s is %s", s.Name, want, quoteless("${"+e.text+"}"), typeWord(e.out))
			return nil, false
		}
	}
	if !known {
		d.later = true
		return d.postponed(n, into)
	}
	if alone {
		return d.evaluate(n, compiled[0], o, s)
	}
	return d.join(n, pieces, compiled, o, s)
}

// postponed leaves a text as it stands where a name is wanted and there will be no second chance.
func (d *decoder) postponed(n *node, into reflect.Value) (*node, bool) {
	if !d.scope.early || into.Kind() != reflect.String {
		return nil, false
	}
	asIs := *n
	asIs.made = &origin{}
	return &asIs, true
}

func (d *decoder) compile(n *node, pieces []piece, s slot) (all []*expression, known, ok bool) {
	all = make([]*expression, len(pieces))
	known, ok = true, true
	for i, p := range pieces {
		if !p.expr {
			continue
		}
		e := d.scope.compile(n, p, s.prefix(), d.errs)
		if e == nil {
			ok = false
			continue
		}
		all[i] = e
		known = known && !e.later
	}
	return all, known, ok
}

func (d *decoder) evaluate(n *node, e *expression, o *origin, s slot) (*node, bool) {
	v, err := d.scope.run(e)
	if err == nil {
		var made *node
		if made, err = fromGo(v, n.place(e.off), o); err == nil {
			return made, true
		}
	}
	d.errs.at(n.place(e.off), "%s: %s", s.Name, err)
	return nil, false
}

func (d *decoder) join(n *node, pieces []piece, compiled []*expression, o *origin, s slot) (*node, bool) {
	var b strings.Builder
	for i, p := range pieces {
		t := p.text
		if p.expr {
			one := &origin{expr: quoteless("${" + p.text + "}"), vars: compiled[i].vars}
			v, ok := d.evaluate(n, compiled[i], one, s)
			if !ok {
				return nil, false
			}
			var what string
			if t, what = one.asText(v); what != "" {
				d.errs.at(n.place(p.off), "%s: %s", s.Name, what)
				return nil, false
			}
		}
		if b.WriteString(t); b.Len() > maxText {
			d.errs.at(n.at, "%s: the text grows beyond %d bytes", s.Name, maxText)
			return nil, false
		}
	}
	return &node{at: n.at, kind: text, text: b.String(), val: b.String(), made: o}, true
}

// asText is a computed scalar as text, or what is wrong with that. Whole numbers and booleans turn to text as YAML read
// them only where that is what was written.
func (o *origin) asText(n *node) (t, wrong string) {
	switch n.kind {
	case text:
		return n.text, ""
	case null, list, mapping:
		return "", "want text, " + n.what()
	}
	for _, v := range o.vars {
		if bad := v.node.lossy(n.kind); bad != nil {
			return "", fmt.Sprintf("vars.%s, at %s: %s", v.name, bad.at, bad.forYAML())
		}
		if _, float := v.value.(float64); float && v.node == nil && n.kind == number {
			return "", fmt.Sprintf("vars.%s is a number, as its default at %s is one: write that in quotes", v.name, v.declared)
		}
	}
	return n.canonical(), ""
}

// lossy finds a value of that kind, in n or below, whose text cannot be told from what YAML made of it.
func (n *node) lossy(kind nodeKind) *node {
	if n == nil {
		return nil
	}
	if n.kind == kind && (kind == number || n.text != n.canonical()) {
		return n
	}
	for _, item := range n.items {
		if bad := item.lossy(kind); bad != nil {
			return bad
		}
	}
	for _, p := range n.pairs {
		if bad := p.value.lossy(kind); bad != nil {
			return bad
		}
	}
	return nil
}

// fromGo makes nodes of what an expression gave.
func fromGo(v any, at Pos, o *origin) (*node, error) {
	n := &node{at: at, made: o}
	r := reflect.ValueOf(v)
	for r.IsValid() && (r.Kind() == reflect.Pointer || r.Kind() == reflect.Interface) {
		r = r.Elem()
	}
	switch {
	case !r.IsValid():
		return n, nil
	case r.Kind() == reflect.String:
		n.kind, n.text, n.val = text, r.String(), r.String()
	case r.Kind() == reflect.Bool:
		n.kind, n.val = truth, r.Bool()
	case r.CanInt():
		n.kind, n.val = whole, r.Int()
	case r.CanUint():
		n.kind, n.val = whole, r.Uint()
	case r.CanFloat():
		n.kind, n.val = number, r.Float()
	case r.Kind() == reflect.Slice || r.Kind() == reflect.Array:
		n.kind = list
		for i := range r.Len() {
			item, err := fromGo(r.Index(i).Interface(), at, o)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
		}
	case r.Kind() == reflect.Map && r.Type().Key().Kind() == reflect.String:
		return n, fromMap(n, r, at, o)
	default:
		return nil, fmt.Errorf("%s is a group of values and cannot be used as one", o.expr)
	}
	if n.kind == truth || n.kind == whole || n.kind == number {
		n.text = n.canonical()
	}
	return n, nil
}

func fromMap(n *node, r reflect.Value, at Pos, o *origin) error {
	n.kind = mapping
	for _, key := range r.MapKeys() {
		value, err := fromGo(r.MapIndex(key).Interface(), at, o)
		if err != nil {
			return err
		}
		n.pairs = append(n.pairs, pair{key.String(), at, value})
	}
	slices.SortFunc(n.pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	return nil
}

// fits says whether an expression of that type may become a field of the other, as far as types tell.
func fits(have, want reflect.Type) bool {
	h, w := describe(have).Type, describe(want).Type
	plain := h == Text || h == Whole || h == Number || h == Truth
	switch w {
	case Text:
		return plain || h == Anything
	case Duration:
		return h == Text || h == Anything
	case Truth:
		return h == Truth || h == Anything
	case Whole, Number:
		return h == Whole || h == Number || h == Anything
	case List:
		return plain || h == List || h == Anything
	case Map, Group:
		return h == Map || h == Group || h == Anything
	}
	return true
}

// typeWord names the type of an expression for a person.
func typeWord(t reflect.Type) string {
	if t == nil {
		return "nothing"
	}
	switch w := describe(t).Type; w {
	case List, Map, Number:
		return "a " + string(w)
	case Whole:
		return "a whole number"
	case Group:
		return "a group of values"
	default:
		return string(w)
	}
}

// quoteless shows an expression, which has its own braces around it.
func quoteless(s string) string {
	q := quote(s)
	return q[1 : len(q)-1]
}
