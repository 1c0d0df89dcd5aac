// Package version compares versions as Windows and PowerShell number things: fields of decimal numbers, compared as
// numbers, a missing one being 0. So 3.000.100 is 3.0.100, and 3.10.0 is newer than 3.9.2.
package version

import (
	"fmt"
	"strconv"
	"strings"
)

// A Version is up to eight fields, and the label of a preview.
type Version struct {
	fields [8]uint64
	label  string
}

// Parse reads 3.1.0, 2.106.500.016 or 2.0.6-Preview7.
func Parse(s string) (Version, error) {
	var v Version
	numbers, label, _ := strings.Cut(strings.TrimSpace(s), "-")
	v.label = label
	parts := strings.Split(numbers, ".")
	if len(parts) > len(v.fields) {
		return v, fmt.Errorf("version %.60q: more than %d fields", s, len(v.fields))
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return v, fmt.Errorf("version %.60q: field %d is not a number", s, i+1)
		}
		v.fields[i] = n
	}
	return v, nil
}

// Preview says whether the version carries a label.
func (v Version) Preview() bool { return v.label != "" }

// Compare is -1, 0 or 1. A preview is older than what it is a preview of.
func (v Version) Compare(w Version) int {
	for i := range v.fields {
		switch {
		case v.fields[i] < w.fields[i]:
			return -1
		case v.fields[i] > w.fields[i]:
			return 1
		}
	}
	switch {
	case v.label == w.label:
		return 0
	case v.label == "":
		return 1
	case w.label == "":
		return -1
	}
	return strings.Compare(v.label, w.label)
}

// Compare compares two texts. One that is no version is older than every version, and equal to another such one.
func Compare(a, b string) int {
	v, errA := Parse(a)
	w, errB := Parse(b)
	switch {
	case errA != nil && errB != nil:
		return 0
	case errA != nil:
		return -1
	case errB != nil:
		return 1
	}
	return v.Compare(w)
}

// A Range is some bounds that all hold: ">=7.2.0 <=7.3.7". A bare version is that version exactly.
type Range struct {
	text   string
	bounds []bound
}

type bound struct {
	op string
	v  Version
}

// ParseRange reads bounds with >=, <=, >, < or = in front of a version, apart by spaces or commas.
func ParseRange(s string) (Range, error) {
	r := Range{text: strings.TrimSpace(s)}
	for _, word := range strings.FieldsFunc(s, func(c rune) bool { return c == ' ' || c == ',' }) {
		b := bound{op: "="}
		for _, op := range []string{">=", "<=", ">", "<", "="} {
			if rest, ok := strings.CutPrefix(word, op); ok {
				b.op, word = op, rest
				break
			}
		}
		v, err := Parse(word)
		if err != nil {
			return r, err
		}
		b.v = v
		r.bounds = append(r.bounds, b)
	}
	if len(r.bounds) == 0 {
		return r, fmt.Errorf("range %.60q: no version in it", s)
	}
	return r, nil
}

func (r Range) String() string { return r.text }

// Holds says whether a version is inside. A text that is no version is not.
func (r Range) Holds(s string) bool {
	v, err := Parse(s)
	if err != nil {
		return false
	}
	for _, b := range r.bounds {
		c := v.Compare(b.v)
		ok := map[string]bool{">=": c >= 0, "<=": c <= 0, ">": c > 0, "<": c < 0, "=": c == 0}[b.op]
		if !ok {
			return false
		}
	}
	return true
}
