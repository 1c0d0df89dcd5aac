package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/tools/txtar"

	"exorunner/internal/pwsh/pwshtest"
)

var update = flag.Bool("update", false, "rewrite the expected text in the scripts")

func TestMain(m *testing.M) {
	pwshtest.Main()
	testscript.Main(m, map[string]func(){"exorunner": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true, UpdateScripts: *update,
		Setup: setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "snapshot": snapshot, "stable": stable, "nowhere": nowhere, "waitfile": waitFile, "waitinstalled": waitInstalled,
		},
	})
}

// setup gives every script a home of its own, and a clean environment.
func setup(env *testscript.Env) error {
	for _, dir := range []string{"home", "tmp", "state"} {
		if err := os.MkdirAll(filepath.Join(env.WorkDir, dir), 0o777); err != nil {
			return err
		}
	}
	env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
	env.Setenv("TMPDIR", filepath.Join(env.WorkDir, "tmp"))
	env.Setenv("STATE", filepath.Join(env.WorkDir, "state"))
	env.Setenv("XDG_STATE_HOME", "")
	env.Setenv("GORACE", "atexit_sleep_ms=0") // every process sleeps a second at its exit otherwise
	return nil
}

// status N COMMAND... runs a command and wants that exit status.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("status %s, want %s", got, args[0])
	}
}

// snapshot FILE DIR... writes names, sizes, modes and contents of everything below the folders.
func snapshot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: snapshot FILE DIR...")
	}
	var out bytes.Buffer
	for _, dir := range args[1:] {
		ts.Check(filepath.WalkDir(ts.MkAbs(dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "%s %v %v\n", path, info.Mode(), info.ModTime().UnixNano())
			if info.Mode().IsRegular() {
				raw, err := os.ReadFile(path)
				fmt.Fprintf(&out, "%x\n", raw)
				return err
			}
			return nil
		}))
	}
	// Outside of what is looked at: the snapshot must not be part of the next one.
	ts.Check(os.WriteFile(filepath.Join(filepath.Dir(ts.Getenv("WORK")), filepath.Base(ts.Getenv("WORK"))+"."+args[0]), out.Bytes(), 0o666))
	if len(args) > 1 && strings.HasSuffix(args[0], ".after") {
		before, err := os.ReadFile(filepath.Join(filepath.Dir(ts.Getenv("WORK")), filepath.Base(ts.Getenv("WORK"))+"."+strings.TrimSuffix(args[0], ".after")))
		ts.Check(err)
		if !bytes.Equal(before, out.Bytes()) {
			ts.Fatalf("something was written:\nbefore %d bytes, after %d bytes", len(before), out.Len())
		}
	}
}

var (
	runIDs = regexp.MustCompile(`\d{8}T\d{6}Z-[0-9a-f]{8}`)
	times  = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z`)
	hashes = regexp.MustCompile(`[0-9a-f]{64}`)
	dates  = regexp.MustCompile(`\d{4}-\d\d-\d\d`)
	// Of one package file, and of one session of Remote PowerShell.
	madeUp   = regexp.MustCompile(`exr-[a-z0-9]{8}|tmp_[a-z0-9]{8}\.[a-z0-9]{3}`)
	waits    = regexp.MustCompile(`(waits +)[0-9.hms]+`) // jitter
	daysLeft = regexp.MustCompile(`\(\d+ days\)`)
)

// stable FILE writes the last stdout to a file with what differs from run to run replaced.
func stable(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: stable FILE")
	}
	text := ts.ReadFile("stdout")
	text = runIDs.ReplaceAllString(text, "RUN")
	text = times.ReplaceAllString(text, "TIME")
	text = hashes.ReplaceAllString(text, "HASH")
	text = dates.ReplaceAllString(text, "DATE")
	text = madeUp.ReplaceAllString(text, "MADE-UP")
	text = waits.ReplaceAllString(text, "${1}SOME TIME")
	text = daysLeft.ReplaceAllString(text, "(N days)")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o666))
}

// nowhere TEXT DIR... holds that a text is in no file below the folders, nor in the last stdout or stderr.
func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: nowhere TEXT DIR...")
	}
	for _, name := range []string{"stdout", "stderr"} {
		if strings.Contains(ts.ReadFile(name), args[0]) {
			ts.Fatalf("%q is in %s", args[0], name)
		}
	}
	for _, dir := range args[1:] {
		ts.Check(filepath.WalkDir(ts.MkAbs(dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			if err == nil && bytes.Contains(raw, []byte(args[0])) {
				err = fmt.Errorf("%q is in %s", args[0], path)
			}
			return err
		}))
	}
}

// Nothing after the first "-- name --" line is a command: a script whose commands slid below it would pass for ever.
func TestScriptsHaveNoCommandsInTheirFiles(t *testing.T) {
	scripts, _ := filepath.Glob("testdata/script/*.txtar")
	if len(scripts) == 0 {
		t.Fatal("no scripts")
	}
	for _, path := range scripts {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.TrimSpace(archive.Comment)) == 0 {
			t.Errorf("%s: no commands", path)
		}
		for _, f := range archive.Files {
			for _, line := range strings.Split(string(f.Data), "\n") {
				if strings.HasPrefix(line, "exec ") || strings.HasPrefix(line, "! exec ") || strings.HasPrefix(line, "status ") {
					t.Errorf("%s: %s holds the command %q", path, f.Name, line)
				}
			}
		}
	}
}

// waitfile PATH [TEXT] waits until a file is there, and has that text in it.
func waitFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: waitfile PATH [TEXT]")
	}
	for range 3000 {
		raw, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && (len(args) == 1 || bytes.Contains(raw, []byte(args[1]))) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%s did not appear", args[0])
}

// waitinstalled STATE waits until the modelled machine of a state file has ExO 3.1.0 installed.
func waitInstalled(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitinstalled STATE")
	}
	for range 3000 {
		var state struct {
			Machine struct {
				Modules []struct{ Name, Version string }
			}
		}
		raw, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && json.Unmarshal(raw, &state) == nil {
			for _, m := range state.Machine.Modules {
				if m.Name == "ExchangeOnlineManagement" && m.Version == "3.1.0" {
					return
				}
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("3.1.0 was never installed in %s", args[0])
}
