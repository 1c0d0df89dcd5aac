package failure

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"exorunner/internal/host"
)

// A pattern matches where everything that it names does.
type pattern struct {
	// ID is a glob over the FullyQualifiedErrorId, or over its part before the first comma if it has no comma itself.
	ID string
	// Exception is a glob over the types of the exception, of its root, and of the one that Exchange names in its answer.
	Exception string
	// HResult is that of the outer exception. https://learn.microsoft.com/openspecs/windows_protocols/ms-erref
	HResult uint32
	// Code is that of the sign-in service, AADSTS left out; "*" is any.
	Code string
	// Names must all be in the message, in any case: parameters, files, numbers, and texts of programs that have only one
	// language, which are Microsoft's ExO module and MSAL.
	Names []string
	// Stack must be in the script's stack: the name of a function that was running.
	Stack string
	// Thrown wants the message for an id: a script threw the bare exception.
	Thrown bool
	// English must be in the message, in any case, in a language that the machine may not speak.
	English string
}

// A sight is what there is to be matched about an error.
type sight struct {
	id, first  string
	exceptions []string
	hresult    uint32
	text       string // message and root message, in lower case
	code       string
	stack      string
	thrown     bool
}

var signInCode = regexp.MustCompile(`AADSTS(\d{4,})`)

// answer is the form of an error that Exchange wrote: a code, which may be missing, the exception's type there, its text.
var answer = regexp.MustCompile(`^\s*\|?[0-9A-Za-z]*\|([A-Za-z_][\w.+]*Exception)\|`)

func see(e *host.Error) sight {
	first, _, _ := strings.Cut(e.ID, ",")
	s := sight{
		id: e.ID, first: first, hresult: uint32(e.HResult), stack: e.Stack,
		exceptions: []string{e.Exception, e.Root},
		text:       strings.ToLower(e.Message + "\n" + e.RootMessage),
		thrown:     e.ID != "" && e.ID == e.Message,
	}
	for _, message := range []string{e.Message, e.RootMessage} {
		if m := answer.FindStringSubmatch(message); m != nil {
			s.exceptions = append(s.exceptions, m[1])
		}
		if m := signInCode.FindStringSubmatch(message); m != nil && s.code == "" {
			s.code = m[1]
		}
	}
	return s
}

func (p pattern) matches(s sight) bool {
	id := s.first
	if strings.Contains(p.ID, ",") {
		id = s.id
	}
	switch {
	case p.ID != "" && !glob(p.ID, id),
		p.Exception != "" && !slices.ContainsFunc(s.exceptions, func(t string) bool { return glob(p.Exception, t) }),
		p.HResult != 0 && p.HResult != s.hresult,
		p.Code == "*" && s.code == "",
		p.Code != "" && p.Code != "*" && p.Code != s.code,
		p.Stack != "" && !strings.Contains(s.stack, p.Stack),
		p.Thrown && !s.thrown,
		p.English != "" && !strings.Contains(s.text, strings.ToLower(p.English)):
		return false
	}
	for _, name := range p.Names {
		if !strings.Contains(s.text, strings.ToLower(name)) {
			return false
		}
	}
	return true
}

// glob matches without case; * is any text.
func glob(pattern, text string) bool {
	parts := strings.Split(strings.ToLower(pattern), "*")
	text = strings.ToLower(text)
	if len(parts) == 1 {
		return text == parts[0]
	}
	last := len(parts) - 1
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	for _, part := range parts[1:last] {
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text = text[at+len(part):]
	}
	return strings.HasSuffix(text, parts[last])
}

// String is the pattern for a person.
func (p pattern) String() string {
	var parts []string
	add := func(what, value string) {
		if value != "" {
			parts = append(parts, what+" "+value)
		}
	}
	add("id", p.ID)
	add("type", p.Exception)
	if p.HResult != 0 {
		add("HRESULT", fmt.Sprintf("0x%08X", p.HResult))
	}
	if p.Code == "*" {
		add("code", "AADSTS, any other")
	} else if p.Code != "" {
		add("code", "AADSTS"+p.Code)
	}
	for _, name := range p.Names {
		add("message with", fmt.Sprintf("%q", name))
	}
	add("thrown in", p.Stack)
	if p.Thrown {
		parts = append(parts, "the id is the message")
	}
	if p.English != "" {
		add("English message with", fmt.Sprintf("%q", p.English))
	}
	return strings.Join(parts, ", ")
}

// onlyEnglish says whether there is nothing to match but English text.
func (p pattern) onlyEnglish() bool {
	return p.English != "" && p.ID == "" && p.Exception == "" && p.HResult == 0 && p.Code == "" && p.Stack == "" && len(p.Names) == 0
}

// onlyEnglish says whether all of a row's patterns match nothing but English text.
func onlyEnglish(all []pattern) bool {
	for _, p := range all {
		if !p.onlyEnglish() {
			return false
		}
	}
	return len(all) > 0
}
