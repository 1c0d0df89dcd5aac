// Package notify tells people what they have to know: it keeps notices in the journal's queue and brings them to webhooks,
// mail servers and the Windows event log, again and again until they arrive. A target that is dead delays nothing else.
// It does not know what is worth telling.
package notify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Kind is what a notice is about.
type Kind string

const (
	Failed      Kind = "failed"      // a slot's last attempt failed
	Drift       Kind = "drift"       // a verify found a difference
	Waiting     Kind = "waiting"     // something outside has not happened for too long
	Recovered   Kind = "recovered"   // the first slot after a bad one went well
	Missed      Kind = "missed"      // a slot did not run
	Certificate Kind = "certificate" // one ends soon
	Config      Kind = "config"      // a changed configuration is wrong
	Restart     Kind = "restart"     // the machine wants one
	Ended       Kind = "ended"       // the service itself; in the event log alone, for its targets may not be known
	Test        Kind = "test"        // a person asked for it
)

// Kinds are those that a target can be limited to.
var Kinds = []Kind{Failed, Drift, Waiting, Recovered, Missed, Certificate, Config, Restart}

// A Notice is what is told. It holds no secret and no evidence; the run's id leads to both for who may see them.
type Notice struct {
	Kind      Kind      `json:"kind"`
	Key       string    `json:"key"` // two with the same key are one
	Time      time.Time `json:"time"`
	Host      string    `json:"host"`
	Rehearsal bool      `json:"rehearsal"`
	Schedule  string    `json:"schedule,omitempty"`
	Run       string    `json:"run,omitempty"`
	Subject   string    `json:"subject"` // a line
	Text      string    `json:"text,omitempty"`
	Remedy    string    `json:"remedy,omitempty"`
}

// Title is the notice in one line, as the subject of a mail.
func (n Notice) Title() string {
	title := fmt.Sprintf("exorunner on %s: %s", n.Host, n.Subject)
	if n.Rehearsal {
		title = "REHEARSAL " + title
	}
	return title
}

// Body is the notice as plain text, line by line.
func (n Notice) Body() string {
	var b strings.Builder
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%-10s%s\n", label, text)
		}
	}
	if n.Rehearsal {
		b.WriteString("REHEARSAL: a modelled machine, nothing real\n")
	}
	line("what", n.Subject)
	line("", n.Text)
	line("remedy", n.Remedy)
	line("host", n.Host)
	line("schedule", n.Schedule)
	line("time", n.Time.UTC().Format(time.RFC3339))
	if n.Run != "" {
		line("run", n.Run)
		line("more", "exorunner history "+n.Run)
	}
	return b.String()
}

// A Sender brings one notice to one target. Its error says whether trying again can help: see Permanent.
type Sender interface {
	Send(context.Context, Notice) error
}

type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks an error after which the same notice will never arrive.
func Permanent(err error) error { return permanent{err} }

// A Target is a Sender under its name.
type Target struct {
	Name string
	Only []Kind // none: all kinds
	Sender
}

func (t Target) wants(k Kind) bool {
	return k == Test || len(t.Only) == 0 || slices.Contains(t.Only, k)
}
