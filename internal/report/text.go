package report

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// Text prints for a person: one line a task, and below it what is worth knowing.
type Text struct {
	W       io.Writer
	Colour  bool
	Verbose bool // also what was said on the machine, and evidence
	Live    bool // W is a terminal: the task under way is shown and overwritten
	// Err is the first error of W.
	Err  error
	task string // under way
	out  bytes.Buffer
}

// width holds the longest outcome.
const width = 12

var colours = map[Outcome]string{
	OK: "32", Changed: "33", Change: "33", Later: "36", Skipped: "90", Waiting: "35", Failed: "31", Unreachable: "31", Drift: "31",
}

// Report implements Reporter. What belongs to an event is written in one piece.
func (t *Text) Report(e Event) {
	t.out.Reset()
	t.render(e)
	if t.out.Len() == 0 {
		return
	}
	if _, err := t.W.Write(t.out.Bytes()); err != nil && t.Err == nil {
		t.Err = err
	}
}

func (t *Text) render(e Event) {
	switch e.Kind {
	case RunStarted:
		t.header(e)
	case TaskStarted:
		t.task = e.Task
		if t.Live {
			t.printf("%-*s%s ...", width, "...", e.Task)
		}
	case Attempt:
		t.clear()
		t.printf("%-*s%s: attempt %d: %s\n", width, "again", e.Task, e.Attempt, indent(e.Summary))
		if e.Wait > 0 {
			t.detail("waits", (time.Duration(e.Wait * float64(time.Second))).Round(time.Second/10).String())
		}
	case Message:
		t.message(e)
	case TaskFinished:
		t.clear()
		t.finished(e)
	case RunFinished:
		t.summary(e)
	case RebootPending:
		for _, why := range e.RebootFor {
			t.clear()
			t.printf("%-*swanted already before this run: %s\n", width, "reboot", indent(why))
		}
	}
}

func (t *Text) printf(format string, args ...any) { fmt.Fprintf(&t.out, format, args...) }

func (t *Text) clear() {
	if t.Live && t.task != "" {
		t.printf("\r\x1b[K")
	}
	t.task = ""
}

func (t *Text) header(e Event) {
	if e.Rehearsal {
		t.printf("REHEARSAL   a modelled machine; nothing real is read or changed\n")
	}
	t.printf("%-*s%s on %s\n", width, e.Command, e.Playbook, e.Host)
	t.printf("%-*s%s  %s\n", width, "run", e.Run, e.Time.UTC().Format(time.RFC3339))
	for _, w := range e.Warnings {
		t.detail("warning", w)
	}
	t.printf("\n")
}

// finished is the line of a task, and below it what a person needs to act.
func (t *Text) finished(e Event) {
	outcome := fmt.Sprintf("%-*s", width, e.Outcome)
	if t.Colour {
		outcome = "\x1b[" + colours[e.Outcome] + "m" + outcome + "\x1b[0m"
	}
	t.printf("%s%s", outcome, e.Task)
	if e.Unverified {
		t.printf(" (unverified)")
	}
	if e.Summary != "" {
		t.printf(": %s", indent(e.Summary))
	}
	t.printf("\n")
	if e.Before != "" || e.After != "" {
		if e.Outcome == Change || e.Outcome == Changed || e.Outcome == Drift {
			t.detail("before", e.Before)
			t.detail("after", e.After)
		}
	}
	for _, w := range e.Warnings {
		t.detail("warning", w)
	}
	if e.Attempt > 1 {
		t.detail("attempts", fmt.Sprint(e.Attempt))
	}
	if err := e.Error; err != nil {
		if err.Rule != "" || err.ID != "" {
			t.detail("error", strings.TrimSpace(err.Rule+" "+err.ID))
		}
		t.detail("class", classWords[err.Class])
		if err.Remedy != "" {
			t.detail("remedy", err.Remedy)
		}
	}
	if e.Evidence != nil {
		t.detail("evidence", "sha256 "+e.Evidence.SHA256)
		if t.Verbose {
			t.detail("", string(e.Evidence.Data))
		}
	}
	if e.Reboot {
		t.detail("reboot", "needed before it is in force")
	}
}

var classWords = map[string]string{
	"transient": "transient: it may pass by itself",
	"fresh":     "fresh: a new process may cure it",
	"never":     "never: trying again cannot help",
	"unknown":   "unknown: not in the catalogue of errors",
}

func (t *Text) detail(label, text string) {
	if text == "" {
		return
	}
	t.printf("%*s%-9s %s\n", width, "", label, indent(text))
}

// escapes are what programs send to terminals: what a machine says must not colour ours, or write over it.
var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[ -/]*[@-~]")

func printable(r rune) rune {
	switch {
	case r < ' ' && r != '\n' && r != '\t', r >= 0x7f && r < 0xa0:
		return -1
	case unicode.Is(unicode.Bidi_Control, r): // it turns the direction of what follows round
		return -1
	}
	return r
}

// indent keeps what follows a line break under what it belongs to.
func indent(text string) string {
	text = strings.Map(printable, escapes.ReplaceAllString(strings.ReplaceAll(text, "\r\n", "\n"), ""))
	return strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+strings.Repeat(" ", width+10))
}

func (t *Text) message(e Event) {
	m := e.Message
	if m == nil || !t.Verbose && m.Kind != "warning" && m.Kind != "error" {
		return
	}
	task := t.task
	t.clear()
	t.detail(m.Kind, m.Text)
	t.task = task
}

func (t *Text) summary(e Event) {
	var parts []string
	for _, o := range []Outcome{OK, Changed, Change, Later, Skipped, Waiting, Drift, Failed, Unreachable} {
		if n := e.Counts[string(o)]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	t.printf("\n")
	if e.Rehearsal {
		t.printf("REHEARSAL   ")
	}
	t.printf("%s: %s\n", e.Command, strings.Join(parts, ", "))
	if e.Goal != nil && e.Command != "plan" {
		if e.Goal.Reached {
			t.printf("%-*s%s\n", width, "reached", indent(e.Goal.Text))
		} else {
			t.printf("%-*s%s\n", width, "not reached", indent(e.Goal.Text))
		}
	}
	if e.Reboot {
		t.printf("%-*sthe machine wants a restart\n", width, "reboot")
		for _, why := range e.RebootFor {
			t.detail("", why)
		}
	}
	for _, w := range e.Warnings {
		t.printf("%-*s%s\n", width, "warning", indent(w))
	}
	if e.Error != nil {
		t.printf("%-*s%s\n", width, "error", indent(e.Error.Message))
	}
}
