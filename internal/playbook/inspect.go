package playbook

import (
	"reflect"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// An inspector looks at an expression before expr's own check: for variables, for what is left out, and for names.
type inspector struct {
	scope  *scope
	e      *expression
	report func(from int, format string, args ...any)
	bad    bool
	named  map[*ast.IdentifierNode]bool // vars, with a .field behind it
	roots  []*ast.IdentifierNode
}

func (i *inspector) inspect(n ast.Node) bool {
	i.named = map[*ast.IdentifierNode]bool{}
	ast.Walk(&n, i)
	if i.bad {
		return false
	}
	for _, root := range i.roots {
		i.root(root)
	}
	return !i.bad
}

func (i *inspector) fail(n ast.Node, format string, args ...any) {
	i.bad = true
	i.report(n.Location().From, format, args...)
}

// Visit implements ast.Visitor.
func (i *inspector) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		i.roots = append(i.roots, n)
	case *ast.MemberNode:
		i.member(n)
	case *ast.BuiltinNode:
		if !slices.Contains(builtins, n.Name) {
			i.fail(n, "%s cannot be used in a playbook%s", n.Name, didYouMean(n.Name, builtins))
		}
	case *ast.VariableDeclaratorNode:
		i.fail(n, "let cannot be used in a playbook")
	case *ast.BinaryNode:
		if n.Operator == ".." {
			i.fail(n, "a range cannot be used in a playbook")
		}
	case *ast.PredicateNode:
		inner := &counter{}
		if ast.Walk(&n.Node, inner); inner.predicates > 0 {
			i.fail(n, "one predicate within another cannot be used in a playbook")
		}
	}
}

type counter struct{ predicates int }

// Visit implements ast.Visitor.
func (c *counter) Visit(node *ast.Node) {
	if _, ok := (*node).(*ast.PredicateNode); ok {
		c.predicates++
	}
}

// member looks at NAME.field for vars, and at each step below facts and run.
func (i *inspector) member(n *ast.MemberNode) {
	property, ok := n.Property.(*ast.StringNode)
	if !ok {
		return
	}
	if root, ok := n.Node.(*ast.IdentifierNode); ok && root.Value == "vars" {
		i.named[root] = true
		i.variable(root, property.Value)
		return
	}
	t, path := i.typeOf(n.Node)
	if t == nil || t.Kind() != reflect.Struct {
		return
	}
	if _, ok := exprField(t, property.Value); !ok {
		i.fail(property, "undefined %s.%s%s", path, property.Value, didYouMean(property.Value, exprNames(t)))
	}
}

func (i *inspector) variable(at ast.Node, name string) {
	v := i.scope.vars.all[name]
	switch {
	case v == nil:
		i.fail(at, "undefined vars.%s%s", name, didYouMean(name, i.scope.vars.names))
	case v.has:
		i.e.vars = append(i.e.vars, v)
	case i.scope.asleep:
		i.e.later = true
	case i.scope.allowMissing && !i.scope.bound:
		i.e.later = true
		i.scope.missing[name] = true
	default:
		i.fail(at, "vars.%s has no value: give it with --var %s=... or in a --vars FILE", name, name)
	}
}

// root looks at a name that stands first.
func (i *inspector) root(n *ast.IdentifierNode) {
	switch {
	case n.Value == "vars" && i.named[n]:
	case n.Value == "vars":
		i.fail(n, "write vars.NAME: the variables cannot be used as a whole")
	case n.Value == "facts" && i.scope.factsType != nil, n.Value == "run" && i.scope.runType != nil:
		if i.e.machine = true; i.scope.early {
			i.fail(n, "%s is not known here: only vars can be used", n.Value)
		}
	case i.scope.vars.all[n.Value] != nil:
		i.fail(n, "undefined %s, did you mean vars.%s?", n.Value, n.Value)
	default:
		hint := didYouMean(n.Value, append([]string{"vars", "facts", "run"}, builtins...))
		if hint == "" && i.e.off > 0 {
			hint = notMeant
		}
		i.fail(n, "undefined %s%s", quote(n.Value), hint)
	}
}

// typeOf follows names from facts or run; nil where it leads anywhere else.
func (i *inspector) typeOf(n ast.Node) (reflect.Type, string) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		switch n.Value {
		case "facts":
			return i.scope.factsType, "facts"
		case "run":
			return i.scope.runType, "run"
		}
	case *ast.ChainNode:
		return i.typeOf(n.Node)
	case *ast.MemberNode:
		property, ok := n.Property.(*ast.StringNode)
		t, path := i.typeOf(n.Node)
		if !ok || t == nil || t.Kind() != reflect.Struct {
			return nil, ""
		}
		if f, ok := exprField(t, property.Value); ok {
			return base(f.Type), path + "." + property.Value
		}
	}
	return nil, ""
}

func exprField(t reflect.Type, name string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); exprName(f) == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func exprNames(t reflect.Type) []string {
	var all []string
	for i := range t.NumField() {
		all = append(all, exprName(t.Field(i)))
	}
	return all
}

func exprName(f reflect.StructField) string {
	if tag := f.Tag.Get("expr"); tag != "" {
		return tag
	}
	return f.Name
}
