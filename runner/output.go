package main

import (
	"os"
	"sync"
	"time"

	"exorunner/internal/host"
	"exorunner/internal/report"
	"exorunner/internal/secret"
)

// output is the printer of a run, and where what is said on the machine goes.
type output struct {
	mu      sync.Mutex
	printer report.Reporter
	broken  func() error
	hide    *secret.Keeper
	last    report.Event // the newest of the run: what is said belongs to it
	rec     *recorder    // keeps what is said; nil: nobody does
}

// record lets what is said on the machine be kept from now on.
func (o *output) record(r *recorder) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rec = r
}

func (a *app) output(verbose bool) (*output, error) {
	out := &output{hide: &secret.Keeper{}}
	w := writer(func(p []byte) (int, error) {
		if _, err := a.stdout.Write(out.hide.Hide(p)); err != nil {
			return 0, err
		}
		return len(p), nil
	})
	switch a.format {
	case "text":
		to, ok := a.stdout.(*sink)
		live := ok && to.terminal()
		t := &report.Text{W: w, Verbose: verbose, Live: live, Colour: live && os.Getenv("NO_COLOR") == ""}
		out.printer, out.broken = t, func() error { return t.Err }
	case "json":
		j := &report.JSON{W: w}
		out.printer, out.broken = j, func() error { return j.Err }
	default:
		return nil, usage("--format %s: want text or json", a.format)
	}
	return out, nil
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// Report implements report.Reporter.
func (o *output) Report(e report.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = e
	o.printer.Report(e)
}

func (o *output) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.broken()
}

// said turns what a function says into an event of the task under way.
func (o *output) said(s host.Said) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.last.Run == "" { // before the run: the facts
		return
	}
	e := report.Event{
		Kind: report.Message, Time: time.Now().UTC(), Run: o.last.Run, Rehearsal: o.last.Rehearsal, Command: o.last.Command,
		Playbook: o.last.Playbook, Host: o.last.Host, Message: &report.Saying{Kind: s.Kind, Text: s.Text},
	}
	if o.last.Kind == report.TaskStarted || o.last.Kind == report.Attempt || o.last.Kind == report.RebootPending {
		e.Task, e.Action, e.Index, e.Of = o.last.Task, o.last.Action, o.last.Index, o.last.Of
	}
	if o.rec != nil {
		o.rec.said(e)
	}
	o.printer.Report(e)
}
