package playbook

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A node is a piece of YAML without its riddles: no aliases, no tags, no key twice, every scalar with the type that YAML
// gave it. The rest of the package sees these alone, so what makes YAML slow or surprising ends in parse.go.
type node struct {
	at   Pos
	kind nodeKind
	// text is a scalar as it was written, quotes and escapes undone.
	text  string
	val   any // of a scalar: nil, string, bool, int64, uint64, float64
	style style
	src   *source
	items []*node
	pairs []pair
	// made is where a value came from that an expression gave; nil is what stands in the file. Its text is text: a "${"
	// in it means nothing.
	made *origin
}

type nodeKind int

const (
	null nodeKind = iota
	text
	truth
	whole
	number
	date
	list
	mapping
)

type style int

const (
	plainStyle style = iota
	quotedStyle
	literalStyle
	otherStyle // its text cannot be found again in its lines
)

type pair struct {
	key   string
	at    Pos
	value *node
}

// An origin is the expression that made a value, and the variables it used.
type origin struct {
	expr string
	vars []*variable
}

// from says where the value stands that a variable alone gave, if that is in another file: there it has to be changed.
func (n *node) from(v *vars) string {
	if n.made != nil && len(n.made.vars) == 1 {
		return n.made.vars[0].from(n.at)
	}
	if name := onlyVar.FindStringSubmatch(n.text); n.made == nil && name != nil && v != nil && v.all[name[1]] != nil {
		return v.all[name[1]].from(n.at)
	}
	return ""
}

var onlyVar = regexp.MustCompile(`^\$\{\s*vars\.(\w+)\s*\}$`)

func (v *variable) from(used Pos) string {
	if v.node == nil || v.node.at.File == used.File {
		return ""
	}
	return fmt.Sprintf(" (%s stands at %s)", v.name, v.node.at)
}

// A source is a file's lines, for places inside a scalar.
type source struct {
	file  string
	lines []string
}

func (n *node) scalar() bool { return n.kind != list && n.kind != mapping }

// get is the value of a key; nil if there is none, also where n is nil or no map.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	for _, p := range n.pairs {
		if p.key == key {
			return p.value
		}
	}
	return nil
}

// find goes down a path like "probe.files[2]" as far as it leads.
func (n *node) find(path string) *node {
	for path != "" {
		var next *node
		var step string
		step, path = cutStep(path)
		if i, err := strconv.Atoi(step); err == nil && n.kind == list {
			if i >= 0 && i < len(n.items) {
				next = n.items[i]
			}
		} else {
			next = n.get(step)
		}
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

func cutStep(path string) (step, rest string) {
	path = strings.TrimLeft(path, ".[")
	end := strings.IndexAny(path, ".[]")
	if end < 0 {
		return path, ""
	}
	return path[:end], strings.TrimLeft(path[end:], ".[]")
}

// what names a node's type for a person.
func (n *node) what() string {
	if n.made != nil && n.made.expr != "" {
		return n.made.expr + " is " + n.sort()
	}
	return "this is " + n.sort()
}

func (n *node) sort() string {
	switch n.kind {
	case null:
		return "nothing"
	case truth:
		return n.canonical()
	case whole, number:
		return "the number " + n.canonical()
	case date:
		return "a date"
	case list:
		return "a list"
	case mapping:
		return "a map"
	}
	return "text"
}

// canonical is what is left of a scalar's text once YAML has read it: 3.1 of 3.10, 493 of 0755.
func (n *node) canonical() string {
	switch v := n.val.(type) {
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case uint64:
		return strconv.FormatUint(v, 10)
	case float64:
		if v > -1e15 && v < 1e15 {
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return n.text
}

// forYAML says what YAML made of a scalar that was meant as text, and the cure.
func (n *node) forYAML() string {
	what := "a number"
	switch {
	case n.kind == date:
		what = "a date"
	case n.kind == truth:
		what = "a yes or no"
	case n.text != n.canonical():
		what = "the number " + n.canonical()
	}
	return n.text + " is " + what + ` for YAML: write it in quotes, "` + n.text + `"`
}

// place is where the byte at off of a text stands in the file: exactly where that can be told, else where the text
// begins.
func (n *node) place(off int) Pos {
	if n.src == nil || n.at.Line < 1 || n.at.Line > len(n.src.lines) || off > len(n.text) {
		return n.at
	}
	switch n.style {
	case plainStyle, quotedStyle:
		line := []rune(n.src.lines[n.at.Line-1])
		start := n.at.Column - 1
		if n.style == quotedStyle {
			start++
		}
		if start > len(line) || !strings.HasPrefix(string(line[start:]), n.text) {
			return n.at // escapes, or more than one line
		}
		return Pos{n.at.File, n.at.Line, start + 1 + utf8.RuneCountInString(n.text[:off])}
	case literalStyle:
		return n.placeInLines(off)
	}
	return n.at
}

func (n *node) placeInLines(off int) Pos {
	row := strings.Count(n.text[:off], "\n")
	number := n.at.Line + row // index of the line behind the one with the |
	if number >= len(n.src.lines) {
		return n.at
	}
	begin := strings.LastIndexByte(n.text[:off], '\n') + 1
	text, _, _ := strings.Cut(n.text[begin:], "\n")
	line := n.src.lines[number]
	if !strings.HasSuffix(line, text) {
		return n.at
	}
	indent := utf8.RuneCountInString(line) - utf8.RuneCountInString(text)
	return Pos{n.at.File, number + 1, indent + 1 + utf8.RuneCountInString(n.text[begin:off])}
}
