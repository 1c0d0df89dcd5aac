// Package notes keeps what cannot be asked of a machine: who acknowledged a notice, which scripts have run. It is one
// small JSON file, replaced as a whole.
package notes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gofrs/flock"

	"exorunner/internal/action"
	"exorunner/internal/files"
)

// A Book is the notes of one machine.
type Book struct {
	// Path of the file. It is made with the first note.
	Path string
	// Mark is put into the file, where a person who opens it sees it: that it is of a rehearsal.
	Mark string
	// ReadOnly refuses Keep: a plan writes nothing.
	ReadOnly bool
}

var _ action.Notes = Book{}

type content struct {
	Mark  string                 `json:"mark,omitempty"`
	Notes map[string]action.Note `json:"notes"`
}

func (b Book) read() (content, error) {
	c := content{Mark: b.Mark, Notes: map[string]action.Note{}}
	raw, err := files.Read(b.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("%s: damaged: %w: move it away, then acknowledge again", b.Path, err)
	}
	if c.Notes == nil {
		c.Notes = map[string]action.Note{}
	}
	return c, nil
}

// Note implements action.Notes.
func (b Book) Note(id string) (action.Note, bool, error) {
	c, err := b.read()
	n, ok := c.Notes[id]
	return n, ok, err
}

// ids are what a notice and a script that runs once are kept by.
var ids = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,99}$`)

// maxName is far above any name.
const maxName = 200

// unfit says why a note cannot be kept; "" if it can. What somebody calls himself is printed in one line with the task.
func unfit(id string, n action.Note) string {
	switch {
	case !ids.MatchString(id):
		return "no id: small letters, digits and hyphens, as the playbook has it"
	case len(n.By) > maxName:
		return fmt.Sprintf("a name of more than %d bytes", maxName)
	case !utf8.ValidString(n.By) || strings.ContainsFunc(n.By, breaks):
		return fmt.Sprintf("%q is no name: one line of text", n.By)
	}
	return ""
}

// breaks: a line's end, or what makes a terminal show something else than is written.
func breaks(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// Keep implements action.Notes. The note is on disk when it returns.
func (b Book) Keep(id string, n action.Note) error {
	if b.ReadOnly {
		return fmt.Errorf("note %s: nothing is written here", id)
	}
	if why := unfit(id, n); why != "" {
		return fmt.Errorf("note %.100q: %s", id, why)
	}
	free, err := b.alone()
	if err != nil {
		return fmt.Errorf("note %s: %w", id, err)
	}
	defer free()
	c, err := b.read()
	if err != nil {
		return err
	}
	c.Notes[id] = n
	raw, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return b.replace(append(raw, '\n'))
}

// patience is far longer than anybody holds the file.
const patience = 10 * time.Second

// alone keeps others from writing between our reading and our writing: a person acknowledges while a run goes on. The
// lock's file stays; to remove it would let two others hold it at once.
func (b Book) alone() (free func(), err error) {
	if err := os.MkdirAll(filepath.Dir(b.Path), 0o700); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	lock := flock.New(b.Path + ".lock")
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return nil, fmt.Errorf("%s.lock: %w", b.Path, err)
	}
	return func() { _ = lock.Unlock() }, nil
}

func (b Book) replace(raw []byte) error {
	f, err := os.CreateTemp(filepath.Dir(b.Path), filepath.Base(b.Path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already where all went well
	_, err = f.Write(raw)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return files.Replace(context.Background(), f.Name(), b.Path)
}
