// Package engine runs a playbook's tasks on a host: the only loop there is. Plan, apply and verify are one path through
// it, so they cannot disagree. It knows outcomes, attempts and order, and nothing of PowerShell, files or flags.
package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"exorunner/internal/action"
	"exorunner/internal/host"
	"exorunner/internal/report"
)

// A Command is what is asked of every task.
type Command string

const (
	Plan   Command = "plan"   // Check, and the local proofs
	Apply  Command = "apply"  // Check, Apply, Check again; proofs
	Verify Command = "verify" // Check, where a difference is drift; proofs
)

// A Task is one named entry of a playbook, decoded and validated.
type Task struct {
	Name   string
	Action string
	Do     any    // exactly one of action.Action and action.Proof
	Local  bool   // a proof that a plan runs
	Skip   string // why it is not for this run; "" if it is

	Retry    Retry
	Timeout  time.Duration // of one attempt; 0 is DefaultTimeout
	Notify   []string      // handlers, by name
	GoOn     bool          // after a failure of this task
	Deferred bool          // it is a handler
}

// A Retry says how often and how patiently. Zero means one attempt.
type Retry struct {
	Attempts int
	Wait     time.Duration // before the second attempt; doubles
	MaxWait  time.Duration
}

// DefaultTimeout is how long one attempt may take where the playbook says nothing.
const DefaultTimeout = 30 * time.Minute

// A Job is one playbook on one host.
type Job struct {
	Run      string // its id
	Command  Command
	Playbook string
	Goal     string
	Host     host.Host
	// Rehearsal marks every event.
	Rehearsal bool
	Tasks     []Task
	Handlers  []Task
	// Prove lets a plan ask outside the machine.
	Prove bool
	// Warnings go to every outcome: the run is by another account than the one the playbook is for.
	Warnings []string
	// Reboot knows what the machine wants a restart for; nil where there is nobody to ask.
	Reboot *Reboot
}

// A Recorder keeps events. An error of it ends the run before the machine is touched again: what is not on record
// must not happen.
type Recorder interface {
	Record(report.Event) error
}

// An Engine runs jobs. The zero value needs a Reporter.
type Engine struct {
	Reporter report.Reporter
	Recorder Recorder                                   // nil: nothing is kept
	Jitter   func(time.Duration) time.Duration          // nil: full jitter between half and all of it
	Sleep    func(context.Context, time.Duration) error // nil: by the clock
	Now      func() time.Time                           // nil: time.Now
}

// A Summary is how a run ended.
type Summary struct {
	Counts      map[report.Outcome]int
	Reached     bool // the goal
	Refused     bool // by a preflight, before anything was touched
	Interrupted bool // the context ended
	Touched     bool // an Apply was called
	Reboot      bool
	RebootFor   []string // why, as far as the machine says it
	Broken      error    // the record could not be kept
}

// Run does the job. It returns when every task has an outcome; ending ctx ends the task under way and skips the rest.
func (e *Engine) Run(ctx context.Context, j Job) Summary {
	r := &run{e: e, j: j, notified: map[string]string{}, changing: map[string]bool{}, of: len(j.Tasks)}
	r.sum.Counts = map[report.Outcome]int{}
	started := r.now()
	r.emit(report.Event{Kind: report.RunStarted, Of: r.of, Warnings: j.Warnings})
	r.reboot.goOn(r)
	for i, t := range j.Tasks {
		r.index = i + 1
		r.take(ctx, t)
	}
	r.handlers(ctx)
	unknown := r.reboot.end(ctx, r)
	r.sum.Interrupted = ctx.Err() != nil
	r.sum.Reached = r.reached()
	end := report.Event{Kind: report.RunFinished, Counts: map[string]int{}, Seconds: r.now().Sub(started).Seconds(),
		Reboot: r.sum.Reboot, RebootFor: r.sum.RebootFor, RebootUnknown: unknown != nil}
	if unknown != nil && !r.sum.Interrupted {
		end.Warnings = []string{fmt.Sprintf("whether the machine wants a restart is not known: %v", unknown)}
	}
	for o, n := range r.sum.Counts {
		end.Counts[string(o)] = n
	}
	if j.Goal != "" {
		end.Goal = &report.Goal{Text: j.Goal, Reached: r.sum.Reached}
	}
	status := r.sum.Status()
	end.Status = &status
	r.emit(end)
	return r.sum
}

// A run is one job in progress.
type run struct {
	e        *Engine
	j        Job
	sum      Summary
	index    int
	of       int
	stop     string            // why the rest is skipped
	notified map[string]string // handler -> the task that asked for it
	ahead    bool              // a plan has change or later so far
	changing map[string]bool   // what a plan would change so far
	reboot   rebootWatch
}

func (r *run) now() time.Time {
	if r.e.Now != nil {
		return r.e.Now()
	}
	return time.Now()
}

func (r *run) emit(ev report.Event) {
	ev.Time = r.now().UTC()
	ev.Run, ev.Rehearsal, ev.Command, ev.Playbook, ev.Host = r.j.Run, r.j.Rehearsal, string(r.j.Command), r.j.Playbook, r.j.Host.Name()
	if r.e.Recorder != nil && r.sum.Broken == nil {
		if err := r.e.Recorder.Record(ev); err != nil {
			r.sum.Broken = err
			r.stop = fmt.Sprintf("the journal cannot be written: %v", err)
		}
	}
	r.e.Reporter.Report(ev)
}

// take gives one task its outcome.
func (r *run) take(ctx context.Context, t Task) {
	if why := r.skip(ctx, t); why != "" {
		r.finish(t, result{outcome: report.Skipped, summary: why}, 0)
		return
	}
	started := r.now()
	r.emit(report.Event{Kind: report.TaskStarted, Task: t.Name, Action: t.Action, Index: r.index, Of: r.of, Handler: t.Deferred})
	if r.sum.Broken != nil { // the machine was not touched yet, and is not now
		r.finish(t, result{outcome: report.Skipped, summary: r.stop}, 0)
		return
	}
	res := r.attempts(ctx, t)
	r.finish(t, res, r.now().Sub(started))
}

func (r *run) skip(ctx context.Context, t Task) string {
	switch {
	case t.Skip != "":
		return t.Skip
	case ctx.Err() != nil:
		return "interrupted before it began"
	case r.stop != "":
		return r.stop
	}
	return ""
}

func (r *run) finish(t Task, res result, took time.Duration) {
	r.sum.Counts[res.outcome]++
	if res.outcome == report.Change || res.outcome == report.Later {
		r.ahead = true
	}
	if res.outcome == report.Changed || res.outcome == report.Change {
		for _, h := range t.Notify {
			if _, twice := r.notified[h]; !twice {
				r.notified[h] = t.Name
			}
		}
	}
	if res.refused && !r.sum.Touched {
		r.sum.Refused = true
	}
	r.sum.Reboot = r.sum.Reboot || res.reboot
	r.follow(t, res)
	r.emit(report.Event{
		Kind: report.TaskFinished, Task: t.Name, Action: t.Action, Index: r.index, Of: r.of, Handler: t.Deferred,
		Attempt: res.attempt, Outcome: res.outcome, Summary: res.summary, Before: res.before, After: res.after,
		Unverified: res.unverified, Reboot: res.reboot, Warnings: r.warnings(res), Evidence: res.evidence,
		Error: res.err, Seconds: took.Seconds(),
	})
}

// warnings are the task's own, and those of the whole run where it was not skipped.
func (r *run) warnings(res result) []string {
	if res.outcome == report.Skipped || len(r.j.Warnings) == 0 {
		return res.warnings
	}
	return append(slices.Clone(r.j.Warnings), res.warnings...)
}

// follow decides whether the tasks after this one run. In a plan and in verify each is asked for itself.
func (r *run) follow(t Task, res result) {
	if r.j.Command != Apply || r.stop != "" {
		return
	}
	switch res.outcome {
	case report.Failed, report.Unreachable:
		if !t.GoOn || res.refused {
			r.stop = fmt.Sprintf("after %q, which %s", t.Name, map[report.Outcome]string{report.Failed: "failed", report.Unreachable: "was left in an unknown state"}[res.outcome])
		}
	case report.Waiting:
		r.stop = fmt.Sprintf("after %q, which is waiting", t.Name)
	}
}

// handlers run once, after the last task, also when a later task failed. A plan lists them; verify never runs them.
func (r *run) handlers(ctx context.Context) {
	if r.j.Command == Verify {
		return
	}
	if r.sum.Broken == nil {
		r.stop = ""
	}
	for _, h := range r.j.Handlers {
		by, asked := r.notified[h.Name]
		if !asked {
			continue
		}
		r.index++
		h.Deferred = true
		if r.j.Command == Plan {
			r.finish(h, result{outcome: report.Later, summary: fmt.Sprintf("runs at the end: %q asks for it", by)}, 0)
			continue
		}
		r.take(ctx, h)
	}
}

// reached: every task that is for this run holds now. A plan reaches nothing.
func (r *run) reached() bool {
	if r.j.Command == Plan || r.sum.Interrupted || r.sum.Broken != nil {
		return false
	}
	for _, o := range []report.Outcome{report.Failed, report.Unreachable, report.Waiting, report.Drift} {
		if r.sum.Counts[o] > 0 {
			return false
		}
	}
	return r.sum.Counts[report.OK]+r.sum.Counts[report.Changed] > 0
}

// isProof tells which of the two contracts a task keeps.
func isProof(do any) (action.Proof, bool) {
	p, ok := do.(action.Proof)
	return p, ok
}

// unreachable: nobody knows what the attempt has done.
func unreachable(err error) bool {
	return errors.Is(err, host.ErrUnreachable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
