package rehearsal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"exorunner/internal/files"
)

// marker is the first thing in every state file, for whoever opens one.
const marker = "REHEARSAL: a modelled machine, not a real one"

// A state is a machine's file in the state folder.
type state struct {
	Rehearsal string `json:"rehearsal"`
	Name      string `json:"name"`
	Format    int    `json:"format"`
	Machine   model  `json:"machine"`
}

const stateFormat = 1

func statePath(dir, machine string) string { return filepath.Join(dir, machine+".json") }

// load returns a machine as it was left, or as its file describes it. It writes nothing.
func load(dir, machine string) (definition, error) {
	d, err := define(machine)
	if err != nil || dir == "" {
		return d, err
	}
	path := statePath(dir, machine)
	text, err := files.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return d, nil
	case err != nil:
		return d, fmt.Errorf("state of rehearsal %s: %w", machine, err)
	}
	var s state
	if err := strict(text, &s); err != nil {
		return d, corrupt(path, machine, err)
	}
	if s.Rehearsal != marker || s.Name != machine || s.Format != stateFormat {
		return d, corrupt(path, machine, errors.New("not the state of this machine"))
	}
	d.Model = s.Machine
	return d, nil
}

func corrupt(path, machine string, err error) error {
	return fmt.Errorf("%s: cannot be read as a rehearsal's state; begin anew with \"exorunner rehearsal reset %s\": %w", path, machine, err)
}

// strict decodes exactly one JSON value, without fields that nobody knows.
func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows its end")
	}
	return nil
}

// save replaces a machine's file as a whole: whoever reads sees the old state or the new one, also after a power cut.
func save(dir, machine string, m model) error {
	if dir == "" {
		return nil
	}
	text, err := json.MarshalIndent(state{Rehearsal: marker, Name: machine, Format: stateFormat, Machine: m}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	// One name for all time: what a killed process left is written over.
	temp, err := os.Create(statePath(dir, machine) + ".tmp")
	if err != nil {
		return err
	}
	_, err = temp.Write(append(text, '\n'))
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	if err := files.Replace(context.Background(), temp.Name(), statePath(dir, machine)); err != nil {
		return err
	}
	return syncFolder(dir)
}

// syncFolder makes a rename durable. A folder cannot be opened for that on Windows, and need not be.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Reset forgets what was done to a machine, also where its state cannot be read. Nothing to forget is no error.
func Reset(dir, machine string) error {
	if _, err := define(machine); err != nil {
		return err
	}
	if err := os.Remove(statePath(dir, machine)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reset of rehearsal %s: %w", machine, err)
	}
	return nil
}

// Deliver lets everything arrive at once that a machine still waits for, and says how many things that were. The time
// that it would have taken is what a rehearsal has not got.
func Deliver(dir, machine string, now time.Time) (int, error) {
	d, err := load(dir, machine)
	if err != nil {
		return 0, err
	}
	n := d.Model.arrive(now.UTC(), true)
	if n == 0 {
		return 0, nil
	}
	if err := save(dir, machine, d.Model); err != nil {
		return 0, fmt.Errorf("state of rehearsal %s: %w", machine, err)
	}
	return n, nil
}

// Show writes a machine's state as JSON. Its secrets are no part of that.
func Show(w io.Writer, dir, machine string) error {
	d, err := load(dir, machine)
	if err != nil {
		return err
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(state{Rehearsal: marker, Name: machine, Format: stateFormat, Machine: d.Model})
}
