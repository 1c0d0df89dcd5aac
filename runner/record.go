package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"exorunner/internal/action/psmodule"
	"exorunner/internal/daemon"
	"exorunner/internal/engine"
	"exorunner/internal/host"
	"exorunner/internal/journal"
	"exorunner/internal/playbook"
	"exorunner/internal/report"
)

// A recorder keeps a run in the journal, in the order that makes a kill safe: a task's start is on disk before it
// touches the machine, and its end before the next one starts.
type recorder struct {
	j       *journal.Journal
	run     journal.Run
	points  *failpoints
	signIns *signIns
	now     func() time.Time

	began   time.Time // of the attempt under way
	started bool      // the task under way is in the journal
	ended   bool
	judge   daemon.Judge
}

var _ engine.Recorder = &recorder{}

func (a *app) journalDir(rehearsal bool) (string, error) {
	dir, err := a.stateDir()
	if err == nil && rehearsal {
		dir = filepath.Join(dir, rehearsalName)
	}
	return filepath.Join(dir, journalName), err
}

// journalName is the folder of the journal in the state folder.
const journalName = "journal"

// openJournal opens it for writing. What is not on record must not happen, so a run without one does not begin.
func (a *app) openJournal(ctx context.Context, rehearsal bool, hide func([]byte) []byte) (*journal.Journal, error) {
	dir, err := a.journalDir(rehearsal)
	if err != nil {
		return nil, err
	}
	o := journal.Options{Redact: hide, Warn: func(err error) { fmt.Fprintf(a.stderr, "warning: %s\n", hide([]byte(err.Error()))) }}
	if rehearsal {
		o.Ballast = -1 // nobody needs the end of a rehearsal on a full disk
	}
	j, err := journal.Open(ctx, dir, o)
	if err != nil {
		return nil, hinted(fail(engine.StatusUsage, fmt.Errorf("nothing was touched: %w", err)), "%s", journalHint(err, rehearsal))
	}
	return j, nil
}

func journalHint(err error, rehearsal bool) string {
	of := ""
	if rehearsal {
		of = " --host rehearsal"
	}
	switch {
	case errors.Is(err, journal.ErrDamaged):
		return "exorunner history --recover" + of + " keeps the damaged files aside and starts a new journal with what can be read"
	case errors.Is(err, journal.ErrLocked):
		return "exorunner status says what is running"
	case errors.Is(err, journal.ErrNewer):
		return "use the exorunner that wrote it"
	case errors.Is(err, journal.ErrFull):
		return "make room on the disk: what is not on record must not happen"
	case errors.Is(err, journal.ErrForeign):
		return "move that file away, or exorunner history --recover" + of + " keeps it aside and starts a new journal"
	}
	return "what is not on record must not happen: let this account write to the folder, or name another with --state"
}

// newRecorder makes the record of a run that is about to begin.
func (a *app) newRecorder(o *runOptions, j *journal.Journal, t *target, book *playbook.Playbook, info runInfo) *recorder {
	r := &recorder{j: j, points: newFailpoints(t.rehearsal), now: time.Now}
	r.signIns = &signIns{read: j.Reader, write: j, breaker: o.breaker, now: time.Now}
	if o.breaker.Max == 0 {
		r.signIns.breaker = defaultBreaker
	}
	r.run = journal.Run{
		ID: info.ID, Playbook: book.Name, PlaybookSHA256: fingerprint(book.Files), Command: info.Command, Host: hostName(t), Account: account(),
		Rehearsal: t.rehearsal, Started: r.now(),
	}
	if o.slot != nil {
		r.run.Schedule, r.run.Due, r.run.Attempt, r.run.Follows = o.slot.Schedule, o.slot.Due, o.slot.Attempt, o.slot.Follows
	}
	return r
}

// hostName is the machine's own: the journal of a server may be looked at elsewhere.
func hostName(t *target) string {
	if name, err := os.Hostname(); err == nil && !t.rehearsal {
		return name
	}
	return t.Name()
}

func account() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// fingerprint is of everything that was read for a playbook.
func fingerprint(files []playbook.File) string {
	sum := sha256.New()
	for _, f := range files {
		_ = binary.Write(sum, binary.BigEndian, int64(len(f.Data))) // a hash takes everything
		sum.Write(f.Data)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func (r *recorder) begin() error {
	r.points.hit("run_begin.before")
	if err := r.j.BeginRun(r.run); err != nil {
		return err
	}
	r.points.hit("run_begin.after")
	return nil
}

// Record implements engine.Recorder.
func (r *recorder) Record(e report.Event) error {
	line, err := report.Marshal(e)
	if err != nil {
		return err
	}
	switch e.Kind {
	case report.TaskStarted:
		err = r.taskStarted(e, line)
	case report.Attempt:
		err = r.attempt(e, line)
	case report.TaskFinished:
		err = r.taskFinished(e, line)
	case report.RunFinished:
		err = r.runFinished(e, line)
	case report.RebootPending:
		r.points.hit("reboot_pending.before")
		if err = r.j.Append(r.run.ID, line); err == nil {
			r.points.hit("reboot_pending.after")
		}
	default:
		err = r.j.Append(r.run.ID, line)
	}
	if err == nil { // what is not on record has not happened
		r.judge.See(e)
	}
	return err
}

func (r *recorder) taskStarted(e report.Event, line []byte) error {
	r.points.hit("task_start.before")
	if err := r.start(e); err != nil {
		return err
	}
	r.points.hit("task_start.after")
	r.began = e.Time
	if err := r.j.Append(r.run.ID, line); err != nil {
		return err
	}
	r.points.hit("task_start.told")
	return nil
}

func (r *recorder) start(e report.Event) error {
	r.started = true
	return r.j.StartTask(r.run.ID, journal.Task{Index: e.Index, Name: e.Task, Action: e.Action, Started: e.Time})
}

func (r *recorder) attempt(e report.Event, line []byte) error {
	r.points.hit("attempt.before")
	if err := r.tried(e); err != nil {
		return err
	}
	r.points.hit("attempt.after")
	r.began = e.Time.Add(time.Duration(e.Wait * float64(time.Second)))
	return r.j.Append(r.run.ID, line)
}

// tried records one attempt that ended.
func (r *recorder) tried(e report.Event) error {
	at := journal.Attempt{Attempt: max(e.Attempt, 1), Started: r.began, Ended: e.Time, Outcome: string(e.Outcome)}
	if e.Error != nil {
		at.Class, at.Error = e.Error.Class, e.Error.Message
	}
	return r.j.AddAttempt(r.run.ID, e.Index, at)
}

func (r *recorder) taskFinished(e report.Event, line []byte) error {
	if !r.started { // it was skipped
		r.began = e.Time
		if err := r.start(e); err != nil {
			return err
		}
	} else if err := r.tried(e); err != nil {
		return err
	}
	r.started = false
	if e.Evidence != nil {
		r.points.hit("evidence.before")
		if _, err := r.j.AddEvidence(journal.Evidence{Run: r.run.ID, Task: e.Task, Time: e.Evidence.Time, Data: e.Evidence.Data}); err != nil {
			return err
		}
		r.points.hit("evidence.after")
	}
	r.points.hit("task_finish.before")
	done := journal.Task{Index: e.Index, Ended: e.Time, Outcome: string(e.Outcome), Summary: e.Summary}
	if e.Error != nil {
		done.Error = e.Error.Message
	}
	if err := r.j.FinishTask(r.run.ID, done); err != nil {
		return err
	}
	r.points.hit("task_finish.after")
	if err := r.j.Append(r.run.ID, line); err != nil {
		return err
	}
	r.points.hit("task_finish.told")
	return nil
}

func (r *recorder) runFinished(e report.Event, line []byte) error {
	if err := r.j.Append(r.run.ID, line); err != nil {
		return err
	}
	r.points.hit("run_end.before")
	status := 0
	if e.Status != nil {
		status = *e.Status
	}
	if err := r.j.EndRun(r.run.ID, e.Time, status, e.Counts); err != nil {
		return err
	}
	r.ended = true
	r.points.hit("run_end.after")
	return nil
}

// refused ends a run that did not come to its first task.
func (r *recorder) refused(err error, status int) {
	class := string(host.Never)
	switch e := host.As(err); {
	case e != nil && e.Class != "":
		class = string(e.Class)
	case errors.Is(err, host.ErrUnreachable) && !errors.Is(err, host.ErrConstrained):
		class = "unreachable"
	case status == engine.StatusFailed:
		class = "unknown"
	}
	e := report.Event{
		Kind: report.RunFinished, Time: r.now().UTC(), Run: r.run.ID, Rehearsal: r.run.Rehearsal, Command: r.run.Command, Playbook: r.run.Playbook,
		Host: r.run.Host, Status: &status, Counts: map[string]int{}, RebootUnknown: true, Error: &report.Error{Class: class, Message: err.Error()},
	}
	_ = r.Record(e) // the refusal itself is told by who called; without this record the run shows as interrupted
}

// said keeps what was said on the machine. It may be lost in a power cut.
func (r *recorder) said(e report.Event) {
	if line, err := report.Marshal(e); err == nil {
		_ = r.j.Note(r.run.ID, line) // the next record that matters meets the same error, and ends the run
	}
}

// outcome is the run's, as the service wants it.
func (r *recorder) outcome(broken error) daemon.Outcome {
	out := r.judge.Outcome()
	broken = cmp.Or(broken, r.signIns.lost())
	if broken != nil {
		out.Verdict, out.Summary = daemon.Broken, broken.Error()
	}
	out.NotBefore = r.signIns.until()
	return out
}

// guard puts the breaker before every sign-in of a task, and the journal before every installation.
func (r *recorder) guard(tasks []engine.Task) []engine.Task {
	tasks = r.signIns.guard(tasks)
	for i := range tasks {
		if m, ok := tasks[i].Do.(*psmodule.Module); ok {
			tasks[i].Do = &installing{Module: m, rec: r}
		}
	}
	return tasks
}
