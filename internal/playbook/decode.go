package playbook

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A decoder puts nodes into Go values, strictly, and reports what does not fit. What an expression cannot say yet it
// leaves out and remembers in later.
type decoder struct {
	errs  *problems
	scope *scope // nil: no expressions
	later bool
}

// value decodes n into a field and says whether it is there now. An empty list or group is as good as absent.
func (d *decoder) value(n *node, into reflect.Value, s slot) bool {
	if r, ok := into.Addr().Interface().(rawTaker); ok {
		r.take(n)
		return true
	}
	if into.Type() != literalType {
		var ok bool
		if n, ok = d.expand(n, into, s); !ok {
			return false
		}
	}
	if into.Kind() == reflect.Pointer && n.kind != null {
		fresh := reflect.New(into.Type().Elem())
		if !d.value(n, fresh.Elem(), s) {
			return false
		}
		into.Set(fresh)
		return true
	}
	if u, ok := into.Addr().Interface().(encoding.TextUnmarshaler); ok && into.Type() != durationType {
		return d.unmarshal(n, u, s)
	}
	if n.kind == null && into.Kind() != reflect.Interface {
		if n.made != nil && n.made.expr != "" {
			d.errs.at(n.at, "%s has no value: %s is nothing here", s.Name, n.made.expr)
			return false
		}
		d.errs.at(n.at, "%s has no value: give it one or leave the line out", s.Name)
		return false
	}
	switch into.Kind() {
	case reflect.Slice:
		return d.list(n, into, s)
	case reflect.Map:
		return d.table(n, into, s)
	case reflect.Struct:
		return d.group(n, into, s.Name)
	case reflect.Interface:
		return d.anything(n, into, s)
	}
	return d.scalar(n, into, s)
}

func (d *decoder) wrong(n *node, s slot, want string) bool {
	d.errs.at(n.at, "%swant %s, %s", s.prefix(), want, n.what())
	return false
}

func (s slot) prefix() string {
	if s.Name == "" {
		return ""
	}
	return s.Name + ": "
}

// unmarshal never shows the value: it may be a secret where a reference to one was wanted.
func (d *decoder) unmarshal(n *node, u encoding.TextUnmarshaler, s slot) bool {
	if n.kind != text {
		d.errs.at(n.at, "%s: want text in quotes", s.Name)
		return false
	}
	if err := u.UnmarshalText([]byte(n.text)); err != nil {
		what := err.Error()
		if n.text != "" && strings.Contains(what, n.text) {
			what = "not what is wanted here"
		}
		d.errs.at(n.at, "%s: %s", s.Name, what)
		return false
	}
	return true
}

func (d *decoder) list(n *node, into reflect.Value, s slot) bool {
	items := n.items
	if n.kind != list {
		elem := describe(into.Type().Elem()).Type
		if !n.scalar() || elem == Group || elem == Map || elem == List || elem == Anything {
			return d.wrong(n, s, "a list")
		}
		items = []*node{n}
	}
	all := reflect.MakeSlice(into.Type(), len(items), len(items))
	good := true
	for i, item := range items {
		one := s
		if n.kind == list {
			one.Name = fmt.Sprintf("%s[%d]", s.Name, i)
		}
		good = d.value(item, all.Index(i), one) && good
	}
	into.Set(all)
	return good
}

func (d *decoder) table(n *node, into reflect.Value, s slot) bool {
	if n.kind != mapping {
		return d.wrong(n, s, "a map")
	}
	all := reflect.MakeMapWithSize(into.Type(), len(n.pairs))
	good := true
	for _, p := range n.pairs {
		if n.made == nil && strings.Contains(p.key, "${") {
			d.errs.at(p.at, "%s: a name cannot be an expression", s.Name)
			good = false
		}
		one := s
		one.Name = s.Name + "." + p.key
		v := reflect.New(into.Type().Elem()).Elem()
		good = d.value(p.value, v, one) && good
		all.SetMapIndex(reflect.ValueOf(p.key).Convert(into.Type().Key()), v)
	}
	into.Set(all)
	return good
}

// group decodes a map into a struct. The name is for errors; "" is the file.
func (d *decoder) group(n *node, into reflect.Value, name string) bool {
	if n.kind != mapping {
		return d.wrong(n, slot{Field: Field{Name: name}}, "a map of fields")
	}
	all := slots(into.Type())
	var known []string
	for _, s := range all {
		known = append(known, s.Name)
	}
	good := true
	for _, p := range n.pairs {
		if !slices.Contains(known, p.key) {
			d.errs.at(p.at, "unknown field %s%s", quote(p.key), didYouMean(p.key, known))
			good = false
		}
	}
	for _, s := range all {
		good = d.field(n, into.FieldByIndex(s.index), s) && good
	}
	return good
}

// field decodes one field of a group, if the group has it.
func (d *decoder) field(n *node, into reflect.Value, s slot) bool {
	given := n.get(s.Name)
	if given == nil || given.kind == null && optionalNull(into) {
		if s.Need {
			d.errs.at(n.at, "missing field %q", s.Name)
			return false
		}
		d.absent(s, into)
		return true
	}
	if !d.value(given, into, s) {
		return false
	}
	if s.Need && empty(into) {
		d.errs.at(given.at, "%s must not be empty", s.Name)
		return false
	}
	return true
}

// optionalNull says whether a field without a value is as good as none: "handlers:" with every line below it commented
// out. A text, a number or a condition without a value is a mistake.
func optionalNull(into reflect.Value) bool {
	t := into.Type()
	if r, ok := into.Addr().Interface().(rawTaker); ok {
		t = r.later()
	}
	t = base(t)
	if reflect.PointerTo(t).Implements(textType) {
		return false
	}
	return t.Kind() == reflect.Slice || t.Kind() == reflect.Map || t.Kind() == reflect.Struct
}

func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String, reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return false
}

// absent gives a field its default, unless whoever made the struct has put something there.
func (d *decoder) absent(s slot, into reflect.Value) {
	if into.Kind() == reflect.Struct && into.Type() != durationType {
		if _, ok := into.Addr().Interface().(rawTaker); ok {
			return
		}
		for _, inner := range slots(into.Type()) {
			d.absent(inner, into.FieldByIndex(inner.index))
		}
		return
	}
	if s.Default == "" || !into.IsZero() {
		return
	}
	n := &node{at: Pos{File: "default"}, kind: text, text: s.Default, val: s.Default, made: &origin{}}
	if t := describe(into.Type()).Type; t != Text && t != Duration {
		n = parse(File{"default", []byte(s.Default)}, d.errs)
	}
	if n != nil {
		plain := decoder{errs: d.errs}
		plain.value(n, into, s)
	}
}

func (d *decoder) scalar(n *node, into reflect.Value, s slot) bool {
	switch {
	case into.Type() == durationType:
		return d.duration(n, into, s)
	case into.Kind() == reflect.String:
		t, ok := d.text(n, s)
		if ok {
			into.SetString(t)
		}
		return ok
	case into.Kind() == reflect.Bool:
		return d.truth(n, into, s)
	case into.CanInt():
		v, err := strconv.ParseInt(n.canonical(), 10, 64)
		if n.kind != whole && n.kind != number || err != nil {
			return d.wrong(n, s, "a whole number")
		}
		if into.OverflowInt(v) {
			return d.wrong(n, s, "a smaller number")
		}
		into.SetInt(v)
	case into.CanUint():
		v, err := strconv.ParseUint(n.canonical(), 10, 64)
		if n.kind != whole && n.kind != number || err != nil || into.OverflowUint(v) {
			return d.wrong(n, s, "a whole number from 0")
		}
		into.SetUint(v)
	case into.CanFloat():
		v, err := strconv.ParseFloat(n.canonical(), 64)
		if n.kind != whole && n.kind != number || err != nil {
			return d.wrong(n, s, "a number")
		}
		into.SetFloat(v)
	}
	return true
}

func (d *decoder) truth(n *node, into reflect.Value, s slot) bool {
	v, ok := n.val.(bool)
	if n.kind != truth || !ok {
		want := "true or false"
		if n.kind == text && n.made == nil && slices.Contains([]string{"yes", "no", "on", "off", "y", "n"}, strings.ToLower(n.text)) {
			d.errs.at(n.at, "%s: want %s, %s is text for YAML", s.Name, want, n.text)
			return false
		}
		return d.wrong(n, s, want)
	}
	into.SetBool(v)
	return true
}

// text takes nothing for text that YAML has read as something else, as its digits may be gone: 3.10 is 3.1.
func (d *decoder) text(n *node, s slot) (string, bool) {
	t := n.text
	switch {
	case !n.scalar() || n.kind == null:
		return "", d.wrong(n, s, "text")
	case n.kind == text, slices.Contains(s.Enum, n.text):
	case n.made == nil:
		d.errs.at(n.at, "%s: %s", s.Name, n.forYAML())
		return "", false
	default:
		var err string
		if t, err = n.made.asText(n); err != "" {
			d.errs.at(n.at, "%s: %s", s.Name, err)
			return "", false
		}
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, t) {
		d.errs.at(n.at, "%s: %s is none of %s%s%s", s.Name, quote(t), strings.Join(s.Enum, ", "), didYouMean(t, s.Enum), n.from(nil))
		return "", false
	}
	return t, true
}

// duration reads Go's form, and days of 24 hours in front of it: 90s, 1h30m, 30d.
func (d *decoder) duration(n *node, into reflect.Value, s slot) bool {
	if n.kind == whole || n.kind == number {
		d.errs.at(n.at, "%s: %s has no unit: write %ss, %sm, %sh or %sd", s.Name, n.canonical(), n.canonical(), n.canonical(), n.canonical(), n.canonical())
		return false
	}
	if n.kind != text {
		return d.wrong(n, s, "a duration like 90s, 20m or 30d")
	}
	v, ok := parseDuration(n.text)
	switch {
	case !ok:
		d.errs.at(n.at, "%s: want a duration like 90s, 20m, 1h30m or 30d, this is %s%s", s.Name, quote(n.text), n.from(nil))
		return false
	case v < 0:
		d.errs.at(n.at, "%s: a duration cannot be negative", s.Name)
		return false
	}
	into.SetInt(int64(v))
	return true
}

// ParseDuration reads a duration as a playbook has it; false if it is none, or negative.
func ParseDuration(s string) (time.Duration, bool) {
	v, ok := parseDuration(s)
	return v, ok && v >= 0
}

func parseDuration(s string) (time.Duration, bool) {
	const day = 24 * time.Hour
	days, rest, ok := strings.Cut(s, "d")
	if !ok {
		v, err := time.ParseDuration(s)
		return v, err == nil
	}
	n, err := strconv.ParseInt(days, 10, 32)
	if err != nil || n > 100*365 || n < 0 {
		return -1, err == nil && n < 0
	}
	v := time.Duration(n) * day
	if rest == "" {
		return v, true
	}
	part, err := time.ParseDuration(rest)
	return v + part, err == nil && part >= 0 && v+part >= 0
}

// anything keeps what YAML says, as nil, string, bool, int, float64, []any or map[string]any.
func (d *decoder) anything(n *node, into reflect.Value, s slot) bool {
	if into.NumMethod() > 0 {
		return d.wrong(n, s, "nothing here")
	}
	var v any
	switch n.kind {
	case list:
		all := []any{}
		if !d.list(n, reflect.ValueOf(&all).Elem(), s) {
			return false
		}
		v = all
	case mapping:
		all := map[string]any{}
		if !d.table(n, reflect.ValueOf(&all).Elem(), s) {
			return false
		}
		v = all
	default:
		if n.made == nil && (n.kind == date || n.kind != text && n.kind != null && n.text != n.canonical()) {
			d.errs.at(n.at, "%s: %s", s.Name, n.forYAML())
			return false
		}
		v = n.plain()
	}
	if v != nil {
		into.Set(reflect.ValueOf(v))
	}
	return true
}

// plain is a scalar as expressions and actions want it.
func (n *node) plain() any {
	switch v := n.val.(type) {
	case int64:
		if int64(int(v)) == v {
			return int(v)
		}
		return v
	default:
		return v
	}
}
