package playbook

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
)

// An expression picks and compares; it neither computes at length nor asks the clock, so that reading a playbook takes
// a bounded time and twice the same gives the same. What could grow without bound is left out: ranges, let, map and
// reduce, one predicate within another, and the builtins not named here.
const (
	maxExpressions = 2000
	maxExprBytes   = 2000
	maxExprNodes   = 200
)

var builtins = []string{
	"abs", "all", "any", "ceil", "count", "filter", "find", "first", "float", "floor", "hasPrefix", "hasSuffix",
	"indexOf", "int", "join", "last", "lastIndexOf", "len", "lower", "max", "min", "none", "one", "round", "split",
	"string", "trim", "trimPrefix", "trimSuffix", "upper",
}

// notMeant ends an error about what may be PowerShell's ${env:PATH} and no expression at all.
const notMeant = "; write $${ where no expression is meant"

// A scope is what expressions can see at one moment.
type scope struct {
	vars      *vars
	factsType reflect.Type // nil: there is none
	runType   reflect.Type
	env       map[string]any
	// early: nothing but vars will ever be known here. bound: everything is known. Neither: facts and run come later.
	early, bound bool
	// asleep: the task is skipped; expressions are checked and not evaluated.
	asleep       bool
	allowMissing bool
	missing      map[string]bool
	count        *int
	kinds        map[string]any // for the type check
	errs         *problems      // of a Bind
}

func newScope(o Options, v *vars) *scope {
	s := &scope{vars: v, allowMissing: o.AllowMissing, missing: map[string]bool{}, count: new(int)}
	s.kinds = map[string]any{"vars": v.types()}
	s.env = map[string]any{"vars": v.values()}
	if o.Facts != nil {
		s.factsType = base(reflect.TypeOf(o.Facts))
		s.kinds["facts"] = reflect.Zero(s.factsType).Interface()
	}
	if o.Run != nil {
		s.runType = base(reflect.TypeOf(o.Run))
		s.kinds["run"] = reflect.Zero(s.runType).Interface()
	}
	return s
}

type expression struct {
	text    string
	off     int // within its scalar, in bytes
	program *vm.Program
	vars    []*variable
	out     reflect.Type
	later   bool // its value is not known here
	machine bool // it asks facts or run
}

// compile checks one expression, and reports what is wrong at its place within the scalar n. It returns nil then.
func (s *scope) compile(n *node, p piece, subject string, errs *problems) *expression {
	e := &expression{text: p.text, off: p.off}
	at := func(from int) Pos { return n.place(p.off + byteOffset(p.text, from)) }
	if what := s.tooMuch(p.text); what != "" {
		errs.at(at(0), "%s%s", subject, what)
		return nil
	}
	c := conf.CreateNew()
	c.MaxNodes = maxExprNodes
	tree, err := parser.ParseWithConfig(p.text, c)
	if err != nil {
		if p.off > 0 {
			err = withHint(err)
		}
		report(err, n, subject, at, errs)
		return nil
	}
	i := &inspector{scope: s, e: e, report: func(from int, format string, args ...any) {
		errs.at(at(from), "%s%s", subject, fmt.Sprintf(format, args...))
	}}
	if !i.inspect(tree.Node) {
		return nil
	}
	if e.program, err = expr.Compile(p.text, s.options()...); err != nil {
		report(err, n, subject, at, errs)
		return nil
	}
	e.out = e.program.Node().Type()
	e.later = e.later || s.asleep || e.machine && !s.bound
	return e
}

// tooMuch says what is wrong with an expression before it is parsed.
func (s *scope) tooMuch(text string) string {
	*s.count++
	switch {
	case *s.count > maxExpressions:
		return fmt.Sprintf("more than %d expressions in a playbook", maxExpressions)
	case len(text) > maxExprBytes:
		return fmt.Sprintf("an expression of more than %d bytes", maxExprBytes)
	case strings.TrimSpace(text) == "":
		return "an empty expression" + notMeant
	}
	return ""
}

func (s *scope) options() []expr.Option {
	all := []expr.Option{expr.Env(s.kinds), expr.MaxNodes(maxExprNodes), expr.DisableAllBuiltins(), join}
	for _, name := range builtins {
		all = append(all, expr.EnableBuiltin(name))
	}
	return all
}

// join is expr's own with a bound.
var join = expr.Function("join", func(params ...any) (any, error) {
	glue := ""
	if len(params) == 2 {
		glue, _ = params[1].(string)
	}
	r := reflect.ValueOf(params[0])
	if r.Kind() != reflect.Slice {
		return nil, errors.New("join wants a list of texts")
	}
	var b strings.Builder
	for i := range r.Len() {
		item, ok := r.Index(i).Interface().(string)
		if !ok {
			return nil, errors.New("join wants a list of texts")
		}
		if i > 0 {
			b.WriteString(glue)
		}
		if b.WriteString(item); b.Len() > maxText {
			return nil, fmt.Errorf("join makes a text beyond %d bytes", maxText)
		}
	}
	return b.String(), nil
}, new(func([]any) string), new(func([]any, string) string), new(func([]string) string), new(func([]string, string) string))

func withHint(err error) error {
	if f, ok := errors.AsType[*file.Error](err); ok {
		hinted := *f
		hinted.Message = strings.TrimSpace(f.Message) + notMeant
		return &hinted
	}
	return err
}

// report brings an error of expr into one line at its place.
func report(err error, n *node, subject string, at func(int) Pos, errs *problems) {
	from, what := 0, err.Error()
	if f, ok := errors.AsType[*file.Error](err); ok {
		from, what = f.From, f.Message
	}
	what, _, _ = strings.Cut(what, "\n")
	if strings.HasPrefix(what, "unexpected token EOF") {
		what = "the expression ends too early" + strings.TrimPrefix(what, "unexpected token EOF")
		if n.style == plainStyle && n.src != nil && n.at.Line <= len(n.src.lines) && strings.Contains(n.src.lines[n.at.Line-1], " #") {
			what += `: " #" begins a comment in YAML, so put the expression in quotes`
		}
	}
	errs.at(at(from), "%s%s", subject, strings.TrimSpace(what))
}

func byteOffset(s string, runes int) int {
	for off := range s {
		if runes == 0 {
			return off
		}
		runes--
	}
	return len(s)
}

func (s *scope) run(e *expression) (any, error) {
	v, err := expr.Run(e.program, s.env)
	if err != nil {
		what := err.Error()
		if f, ok := errors.AsType[*file.Error](err); ok {
			what = f.Message
		}
		what, _, _ = strings.Cut(what, "\n")
		return nil, errors.New(what)
	}
	return v, nil
}

// Functions are what an expression can call, beside its operators.
func Functions() []string { return slices.Clone(builtins) }

// Names describes what an expression can say below a struct like Options.Facts: the full name of each value, from the
// root that is given, and its type.
func Names(root string, v any) []Field {
	t := base(reflect.TypeOf(v))
	var all []Field
	for i := range t.NumField() {
		f := t.Field(i)
		name, inner := root+"."+exprName(f), describe(f.Type)
		if inner.Type == Group {
			all = append(all, Names(name, reflect.Zero(base(f.Type)).Interface())...)
			continue
		}
		inner.Name = name
		all = append(all, inner)
	}
	return all
}

// typesOf tells expr the type of a variable's value.
func typesOf(v any) types.Type {
	switch v := v.(type) {
	case nil:
		return types.Any
	case []any:
		if len(v) == 0 {
			return types.Array(types.Any)
		}
		first := typesOf(v[0])
		for _, item := range v[1:] {
			if !typesOf(item).Equal(first) || first == types.Any {
				return types.Array(types.Any)
			}
		}
		return types.Array(first)
	case map[string]any:
		all := types.Map{}
		for key, item := range v {
			all[key] = typesOf(item)
		}
		return all
	}
	return types.TypeOf(v)
}
