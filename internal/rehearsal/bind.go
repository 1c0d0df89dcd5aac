package rehearsal

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"exorunner/internal/host"
	"exorunner/scripts"
)

// arguments are bound values by parameter name.
type arguments struct {
	values  map[string]any
	secrets map[string][]byte
}

func (a arguments) text(name string) string {
	switch v := a.values[name].(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// or is a parameter's value, or what the function has as its default.
func (a arguments) or(name, unbound string) string {
	if !a.has(name) {
		return unbound
	}
	return a.text(name)
}

func (a arguments) has(name string) bool { _, ok := a.values[name]; return ok }

func (a arguments) flag(name string) bool { b, _ := a.values[name].(bool); return b }

func (a arguments) number(name string) int { n, _ := strconv.Atoi(a.text(name)); return n }

// list is a parameter's values; PowerShell makes a list of a single one.
func (a arguments) list(name string) []any {
	switch v := a.values[name].(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// bind gives a call's arguments to a function's parameters, and throws what PowerShell throws where they do not fit.
func bind(c host.Call, params []scripts.Param) (arguments, error) {
	bound := arguments{values: map[string]any{}, secrets: c.Secrets}
	text, err := json.Marshal(c.Args)
	if err != nil {
		return bound, fmt.Errorf("arguments: %w", err)
	}
	given := map[string]any{}
	if err := json.Unmarshal(text, &given); err != nil {
		return bound, fmt.Errorf("arguments: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		p := param(params, name)
		if p == nil {
			return bound, parameterNotFound(c.Func, name)
		}
		v, err := convert(c.Func, *p, given[name])
		if err != nil {
			return bound, err
		}
		bound.values[p.Name] = v
	}
	for _, name := range slices.Sorted(maps.Keys(c.Secrets)) {
		if p := param(params, name); p == nil {
			return bound, parameterNotFound(c.Func, name)
		} else if p.Type != "securestring" {
			return bound, notConvertible(c.Func, p.Name, "System.Security.SecureString", p.Type)
		}
	}
	return bound, missing(c, params, bound)
}

func missing(c host.Call, params []scripts.Param, bound arguments) error {
	var names []string
	for _, p := range params {
		if _, secret := c.Secrets[p.Name]; p.Mandatory && !bound.has(p.Name) && !secret {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &host.Error{
		ID: "MissingMandatoryParameter," + c.Func, Category: "InvalidArgument", HResult: hresultRuntime,
		Message:   "Cannot process command because of one or more missing mandatory parameters: " + strings.Join(names, " ") + ".",
		Exception: bindingException,
	}
}

func param(params []scripts.Param, name string) *scripts.Param {
	for i := range params {
		if same(params[i].Name, name) {
			return &params[i]
		}
	}
	return nil
}

// mayBeEmpty are the mandatory parameters with [AllowEmptyString()].
var mayBeEmpty = map[string]bool{"Set-ExrEnvironmentVariable Value": true, "Set-ExrRegistryValue Value": true}

// convert makes a JSON value what the parameter's type takes, as far as our functions' types go.
func convert(function string, p scripts.Param, v any) (any, error) {
	if p.Mandatory && (v == nil || v == "") && !mayBeEmpty[function+" "+p.Name] {
		what := "EmptyString"
		if v == nil {
			what = "Null"
		}
		return nil, emptyArgument(function, p.Name, what)
	}
	if all, isList := v.([]any); isList && len(all) == 0 && p.Mandatory && !mayBeEmpty[function+" "+p.Name] {
		return nil, emptyArgument(function, p.Name, "EmptyArray")
	}
	switch p.Type {
	case "securestring":
		return nil, notConvertible(function, p.Name, "System.String", p.Type)
	case "string":
		if _, isList := v.([]any); isList {
			return nil, notConvertible(function, p.Name, "System.Object[]", "System.String")
		}
		v = arguments{values: map[string]any{"v": v}}.text("v")
	case "int", "long", "int32", "int64":
		n, err := strconv.Atoi(arguments{values: map[string]any{"v": v}}.text("v"))
		if err != nil {
			return nil, badNumber(function, p.Name, v)
		}
		v = n
	case "switch", "bool":
		if _, ok := v.(bool); !ok {
			return nil, notConvertible(function, p.Name, "System.String", "System.Management.Automation.SwitchParameter")
		}
	}
	text := arguments{values: map[string]any{"v": v}}.text("v")
	if len(p.Values) > 0 && !slices.ContainsFunc(p.Values, func(a string) bool { return same(a, text) }) {
		return nil, notInSet(function, p, text)
	}
	return v, nil
}
