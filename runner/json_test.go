package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"exorunner/internal/report"
)

const handlersPlaybook = `playbook: handlers
tasks:
  - name: a variable
    action: environment
    with: {name: A, value: b}
    notify: it is known
  - name: a script that nobody can check
    action: script
    with: {apply: "'<hello> & \"world\"'"}
handlers:
  - name: it is known
    action: environment
    with: {name: KNOWN, value: "yes"}
`

// What --format json promises: every line is an event by itself, with the fields of its kind and no others.
func TestJSONKeepsItsPromise(t *testing.T) {
	own := filepath.Join(t.TempDir(), "handlers.yaml")
	if err := os.WriteFile(own, []byte(handlersPlaybook), 0o666); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"a plan":                    {"plan"},
		"an apply":                  {"apply"},
		"a verify, with drift":      {"verify"},
		"attempts":                  {"apply", "--fault", "gallery-away:2"},
		"everything that is said":   {"apply", "-v", "--fault", "babble:Install-ExrModule"},
		"a Japanese machine":        {"apply", "--host", "rehearsal:ce-ja", "--fault", "error:I22"},
		"waiting":                   {"apply", "--host", "rehearsal:ce-waiting"},
		"refused":                   {"apply", "--host", "rehearsal:ce-group-policy"},
		"refuted, with evidence":    {"apply", "--fault", "connect-no-commands"},
		"unreachable":               {"apply", "--fault", "host-dies:Install-ExrModule"},
		"handlers, and no check":    {"apply", own},
		"a plan lists handlers":     {"plan", own},
		"a restart is wanted":       {"apply", "--fault", "files-in-use:Install-ExrModule"},
		"warnings of another's run": {"verify", "--host", "rehearsal:ce-migrated", "--var", `ce_account=CONTOSO\other`},
	} {
		t.Run(name, func(t *testing.T) {
			if !slices.Contains(args, "--host") {
				args = append(args, "--host", "rehearsal")
			}
			status, stdout, stderr := call(append(args, "--format", "json", "--state", t.TempDir())...)
			if stderr != "" {
				t.Errorf("stderr: %s", stderr)
			}
			var all []report.Event
			for line := range strings.Lines(stdout) {
				all = append(all, promised(t, line))
			}
			sequence(t, all, status)
		})
	}
}

// promised decodes a line strictly, and holds it to what belongs to its kind.
func promised(t *testing.T, line string) report.Event {
	t.Helper()
	var e report.Event
	d := json.NewDecoder(strings.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil || d.More() {
		t.Fatalf("%v, or more behind it: %s", err, line)
	}
	if !strings.HasSuffix(line, "}\n") || strings.Contains(line, `\u003`) {
		t.Errorf("not a line of its own, or escaped for HTML: %s", line)
	}
	if e.Time.IsZero() || e.Time.Location() != time.UTC || e.Run == "" || !e.Rehearsal || e.Command == "" || e.Playbook == "" || !strings.HasPrefix(e.Host, "rehearsal:") {
		t.Errorf("time (UTC), run, rehearsal, command, playbook or host is missing: %s", line)
	}
	task := e.Task != "" && e.Action != "" && e.Index > 0 && e.Of > 0
	switch e.Kind {
	case report.RunStarted:
		wants(t, line, e.Of > 0 && !task, "of")
	case report.TaskStarted:
		wants(t, line, task && e.Outcome == "", "task, action, index, of")
	case report.Attempt:
		wants(t, line, task && e.Attempt > 0 && e.Outcome != "" && e.Summary != "" && e.Error != nil, "the task, attempt, outcome, summary, error")
	case report.Message:
		wants(t, line, e.Message != nil && e.Message.Kind != "", "message")
	case report.TaskFinished:
		wants(t, line, task && e.Outcome != "" && e.Summary != "" && e.Seconds >= 0, "the task, outcome, summary")
		finished(t, line, e)
	case report.RebootPending:
		wants(t, line, task, "the task")
	case report.RunFinished:
		wants(t, line, len(e.Counts) > 0 && e.Status != nil, "counts, status")
	default:
		t.Errorf("event %q: %s", e.Kind, line)
	}
	return e
}

func wants(t *testing.T, line string, ok bool, fields string) {
	t.Helper()
	if !ok {
		t.Errorf("want %s: %s", fields, line)
	}
}

func finished(t *testing.T, line string, e report.Event) {
	t.Helper()
	bad := e.Outcome == report.Failed || e.Outcome == report.Unreachable || e.Outcome == report.Waiting
	if bad != (e.Error != nil) {
		t.Errorf("outcome %s and error %v: %s", e.Outcome, e.Error, line)
	}
	if e.Error != nil && (e.Error.Class == "" || e.Error.Message == "" || e.Error.Remedy == "") {
		t.Errorf("want class, message and remedy: %s", line)
	}
	if e.Outcome == report.Drift && (e.Before == "" || e.After == "") {
		t.Errorf("want before and after: %s", line)
	}
	if x := e.Evidence; x != nil {
		// The hash is of the data as it stands in the line.
		sum := sha256.Sum256(x.Data)
		if x.SHA256 != hex.EncodeToString(sum[:]) || !bytes.Contains([]byte(line), x.Data) || x.Time.Location() != time.UTC {
			t.Errorf("the evidence does not have the hash %s: %s", x.SHA256, line)
		}
	}
}

// sequence: one start, one end that tells the status, and each task begins before it ends.
func sequence(t *testing.T, all []report.Event, status int) {
	t.Helper()
	if len(all) < 3 || all[0].Kind != report.RunStarted || all[len(all)-1].Kind != report.RunFinished {
		t.Fatalf("%d events, want them from run_started to run_finished", len(all))
	}
	last := all[len(all)-1]
	if *last.Status != status {
		t.Errorf("status %d in the last line, %d of the program", *last.Status, status)
	}
	counts, under := map[string]int{}, ""
	for i, e := range all {
		if e.Run != all[0].Run || i > 0 && e.Time.Before(all[i-1].Time) {
			t.Errorf("another run, or earlier than the one before: %+v", e)
		}
		switch e.Kind {
		case report.TaskStarted:
			under = e.Task
		case report.Attempt:
			if e.Task != under {
				t.Errorf("an attempt of %q while %q was under way", e.Task, under)
			}
		case report.TaskFinished:
			counts[string(e.Outcome)]++
			notBegun := e.Outcome == report.Skipped || e.Outcome == report.Later && e.Handler
			if e.Task != under && !notBegun {
				t.Errorf("%q ended and %q was under way", e.Task, under)
			}
		}
	}
	for outcome, n := range last.Counts {
		if counts[outcome] != n {
			t.Errorf("%d %s in the last line, %d in the others", n, outcome, counts[outcome])
		}
	}
}
