package daemon

import (
	"fmt"
	"strings"
	"time"

	"exorunner/internal/report"
)

// An Outcome is what became of a run, as far as its slot is concerned.
type Outcome struct {
	Run         string // its id; "" where none began
	Verdict     Verdict
	Class       string // of the error, as package host names them: decides whether a retry can help
	Summary     string // a line for a person
	Remedy      string
	Certificate []string  // warnings that a certificate ends soon
	Paused      bool      // sign-ins are, and that is why it did not go well
	NotBefore   time.Time // until then; zero where that is not known
	Restart     bool      // the machine wants a restart before the change is in force
	RestartFor  string    // why, as far as it says so
}

// A Verdict is how a run ended.
type Verdict string

const (
	Good        Verdict = "good"
	Failed      Verdict = "failed" // or left in an unknown state
	Drift       Verdict = "drift"
	Waiting     Verdict = "waiting" // for a person, or for Cloud Extender's own update
	Interrupted Verdict = "interrupted"
	Broken      Verdict = "broken" // its record could not be kept
)

// A Judge makes an Outcome of the events of a run. The zero value is ready.
type Judge struct {
	out   Outcome
	ended bool
}

// rank orders the verdicts of tasks; the first task of the highest rank names the run's.
var rank = map[Verdict]int{"": 0, Waiting: 1, Drift: 2, Failed: 3}

// See takes the next event.
func (j *Judge) See(e report.Event) {
	j.out.Run = e.Run
	switch e.Kind {
	case report.TaskFinished:
		j.task(e)
	case report.RunFinished:
		j.ended = true
		j.out.Restart, j.out.RestartFor = e.Reboot, oneLine(strings.Join(e.RebootFor, ", "))
		if e.Error != nil {
			j.worse(Failed, e.Error.Class, e.Error.Message, e.Error.Remedy)
		}
		if e.Status != nil && *e.Status == statusInterrupted {
			j.out.Verdict = Interrupted
		}
	}
}

// statusInterrupted is what a run ends with whose context ended; package engine gives it.
const statusInterrupted = 130

// PausedID is the id of the error of a sign-in that was not tried, because too many had failed.
const PausedID = "ExrSignInsPaused"

func (j *Judge) task(e report.Event) {
	if e.Error != nil && e.Error.ID == PausedID {
		j.out.Paused = true
	}
	if e.Action == "certificate" {
		j.out.Certificate = append(j.out.Certificate, e.Warnings...)
	}
	verdict := map[report.Outcome]Verdict{
		report.Failed: Failed, report.Unreachable: Failed, report.Drift: Drift, report.Waiting: Waiting,
	}[e.Outcome]
	if verdict == "" {
		return
	}
	class, remedy := "", ""
	if e.Error != nil {
		class, remedy = e.Error.Class, e.Error.Remedy
	}
	j.worse(verdict, class, fmt.Sprintf("%s: %s", e.Task, oneLine(e.Summary)), remedy)
}

// worse takes a task's verdict in. That a person has to act for one of several failures decides for all of them.
func (j *Judge) worse(verdict Verdict, class, summary, remedy string) {
	class = retryClass(class)
	switch {
	case rank[verdict] > rank[j.out.Verdict], verdict == Failed && class == "never" && j.out.Class != "never":
		j.out.Verdict, j.out.Class, j.out.Summary, j.out.Remedy = verdict, class, summary, remedy
	}
}

// retryClass is the class of an error in a report as package schedule wants it. What is unreachable or waits may be
// there later.
func retryClass(class string) string {
	switch class {
	case "unreachable", "waiting":
		return "transient"
	case "unknown":
		return ""
	}
	return class
}

// Outcome is that of the events so far.
func (j *Judge) Outcome() Outcome {
	out := j.out
	switch {
	case !j.ended:
		out.Verdict = Interrupted
	case out.Verdict == "":
		out.Verdict = Good
	}
	if out.Summary == "" {
		out.Summary = map[Verdict]string{Good: "everything holds", Interrupted: "interrupted"}[out.Verdict]
	}
	return out
}

// oneLine keeps the first line of a text, and not more than a line's worth.
func oneLine(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	const most = 300
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "..."
	}
	return text
}
