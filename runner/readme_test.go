package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"exorunner/internal/action"
	"exorunner/internal/catalog"
	"exorunner/internal/exr"
	"exorunner/internal/playbook"
)

const readme = "../README.md"

// filled puts a text between two marks of the README.
func filled(text, mark, body string) string {
	begin, end := "<!-- "+mark+" -->\n", "<!-- /"+mark+" -->"
	i, j := strings.Index(text, begin), strings.Index(text, end)
	if i < 0 || j < i {
		return text
	}
	return text[:i+len(begin)] + body + text[j:]
}

// The parts of the README that the program can write itself are what it writes: go test ./runner -run README -update.
func TestREADMEIsWhatTheProgramSays(t *testing.T) {
	raw, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	text = filled(text, "session", session(t))
	text = filled(text, "commands", commands())
	text = filled(text, "status", "```text\n"+strings.TrimSpace(strings.TrimPrefix(exitHelp, "\nExit status:\n"))+"\n```\n")
	if *update {
		if err := os.WriteFile(readme, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if text != string(raw) {
		t.Errorf("README.md is not what the program says: go test ./runner -run README -update")
	}
}

func session(t *testing.T) string {
	var out bytes.Buffer
	state := t.TempDir()
	show := func(line string, keep func(string) bool, args ...string) {
		fmt.Fprintf(&out, "$ %s\n", line)
		var said bytes.Buffer
		execute(append(args, "--state", state), &said, &said)
		for _, l := range strings.Split(strings.TrimRight(fixed(said.String()), "\n"), "\n") {
			if keep(l) {
				out.WriteString(l + "\n")
			}
		}
	}
	all := func(string) bool { return true }
	show("exorunner apply --host rehearsal", all, "apply", "--host", "rehearsal")
	show("exorunner verify verify-exo-v3 --host rehearsal | tail -n 2", func(l string) bool {
		return strings.HasPrefix(l, "REHEARSAL   verify") || strings.HasPrefix(l, "reached")
	}, "verify", "verify-exo-v3", "--host", "rehearsal")
	return "```text\n" + out.String() + "```\n"
}

// fixed takes out what differs from run to run.
func fixed(text string) string {
	text = runIDs.ReplaceAllString(text, "20261123T010203Z-0a1b2c3d")
	text = times.ReplaceAllStringFunc(text, func(s string) string {
		if strings.Contains(s, "T") {
			return "2026-11-23T01:02:03Z"
		}
		return "2026-11-23 01:02:03Z"
	})
	return hashes.ReplaceAllString(text, "5b1c0e3a...9f02")
}

func commands() string {
	var out strings.Builder
	out.WriteString("| command | does |\n|---|---|\n")
	var list func(c *cobra.Command)
	list = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if sub.Hidden || sub.Name() == "help" || sub.Name() == "completion" {
				continue
			}
			if sub.HasSubCommands() && !sub.Runnable() {
				list(sub)
				continue
			}
			fmt.Fprintf(&out, "| `%s` | %s |\n", strings.ReplaceAll(strings.TrimSuffix(sub.UseLine(), " [flags]"), "|", "\\|"), sub.Short)
		}
	}
	list(newRoot(nil, nil))
	return out.String()
}

var blocks = regexp.MustCompile("(?ms)^( *)```(\\w+)\n(.*?)^ *```")

// Every YAML block is a playbook, a vars file of the shipped upgrade or a site's configuration, and is read as one.
func TestREADMEBlocksAreRead(t *testing.T) {
	raw, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, m := range blocks.FindAllStringSubmatch(string(raw), -1) {
		body := strings.ReplaceAll("\n"+m[3], "\n"+m[1], "\n")[1:]
		if m[2] != "yaml" {
			continue
		}
		seen++
		file := playbook.File{Name: "README.md", Data: []byte(body)}
		opt := playbook.Options{Kinds: catalog.ForPlaybook(action.Deps{}), Facts: exr.Facts{}, Run: runInfo{}, AllowMissing: true, Open: openImport}
		var top map[string]any
		if err := yaml.Unmarshal([]byte(body), &top); err != nil {
			t.Errorf("%v\n%s", err, body)
			continue
		}
		switch {
		case top["playbook"] != nil:
			_, err = playbook.Load(file, opt)
		case top["schedules"] != nil:
			err = readSite(t, body)
		default: // a vars file
			shipped, _ := openPlaybook("upgrade-exo-v3")
			opt.VarsFiles, opt.AllowMissing = []playbook.File{file}, false
			_, err = playbook.Load(shipped, opt)
		}
		if err != nil {
			t.Errorf("%v\n%s", err, body)
		}
	}
	if seen < 2 {
		t.Errorf("%d YAML blocks, want at least 2", seen)
	}
}

// readSite validates a site's configuration as a user would.
func readSite(t *testing.T, body string) error {
	path := filepath.Join(t.TempDir(), "exorunner.yaml")
	if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
		return err
	}
	var said bytes.Buffer
	if status := execute([]string{"validate", path}, &said, &said); status != 0 {
		return fmt.Errorf("status %d: %s", status, said.String())
	}
	return nil
}

var spans = regexp.MustCompile("`(exorunner [^`]+)`")

// Every command line in the text names a command and flags that exist.
func TestREADMECommandsExist(t *testing.T) {
	raw, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	found := spans.FindAllStringSubmatch(string(raw), -1)
	if len(found) == 0 {
		t.Fatal("no command in the README")
	}
	for _, m := range found {
		root := newRoot(&bytes.Buffer{}, &bytes.Buffer{})
		words := strings.Fields(strings.NewReplacer("[", "", "]", "", "\\|", "|").Replace(m[1]))[1:]
		c, rest, err := root.Find(words)
		if err != nil || c == root {
			t.Errorf("%s: %v", m[1], err)
			continue
		}
		for _, word := range rest {
			name, ok := strings.CutPrefix(word, "--")
			name, _, _ = strings.Cut(name, "=")
			if ok && c.Flag(name) == nil && root.PersistentFlags().Lookup(name) == nil {
				t.Errorf("%s: no flag --%s", m[1], name)
			}
		}
	}
}

// The first of the two commands, as it stands, by way of the program's own entry.
func TestREADMEFirstCommand(t *testing.T) {
	raw, _ := os.ReadFile(readme)
	if !strings.Contains(string(raw), "$ go run ./runner apply --host rehearsal\n$ go test ./...\n") {
		t.Fatal("the two commands are not there")
	}
	var out bytes.Buffer
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_STATE_HOME", "")
	if status := execute([]string{"apply", "--host", "rehearsal", "--state", t.TempDir()}, &out, &out); status != 0 || !strings.Contains(out.String(), "reached     migrated") {
		t.Errorf("status %d:\n%s", status, out.String())
	}
}
