package notice_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/action"
	"exorunner/internal/action/notice"
	"exorunner/internal/notes"
)

func board(n action.Notes) *notice.Notice {
	p := notice.New(action.Deps{Notes: n}).(*notice.Notice)
	p.ID, p.Text = "change-board", "tell the change board"
	return p
}

func TestValidate(t *testing.T) {
	for id, ok := range map[string]bool{
		"a": true, "change-board-2": true, strings.Repeat("a", 63): true,
		"": false, "-a": false, "Board": false, "a b": false, "a/b": false, "ä": false, "a\n": false, strings.Repeat("a", 64): false,
	} {
		p := board(nil)
		p.ID = id
		if got := p.Validate(); (len(got) == 0) != ok || !ok && got[0].Field != "id" {
			t.Errorf("id %q: problems %q, want it accepted: %v", id, got, ok)
		}
	}
}

func TestWaitsUntilItIsAcknowledged(t *testing.T) {
	book := notes.Book{Path: filepath.Join(t.TempDir(), "notes.json")}
	p := board(notes.Book{Path: book.Path, ReadOnly: true})
	want := action.Finding{State: action.Waiting, Summary: "tell the change board", Remedy: "when it is done: exorunner ack change-board --by NAME"}
	f, err := p.Check(t.Context(), nil)
	if diff := cmp.Diff(want, f); err != nil || diff != "" {
		t.Errorf("before: %v, want(-) got(+):\n%s", err, diff)
	}
	tokyo := time.FixedZone("", 9*60*60)
	if err := book.Keep("change-board", action.Note{By: "ann", At: time.Date(2026, 1, 1, 9, 0, 0, 0, tokyo)}); err != nil {
		t.Fatal(err)
	}
	f, err = p.Check(t.Context(), nil)
	want = action.Finding{Summary: "acknowledged by ann on 2026-01-01T00:00:00Z"}
	if diff := cmp.Diff(want, f); err != nil || diff != "" {
		t.Errorf("afterwards: %v, want(-) got(+):\n%s", err, diff)
	}
	if _, err := p.Apply(t.Context(), nil); err == nil {
		t.Error("apply: no error, want that only a person can do it")
	}
}
