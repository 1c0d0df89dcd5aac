package playbook

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Pos is a place in a file, both numbers from 1, columns in characters. Line 0 is the whole of it, or a flag.
type Pos struct {
	File         string
	Line, Column int
}

func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// An Error is one thing that is wrong, in one line. File is the name of a flag where a flag is to blame; Line is 0 then.
type Error struct {
	File         string
	Line, Column int
	What         string
}

func (e *Error) Error() string {
	return Pos{e.File, e.Line, e.Column}.String() + ": " + e.What
}

// Errors are everything that is wrong: flags first, then file by file as they were read, by place.
type Errors []*Error

// shown is how many errors a person gets at once.
const shown = 50

func (e Errors) Error() string {
	var lines []string
	for i, one := range e {
		if i == shown {
			lines = append(lines, fmt.Sprintf("and %d more", len(e)-shown))
			break
		}
		lines = append(lines, one.Error())
	}
	return strings.Join(lines, "\n")
}

// problems collects errors while a playbook is read.
type problems struct {
	all   []*Error
	files []string // in the order read
}

func (p *problems) at(pos Pos, format string, args ...any) {
	p.all = append(p.all, &Error{pos.File, pos.Line, pos.Column, oneLine(fmt.Sprintf(format, args...))})
}

// err is nil or Errors, sorted, each thing once: what Load and its parts see twice is told once.
func (p *problems) err() error {
	if len(p.all) == 0 {
		return nil
	}
	rank := func(e *Error) int {
		if e.Line == 0 {
			return -1
		}
		return slices.Index(p.files, e.File)
	}
	slices.SortStableFunc(p.all, func(a, b *Error) int {
		for _, d := range []int{rank(a) - rank(b), strings.Compare(a.File, b.File), a.Line - b.Line, a.Column - b.Column} {
			if d != 0 {
				return d
			}
		}
		return 0
	})
	return Errors(slices.CompactFunc(p.all, func(a, b *Error) bool { return *a == *b }))
}

// oneLine keeps an error in its line whatever the file's text has in it.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// quote shows a piece of the file, which may be long.
func quote(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "..."
	}
	return `"` + oneLine(s) + `"`
}

// didYouMean ends an error about an unknown word with the nearest known one, if one is near.
func didYouMean(word string, known []string) string {
	best, least := "", min(3, utf8.RuneCountInString(word)/3+1)
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k), least); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// distance counts the letters to add, drop or replace to make b of a, two swapped neighbours as one; at least limit
// where it is not less.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= 4*limit || -d >= 4*limit {
		return limit // a character has at most 4 bytes
	}
	ra, rb := []rune(a), []rune(b)
	if d := len(ra) - len(rb); d >= limit || -d >= limit {
		return limit
	}
	var before []int
	row := make([]int, len(rb)+1)
	for j := range row {
		row[j] = j
	}
	for i := range ra {
		next := make([]int, len(rb)+1)
		next[0] = i + 1
		for j := range rb {
			cost := 1
			if ra[i] == rb[j] {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && ra[i] == rb[j-1] && ra[i-1] == rb[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return min(row[len(rb)], limit)
}
