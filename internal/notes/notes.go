// Package notes keeps what cannot be asked of a machine: who acknowledged a notice, which scripts have run. It is one
// small JSON file, replaced as a whole.
package notes

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"exorunner/internal/action"
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
	raw, err := os.ReadFile(b.Path)
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

// Keep implements action.Notes. The note is on disk when it returns.
func (b Book) Keep(id string, n action.Note) error {
	if b.ReadOnly {
		return fmt.Errorf("note %s: nothing is written here", id)
	}
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

func (b Book) replace(raw []byte) error {
	dir := filepath.Dir(b.Path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(b.Path)+".*")
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
	return os.Rename(f.Name(), b.Path)
}
