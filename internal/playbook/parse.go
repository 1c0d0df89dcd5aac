package playbook

import (
	"bytes"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// maxNodes and maxDepth are far above what a person writes. yaml.v3 itself reads 256 KiB into nodes in some
// milliseconds whatever they are; it is its decoding of maps, which is not used here, that is quadratic.
const (
	maxNodes = 20000
	maxDepth = 50
)

// None of these repeats what was written: it may be a password that begins so.
const (
	aliasText  = "an alias: anchors and aliases are not used in playbooks; a text that begins with * must be in quotes"
	anchorText = "an anchor: anchors and aliases are not used in playbooks; a text that begins with & must be in quotes"
	tagText    = "a tag: tags are not used in playbooks; a text that begins with ! must be in quotes"
)

// parse reads one YAML document. It returns nil where there is nothing to go on with; the reason is in errs.
func parse(f File, errs *problems) *node {
	data := bytes.TrimPrefix(f.Data, []byte("\ufeff"))
	if !readable(f.Name, data, errs) {
		return nil
	}
	src := &source{file: f.Name, lines: strings.Split(string(data), "\n")}
	for i, line := range src.lines {
		src.lines[i] = strings.TrimSuffix(line, "\r")
	}
	var doc, second yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			errs.at(Pos{f.Name, 1, 1}, "the file is empty")
			return nil
		}
		syntax(src, err, errs)
		return nil
	}
	if err := d.Decode(&second); err == nil {
		errs.at(Pos{f.Name, second.Line, second.Column}, "a second document begins here: a file has one, without a line of ---")
		return nil
	} else if !errors.Is(err, io.EOF) {
		syntax(src, err, errs)
		return nil
	}
	c := &converter{src: src, errs: errs, bad: len(errs.all)}
	if n := c.node(doc.Content[0], 0); len(errs.all) == c.bad || n.kind == mapping && !c.fatal {
		return n
	}
	return nil
}

// readable refuses what yaml.v3 would report without a place.
func readable(name string, data []byte, errs *problems) bool {
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		errs.at(Pos{name, 1, 1}, "the file is UTF-16: save it as UTF-8")
		return false
	}
	line, column := 1, 1
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			errs.at(Pos{name, line, column}, "byte 0x%02x is not UTF-8: save the file as UTF-8", data[i])
			return false
		case r < ' ' && r != '\n' && r != '\r' && r != '\t', r == 0x7f:
			errs.at(Pos{name, line, column}, "control character 0x%02x", r)
			return false
		case r == '\n':
			line, column = line+1, 0
		}
		i, column = i+size, column+1
	}
	return true
}

var (
	yamlError = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(.*)$`)
	// ofTheParser are the errors whose line yaml.v3 counts from 0; that of its scanner's it counts from 1.
	ofTheParser = regexp.MustCompile(`^did not find expected (',' or|key|'-' indicator|<|node content)|^found (incompatible|duplicate|undefined)`)
	noSuch      = regexp.MustCompile(`^unknown anchor '(.*)' referenced`)
)

// brokenPath is what YAML makes of "C:\temp", "D:\new" and "D:\Program Files": a tab, a new line, the end of a paragraph.
var brokenPath = regexp.MustCompile(`^([A-Za-z]:|\\)[^\n]*[\x00-\x1f\x{85}\x{a0}\x{2028}\x{2029}]`)

// hints are what usually lies behind an error of yaml.v3.
var hints = []struct{ said, hint string }{
	{"mapping values are not allowed", `a text with ": " in it must be in quotes`},
	{"cannot start any token", "a text that begins with @, `, % or a tab must be in quotes"},
	{"unknown escape character", `in double quotes a \ begins an escape: put Windows paths in single quotes`},
	{"did not find expected hexdecimal", `in double quotes a \ begins an escape: put Windows paths in single quotes`},
	{"could not find expected ':'", `a line "name: value" is missing its colon`},
	{"unexpected end of stream", "a quote is not closed"},
	{"did not find expected key", "the indentation does not fit the lines above, or text goes on behind a closing quote"},
	{"did not find expected '-' indicator", `below, a line's indentation does not fit the list that begins here, or a "- " is missing`},
	{"did not find expected alphabetic or numeric", "a text that begins with * or & must be in quotes"},
}

func syntax(src *source, err error, errs *problems) {
	m := yamlError.FindStringSubmatch(oneLine(err.Error()))
	line, _ := strconv.Atoi(m[1])
	what := m[2]
	if alias := noSuch.FindStringSubmatch(what); alias != nil {
		errs.at(src.search("*"+alias[1]), aliasText)
		return
	}
	if ofTheParser.MatchString(what) {
		line++
	}
	line = min(max(line, 1), len(src.lines))
	if pos, ok := src.tab(line); ok && (strings.Contains(what, "cannot start any token") || strings.Contains(what, "tab character")) {
		errs.at(pos, "a tab in the indentation: YAML wants spaces")
		return
	}
	if strings.Contains(what, "',' or") && strings.Contains(src.lines[line-1], "${") {
		what += ": ${...} between { } or [ ] must be in quotes"
	}
	for _, h := range hints {
		if strings.Contains(what, h.said) {
			what += ": " + h.hint
			break
		}
	}
	errs.at(Pos{src.file, line, 1}, "%s", what)
}

// tab finds a tab in the indentation at a line that yaml.v3 named, or just behind it.
func (s *source) tab(line int) (Pos, bool) {
	for l := line; l <= min(line+1, len(s.lines)); l++ {
		text := s.lines[l-1]
		indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
		if i := strings.IndexByte(indent, '\t'); i >= 0 {
			return Pos{s.file, l, i + 1}, true
		}
	}
	return Pos{}, false
}

func (s *source) search(what string) Pos {
	for i, line := range s.lines {
		if at := strings.Index(line, what); at >= 0 {
			return Pos{s.file, i + 1, utf8.RuneCountInString(line[:at]) + 1}
		}
	}
	return Pos{s.file, 1, 1}
}

type converter struct {
	src   *source
	errs  *problems
	bad   int
	count int
	fatal bool // too much of it: nothing more is read
}

func (c *converter) node(y *yaml.Node, depth int) *node {
	n := &node{at: Pos{c.src.file, max(y.Line, 1), max(y.Column, 1)}, src: c.src}
	if c.count++; c.fatal {
		return n
	}
	if c.count > maxNodes || depth > maxDepth {
		c.fatal = true
		if c.count > maxNodes {
			c.errs.at(n.at, "more than %d values in one file", maxNodes)
		} else {
			c.errs.at(n.at, "more than %d levels deep", maxDepth)
		}
		return n
	}
	switch {
	case y.Kind == yaml.AliasNode:
		c.errs.at(n.at, aliasText)
		n.kind, n.text, n.made = text, y.Value, &origin{}
		return n
	case y.Anchor != "":
		c.errs.at(n.at, anchorText)
	case y.Style&yaml.TaggedStyle != 0:
		c.errs.at(n.at, tagText)
	}
	switch y.Kind {
	case yaml.SequenceNode:
		n.kind = list
		for _, item := range y.Content {
			n.items = append(n.items, c.node(item, depth+1))
		}
	case yaml.MappingNode:
		c.mapping(n, y, depth)
	default:
		c.scalar(n, y)
	}
	return n
}

func (c *converter) mapping(n *node, y *yaml.Node, depth int) {
	n.kind = mapping
	first := map[string]Pos{}
	for i := 0; i+1 < len(y.Content) && !c.fatal; i += 2 {
		key := c.node(y.Content[i], depth+1)
		value := c.node(y.Content[i+1], depth+1)
		switch before, twice := first[key.text]; {
		case y.Content[i].Kind == yaml.AliasNode:
		case y.Content[i].ShortTag() == "!!merge":
			c.errs.at(key.at, "<<: maps cannot be merged in playbooks: write the fields out")
		case !key.scalar():
			c.errs.at(key.at, "a field's name must be text, this is %s", key.sort())
		case key.kind == null:
			c.errs.at(key.at, "a field without a name")
		case key.kind != text:
			c.errs.at(key.at, "a field's name must be text, and %s", key.forYAML())
		case twice:
			c.errs.at(key.at, "duplicate field %s: it stands at %s as well", quote(key.text), before)
		default:
			first[key.text] = key.at
			n.pairs = append(n.pairs, pair{key.text, key.at, value})
		}
	}
}

func (c *converter) scalar(n *node, y *yaml.Node) {
	n.text = y.Value
	switch {
	case y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		n.style = quotedStyle
	case y.Style&yaml.LiteralStyle != 0:
		n.style = literalStyle
	case y.Style&yaml.FoldedStyle != 0:
		n.style = otherStyle
	}
	n.kind, n.val = text, y.Value
	if y.Style&yaml.DoubleQuotedStyle != 0 && brokenPath.MatchString(y.Value) {
		c.errs.at(n.at, `in double quotes a \ begins an escape, and this path has one in it: put Windows paths in single quotes`)
	}
	if y.Style&yaml.TaggedStyle != 0 {
		return // reported; it may not even decode
	}
	switch y.ShortTag() {
	case "!!null":
		n.kind, n.val = null, nil
	case "!!timestamp":
		n.kind = date
	case "!!bool", "!!int", "!!float":
		var v any
		if err := y.Decode(&v); err != nil {
			c.errs.at(n.at, "%s", oneLine(err.Error()))
			return
		}
		c.number(n, v)
	}
}

func (c *converter) number(n *node, v any) {
	switch v := v.(type) {
	case bool:
		n.kind, n.val = truth, v
	case int:
		n.kind, n.val = whole, int64(v)
	case int64:
		n.kind, n.val = whole, v
	case uint64:
		n.kind, n.val = whole, v
	case float64:
		n.kind, n.val = number, v
		if math.IsNaN(v) || math.IsInf(v, 0) {
			c.errs.at(n.at, "%s is no number that can be used; a text must be in quotes", n.text)
		}
	}
}
