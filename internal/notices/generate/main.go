// Command generate writes the notices of all modules that exorunner is built from, on Linux and on Windows.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// out is compressed: licences are long and alike.
const out = "notices.txt.gz"

type module struct{ Path, Version, Dir string }

func main() {
	if err := generate(); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

func generate() error {
	modules, err := all()
	if err != nil {
		return err
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "exorunner is built from the Go standard library and %d modules. Their notices follow.\n", len(modules))
	root, err := goRoot()
	if err != nil {
		return err
	}
	if err := section(&text, "Go standard library", root); err != nil {
		return err
	}
	for _, m := range modules {
		if err := section(&text, m.Path+" "+m.Version, m.Dir); err != nil {
			return err
		}
	}
	return write(text.Bytes())
}

// all modules of either platform, by path.
func all() ([]module, error) {
	found := map[string]module{}
	for _, system := range []string{"linux", "windows"} {
		cmd := exec.Command("go", "list", "-deps", "-json=Module", "exorunner/runner")
		cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
		cmd.Stderr = os.Stderr
		raw, err := cmd.Output()
		if err != nil {
			return nil, err
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		for {
			var p struct{ Module *module }
			if err := d.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, err
			}
			if p.Module != nil && p.Module.Path != "exorunner" {
				found[p.Module.Path] = *p.Module
			}
		}
	}
	modules := make([]module, 0, len(found))
	for _, m := range found {
		modules = append(modules, m)
	}
	sort.Slice(modules, func(i, j int) bool { return modules[i].Path < modules[j].Path })
	return modules, nil
}

func goRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	return strings.TrimSpace(string(out)), err
}

var licence = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|unlicense)([.\-].*)?$`)

// section fails for a module without a licence: that has to be looked at by a person.
func section(w *bytes.Buffer, name, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	found := false
	for _, e := range entries {
		if e.IsDir() || !licence.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		found = true
		fmt.Fprintf(w, "\n%s\n%s: %s\n%s\n\n%s\n", strings.Repeat("=", 80), name, e.Name(), strings.Repeat("=", 80), bytes.TrimSpace(text))
	}
	if !found {
		return fmt.Errorf("%s: no licence file", name)
	}
	return nil
}

// write leaves out the time, so that the same modules give the same bytes.
func write(text []byte) error {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(out, packed.Bytes(), 0o644)
}
