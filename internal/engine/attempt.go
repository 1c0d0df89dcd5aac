package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"exorunner/internal/action"
	"exorunner/internal/host"
	"exorunner/internal/report"
)

// A result is what an attempt came to.
type result struct {
	outcome       report.Outcome
	summary       string
	before, after string
	unverified    bool
	reboot        bool
	refused       bool
	warnings      []string
	evidence      *report.Evidence
	err           *report.Error
	class         host.Class
	final         bool // no other attempt can help
	applied       bool // Apply was called
	attempt       int
}

// attempts tries a task until it has an outcome that stays, its attempts are used up, or the error says that another
// one cannot help. Every attempt begins with a check.
func (r *run) attempts(ctx context.Context, t Task) result {
	limit := max(t.Retry.Attempts, 1)
	timeout := t.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	h, freshUsed := r.j.Host, false
	var broken *result // the first attempt that applied and did not get through
	reboot := false    // one attempt wanted it: a later one that finds all in place cannot know
	for n := 1; ; n++ {
		bounded, cancel := context.WithTimeout(ctx, timeout)
		res := r.once(bounded, t, h)
		cancel()
		reboot = reboot || res.reboot
		res.attempt, res.reboot = n, reboot
		if broken == nil && res.applied {
			broken = &res
		}
		if res.outcome == report.OK && broken != nil {
			// Whoever waits for a change, a handler above all, must hear of it.
			res.outcome, res.before = report.Changed, broken.before
			res.summary = fmt.Sprintf("%s: in place after attempt %d, which did not get through", res.summary, broken.attempt)
		}
		if ctx.Err() != nil || r.settled(res) {
			return r.interrupted(ctx, res)
		}
		var wait time.Duration
		switch {
		case !freshUsed && (res.class == host.OnceMore || res.class == host.Unknown) && res.outcome == report.Failed:
			freshUsed = true
			limit++ // this one comes on top
			h = host.Fresh(r.j.Host)
		case n < limit && (res.class == host.Transient || res.outcome == report.Unreachable):
			wait = r.wait(t.Retry, n)
		default:
			return res
		}
		r.emit(report.Event{Kind: report.Attempt, Task: t.Name, Action: t.Action, Index: r.index, Of: r.of, Handler: t.Deferred,
			Attempt: n, Outcome: res.outcome, Summary: res.summary, Error: res.err, Wait: wait.Seconds()})
		if err := r.sleep(ctx, wait); err != nil {
			return r.interrupted(ctx, res)
		}
	}
}

func (r *run) settled(res result) bool {
	return res.outcome != report.Failed && res.outcome != report.Unreachable || res.final || res.class == host.Never
}

// interrupted says what an ended context means for the task that was under way.
func (r *run) interrupted(ctx context.Context, res result) result {
	if ctx.Err() == nil || res.outcome != report.Failed && res.outcome != report.Unreachable {
		return res
	}
	res.outcome = report.Unreachable
	res.summary = "interrupted while it was under way: its state is not known, the next run begins with a check"
	return res
}

// wait doubles from one attempt to the next; jitter keeps a hundred servers from coming back together.
func (r *run) wait(retry Retry, n int) time.Duration {
	wait := retry.Wait
	for i := 1; i < n && (retry.MaxWait <= 0 || wait < retry.MaxWait) && wait < 24*time.Hour; i++ {
		wait *= 2
	}
	if retry.MaxWait > 0 {
		wait = min(wait, retry.MaxWait)
	}
	if r.e.Jitter != nil {
		return r.e.Jitter(wait)
	}
	if wait <= 0 {
		return 0
	}
	return wait/2 + rand.N(wait/2+1)
}

func (r *run) sleep(ctx context.Context, d time.Duration) error {
	if r.e.Sleep != nil {
		return r.e.Sleep(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return ctx.Err()
	}
}

// once is one attempt.
func (r *run) once(ctx context.Context, t Task, h host.Host) result {
	if p, ok := isProof(t.Do); ok {
		return r.prove(ctx, t, p, h)
	}
	a, ok := t.Do.(action.Action)
	if !ok {
		return r.failed(fmt.Errorf("%s is neither an action nor a proof", t.Action))
	}
	f, err := a.Check(ctx, h)
	if err != nil {
		return r.failed(err)
	}
	res := result{summary: f.Summary, before: f.Before, after: f.After, warnings: f.Warnings}
	switch {
	case f.State == action.InPlace && r.unsettled(f) != "":
		res.outcome, res.summary = report.Later, fmt.Sprintf("%s; asked again once %s has changed", f.Summary, r.unsettled(f))
	case f.State == action.InPlace:
		res.outcome = report.OK
	case f.State == action.Waiting:
		res.outcome = report.Waiting
		res.err = &report.Error{Class: "waiting", Message: f.Summary, Remedy: f.Remedy}
	case r.j.Command == Plan:
		res.outcome, res.unverified = report.Change, f.State == action.Unverifiable
		r.changing[f.Changes] = f.Changes != ""
	case r.j.Command == Verify && f.State == action.Unverifiable:
		res.outcome, res.summary = report.Skipped, "cannot be verified: "+f.Summary
	case r.j.Command == Verify:
		res.outcome = report.Drift
	default:
		return r.apply(ctx, t, a, h, f)
	}
	return res
}

// unsettled is what a finding rests on and an earlier task of this plan changes.
func (r *run) unsettled(f action.Finding) string {
	for _, what := range f.RestsOn {
		if r.j.Command == Plan && r.changing[what] {
			return what
		}
	}
	return ""
}

// apply does it and checks again: an Apply that lies is caught.
func (r *run) apply(ctx context.Context, t Task, a action.Action, h host.Host, f action.Finding) result {
	r.reboot.touch(ctx, r, t)
	if r.sum.Broken != nil { // what is not on record must not happen
		return result{outcome: report.Skipped, summary: r.stop}
	}
	r.sum.Touched = true
	done, err := a.Apply(ctx, h)
	if e := host.As(err); e != nil && e.Class == host.Fine {
		err = nil
	}
	if err != nil {
		res := r.failed(err)
		res.applied, res.before, res.reboot = true, f.Before, done.Reboot
		return res
	}
	res := result{outcome: report.Changed, summary: done.Summary, applied: true, before: f.Before, after: f.After, warnings: done.Warnings, reboot: done.Reboot}
	if res.summary == "" {
		res.summary = f.Summary
	}
	if f.State == action.Unverifiable {
		res.unverified = true
		return res
	}
	again, err := a.Check(ctx, h)
	switch {
	case err != nil:
		res = r.failed(fmt.Errorf("check after apply: %w", err))
	case again.State == action.Differs:
		res = r.failed(fmt.Errorf("still to do after apply: %s", again.Summary))
		res.err.Remedy = "it was reported as done and the machine does not show it: look with --verbose at what was said, and whether a policy, a virus scanner or another tool undoes it"
	case again.State == action.Waiting:
		res.outcome, res.summary = report.Waiting, again.Summary
		res.err = &report.Error{Class: "waiting", Message: again.Summary, Remedy: again.Remedy}
	}
	res.applied, res.before, res.reboot = true, f.Before, done.Reboot
	if again.After != "" {
		res.after = again.After
	}
	res.warnings = append(res.warnings, again.Warnings...)
	return res
}

func (r *run) prove(ctx context.Context, t Task, p action.Proof, h host.Host) result {
	if r.j.Command == Plan && !t.Local && !r.j.Prove {
		return result{outcome: report.Later, summary: "asks outside this machine when it is applied; --prove asks now"}
	}
	ev, err := p.Prove(ctx, h)
	res := result{outcome: report.OK, summary: ev.Summary}
	if err != nil {
		res = r.failed(err)
	}
	res.warnings = ev.Warnings
	if ev.Data == nil {
		return res
	}
	data, err := report.Marshal(ev.Data)
	if err != nil {
		return r.failed(fmt.Errorf("evidence: %w", err))
	}
	sum := sha256.Sum256(data)
	res.evidence = &report.Evidence{Time: r.now().UTC(), SHA256: hex.EncodeToString(sum[:]), Data: data, Warnings: r.j.Warnings}
	return res
}

// failed turns an error into a result. Needs is translated here and nowhere else.
func (r *run) failed(err error) result {
	if reason := action.Needed(err); reason != "" {
		if r.j.Command == Plan && r.ahead {
			return result{outcome: report.Later, summary: reason}
		}
		return result{outcome: report.Failed, summary: err.Error(), final: true, class: host.Never,
			err: &report.Error{Class: string(host.Never), Message: err.Error(), Remedy: "a task before this one has to bring it: put one into the playbook, or run the whole playbook"}}
	}
	res := result{outcome: report.Failed, summary: err.Error(), err: &report.Error{Message: err.Error()}}
	if e := host.As(err); e != nil {
		res.class = e.Class
		res.err.ID, res.err.Rule, res.err.Remedy = e.ID, e.Rule, e.Remedy
		if e.ID != e.Message {
			res.summary = shorter(err, e)
		}
	}
	switch {
	case errors.Is(err, host.ErrConstrained):
		res.refused, res.class = true, host.Never
	case errors.Is(err, action.ErrRefused):
		res.refused, res.final = true, true
	case errors.Is(err, host.ErrNoPowerShell):
		res.outcome, res.class, res.final = report.Unreachable, host.Never, true
	case unreachable(err):
		res.outcome = report.Unreachable
		res.err.Remedy = cmp.Or(res.err.Remedy, lost(err))
	}
	switch res.err.Class = string(res.class); {
	case res.outcome == report.Unreachable && res.class == host.Unknown:
		res.err.Class = string(report.Unreachable)
	case res.class == host.Unknown:
		res.err.Class = "unknown"
	}
	return res
}

// lost is what a person does about an attempt of which nobody knows how it ended.
func lost(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "nothing answered in the time of the task: look with --verbose at what was said last. Somebody may have been asked something that nobody saw (a sign-in that wants a person, a prompt), or a virus scanner holds it up; if it is only slow, give it a longer timeout. Then run this again: it begins with a check"
	}
	return "run this again: it begins with a check. If it stays so, look at the event log for what ends PowerShell on this machine"
}

// shorter is an error's text without the identifier, which stands in a field of its own.
func shorter(err error, e *host.Error) string {
	text, tail := err.Error(), " ("+e.ID+")"
	if e.ID != "" && len(text) > len(tail) && text[len(text)-len(tail):] == tail {
		return text[:len(text)-len(tail)]
	}
	return text
}
