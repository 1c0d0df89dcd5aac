package scripts

import (
	"fmt"
	"strings"
)

// A kind is what a token is, as far as our own scripts need telling apart. This is no PowerShell grammar: it is right for
// the plain subset in which the functions are written, and a test keeps them in it.
type kind int

const (
	newline  kind = iota
	word          // a command, a keyword, a -Parameter, a type, a member, a number
	variable      // $name, $env:NAME, ${name}, and @name for splatting; Text is without $, @ and braces
	literal       // text in single quotes; Text is what it means
	expanded      // text in double quotes; Text is as written, between the quotes
	symbol        // brackets and operators; Text is as written: ( { [ @( @{ $( :: = | ; ...
)

type token struct {
	Kind  kind
	Text  string
	Line  int  // counted from 1
	Apart bool // white space before it
	Splat bool // a variable written @name
}

// is says whether a token is that symbol or that word (words in any case, as PowerShell reads them).
func (t token) is(text string) bool {
	return t.Kind == symbol && t.Text == text || t.Kind == word && strings.EqualFold(t.Text, text)
}

type tokenizer struct {
	text  string
	at    int
	line  int
	apart bool
	all   []token
}

// symbols in the order in which they are tried: the longer first.
var symbols = []string{
	"*>&1", "2>&1", "&&", "||", "??", "?.", "?[", "::", "..", "++", "--", "+=", "-=", "*=", "/=", "@(", "@{", "$(",
	"(", ")", "{", "}", "[", "]", ",", ";", "|", "&", "=", "+", "*", "/", "%", "!", "<", ">", "?", ":", ".",
}

// tokenize splits a source into tokens, without its comments.
func tokenize(text string) ([]token, error) {
	z := &tokenizer{text: strings.ReplaceAll(text, "\r\n", "\n"), line: 1, apart: true}
	for z.at < len(z.text) {
		if err := z.next(); err != nil {
			return nil, fmt.Errorf("line %d: %w", z.line, err)
		}
	}
	return z.all, nil
}

func (z *tokenizer) rest() string           { return z.text[z.at:] }
func (z *tokenizer) sees(begin string) bool { return strings.HasPrefix(z.rest(), begin) }

// take consumes n bytes and makes a token of them whose text is given.
func (z *tokenizer) take(n int, k kind, text string) {
	z.all = append(z.all, token{Kind: k, Text: text, Line: z.line, Apart: z.apart})
	z.skip(n)
	z.apart = false
}

func (z *tokenizer) skip(n int) {
	z.line += strings.Count(z.text[z.at:z.at+n], "\n")
	z.at += n
}

func (z *tokenizer) next() error {
	c := z.text[z.at]
	switch {
	case c == ' ' || c == '\t':
		z.skip(1)
		z.apart = true
		return nil
	case c == '\n':
		z.take(1, newline, "\n")
		z.apart = true
		return nil
	case z.sees("<#"):
		end := strings.Index(z.rest(), "#>")
		if end < 0 {
			return fmt.Errorf("a comment without an end")
		}
		z.skip(end + 2)
		return nil
	case c == '#':
		end := strings.IndexByte(z.rest(), '\n')
		if end < 0 {
			end = len(z.rest())
		}
		z.skip(end)
		return nil
	case c == '`':
		return fmt.Errorf("a backtick outside of a text")
	case c == '\'' || c == '"' || z.sees("@'") || z.sees(`@"`):
		return z.quoted()
	case c == '$' && !z.sees("$("), c == '@' && !z.sees("@(") && !z.sees("@{"):
		return z.variable()
	}
	return z.plain()
}

// quoted takes a text in quotes. Here-strings are refused: none of ours needs one.
func (z *tokenizer) quoted() error {
	rest := z.rest()
	quote := rest[0]
	if quote == '@' {
		return fmt.Errorf("a here-string")
	}
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == '\n':
			return fmt.Errorf("a text without an end")
		case quote == '"' && rest[i] == '`':
			i++
		case rest[i] == quote && i+1 < len(rest) && rest[i+1] == quote:
			i++
		case rest[i] == quote && quote == '\'':
			z.take(i+1, literal, strings.ReplaceAll(rest[1:i], "''", "'"))
			return nil
		case rest[i] == quote:
			z.take(i+1, expanded, rest[1:i])
			return nil
		}
	}
	return fmt.Errorf("a text without an end")
}

// variable takes $name, $scope:name, ${name}, $_ and $?, and @name.
func (z *tokenizer) variable() error {
	rest := z.rest()
	splat := rest[0] == '@'
	n, name := 1, ""
	switch {
	case strings.HasPrefix(rest, "${"):
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			return fmt.Errorf("a variable without its closing brace")
		}
		n, name = end+1, rest[2:end]
	case strings.HasPrefix(rest, "$?"), strings.HasPrefix(rest, "$$"), strings.HasPrefix(rest, "$^"):
		n, name = 2, rest[1:2]
	default:
		n += span(rest[n:], nameByte)
		if scope := rest[n:]; len(scope) > 1 && scope[0] == ':' && nameByte(scope[1]) {
			n += 1 + span(scope[1:], nameByte)
		}
		name = rest[1:n]
	}
	if name == "" {
		return fmt.Errorf("a %q that begins no variable", rest[0])
	}
	z.take(n, variable, name)
	z.all[len(z.all)-1].Splat = splat
	return nil
}

// plain takes a symbol or a word. A dash begins a word where a letter or digit follows: -Name, -eq, -1.
func (z *tokenizer) plain() error {
	rest := z.rest()
	for _, s := range symbols {
		if strings.HasPrefix(rest, s) {
			z.take(len(s), symbol, s)
			return nil
		}
	}
	dash := rest[0] == '-'
	if wordStart(rest[0]) || dash && len(rest) > 1 && wordStart(rest[1]) {
		n := z.wordLength(rest)
		z.take(n, word, rest[:n])
		return nil
	}
	if dash {
		z.take(1, symbol, "-")
		return nil
	}
	return fmt.Errorf("a character that no script of ours uses: %q", rest[0])
}

// wordLength is the length of the word that the text begins with. A type or a command may hold dots and dashes, a member
// may not: in $a.Count-1 it ends.
func (z *tokenizer) wordLength(rest string) int {
	if last := len(z.all) - 1; !z.apart && last >= 0 && (z.all[last].is(".") || z.all[last].is("::")) {
		return span(rest, nameByte)
	}
	n := span(rest, func(c byte) bool { return nameByte(c) || c == '-' || c == '.' || c == '\\' || c == '`' })
	for n > 1 && rest[n-1] == '.' {
		n--
	}
	return n
}

func wordStart(c byte) bool { return nameByte(c) || c == '\\' }

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// span is how many bytes at the beginning hold.
func span(text string, holds func(byte) bool) int {
	for i := range len(text) {
		if !holds(text[i]) {
			return i
		}
	}
	return len(text)
}
