package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"exorunner/internal/action"
	"exorunner/internal/catalog"
	"exorunner/internal/engine"
	"exorunner/internal/exr"
	"exorunner/internal/playbook"
	"exorunner/playbooks"
)

// rehearsed is the playbook of a rehearsal that names none.
const rehearsed = "upgrade-exo-v3"

func playbookName(spec string, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	if spec == rehearsalName || strings.HasPrefix(spec, rehearsalName+":") {
		return rehearsed, nil
	}
	return "", hinted(usage("which playbook? a real machine wants its name"), "one of %s, or the path of a file", strings.Join(playbooks.Names(), ", "))
}

// load reads a playbook with the variables of the command line.
func (a *app) load(name string, o *runOptions, machine map[string]any, deps action.Deps) (*playbook.Playbook, error) {
	return a.loadWith(name, o, playbook.Options{
		Sets: o.sets, Base: machine, Kinds: catalog.ForPlaybook(deps), Facts: exr.Facts{}, Run: runInfo{}, Open: openImport,
	})
}

func (a *app) loadWith(name string, o *runOptions, opt playbook.Options) (*playbook.Playbook, error) {
	file, err := openPlaybook(name)
	if err != nil {
		return nil, err
	}
	for _, path := range o.files {
		f, err := readLimited(path)
		if err != nil {
			return nil, fail(engine.StatusUsage, fmt.Errorf("--vars %w", err))
		}
		opt.VarsFiles = append(opt.VarsFiles, f)
	}
	opt.Given, opt.Elsewhere = o.given, shippedVariable
	book, err := playbook.Load(file, opt)
	if err != nil {
		return nil, fail(engine.StatusUsage, err)
	}
	return book, nil
}

// shippedVariable: one file of a site's variables serves all shipped playbooks, which do not all want the same.
func shippedVariable(name string) bool {
	for _, book := range playbooks.Names() {
		text, _ := playbooks.Get(book)
		if slices.Contains(playbook.Variables(playbook.File{Name: book, Data: text}), name) {
			return true
		}
	}
	return false
}

// openPlaybook takes a path where one is meant, or the name of a shipped playbook.
func openPlaybook(name string) (playbook.File, error) {
	if looksLikePath(name) {
		f, err := readLimited(name)
		if err != nil {
			return f, fail(engine.StatusUsage, err)
		}
		return f, nil
	}
	text, ok := playbooks.Get(name)
	if !ok {
		return playbook.File{}, hinted(usage("no shipped playbook is called %q", name), "shipped are %s; a file is named by a path such as .%c%s.yaml",
			strings.Join(playbooks.Names(), ", "), filepath.Separator, name)
	}
	return playbook.File{Name: name + ".yaml", Data: text}, nil
}

func looksLikePath(name string) bool {
	return strings.ContainsAny(name, `/\`) || strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// openImport resolves import: a path is relative to the file that imports.
func openImport(from, name string) (playbook.File, error) {
	if !looksLikePath(name) {
		return openPlaybook(name)
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(from), name)
	}
	return readLimited(name)
}

// readLimited reads no more than the reader of playbooks would take, and a byte, so that it can say so.
func readLimited(path string) (playbook.File, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // a pipe would be waited for
		return playbook.File{}, fmt.Errorf("%s: not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			return playbook.File{}, fmt.Errorf("%s: %w", path, p.Err)
		}
		return playbook.File{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, playbook.MaxBytes+1))
	if err != nil {
		return playbook.File{}, fmt.Errorf("%s: %w", path, err)
	}
	return playbook.File{Name: path, Data: fromUTF16(data)}, nil
}

// fromUTF16 reads what Windows PowerShell's > has written: UTF-16 with a mark at its beginning. What is no such text stays
// as it is, to be refused with its place.
func fromUTF16(data []byte) []byte {
	if len(data)%2 != 0 || !bytes.HasPrefix(data, []byte{0xff, 0xfe}) {
		return data
	}
	units := make([]uint16, 0, len(data)/2)
	for i := 2; i < len(data); i += 2 {
		units = append(units, binary.LittleEndian.Uint16(data[i:]))
	}
	text := string(utf16.Decode(units))
	if strings.ContainsRune(text, utf8.RuneError) { // half a character
		return data
	}
	return []byte(text)
}

func asErrors(err error) (playbook.Errors, bool) {
	var errs playbook.Errors
	ok := errors.As(err, &errs)
	return errs, ok
}
