package notes_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/action"
	"exorunner/internal/notes"
)

var ann = action.Note{By: "ann", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Text: "done <b>"}

func book(t *testing.T) notes.Book {
	return notes.Book{Path: filepath.Join(t.TempDir(), "deep", "notes.json")}
}

func TestANoteIsKept(t *testing.T) {
	b := book(t)
	if n, ok, err := b.Note("a"); err != nil || ok || n != (action.Note{}) {
		t.Errorf("before there is a file: %v, %v, %v; want none", n, ok, err)
	}
	if _, err := os.Stat(filepath.Dir(b.Path)); !os.IsNotExist(err) {
		t.Errorf("reading made the folder: %v", err)
	}
	second := action.Note{By: "bob", At: ann.At.Add(time.Hour)}
	for id, n := range map[string]action.Note{"a": ann, "b": second} {
		if err := b.Keep(id, n); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Keep("a", second); err != nil { // the later one counts
		t.Fatal(err)
	}
	for id, want := range map[string]action.Note{"a": second, "b": second} {
		got, ok, err := b.Note(id)
		if diff := cmp.Diff(want, got); err != nil || !ok || diff != "" {
			t.Errorf("%s: %v, %v, want(-) got(+):\n%s", id, ok, err, diff)
		}
	}
}

func TestAPlanWritesNothing(t *testing.T) {
	b := book(t)
	b.ReadOnly = true
	if err := b.Keep("a", ann); err == nil || err.Error() != "note a: nothing is written here" {
		t.Errorf("%v, want that nothing is written here", err)
	}
	if _, err := os.Stat(filepath.Dir(b.Path)); !os.IsNotExist(err) {
		t.Errorf("it made something: %v", err)
	}
}

func TestARehearsalIsMarked(t *testing.T) {
	b := book(t)
	b.Mark = "REHEARSAL"
	if err := b.Keep("a", ann); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(b.Path)
	if err != nil || !strings.HasPrefix(string(raw), "{\n  \"mark\": \"REHEARSAL\",") {
		t.Errorf("%s, %v; want the mark at the head", raw, err)
	}
}

func TestWhatWouldMisleadAReaderIsRefused(t *testing.T) {
	for about, tt := range map[string]struct {
		id, by string
		want   string // "" is kept
	}{
		"a name":                   {"change-board", "Ann O'Hara <ann@contoso.com>", ""},
		"a Japanese name":          {"change-board", "\u5c71\u7530\u3000\u592a\u90ce", ""},
		"a script's key":           {"script-" + strings.Repeat("0", 64), "exorunner", ""},
		"a path":                   {"../a", "ann", `note "../a": no id: small letters, digits and hyphens, as the playbook has it`},
		"no id":                    {"", "ann", `note "": no id: small letters, digits and hyphens, as the playbook has it`},
		"capitals":                 {"Board", "ann", `note "Board": no id: small letters, digits and hyphens, as the playbook has it`},
		"a second line":            {"a", "ann\nok  b", `note "a": "ann\nok  b" is no name: one line of text`},
		"an escape":                {"a", "\x1b[2Kann", `note "a": "\x1b[2Kann" is no name: one line of text`},
		"a name that turns round":  {"a", "ann\u202e", `note "a": "ann\u202e" is no name: one line of text`},
		"bytes that are no letter": {"a", "\xff", `note "a": "\xff" is no name: one line of text`},
		"a long name":              {"a", strings.Repeat("a", 201), `note "a": a name of more than 200 bytes`},
	} {
		b := book(t)
		err := b.Keep(tt.id, action.Note{By: tt.by, At: ann.At})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
			t.Errorf("%s: %v, want %q", about, err, tt.want)
		}
		if _, kept, _ := b.Note(tt.id); kept != (tt.want == "") {
			t.Errorf("%s: kept is %v", about, kept)
		}
	}
}

func TestADamagedFileIsLeftAsItIs(t *testing.T) {
	for about, content := range map[string]string{"cut off": `{"notes": {"a": {"by"`, "empty": "", "something else": "hello", "a list": "[]", "a list of notes": `{"notes":[]}`} {
		b := book(t)
		if err := os.MkdirAll(filepath.Dir(b.Path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(b.Path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, ok, err := b.Note("a")
		for _, err := range []error{err, b.Keep("b", ann)} {
			if err == nil || ok || !strings.HasPrefix(err.Error(), b.Path+": damaged: ") || !strings.HasSuffix(err.Error(), ": move it away, then acknowledge again") {
				t.Errorf("%s: %v, want it called damaged, and what to do", about, err)
			}
		}
		if raw, err := os.ReadFile(b.Path); err != nil || string(raw) != content {
			t.Errorf("%s: %q, %v; want the file as it was", about, raw, err)
		}
	}
}

func TestAFileWithoutNotesIsFine(t *testing.T) {
	for _, content := range []string{"{}", `{"notes":null}`, "null"} {
		b := book(t)
		if err := os.MkdirAll(filepath.Dir(b.Path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(b.Path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := b.Keep("a", ann); err != nil {
			t.Errorf("%s: %v", content, err)
		}
		if n, ok, err := b.Note("a"); err != nil || !ok || n != ann {
			t.Errorf("%s: %v, %v, %v; want the note", content, n, ok, err)
		}
	}
}

func TestWhatAKillLeftBehindIsNotRead(t *testing.T) {
	b := book(t)
	if err := b.Keep("a", ann); err != nil {
		t.Fatal(err)
	}
	// A kill before the rename leaves the new file beside the old one, cut off anywhere.
	if err := os.WriteFile(b.Path+".123456", []byte(`{"notes": {"a": {"by": "nob`), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, ok, err := b.Note("a"); err != nil || !ok || n != ann {
		t.Errorf("%v, %v, %v; want the old note", n, ok, err)
	}
	if err := b.Keep("b", ann); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

func TestAReaderAlwaysFindsAWholeFile(t *testing.T) {
	b := book(t)
	if err := b.Keep("first", ann); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 50 {
			if err := b.Keep(fmt.Sprint(i), ann); err != nil {
				t.Error(err)
			}
		}
	}()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		if _, ok, err := b.Note("first"); err != nil || !ok {
			t.Fatalf("%v, %v; want the note at any moment", ok, err)
		}
	}
}

func TestTwoWhoWriteAtTheSameTimeLoseNothing(t *testing.T) {
	b := book(t)
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			if err := b.Keep(fmt.Sprint(i), ann); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for i := range 16 {
		if _, ok, err := b.Note(fmt.Sprint(i)); err != nil || !ok {
			t.Errorf("note %d: %v, %v; want it kept", i, ok, err)
		}
	}
	left, err := os.ReadDir(filepath.Dir(b.Path))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		if name := f.Name(); name != "notes.json" && name != "notes.json.lock" {
			t.Errorf("%s was left behind", name)
		}
	}
}
