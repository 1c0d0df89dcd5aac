package journal

import (
	"bytes"
	"encoding/json"
)

// jsonText is a text that has to stay JSON.
type jsonText []byte

// plain went through redaction already, or is a hash: a second time could change what a hash was made of.
type plain string

func redactText(redact func([]byte) []byte, text string) string {
	if redact == nil || text == "" {
		return text
	}
	return string(redact([]byte(text)))
}

// redactJSON runs over the text as it is and over the meaning of each string in it: a secret with a quote in it looks
// different in JSON. What is no longer JSON after that becomes a string.
func redactJSON(redact func([]byte) []byte, text jsonText) string {
	if redact == nil {
		return string(text)
	}
	out := redact(unescaped(redact, text))
	if !json.Valid(out) {
		out, _ = json.Marshal(string(out)) // a string always marshals
	}
	return string(out)
}

// unescaped replaces the string literals whose meaning changes under redact; the others keep their bytes.
func unescaped(redact func([]byte) []byte, text []byte) []byte {
	var out []byte
	for len(text) > 0 {
		start := bytes.IndexByte(text, '"')
		if start < 0 {
			break
		}
		end := start + 1
		for end < len(text) && text[end] != '"' {
			if text[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end+1, len(text))
		literal := text[start:end]
		out = append(out, text[:start]...)
		out = append(out, redactLiteral(redact, literal)...)
		text = text[end:]
	}
	return append(out, text...)
}

func redactLiteral(redact func([]byte) []byte, literal []byte) []byte {
	var meaning string
	if !bytes.ContainsRune(literal, '\\') || json.Unmarshal(literal, &meaning) != nil {
		return literal // what it means is what it looks like, and redact sees that too
	}
	clean := redact([]byte(meaning))
	if string(clean) == meaning {
		return literal
	}
	again, _ := json.Marshal(string(clean)) // a string always marshals
	return again
}
