package fake

import (
	"regexp"
	"strings"
)

var (
	functionHead = regexp.MustCompile(`(?im)^\s*function\s+([A-Za-z]+-[A-Za-z]+)\s*\{`)
	paramHead    = regexp.MustCompile(`(?i)\bparam\s*\(`)
	variable     = regexp.MustCompile(`\$([A-Za-z_][A-Za-z0-9_]*)`)
)

// commonParameters are those that [CmdletBinding()] adds, as far as anybody passes them here.
var commonParameters = []string{"Verbose", "Debug", "ErrorAction", "WarningAction", "InformationAction", "WhatIf", "Confirm"}

// FunctionsIn are the functions that a script defines, with the names in their param() blocks.
func FunctionsIn(script string) map[string][]string {
	functions := map[string][]string{}
	heads := functionHead.FindAllStringSubmatchIndex(script, -1)
	for i, h := range heads {
		body := script[h[1]:]
		if i+1 < len(heads) {
			body = script[h[1]:heads[i+1][0]]
		}
		var names []string
		if at := paramHead.FindStringIndex(body); at != nil {
			names = namesIn(body[at[1]:])
		}
		functions[script[h[2]:h[3]]] = names
	}
	return functions
}

// namesIn are the first variable of each piece of a param() block that lies in no bracket of its own.
func namesIn(block string) []string {
	var names []string
	depth, piece := 0, strings.Builder{}
	take := func() {
		if m := variable.FindStringSubmatch(piece.String()); m != nil {
			names = append(names, m[1])
		}
		piece.Reset()
	}
	for _, c := range block {
		switch {
		case strings.ContainsRune("([{", c):
			depth++
		case c == ')' && depth == 0:
			take()
			return names
		case strings.ContainsRune(")]}", c):
			depth--
		case c == ',' && depth == 0:
			take()
		case depth == 0:
			piece.WriteRune(c)
		}
	}
	return names
}

// unknownParameter is the first argument that a function, if its source is known, does not take.
func (f *fake) unknownParameter(r request) string {
	known, defined := f.parameters[strings.ToLower(r.Func)]
	if !defined {
		return ""
	}
	has := func(name string) bool {
		for _, list := range [][]string{known, commonParameters} {
			for _, k := range list {
				if strings.EqualFold(k, name) {
					return true
				}
			}
		}
		return false
	}
	for name := range r.Args {
		if !has(name) {
			return name
		}
	}
	for _, name := range r.Secrets {
		if !has(name) {
			return name
		}
	}
	return ""
}
