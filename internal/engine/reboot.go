package engine

import (
	"context"
	"slices"
	"time"

	"exorunner/internal/report"
)

// A Reboot is how a run learns that its changes want the machine restarted, though no installer said so: it asks before
// the first change and at the end, and what came up in between is its own.
type Reboot struct {
	// Ask gives the reasons for which the machine wants a restart now.
	Ask func(context.Context) ([]string, error)
	// Before, where it is not nil, is what stood there before the first change of an earlier run that did not come to its
	// end, and Wanted says that one of its tasks asked for a restart: what that run has changed is this one's to tell.
	Before *[]string
	Wanted bool
}

// askTimeout is for a question that takes milliseconds.
const askTimeout = time.Minute

// A rebootWatch compares. What stood there before is on record before the machine is touched, for the run that goes on
// after this one was killed.
type rebootWatch struct {
	known  bool
	before []string
	asking error // why before is not known
}

// goOn takes over from an earlier run.
func (w *rebootWatch) goOn(r *run) {
	b := r.j.Reboot
	if b == nil || r.j.Command != Apply {
		return
	}
	r.sum.Reboot = b.Wanted
	if b.Before != nil {
		w.set(r, report.Event{Reboot: b.Wanted}, *b.Before)
	}
}

func (w *rebootWatch) set(r *run, e report.Event, reasons []string) {
	w.known, w.before = true, reasons
	e.Kind, e.RebootFor = report.RebootPending, reasons
	r.emit(e)
}

// touch comes before the first change. That the machine cannot say what it wants keeps nothing from being done.
func (w *rebootWatch) touch(ctx context.Context, r *run, t Task) {
	if r.j.Reboot == nil || w.known || w.asking != nil {
		return
	}
	// Not on the time of the task: what is left of it is for the change.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	reasons, err := r.j.Reboot.Ask(bounded)
	if err != nil {
		w.asking = err
		return
	}
	w.set(r, report.Event{Task: t.Name, Action: t.Action, Index: r.index, Of: r.of, Handler: t.Deferred}, reasons)
}

// end asks what came up, and says why that cannot be known; nil if it is.
func (w *rebootWatch) end(ctx context.Context, r *run) error {
	if r.j.Reboot == nil || !w.known && w.asking == nil {
		return nil
	}
	if w.asking != nil {
		return w.asking
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	now, err := r.j.Reboot.Ask(ctx)
	if err != nil {
		return err
	}
	for _, reason := range now {
		if !slices.Contains(w.before, reason) {
			r.sum.RebootFor = append(r.sum.RebootFor, reason)
		}
	}
	r.sum.Reboot = r.sum.Reboot || len(r.sum.RebootFor) > 0
	return nil
}
