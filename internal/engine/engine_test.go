package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"exorunner/internal/action"
	"exorunner/internal/host"
	"exorunner/internal/report"
)

// nowhere is a host that is not to be asked.
type nowhere struct{}

func (nowhere) Name() string                                 { return "nowhere" }
func (nowhere) Query(context.Context, host.Call, any) error  { return errors.New("not to be asked") }
func (nowhere) Invoke(context.Context, host.Call, any) error { return errors.New("not to be asked") }

// thing is an action whose world is one bool.
type thing struct {
	there       bool
	lies        bool
	checks      []error // of each Check in turn; nil when used up
	applies     []error
	state       action.State // where it differs
	after       action.State // after Apply, if not InPlace
	calls       []string
	fresh       []bool
	block       bool // Apply waits for the end of its context
	changes     string
	restsOn     []string
	appliedThen bool // Apply took effect although it returned an error
	reboot      bool // Apply wants a restart, also where it returns an error
}

func (a *thing) Check(_ context.Context, r host.Reader) (action.Finding, error) {
	a.calls = append(a.calls, "check")
	_, fresh := r.(interface{ isFresh() })
	a.fresh = append(a.fresh, fresh || strings.Contains(fmt.Sprintf("%T", r), "fresh"))
	if len(a.checks) > 0 {
		err := a.checks[0]
		a.checks = a.checks[1:]
		if err != nil {
			return action.Finding{}, err
		}
	}
	if a.there {
		return action.Finding{State: a.after, Summary: "there", Before: "yes", After: "yes", RestsOn: a.restsOn}, nil
	}
	state := a.state
	if state == action.InPlace {
		state = action.Differs
	}
	return action.Finding{State: state, Summary: "not there", Before: "no", After: "yes", Remedy: "wait", Changes: a.changes}, nil
}

func (a *thing) Apply(ctx context.Context, _ host.Host) (action.Result, error) {
	a.calls = append(a.calls, "apply")
	if a.block {
		<-ctx.Done()
		return action.Result{}, fmt.Errorf("%w: %w", host.ErrUnreachable, ctx.Err())
	}
	if len(a.applies) > 0 {
		err := a.applies[0]
		a.applies = a.applies[1:]
		if err != nil {
			a.there = a.there || a.appliedThen
			return action.Result{Reboot: a.reboot}, err
		}
	}
	a.there = !a.lies
	return action.Result{Summary: "put there", Reboot: a.reboot}, nil
}

// claim is a proof.
type claim struct {
	err  error
	runs int
	data any
}

func (p *claim) Prove(context.Context, host.Reader) (action.Evidence, error) {
	p.runs++
	return action.Evidence{Summary: "seen", Data: p.data}, p.err
}

type tape struct{ events []report.Event }

func (t *tape) Report(e report.Event) { t.events = append(t.events, e) }

// lines are the outcomes, one a task.
func (t *tape) lines() []string {
	var all []string
	for _, e := range t.events {
		if e.Kind == report.TaskFinished {
			all = append(all, fmt.Sprintf("%s %s: %s", e.Outcome, e.Task, e.Summary))
		}
	}
	return all
}

func do(t *testing.T, ctx context.Context, j Job) (*tape, Summary) {
	t.Helper()
	out := &tape{}
	if j.Host == nil {
		j.Host = nowhere{}
	}
	e := &Engine{Reporter: out, Jitter: func(d time.Duration) time.Duration { return d }}
	return out, e.Run(ctx, j)
}

func classed(c host.Class, message string) error {
	return &host.Error{ID: "Id", Message: message, Class: c, Remedy: "do this"}
}

func TestOneTask(t *testing.T) {
	lost := fmt.Errorf("call: %w: exit status 7", host.ErrUnreachable)
	for name, tt := range map[string]struct {
		command Command
		do      any
		retry   Retry
		local   bool
		prove   bool
		want    string
		status  int
		calls   string // of a thing
	}{
		"plan, in place":                        {Plan, &thing{there: true}, Retry{}, false, false, "ok t: there", 0, "check"},
		"plan, differs":                         {Plan, &thing{}, Retry{}, false, false, "change t: not there", 0, "check"},
		"plan, waiting":                         {Plan, &thing{state: action.Waiting}, Retry{}, false, false, "waiting t: not there", 10, "check"},
		"plan, nobody can tell":                 {Plan, &thing{state: action.Unverifiable}, Retry{}, false, false, "change t: not there", 0, "check"},
		"plan, needs what no task brings":       {Plan, &thing{checks: []error{action.Needs("no provider")}}, Retry{}, false, false, "failed t: no provider", 1, "check"},
		"plan, a proof waits for apply":         {Plan, &claim{}, Retry{}, false, false, "later t: asks outside this machine when it is applied; --prove asks now", 0, ""},
		"plan, a proof that was asked for":      {Plan, &claim{}, Retry{}, false, true, "ok t: seen", 0, ""},
		"plan, a local proof":                   {Plan, &claim{}, Retry{}, true, false, "ok t: seen", 0, ""},
		"apply, in place":                       {Apply, &thing{there: true}, Retry{}, false, false, "ok t: there", 0, "check"},
		"apply, differs":                        {Apply, &thing{}, Retry{}, false, false, "changed t: put there", 0, "check apply check"},
		"apply, says so and did not":            {Apply, &thing{lies: true}, Retry{}, false, false, "failed t: still to do after apply: not there", 1, "check apply check check apply check"},
		"apply, waiting is not applied":         {Apply, &thing{state: action.Waiting}, Retry{}, false, false, "waiting t: not there", 10, "check"},
		"apply, waiting afterwards":             {Apply, &thing{after: action.Waiting}, Retry{}, false, false, "waiting t: there", 10, "check apply check"},
		"apply, nobody can tell":                {Apply, &thing{state: action.Unverifiable}, Retry{}, false, false, "changed t: put there", 0, "check apply"},
		"apply, a fine error is none":           {Apply, &thing{applies: []error{classed(host.Fine, "already")}, appliedThen: true}, Retry{}, false, false, "changed t: not there", 0, "check apply check"},
		"apply, never ends at once":             {Apply, &thing{applies: []error{classed(host.Never, "no rights")}}, Retry{Attempts: 5}, false, false, "failed t: no rights", 1, "check apply"},
		"apply, transient without retry":        {Apply, &thing{applies: []error{classed(host.Transient, "away")}}, Retry{}, false, false, "failed t: away", 1, "check apply"},
		"apply, transient, third time lucky":    {Apply, &thing{applies: []error{classed(host.Transient, "away"), classed(host.Transient, "away")}}, Retry{Attempts: 3, Wait: time.Second}, false, false, "changed t: put there", 0, "check apply check apply check apply check"},
		"apply, transient, used up":             {Apply, &thing{applies: []error{classed(host.Transient, "away"), classed(host.Transient, "away")}}, Retry{Attempts: 2}, false, false, "failed t: away", 1, "check apply check apply"},
		"apply, fresh adds one":                 {Apply, &thing{applies: []error{classed(host.OnceMore, "in use")}}, Retry{}, false, false, "changed t: put there", 0, "check apply check apply check"},
		"apply, fresh adds one and no more":     {Apply, &thing{applies: []error{classed(host.OnceMore, "in use"), classed(host.OnceMore, "in use")}}, Retry{}, false, false, "failed t: in use", 1, "check apply check apply"},
		"apply, unknown once more":              {Apply, &thing{applies: []error{errors.New("odd"), errors.New("odd")}}, Retry{Attempts: 5}, false, false, "failed t: odd", 1, "check apply check apply"},
		"apply, unreachable uses an attempt":    {Apply, &thing{applies: []error{lost}, appliedThen: true}, Retry{Attempts: 2}, false, false, "changed t: there: in place after attempt 1, which did not get through", 0, "check apply check"},
		"apply, unreachable and no attempt":     {Apply, &thing{applies: []error{lost}}, Retry{}, false, false, "unreachable t: call: unreachable: exit status 7", 5, "check apply"},
		"apply, unreachable in check":           {Apply, &thing{checks: []error{lost}}, Retry{Attempts: 2}, false, false, "changed t: put there", 0, "check check apply check"},
		"apply, refused":                        {Apply, &claim{err: fmt.Errorf("%w: %w", action.ErrRefused, classed(host.Never, "2 requirements"))}, Retry{Attempts: 3}, false, false, "failed t: refused: 2 requirements", 4, ""},
		"apply, a proof is refuted":             {Apply, &claim{err: classed(host.Never, "RPS")}, Retry{}, false, false, "failed t: RPS", 1, ""},
		"apply, needs what is not there":        {Apply, &thing{checks: []error{action.Needs("no provider")}}, Retry{Attempts: 3}, false, false, "failed t: no provider", 1, "check"},
		"verify, in place":                      {Verify, &thing{there: true}, Retry{}, false, false, "ok t: there", 0, "check"},
		"verify, drift":                         {Verify, &thing{}, Retry{}, false, false, "drift t: not there", 2, "check"},
		"verify, nobody can tell":               {Verify, &thing{state: action.Unverifiable}, Retry{}, false, false, "skipped t: cannot be verified: not there", 0, "check"},
		"verify, constrained":                   {Verify, &thing{checks: []error{fmt.Errorf("open: %w", host.ErrConstrained)}}, Retry{Attempts: 3}, false, false, "failed t: open: constrained language mode", 4, "check"},
		"verify, no PowerShell":                 {Verify, &thing{checks: []error{fmt.Errorf("%w", host.ErrNoPowerShell)}}, Retry{Attempts: 3}, false, false, "unreachable t: no PowerShell", 5, "check"},
		"neither an action nor a proof is told": {Apply, 7, Retry{}, false, false, "failed t: k is neither an action nor a proof", 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out, sum := do(t, t.Context(), Job{Command: tt.command, Prove: tt.prove,
					Tasks: []Task{{Name: "t", Action: "k", Do: tt.do, Local: tt.local, Retry: tt.retry}}})
				if got := strings.Join(out.lines(), "|"); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				if got := sum.Status(); got != tt.status {
					t.Errorf("status %d, want %d", got, tt.status)
				}
				if a, ok := tt.do.(*thing); ok {
					if got := strings.Join(a.calls, " "); got != tt.calls {
						t.Errorf("calls %q, want %q", got, tt.calls)
					}
				}
			})
		})
	}
}

func TestWaitsDoubleUpToTheLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := classed(host.Transient, "away")
		a := &thing{applies: []error{away, away, away, away}}
		start := time.Now()
		_, sum := do(t, t.Context(), Job{Command: Apply, Tasks: []Task{{Name: "t", Do: a, Retry: Retry{Attempts: 5, Wait: time.Hour, MaxWait: 3 * time.Hour}}}})
		if got, want := time.Since(start), 9*time.Hour; got != want { // 1 + 2 + 3 + 3
			t.Errorf("waited %v, want %v", got, want)
		}
		if sum.Status() != 0 {
			t.Errorf("status %d", sum.Status())
		}
	})
}

func TestFreshAttemptIsInAProcessOfItsOwn(t *testing.T) {
	a := &thing{checks: []error{classed(host.OnceMore, "in use")}, there: true}
	do(t, t.Context(), Job{Command: Apply, Tasks: []Task{{Name: "t", Do: a}}})
	if got := fmt.Sprint(a.fresh); got != "[false true]" {
		t.Errorf("fresh: %s, want [false true]", got)
	}
}

func TestTimeoutIsPerAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &thing{block: true}
		out, sum := do(t, t.Context(), Job{Command: Apply, Tasks: []Task{{Name: "t", Do: a, Timeout: time.Minute, Retry: Retry{Attempts: 2}}}})
		if got, want := out.lines()[0], "unreachable t: unreachable: context deadline exceeded"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := strings.Join(a.calls, " "); got != "check apply check apply" || sum.Status() != StatusUnreachable {
			t.Errorf("calls %q, status %d", got, sum.Status())
		}
	})
}

func TestInterruptNamesTheTaskAndSkipsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		next := &thing{}
		out, sum := do(t, ctx, Job{Command: Apply, Tasks: []Task{
			{Name: "slow", Do: &thing{block: true}, Retry: Retry{Attempts: 9}}, {Name: "next", Do: next},
		}, Handlers: []Task{{Name: "handler", Do: &thing{}}}})
		want := "unreachable slow: interrupted while it was under way: its state is not known, the next run begins with a check|skipped next: interrupted before it began"
		if got := strings.Join(out.lines(), "|"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if sum.Status() != StatusInterrupted || len(next.calls) > 0 {
			t.Errorf("status %d, next was called: %v", sum.Status(), next.calls)
		}
	})
}

func TestOrder(t *testing.T) {
	failing := func() *thing { return &thing{applies: []error{classed(host.Never, "no")}} }
	for name, tt := range map[string]struct {
		command  Command
		tasks    []Task
		handlers []Task
		want     string
		reached  bool
	}{
		"a failure stops the rest": {Apply, []Task{{Name: "a", Do: failing()}, {Name: "b", Do: &thing{}}}, nil,
			`failed a: no|skipped b: after "a", which failed`, false},
		"a failure that may be passed over": {Apply, []Task{{Name: "a", Do: failing(), GoOn: true}, {Name: "b", Do: &thing{}}}, nil,
			"failed a: no|changed b: put there", false},
		"waiting stops the rest": {Apply, []Task{{Name: "a", Do: &thing{state: action.Waiting}}, {Name: "b", Do: &thing{}}}, nil,
			`waiting a: not there|skipped b: after "a", which is waiting`, false},
		"verify asks every task": {Verify, []Task{{Name: "a", Do: &thing{}}, {Name: "b", Do: &thing{there: true}}}, nil,
			"drift a: not there|ok b: there", false},
		"a task that is not for this run": {Apply, []Task{{Name: "a", Do: &thing{}, Skip: "when false"}, {Name: "b", Do: &thing{there: true}}}, nil,
			"skipped a: when false|ok b: there", true},
		"a plan: later, because an earlier task has a change": {Plan, []Task{{Name: "a", Do: &thing{}}, {Name: "b", Do: &thing{checks: []error{action.Needs("no provider")}}}}, nil,
			"change a: not there|later b: no provider", false},
		"a plan: what rests on a change is not known yet": {Plan, []Task{{Name: "a", Do: &thing{changes: "module X"}}, {Name: "b", Do: &thing{there: true, restsOn: []string{"module X"}}}, {Name: "c", Do: &thing{there: true, restsOn: []string{"module Y"}}}}, nil,
			"change a: not there|later b: there; asked again once module X has changed|ok c: there", false},
		"a plan: later goes on": {Plan, []Task{{Name: "a", Do: &claim{}}, {Name: "b", Do: &thing{checks: []error{action.Needs("x")}}}}, nil,
			"later a: asks outside this machine when it is applied; --prove asks now|later b: x", false},
		"a handler runs once, at the end, also after a failure": {Apply,
			[]Task{{Name: "a", Do: &thing{}, Notify: []string{"h"}}, {Name: "b", Do: &thing{}, Notify: []string{"h"}}, {Name: "c", Do: failing()}},
			[]Task{{Name: "h", Do: &thing{}}, {Name: "unasked", Do: &thing{}}},
			"changed a: put there|changed b: put there|failed c: no|changed h: put there", false},
		"a handler of a change that got lost on its way back": {Apply,
			[]Task{{Name: "a", Do: &thing{applies: []error{fmt.Errorf("call: %w", host.ErrUnreachable)}, appliedThen: true}, Retry: Retry{Attempts: 2}, Notify: []string{"h"}}},
			[]Task{{Name: "h", Do: &thing{}}},
			"changed a: there: in place after attempt 1, which did not get through|changed h: put there", true},
		"a handler of a task that changed nothing": {Apply, []Task{{Name: "a", Do: &thing{there: true}, Notify: []string{"h"}}}, []Task{{Name: "h", Do: &thing{}}},
			"ok a: there", true},
		"a plan lists handlers": {Plan, []Task{{Name: "a", Do: &thing{}, Notify: []string{"h"}}}, []Task{{Name: "h", Do: &thing{}}},
			`change a: not there|later h: runs at the end: "a" asks for it`, false},
		"verify never runs them": {Verify, []Task{{Name: "a", Do: &thing{}, Notify: []string{"h"}}}, []Task{{Name: "h", Do: &thing{}}},
			"drift a: not there", false},
		"a refusal stops what may be passed over": {Apply, []Task{{Name: "a", Do: &claim{err: action.ErrRefused}, GoOn: true}, {Name: "b", Do: &thing{}}}, nil,
			`failed a: refused|skipped b: after "a", which failed`, false},
	} {
		t.Run(name, func(t *testing.T) {
			out, sum := do(t, t.Context(), Job{Command: tt.command, Tasks: tt.tasks, Handlers: tt.handlers, Goal: "g"})
			if got := strings.Join(out.lines(), "|"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			last := out.events[len(out.events)-1]
			if sum.Reached != tt.reached || last.Goal == nil || last.Goal.Reached != tt.reached {
				t.Errorf("reached %v, %+v, want %v", sum.Reached, last.Goal, tt.reached)
			}
		})
	}
}

func TestARefusalAfterAChangeIsAFailure(t *testing.T) {
	_, sum := do(t, t.Context(), Job{Command: Apply, Tasks: []Task{{Name: "a", Do: &thing{}}, {Name: "b", Do: &claim{err: action.ErrRefused}}}})
	if sum.Status() != StatusFailed {
		t.Errorf("status %d, want %d: something was touched", sum.Status(), StatusFailed)
	}
}

func TestEvidenceIsHashedAndDatedAlsoWhenRefuted(t *testing.T) {
	out, _ := do(t, t.Context(), Job{Command: Apply, Tasks: []Task{{Name: "t", Do: &claim{data: map[string]int{"a": 1}, err: classed(host.Never, "no")}}}})
	for _, e := range out.events {
		if e.Kind != report.TaskFinished {
			continue
		}
		const want = "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862" // of {"a":1}
		if e.Evidence == nil || e.Evidence.SHA256 != want || string(e.Evidence.Data) != `{"a":1}` || e.Evidence.Time.IsZero() {
			t.Errorf("evidence %+v, want hash %s", e.Evidence, want)
		}
		if e.Outcome != report.Failed {
			t.Errorf("outcome %s", e.Outcome)
		}
	}
}

// A recorder that breaks at the n-th event.
type breaking struct{ n int }

func (b *breaking) Record(report.Event) error {
	if b.n--; b.n < 0 {
		return errors.New("disk full")
	}
	return nil
}

func TestNothingIsTouchedThatIsNotOnRecord(t *testing.T) {
	for n := range 3 {
		a, b := &thing{}, &thing{}
		out := &tape{}
		e := &Engine{Reporter: out, Recorder: &breaking{n}}
		sum := e.Run(t.Context(), Job{Command: Apply, Host: nowhere{}, Tasks: []Task{{Name: "a", Do: a}, {Name: "b", Do: b}}})
		if sum.Broken == nil || sum.Status() != StatusFailed {
			t.Errorf("broken at %d: %v, status %d", n, sum.Broken, sum.Status())
		}
		if n < 2 && len(a.calls) > 0 || len(b.calls) > 0 {
			t.Errorf("broken at %d: a %v, b %v were called", n, a.calls, b.calls)
		}
	}
}

// An installer says once that it wants a restart. Whoever looks later finds all in place and cannot know.
func TestARestartIsNotForgottenOverAttempts(t *testing.T) {
	gone := fmt.Errorf("%w: it died", host.ErrUnreachable)
	for about, tt := range map[string]struct {
		do     *thing
		want   report.Outcome
		status int
	}{
		"the check after it was lost":  {&thing{reboot: true, checks: []error{nil, gone}}, report.Changed, StatusReboot()},
		"it was said with an error":    {&thing{reboot: true, applies: []error{gone}, appliedThen: true}, report.Changed, StatusReboot()},
		"and then nothing more helped": {&thing{reboot: true, applies: []error{&host.Error{ID: "X", Class: host.Never}}}, report.Failed, StatusFailed},
	} {
		t.Run(about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out, sum := do(t, t.Context(), Job{Command: Apply, Tasks: []Task{{Name: "t", Do: tt.do, Retry: Retry{Attempts: 2}}}})
				end := out.events[len(out.events)-1]
				if got := out.lines(); len(got) != 1 || !strings.HasPrefix(got[0], string(tt.want)+" t") || !sum.Reboot || !end.Reboot || sum.Status() != tt.status {
					t.Errorf("%v, restart %v, at the end %v, status %d; want %s, a restart and status %d", got, sum.Reboot, end.Reboot, sum.Status(), tt.want, tt.status)
				}
			})
		})
	}
}

// What the machine wants a restart for since the first change is the run's; what stood there before is not.
func TestARestartThatTheMachineWants(t *testing.T) {
	away := errors.New("away")
	cases := map[string]struct {
		job     Job
		before  *[]string
		wanted  bool
		answers [][]string
		err     error
		want    []string // nil: no restart
		unknown bool
		asked   int
	}{
		"something came up":              {job: Job{Tasks: []Task{{Name: "a", Do: &thing{}}}}, answers: [][]string{{"old"}, {"old", "new"}}, want: []string{"new"}, asked: 2},
		"nothing came up":                {job: Job{Tasks: []Task{{Name: "a", Do: &thing{}}, {Name: "b", Do: &thing{}}}}, answers: [][]string{{"old"}, {"old"}}, asked: 2},
		"nothing is changed":             {job: Job{Tasks: []Task{{Name: "a", Do: &thing{there: true}}}}},
		"a plan":                         {job: Job{Command: Plan, Tasks: []Task{{Name: "a", Do: &thing{}}}}},
		"an earlier run changed it":      {job: Job{Tasks: []Task{{Name: "a", Do: &thing{there: true}}}}, before: &[]string{"old"}, answers: [][]string{{"old", "new"}}, want: []string{"new"}, asked: 1},
		"an earlier run's installer":     {job: Job{Tasks: []Task{{Name: "a", Do: &thing{there: true}}}}, wanted: true},
		"an earlier run, and a verify":   {job: Job{Command: Verify, Tasks: []Task{{Name: "a", Do: &thing{there: true}}}}, before: &[]string{}},
		"a failed task may want one too": {job: Job{Tasks: []Task{{Name: "a", Do: &thing{lies: true}}}}, answers: [][]string{nil, {"new"}}, want: []string{"new"}, asked: 2},
		"it cannot be asked":             {job: Job{Tasks: []Task{{Name: "a", Do: &thing{}}}}, err: away, unknown: true, asked: 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			asked := 0
			c.job.Reboot = &Reboot{Before: c.before, Wanted: c.wanted, Ask: func(context.Context) ([]string, error) {
				asked++
				if c.err != nil {
					return nil, c.err
				}
				return c.answers[asked-1], nil
			}}
			if c.job.Command == "" {
				c.job.Command = Apply
			}
			out, sum := do(t, t.Context(), c.job)
			end := out.events[len(out.events)-1]
			if asked != c.asked || sum.Reboot != (c.want != nil || c.wanted) || strings.Join(end.RebootFor, " ") != strings.Join(c.want, " ") || end.RebootUnknown != c.unknown || c.unknown != (len(end.Warnings) > 0) {
				t.Errorf("asked %d times, restart %v for %q, unknown %v %q; want %d times, for %q, unknown %v", asked, sum.Reboot, end.RebootFor, end.RebootUnknown, end.Warnings, c.asked, c.want, c.unknown)
			}
		})
	}
}

// What stood there before is on record before anything is changed, or nothing is.
func TestWhatWasPendingBeforeIsOnRecord(t *testing.T) {
	a := &thing{}
	e := &Engine{Reporter: &tape{}, Recorder: &breaking{2}} // the run, the task, and then this
	sum := e.Run(t.Context(), Job{Command: Apply, Host: nowhere{}, Tasks: []Task{{Name: "a", Do: a}},
		Reboot: &Reboot{Ask: func(context.Context) ([]string, error) { return nil, nil }}})
	if sum.Broken == nil || strings.Join(a.calls, " ") != "check" {
		t.Errorf("broken %v, calls %v; want only a check", sum.Broken, a.calls)
	}
}
