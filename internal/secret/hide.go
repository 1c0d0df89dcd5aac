package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"sort"
	"strings"
)

// Hidden stands where a secret stood.
const Hidden = "[secret]"

// replacer knows the forms in which a secret may show. The longest come first: one may hold another.
func replacer(secrets map[string]bool) *strings.Replacer {
	forms := map[string]bool{}
	for s := range secrets {
		for _, f := range formsOf(s) {
			if f != "" {
				forms[f] = true
			}
		}
	}
	sorted := make([]string, 0, len(forms))
	for f := range forms {
		sorted = append(sorted, f)
	}
	sort.Slice(sorted, func(i, j int) bool {
		return len(sorted[i]) > len(sorted[j]) || len(sorted[i]) == len(sorted[j]) && sorted[i] < sorted[j]
	})
	pairs := make([]string, 0, 2*len(sorted))
	for _, f := range sorted {
		pairs = append(pairs, f, Hidden)
	}
	return strings.NewReplacer(pairs...)
}

// formsOf is a secret, and each line of one that has several: plain, in JSON, in JSON inside of JSON. Its base64 too.
func formsOf(secret string) []string {
	forms := append(written(secret), base64.RawStdEncoding.EncodeToString([]byte(secret)))
	for _, line := range strings.Split(secret, "\n") {
		if line = strings.TrimRight(line, "\r"); len(line) >= 6 { // a shorter one, say "{", would blot out the rest
			forms = append(forms, written(line)...)
		}
	}
	return forms
}

// written is a text plain and as JSON writers put it: encoding/json escapes < > & unless it is told not to, and the
// printers tell it.
func written(text string) []string {
	forms := []string{text}
	for _, html := range []bool{false, true} {
		once := inJSON(text, html)
		forms = append(forms, once, inJSON(once, false), inJSON(once, true))
	}
	return forms
}

func inJSON(text string, html bool) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(html)
	if err := e.Encode(text); err != nil {
		return text
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(out.String(), "\n"), `"`), `"`)
}
