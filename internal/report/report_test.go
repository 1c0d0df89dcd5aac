package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/report"
)

var noon = time.Date(2026, 1, 2, 21, 0, 0, 0, time.FixedZone("", 9*60*60))

// finished is the end of a task named t.
func finished(o report.Outcome, change ...func(*report.Event)) report.Event {
	e := report.Event{Kind: report.TaskFinished, Task: "t", Outcome: o, Summary: "s", Before: "b", After: "a"}
	for _, c := range change {
		c(&e)
	}
	return e
}

func TestText(t *testing.T) {
	const pad = "            "
	for about, tt := range map[string]struct {
		printer report.Text
		events  []report.Event
		want    string
	}{
		"a run begins": {report.Text{}, []report.Event{{Kind: report.RunStarted, Command: "apply", Playbook: "p", Host: "CE01", Run: "r1", Time: noon, Warnings: []string{"w"}}},
			"apply       p on CE01\nrun         r1  2026-01-02T12:00:00Z\n" + pad + "warning   w\n\n"},
		"a rehearsal says so": {report.Text{}, []report.Event{{Kind: report.RunStarted, Rehearsal: true, Command: "plan", Playbook: "p", Host: "h", Run: "r1", Time: noon}},
			"REHEARSAL   a modelled machine; nothing real is read or changed\nplan        p on h\nrun         r1  2026-01-02T12:00:00Z\n\n"},
		"ok":      {report.Text{}, []report.Event{finished(report.OK)}, "ok          t: s\n"},
		"skipped": {report.Text{}, []report.Event{finished(report.Skipped)}, "skipped     t: s\n"},
		"later":   {report.Text{}, []report.Event{finished(report.Later)}, "later       t: s\n"},
		"changed": {report.Text{}, []report.Event{finished(report.Changed)}, "changed     t: s\n" + pad + "before    b\n" + pad + "after     a\n"},
		"change":  {report.Text{}, []report.Event{finished(report.Change)}, "change      t: s\n" + pad + "before    b\n" + pad + "after     a\n"},
		"drift":   {report.Text{}, []report.Event{finished(report.Drift, func(e *report.Event) { e.Before = "" })}, "drift       t: s\n" + pad + "after     a\n"},
		"waiting": {report.Text{}, []report.Event{finished(report.Waiting, func(e *report.Event) {
			e.Error = &report.Error{Class: "waiting", Message: "s", Remedy: "ask"}
		})}, "waiting     t: s\n" + pad + "remedy    ask\n"},
		"failed": {report.Text{}, []report.Event{finished(report.Failed, func(e *report.Event) {
			e.Attempt, e.Warnings = 3, []string{"w"}
			e.Error = &report.Error{ID: "X", Rule: "I06", Class: "never", Message: "s", Remedy: "do this\nthen that"}
		})}, "failed      t: s\n" + pad + "warning   w\n" + pad + "attempts  3\n" + pad + "error     I06 X\n" + pad + "class     never: trying again cannot help\n" +
			pad + "remedy    do this\n" + strings.Repeat(" ", 22) + "then that\n"},
		"unreachable": {report.Text{}, []report.Event{finished(report.Unreachable, func(e *report.Event) { e.Error = &report.Error{Class: "unreachable"} })}, "unreachable t: s\n"},
		"unverified, with a restart": {report.Text{}, []report.Event{finished(report.Changed, func(e *report.Event) { e.Unverified, e.Reboot, e.Before, e.After = true, true, "", "" })},
			"changed     t (unverified): s\n" + pad + "reboot    needed before it is in force\n"},
		"nothing to say": {report.Text{}, []report.Event{finished(report.OK, func(e *report.Event) { e.Summary = "" })}, "ok          t\n"},
		"evidence":       {report.Text{}, []report.Event{finished(report.OK, func(e *report.Event) { e.Evidence = &report.Evidence{SHA256: "ab", Data: json.RawMessage(`{"a":1}`)} })}, "ok          t: s\n" + pad + "evidence  sha256 ab\n"},
		"evidence in full": {report.Text{Verbose: true}, []report.Event{finished(report.OK, func(e *report.Event) { e.Evidence = &report.Evidence{SHA256: "ab", Data: json.RawMessage(`{"a":1}`)} })},
			"ok          t: s\n" + pad + "evidence  sha256 ab\n" + pad + "          {\"a\":1}\n"},
		"lines are kept under what they belong to": {report.Text{}, []report.Event{finished(report.Changed, func(e *report.Event) { e.Summary, e.Before, e.After = "one\r\ntwo\n", "x\ny", "z" })},
			"changed     t: one\n" + strings.Repeat(" ", 22) + "two\n" + pad + "before    x\n" + strings.Repeat(" ", 22) + "y\n" + pad + "after     z\n"},
		"what a machine says does not reach the terminal's controls": {report.Text{}, []report.Event{finished(report.Failed, func(e *report.Event) {
			e.Summary = "\x1b[31mred\x1b[0m\x1b[2K 10%\r20%\x07 tab\tend\u009b1m"
		})}, "failed      t: red 10%20% tab\tend1m\n"},
		"another attempt": {report.Text{}, []report.Event{{Kind: report.Attempt, Task: "t", Attempt: 1, Summary: "s", Wait: 30.04}}, "again       t: attempt 1: s\n" + pad + "waits     30s\n"},
		"another attempt, of a machine that colours its errors": {report.Text{}, []report.Event{{Kind: report.Attempt, Task: "t", Attempt: 1, Summary: "\x1b[31mone\x1b[0m\r\ntwo\u202e"}},
			"again       t: attempt 1: one\n" + strings.Repeat(" ", 22) + "two\n"},
		"another attempt at once": {report.Text{}, []report.Event{{Kind: report.Attempt, Task: "t", Attempt: 1, Summary: "s"}}, "again       t: attempt 1: s\n"},
		"warnings and errors of the machine are shown, the rest is not": {report.Text{}, []report.Event{
			{Kind: report.Message, Message: &report.Saying{Kind: "verbose", Text: "v"}}, {Kind: report.Message, Message: &report.Saying{Kind: "warning", Text: "w"}},
			{Kind: report.Message, Message: &report.Saying{Kind: "error", Text: "e"}}, {Kind: report.Message}}, pad + "warning   w\n" + pad + "error     e\n"},
		"all of it where that is asked":      {report.Text{Verbose: true}, []report.Event{{Kind: report.Message, Message: &report.Saying{Kind: "text", Text: "v"}}}, pad + "text      v\n"},
		"a task is shown only on a terminal": {report.Text{}, []report.Event{{Kind: report.TaskStarted, Task: "t"}, finished(report.OK)}, "ok          t: s\n"},
		"and overwritten there":              {report.Text{Live: true}, []report.Event{{Kind: report.TaskStarted, Task: "t"}, finished(report.OK)}, "...         t ...\r\x1b[Kok          t: s\n"},
		"also by a message": {report.Text{Live: true}, []report.Event{{Kind: report.TaskStarted, Task: "t"}, {Kind: report.Message, Message: &report.Saying{Kind: "warning", Text: "w"}}, finished(report.OK)},
			"...         t ...\r\x1b[K" + pad + "warning   w\n\r\x1b[Kok          t: s\n"},
		"colour":  {report.Text{Colour: true}, []report.Event{finished(report.Failed)}, "\x1b[31mfailed      \x1b[0mt: s\n"},
		"the end": {report.Text{}, []report.Event{{Kind: report.RunFinished, Command: "apply", Counts: map[string]int{"ok": 2, "changed": 1, "failed": 1, "later": 0}, Goal: &report.Goal{Text: "migrated"}}}, "\napply: 2 ok, 1 changed, 1 failed\nnot reached migrated\n"},
		"the end of all": {report.Text{}, []report.Event{{Kind: report.RunFinished, Rehearsal: true, Command: "verify", Counts: map[string]int{"ok": 2}, Reboot: true, Goal: &report.Goal{Text: "migrated", Reached: true},
			Error: &report.Error{Message: "e"}}}, "\nREHEARSAL   verify: 2 ok\nreached     migrated\nreboot      the machine wants a restart\nerror       e\n"},
		"a plan reaches nothing": {report.Text{}, []report.Event{{Kind: report.RunFinished, Command: "plan", Counts: map[string]int{"change": 2}, Goal: &report.Goal{Text: "migrated"}}}, "\nplan: 2 change\n"},
	} {
		t.Run(about, func(t *testing.T) {
			var out bytes.Buffer
			tt.printer.W = &out
			for _, e := range tt.events {
				tt.printer.Report(e)
			}
			if diff := cmp.Diff(tt.want, out.String()); diff != "" || tt.printer.Err != nil {
				t.Errorf("%v, want(-) got(+):\n%s", tt.printer.Err, diff)
			}
		})
	}
}

// counting fails from its third write on.
type counting struct {
	writes int
	out    bytes.Buffer
}

var errFull = errors.New("no space left")

func (c *counting) Write(p []byte) (int, error) {
	if c.writes++; c.writes > 2 {
		return 0, errFull
	}
	return c.out.Write(p)
}

func TestAWriterThatFailsIsRemembered(t *testing.T) {
	var first, second counting
	text, lines := &report.Text{W: &first}, &report.JSON{W: &second}
	for _, r := range []report.Reporter{text, lines} {
		for range 5 {
			r.Report(finished(report.Changed))
		}
	}
	if !errors.Is(text.Err, errFull) || !errors.Is(lines.Err, errFull) {
		t.Errorf("errors %v and %v, want both to be kept", text.Err, lines.Err)
	}
	if second.writes != 3 {
		t.Errorf("%d writes of lines, want none after the one that failed", second.writes)
	}
	if got := strings.Count(second.out.String(), "\n"); got != 2 {
		t.Errorf("%d lines, want two whole ones", got)
	}
}

func TestJSONIsOneEventALine(t *testing.T) {
	var out bytes.Buffer
	j := &report.JSON{W: &out}
	status := 0
	data := json.RawMessage(`{"a":"<b> & c > d"}`)
	sum := sha256.Sum256(data)
	j.Report(report.Event{Kind: report.TaskFinished, Time: noon.UTC(), Run: "r", Command: "apply", Playbook: "p", Host: "h", Task: "a > b & <c>\nd", Index: 1, Of: 2, Action: "x",
		Handler: true, Attempt: 1, Wait: 1.5, Outcome: report.OK, Summary: "s", Before: "b", After: "a", Unverified: true, Reboot: true, Warnings: []string{"w"},
		Evidence: &report.Evidence{Time: noon.UTC(), SHA256: hex.EncodeToString(sum[:]), Data: data, Warnings: []string{"w"}},
		Error:    &report.Error{ID: "i", Rule: "r", Class: "c", Message: "m", Remedy: "y"}, Seconds: 0.5, Message: &report.Saying{Kind: "k", Text: "t"},
		Counts: map[string]int{"ok": 1}, Goal: &report.Goal{Text: "g"}, Status: &status})
	j.Report(report.Event{Kind: report.RunStarted})
	lines := strings.SplitAfter(out.String(), "\n")
	if j.Err != nil || len(lines) != 3 || lines[2] != "" {
		t.Fatalf("%q, %v; want two lines", lines, j.Err)
	}
	if want := `{"event":"run_started","time":"0001-01-01T00:00:00Z","run":"","rehearsal":false,"command":"","playbook":"","host":""}` + "\n"; lines[1] != want {
		t.Errorf("what is always there: got %s, want %s", lines[1], want)
	}
	// What is read from the line still has the hash that it names.
	var e struct {
		Evidence struct {
			SHA256 string
			Data   json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(lines[0]), &e); err != nil {
		t.Fatal(err)
	}
	if again := sha256.Sum256(e.Evidence.Data); hex.EncodeToString(again[:]) != e.Evidence.SHA256 {
		t.Errorf("the evidence on the line is %s, which has another hash than it names", e.Evidence.Data)
	}
	if !strings.Contains(lines[0], `"task":"a > b & <c>\nd"`) {
		t.Errorf("got %s, want < > & as they are", lines[0])
	}
	if diff := cmp.Diff(promised, keysOf(t, lines[0])); diff != "" {
		t.Errorf("keys, want(-) got(+):\n%s", diff)
	}
}

// promised are the keys of a line in which everything is said. They are never renamed.
var promised = []string{
	"action", "after", "attempt", "before", "command", "counts", "counts.ok", "error", "error.class", "error.id", "error.message", "error.remedy",
	"error.rule", "event", "evidence", "evidence.data", "evidence.data.a", "evidence.sha256", "evidence.time", "evidence.warnings", "goal", "goal.reached",
	"goal.text", "handler", "host", "index", "message", "message.kind", "message.text", "of", "outcome", "playbook", "reboot", "rehearsal", "run", "seconds",
	"status", "summary", "task", "time", "unverified", "wait_seconds", "warnings",
}

func keysOf(t *testing.T, line string) []string {
	t.Helper()
	var table map[string]any
	if err := json.Unmarshal([]byte(line), &table); err != nil {
		t.Fatal(err)
	}
	var all []string
	var walk func(string, map[string]any)
	walk = func(prefix string, table map[string]any) {
		for key, v := range table {
			all = append(all, prefix+key)
			if inner, ok := v.(map[string]any); ok {
				walk(prefix+key+".", inner)
			}
		}
	}
	walk("", table)
	slices.Sort(all)
	return all
}

func TestMarshalSaysWhatItCannot(t *testing.T) {
	if _, err := report.Marshal(func() {}); err == nil {
		t.Error("a function: no error")
	}
	j := &report.JSON{W: &bytes.Buffer{}}
	j.Report(report.Event{Evidence: &report.Evidence{Data: json.RawMessage("{")}})
	if j.Err == nil {
		t.Error("evidence that is no JSON: no error")
	}
}
