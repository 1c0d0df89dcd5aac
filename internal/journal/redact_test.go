package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

const marker = `Tr0ub4"dor\&3`

// The marker has characters that JSON writes differently. No byte of it may be in any file of the folder.
func TestASecretIsInNoByteOfAnyFile(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir, Options{Redact: func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(marker), []byte("***")) }})
	r := sampleRun("r1")
	r.Account, r.Playbook = "user "+marker, marker
	ok(t, j.BeginRun(r))
	ok(t, j.StartTask("r1", Task{Index: 1, Name: marker, Action: "x", Started: begun}))
	ok(t, j.AddAttempt("r1", 1, Attempt{Attempt: 1, Error: "said " + marker}))
	ok(t, j.FinishTask("r1", Task{Index: 1, Summary: marker, Error: marker}))
	event, err := json.Marshal(map[string]any{"message": "before " + marker + " after", marker: []string{marker}, "n": 1.50})
	ok(t, err)
	ok(t, j.Append("r1", event))
	ok(t, j.Note("r1", event))
	e, err := j.AddEvidence(Evidence{Run: "r1", Task: marker, Time: begun, Data: event})
	ok(t, err)
	ok(t, j.PutSchedule(marker, marker, begun, begun))
	ok(t, j.Skip(Key{marker, begun, 1}, begun, begun, marker, begun))
	ok(t, second(j.Enqueue(Notification{Key: marker, Kind: "mail", Body: marker, Created: begun, Due: begun})))
	ok(t, j.SignInFailed(marker, begun))
	ok(t, j.EndRun("r1", begun, 0, map[string]int{marker: 1}))
	if !json.Valid(e.Data) || !bytes.Contains(e.Data, []byte(`"before *** after"`)) || !bytes.Contains(e.Data, []byte(`"n":1.5`)) {
		t.Errorf("evidence: got %s", e.Data)
	}
	if c, err := j.VerifyChain(context.Background()); err != nil || len(c.Breaks) != 0 {
		t.Errorf("chain: got %+v, %v, want it whole", c, err)
	}
	quoted, _ := json.Marshal(marker)
	for range 2 { // with the log, and after Close without
		files, _ := os.ReadDir(dir)
		for _, f := range files {
			content, err := os.ReadFile(filepath.Join(dir, f.Name()))
			ok(t, err)
			for _, form := range [][]byte{[]byte(marker), bytes.Trim(quoted, `"`)} {
				if bytes.Contains(content, form) {
					t.Errorf("%s has the secret in it", f.Name())
				}
			}
		}
		ok(t, j.Close())
	}
}

func FuzzRedactJSON(f *testing.F) {
	f.Add(`{"a":"x\u0053ecretx","b":["Secret\n"]}`, "Secret")
	f.Add(`"a\"b"`, `a"b`)
	f.Add(`[1,2]`, `1,2`)
	f.Fuzz(func(t *testing.T, text, secret string) {
		if !json.Valid([]byte(text)) || secret == "" || !utf8.ValidString(text+secret) {
			t.Skip()
		}
		redact := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(secret), []byte("\u2022")) }
		out := redactJSON(redact, jsonText(text))
		if !json.Valid([]byte(out)) {
			t.Fatalf("%q without %q: got %q, want JSON", text, secret, out)
		}
		var strs []string
		collectStrings(t, out, &strs)
		for _, s := range strs {
			if strings.Contains(s, secret) && !strings.Contains("\u2022", secret) {
				t.Fatalf("%q without %q: got %q, which still means it", text, secret, out)
			}
		}
	})
}

func collectStrings(t *testing.T, text string, into *[]string) {
	d := json.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if err != nil {
			return
		}
		if s, ok := token.(string); ok {
			*into = append(*into, s)
		}
	}
}
