package pwsh

import (
	"encoding/json"
	"strings"
	"testing"

	"exorunner/internal/host"
)

// values are the JSON that a frame of the fuzzer can hold, whole or in halves.
var values = []string{
	`{"v":42}`, `{"v":"text"}`, `{"v":null}`, `{"v":{"ok":true,"exit":null}}`, `{"v":{"ok":false,"exit":7}}`,
	`{"v":{"id":"X","message":"m"}}`, `{"v":`, `"text"}`, `{}`, `[`, "", "{\"v\":\"\xff\"}", `{"v":"Password"}`,
}

// framesOf makes frames of bytes: mostly in sequence, sometimes not.
func framesOf(b []byte) []frame {
	var all []frame
	for seq := 1; len(b) >= 4; seq++ {
		f := frame{id: 1, seq: seq, part: 1, parts: 1, kind: "other", data: []byte(values[int(b[3])%len(values)])}
		if b[0]%16 == 0 {
			f.id = int(b[0]) / 64
		}
		if b[0]%16 == 1 {
			f.seq++
		}
		if b[1]%4 == 0 {
			f.parts = 1 + int(b[1])/64
			f.part = 1 + int(b[1])/16%4
		}
		if k := int(b[2]) % (len(kinds) + 1); k < len(kinds) {
			f.kind = kinds[k]
		}
		all = append(all, f)
		b = b[4:]
	}
	return all
}

// A call is good only if its last frame said so; nothing that was handed on is anything but JSON; a secret is asked
// for once.
func FuzzExchange(f *testing.F) {
	f.Add([]byte{2, 1, 0, 0, 2, 1, 8, 3})
	f.Add([]byte{2, 1, 6, 12, 2, 1, 0, 0, 2, 1, 8, 3})
	f.Add([]byte{0, 1, 7, 5, 0, 1, 8, 4})
	f.Add([]byte{2, 64, 0, 6, 2, 80, 0, 7, 2, 1, 8, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		x := newExchange(1, []string{"Password"}, newRedactor(map[string]bool{"hush": true}), codePage{})
		var last frame
		asked, ended := 0, false
		for _, fr := range framesOf(b) {
			if ended {
				if x.accept(fr) == nil {
					t.Fatal("a frame after the last one was taken")
				}
				return
			}
			if x.err = x.accept(fr); x.err != nil {
				break
			}
			last = fr
			for len(x.items) > 0 {
				it := <-x.items
				if it.need != "" {
					asked++
				}
				if it.Value != nil && !json.Valid(it.Value) {
					t.Fatalf("handed on %q", it.Value)
				}
			}
			ended = x.done != nil
		}
		err := x.outcome()
		if good := last.kind == "done" && strings.Contains(string(last.data), `"ok":true`); err == nil && !(good && x.failure == nil && x.err == nil) {
			t.Fatalf("no error after %+v", last)
		}
		if asked > 1 || asked == 0 && len(x.needs) == 0 {
			t.Fatalf("the secret was asked for %d times", asked)
		}
		if host.As(err) == nil && err != nil && !strings.HasPrefix(err.Error(), "unreachable: ") {
			t.Fatalf("got %v; want a host.Error or unreachable", err)
		}
	})
}

// A secret that is a word of the wire hides what it must and breaks nothing.
func TestASecretThatIsAWordOfTheWire(t *testing.T) {
	for _, secret := range []string{"ok", "exit", "Password", "id", "v", "true"} {
		x := newExchange(1, []string{"Password"}, newRedactor(map[string]bool{secret: true}), codePage{})
		for i, f := range []frame{
			{kind: "need", data: []byte(`{"v":"Password"}`)},
			{kind: "error", data: []byte(`{"v":{"id":"X","message":"it is ` + secret + `"}}`)},
			{kind: "done", data: []byte(`{"v":{"ok":true,"exit":3}}`)},
		} {
			f.id, f.seq, f.part, f.parts = 1, i+1, 1, 1
			if err := x.accept(f); err != nil {
				t.Fatalf("%q: %v", secret, err)
			}
		}
		need, finding, exit := <-x.items, <-x.items, <-x.items
		if need.need != "Password" || finding.Error.Message != "it "+strings.ReplaceAll("is", secret, hidden)+" "+hidden || string(exit.Value) != "3" {
			t.Errorf("%q: got %q, %q, %s", secret, need.need, finding.Error.Message, exit.Value)
		}
		if err := x.outcome(); err != nil {
			t.Errorf("%q: got %v, want no error", secret, err)
		}
	}
}
