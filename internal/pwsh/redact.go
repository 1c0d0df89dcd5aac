package pwsh

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

const hidden = "[secret]"

// A vault knows every secret that was ever in use on a host: a later call's error may quote an earlier one's.
type vault struct {
	mu      sync.Mutex
	secrets map[string]bool
	hide    *redactor // of those
}

// with adds secrets and gives the redactor of all that are known by now.
func (v *vault) with(secrets map[string][]byte) *redactor {
	v.mu.Lock()
	defer v.mu.Unlock()
	known := len(v.secrets)
	for _, secret := range secrets {
		if v.secrets == nil {
			v.secrets = map[string]bool{}
		}
		v.secrets[string(secret)] = true
	}
	if len(v.secrets) > known {
		v.hide = newRedactor(v.secrets)
	}
	return v.hide
}

// A redactor replaces secrets in whatever leaves the session: PowerShell quotes values in its binding errors.
// It never changes, so it can be shared. A nil one replaces nothing.
type redactor struct {
	replacer *strings.Replacer
	plain    []string // the secrets themselves
	longest  int      // bytes of the longest form of a secret
}

func newRedactor(secrets map[string]bool) *redactor {
	forms := map[string]bool{}
	for s := range secrets {
		for _, form := range formsOf(s) {
			forms[form] = true
		}
	}
	delete(forms, "")
	if len(forms) == 0 {
		return nil
	}
	// The longest first: one may hold another.
	sorted := slices.SortedFunc(maps.Keys(forms), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	pairs := make([]string, 0, 2*len(sorted))
	for _, form := range sorted {
		pairs = append(pairs, form, hidden)
	}
	return &redactor{strings.NewReplacer(pairs...), slices.Collect(maps.Keys(secrets)), len(sorted[0])}
}

// formsOf is a secret as it may come back: plain, quoted, line by line (text comes in lines), in base64, and in the
// bytes and the misreadings of every code page.
func formsOf(secret string) []string {
	forms := append([]string{secret}, quotedForms(secret)...)
	forms = append(forms, base64Forms([]byte(secret))...)
	if lines := strings.Split(secret, "\n"); len(lines) > 1 {
		for _, line := range lines {
			if line = strings.TrimRight(line, "\r"); len(line) >= 6 { // shorter ones, say "{", would blot out the rest
				forms = append(forms, line)
			}
		}
	}
	wide := utf16Bytes(secret)
	forms = append(forms, string(wide))
	forms = append(forms, base64Forms(wide)...) // what powershell -EncodedCommand takes
	if strings.IndexFunc(secret, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
		forms = append(forms, pageForms(secret)...)
	}
	return forms
}

// quotedForms are the secret inside a JSON, PowerShell, XML or URL text. PowerShell 5.1's JSON escapes the apostrophe,
// Go's does not.
func quotedForms(secret string) []string {
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	if err := e.Encode(secret); err != nil {
		plain.Reset()
	}
	inner := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(plain.String()), `"`), `"`)
	windows := strings.NewReplacer("'", `\u0027`, "<", `\u003c`, ">", `\u003e`, "&", `\u0026`).Replace(inner)
	var ascii strings.Builder
	for _, r := range windows {
		if r < utf8.RuneSelf {
			ascii.WriteRune(r)
			continue
		}
		for _, u := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&ascii, `\u%04x`, u)
		}
	}
	escaped, _ := json.Marshal(secret)
	return []string{
		inner, windows, ascii.String(), string(escaped[1 : len(escaped)-1]),
		strings.ReplaceAll(secret, "'", "''"), html.EscapeString(secret),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(secret),
		url.QueryEscape(secret), url.PathEscape(secret),
	}
}

// pageForms are the bytes that a native program writes for a secret, in every code page, and what a reader makes of
// them who takes them for another one: PowerShell decodes native output by the console's page before we see it.
func pageForms(secret string) []string {
	written := []string{secret}
	for _, enc := range encodings {
		written = append(written, encodeIn(enc, secret))
	}
	forms := written
	for _, bytes := range written {
		forms = append(forms, strings.ToValidUTF8(bytes, string(utf8.RuneError)))
		for _, enc := range encodings {
			if read, err := enc.NewDecoder().String(bytes); err == nil {
				forms = append(forms, read)
			}
		}
	}
	// A page that lacks every letter of a short secret leaves "??", which is everywhere and tells nothing.
	return slices.DeleteFunc(forms, func(form string) bool {
		return strings.Trim(form, "?"+string(utf8.RuneError)) == ""
	})
}

// base64Forms is the secret's base64, and what is sure to be in the base64 of a longer text that holds the secret:
// that depends on whether 0, 1 or 2 bytes modulo 3 stand in front of it.
func base64Forms(b []byte) []string {
	forms := []string{base64.RawStdEncoding.EncodeToString(b)} // without "=": it matches with and without
	if len(b) < 8 {
		return forms // three or four characters of base64 would match by chance
	}
	for lead := range 3 {
		text := base64.RawStdEncoding.EncodeToString(append(make([]byte, lead), b...))
		whole := (lead + len(b)) / 3 * 4
		forms = append(forms, text[(lead*8+5)/6:whole])
	}
	return forms
}

func utf16Bytes(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

func (r *redactor) text(s string) string {
	if r == nil {
		return s
	}
	return r.replacer.Replace(s)
}

// cutAt are the lengths, in UTF-16 units, at which host.ps1 cuts a target and a value.
var cutAt = []int{1024, 4096}

// shortestPart is how much of a secret's beginning is worth hiding.
const shortestPart = 4

// value is text for a string of a frame. Where host.ps1 has cut it, the beginning of a secret at its end goes too.
func (r *redactor) value(s string) string {
	if r == nil {
		return s
	}
	if slices.Contains(cutAt, units(s)) {
		s = r.withoutBeginning(s)
	}
	return r.text(s)
}

func (r *redactor) withoutBeginning(s string) string {
	for _, secret := range r.plain {
		for n := min(len(secret), len(s)); n >= shortestPart; n-- {
			if strings.HasSuffix(s, secret[:n]) {
				s = s[:len(s)-n] + hidden
				break
			}
		}
	}
	return s
}

// units is the length of s as .NET counts it.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// line is the text of a line of bytes. The secrets go before the bytes are decoded, and again afterwards. Where the
// end of the line is missing, what may be the beginning of a secret goes with it.
func (r *redactor) line(b []byte, cut bool, page codePage) string {
	if r == nil {
		return page.decode(b)
	}
	s := r.text(string(b))
	if cut {
		s = s[:max(0, len(s)-r.longest+1)]
	}
	return r.text(page.decode([]byte(s)))
}

// json replaces in keys and strings, after their escapes have been undone.
func (r *redactor) json(raw json.RawMessage) (json.RawMessage, error) {
	if r == nil {
		return raw, nil
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // a float64 would round a long id
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(eachString(v, r.text, r.value))
}

// eachString copies a decoded JSON value, its keys and its strings changed.
func eachString(v any, key, value func(string) string) any {
	switch v := v.(type) {
	case string:
		return value(v)
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = eachString(item, key, value)
		}
		return list
	case map[string]any:
		table := make(map[string]any, len(v))
		for k, item := range v {
			table[key(k)] = eachString(item, key, value)
		}
		return table
	}
	return v
}
