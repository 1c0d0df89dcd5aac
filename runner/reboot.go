package main

import (
	"bytes"
	"context"
	"encoding/json"

	"exorunner/internal/engine"
	"exorunner/internal/exr"
	"exorunner/internal/journal"
	"exorunner/internal/report"
)

// unsettled is how many runs are looked back at for one that left a restart open: more than a slot has attempts.
const unsettled = 200

// reboot lets a run find out whether its changes want a restart. A run that was interrupted could not say so: what the
// machine wanted before that one began is the measure of this one, too, unless the machine was started since.
func (r *recorder) reboot(ctx context.Context, t *target) (*engine.Reboot, error) {
	b := &engine.Reboot{Ask: func(ctx context.Context) ([]string, error) {
		var p exr.PendingReboot
		err := t.Query(ctx, exr.GetPendingReboot(), &p)
		return p.Reasons(), err
	}}
	runs, err := r.j.Runs(ctx, journal.Filter{Command: r.run.Command, Host: r.run.Host, Limit: unsettled})
	if err != nil {
		return nil, err
	}
	booted := t.booted()
	for _, run := range runs {
		if run.ID == r.run.ID {
			continue
		}
		if run.Started.Before(booted) {
			break
		}
		left, err := leftOpen(ctx, r.j.Reader, run)
		if err != nil {
			return nil, err
		}
		b.Wanted = b.Wanted || left.wanted
		if b.Before = left.before; b.Before != nil || left.settled {
			break
		}
	}
	return b, nil
}

// A loose end is what a run has left for the next one to say.
type looseEnd struct {
	settled bool      // it has said all itself
	before  *[]string // what the machine wanted before its first change; nil where it did not come to one
	wanted  bool      // a task of it asked for a restart
}

func leftOpen(ctx context.Context, j *journal.Reader, run journal.Run) (looseEnd, error) {
	var left looseEnd
	for after := int64(0); ; {
		events, err := j.Events(ctx, run.ID, after, 1000)
		if err != nil || len(events) == 0 {
			return left, err
		}
		for _, line := range events {
			after = line.N
			if !bytes.Contains(line.Line, []byte(`"reboot`)) && !bytes.Contains(line.Line, []byte(report.RunFinished)) {
				continue
			}
			var e report.Event
			if json.Unmarshal(line.Line, &e) != nil {
				continue // a secret that was hidden in a number leaves a text
			}
			left.wanted = left.wanted || e.Reboot
			switch {
			case e.Kind == report.RebootPending:
				reasons := append([]string{}, e.RebootFor...)
				left.before = &reasons
			case e.Kind != report.RunFinished || run.State != journal.Ended || run.Status == engine.StatusInterrupted:
			case e.RebootUnknown:
				left.wanted = false // it has told that itself; what else there may be is open
			default:
				return looseEnd{settled: true}, nil
			}
		}
	}
}
