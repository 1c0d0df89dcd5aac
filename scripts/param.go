package scripts

import (
	"errors"
	"fmt"
	"strings"
)

// A Param is a parameter of a function, as its param() block has it.
type Param struct {
	Name      string
	Type      string   // in lower case, as written: string, string[], securestring, object; "" where none is given
	Mandatory bool     // binding fails without it
	Switch    bool     // there or not there
	Values    []string // the only ones that bind (ValidateSet); PowerShell compares without case
}

// ParseParams reads the param() block of the one function in a source. It understands what our scripts use: attributes
// with constant arguments, a type, a name, a default value.
func ParseParams(source string) ([]Param, error) {
	all, err := tokenize(source)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].is("param") && i+1 < len(all) && all[i+1].is("(") {
			block, err := inside(all[i+1:])
			if err != nil {
				return nil, fmt.Errorf("param(): %w", err)
			}
			return parseBlock(block)
		}
	}
	return nil, errors.New("no param() block")
}

// parseBlock reads the tokens between the parentheses of param().
func parseBlock(block []token) ([]Param, error) {
	var params []Param
	for _, part := range split(block, ",") {
		p, err := parseParam(part)
		if err != nil {
			return nil, err
		}
		params = append(params, p)
	}
	return params, nil
}

// parseParam reads [Attribute(...)] [type] $Name = default.
func parseParam(part []token) (Param, error) {
	var p Param
	for i := 0; i < len(part); {
		switch t := part[i]; {
		case t.is("["):
			in, err := inside(part[i:])
			if err != nil {
				return p, err
			}
			if err := p.attribute(in); err != nil {
				return p, err
			}
			i += len(in) + 2
		case t.Kind == variable:
			p.Name = t.Text
			return p, nil
		case t.Kind == newline:
			i++
		default:
			return p, fmt.Errorf("line %d: %q is not part of a parameter", t.Line, t.Text)
		}
	}
	return p, errors.New("a parameter without a name")
}

// attribute reads what stands between square brackets: a type or an attribute with its arguments.
func (p *Param) attribute(in []token) error {
	if len(in) == 0 || in[0].Kind != word {
		return errors.New("empty brackets before a parameter")
	}
	if len(in) == 1 || in[1].is("[") {
		p.Type = strings.ToLower(in[0].Text) + strings.Repeat("[]", (len(in)-1)/2)
		p.Switch = p.Type == "switch"
		return nil
	}
	arguments, err := inside(in[1:])
	if err != nil {
		return fmt.Errorf("[%s]: %w", in[0].Text, err)
	}
	switch strings.ToLower(in[0].Text) {
	case "parameter":
		for i, t := range arguments {
			if t.is("Mandatory") {
				p.Mandatory = i+2 >= len(arguments) || !strings.EqualFold(arguments[i+2].Text, "false")
			}
		}
	case "validateset":
		for _, t := range arguments {
			if t.Kind == literal || t.Kind == word {
				p.Values = append(p.Values, t.Text)
			}
		}
	}
	return nil
}

// inside is what stands between the bracket that the tokens begin with and its partner.
func inside(tokens []token) ([]token, error) {
	depth := 0
	for i, t := range tokens {
		if t.Kind != symbol {
			continue
		}
		if closing[t.Text] != "" {
			depth++
		}
		if t.Text == ")" || t.Text == "}" || t.Text == "]" {
			depth--
		}
		if depth == 0 {
			return tokens[1:i], nil
		}
	}
	return nil, errors.New("a bracket without its partner")
}

// closing is the partner of each opening bracket.
var closing = map[string]string{"(": ")", "@(": ")", "$(": ")", "{": "}", "@{": "}", "[": "]", "?[": "]"}

// split cuts at a symbol outside of brackets, and drops parts of nothing but line ends.
func split(tokens []token, at string) [][]token {
	var parts [][]token
	var part []token
	something := false
	add := func() {
		if something {
			parts = append(parts, part)
		}
		part, something = nil, false
	}
	depth := 0
	for _, t := range tokens {
		if t.Kind == symbol && closing[t.Text] != "" {
			depth++
		}
		if t.is(")") || t.is("}") || t.is("]") {
			depth--
		}
		if depth == 0 && t.is(at) {
			add()
			continue
		}
		part = append(part, t)
		something = something || t.Kind != newline
	}
	add()
	return parts
}
