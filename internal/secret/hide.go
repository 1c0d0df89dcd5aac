package secret

import (
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

func formsOf(secret string) []string {
	escaped, _ := json.Marshal(secret)
	inJSON := string(escaped[1 : len(escaped)-1])
	twice, _ := json.Marshal(inJSON)
	forms := []string{secret, inJSON, string(twice[1 : len(twice)-1]), base64.RawStdEncoding.EncodeToString([]byte(secret))}
	for _, line := range strings.Split(secret, "\n") {
		if line = strings.TrimRight(line, "\r"); len(line) >= 6 { // a shorter one, say "{", would blot out the rest
			forms = append(forms, line)
		}
	}
	return forms
}
