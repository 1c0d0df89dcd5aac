package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"exorunner/internal/action"
	"exorunner/internal/catalog"
	"exorunner/internal/daemon"
	"exorunner/internal/engine"
	"exorunner/internal/exr"
	"exorunner/internal/journal"
	"exorunner/internal/lock"
	"exorunner/internal/playbook"
	"exorunner/internal/report"
	"exorunner/internal/schedule"
	"exorunner/internal/secret"
)

// runOptions are what plan, apply and verify share.
type runOptions struct {
	command  engine.Command
	host     string
	faults   []string
	sets     []string
	files    []string
	tags     []string
	skipTags []string
	verbose  bool
	prove    bool
	detailed bool
	wait     time.Duration

	// Of the service: what it runs for, the journal that it has open, variables that win over files, its breaker, whether
	// the run may begin now that its turn has come, and where it learns how it went.
	slot    *daemon.Slot
	journal *journal.Journal
	given   []playbook.Given
	breaker schedule.Breaker
	allowed func() error
	learn   func(daemon.Outcome)
}

func (o *runOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.host, "host", "auto", "auto, powershell, pwsh, the path of a PowerShell, or rehearsal[:MACHINE]")
	f.StringArrayVar(&o.faults, "fault", nil, "what goes wrong in a rehearsal: NAME[:ARG][:TIMES]; may be repeated")
	f.StringArrayVar(&o.sets, "var", nil, "NAME=VALUE of a playbook's variable; may be repeated")
	f.StringArrayVar(&o.files, "vars", nil, "YAML file of variables; may be repeated, later ones win")
	f.StringSliceVar(&o.tags, "tags", nil, "only tasks with one of these tags")
	f.StringSliceVar(&o.skipTags, "skip-tags", nil, "no task with one of these tags")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "also what was said on the machine, and the evidence")
}

// runInfo is what expressions see as run.
type runInfo struct {
	ID        string `expr:"id"`
	Command   string `expr:"command"`
	Rehearsal bool   `expr:"rehearsal"`
}

// run is plan, apply and verify from the command line to the status.
func (a *app) run(ctx context.Context, o *runOptions, args []string) error {
	out, err := a.output(o.verbose)
	if err != nil {
		return err
	}
	name, err := playbookName(o.host, args)
	if err != nil {
		return err
	}
	t, err := a.open(o.host, o.faults, out.said)
	if err != nil {
		return err
	}
	defer t.close()
	keeper, secrets := a.keep(t.secrets)
	out.hide = keeper
	book, err := a.notes(o.host, o.command != engine.Apply)
	if err != nil {
		return err
	}
	outside := o.command != engine.Plan || o.prove
	fetcher, err := a.fetcher(t, o.command != engine.Apply, outside, out.said)
	if err != nil {
		return err
	}
	deps := action.Deps{Secrets: secrets, Notes: book, Fetch: fetcher, ReadOnly: o.command != engine.Apply, Outside: outside}
	brought, err := a.brought(ctx, name, t)
	if err != nil {
		return err
	}
	play, err := a.load(name, o, brought, deps)
	if err != nil {
		return notInstalledHint(err)
	}
	if o.slot != nil && !t.rehearsal {
		if err := trustedFiles(play, a.account); err != nil {
			return fail(engine.StatusUsage, err)
		}
	}
	if err := t.there(); err != nil {
		return err
	}
	if o.command == engine.Plan {
		return a.start(ctx, o, t, play, out, nil)
	}
	return a.alone(ctx, o, t, play, out, keeper)
}

// alone is a run that no other works beside, with its journal.
func (a *app) alone(ctx context.Context, o *runOptions, t *target, play *playbook.Playbook, out *output, keeper *secret.Keeper) error {
	held, err := lock.Take(ctx, t.lock, o.wait)
	if err != nil {
		return lockError(err)
	}
	defer held.Free()
	if o.allowed != nil {
		if err := o.allowed(); err != nil {
			return err
		}
	}
	j := o.journal
	if j == nil {
		if j, err = a.openJournal(ctx, t.rehearsal, keeper.Hide); err != nil {
			return err
		}
		defer j.Close()
	}
	return a.start(ctx, o, t, play, out, j)
}

func lockError(err error) error {
	var held *lock.Held
	switch {
	case errors.As(err, &held):
		return hinted(fail(engine.StatusLocked, err), "wait for it to end, or let this one wait with --wait 30m")
	case errors.Is(err, context.Canceled):
		return fail(engine.StatusInterrupted, errors.New("interrupted while waiting for another run; nothing was touched"))
	}
	return fail(engine.StatusUsage, err)
}

// start keeps a record of the run, where it is more than a plan. A nil journal keeps none.
func (a *app) start(ctx context.Context, o *runOptions, t *target, book *playbook.Playbook, out *output, j *journal.Journal) error {
	info := runInfo{ID: runID(time.Now()), Command: string(o.command), Rehearsal: t.rehearsal}
	if j == nil {
		return a.tasks(ctx, o, t, book, out, info, nil)
	}
	rec := a.newRecorder(o, j, t, book, info)
	if err := rec.begin(); err != nil {
		return fail(engine.StatusUsage, fmt.Errorf("nothing was touched: %w", err))
	}
	out.record(rec)
	err := a.tasks(ctx, o, t, book, out, info, rec)
	if o.learn != nil {
		o.learn(rec.outcome(j.Broken()))
	}
	return err
}

// tasks asks the machine for its facts, decodes every task with them and lets the engine do the rest.
func (a *app) tasks(ctx context.Context, o *runOptions, t *target, book *playbook.Playbook, out *output, info runInfo, rec *recorder) error {
	tasks, handlers, warnings, err := a.bound(ctx, o, t, book, info)
	if err != nil {
		if rec != nil {
			var e *exit
			errors.As(err, &e)
			rec.refused(err, e.status)
		}
		return err
	}
	job := engine.Job{
		Run: info.ID, Command: o.command, Playbook: book.Name, Goal: o.goal(book), Host: t.Host, Rehearsal: t.rehearsal, Prove: o.prove,
		Tasks: o.engineTasks(tasks), Handlers: o.engineHandlers(handlers), Warnings: warnings,
	}
	e := &engine.Engine{Reporter: out, Sleep: t.sleep}
	if rec != nil && o.command == engine.Apply {
		if job.Reboot, err = rec.reboot(ctx, t); err != nil {
			rec.refused(err, engine.StatusFailed)
			return fail(engine.StatusFailed, fmt.Errorf("nothing was touched: %w", err))
		}
	}
	if rec != nil {
		e.Recorder, job.Host = rec, rec.points.watched(t.Host)
		job.Tasks, job.Handlers = rec.guard(job.Tasks), rec.guard(job.Handlers)
	}
	if rec == nil && o.prove {
		signs, closed, err := a.plannedSignIns(ctx, t.rehearsal)
		if err != nil {
			return err
		}
		defer closed()
		job.Tasks = signs.guard(job.Tasks)
	}
	sum := e.Run(ctx, job)
	if sum.Broken != nil {
		fmt.Fprintf(a.stderr, "exorunner: the run was ended, for what is not on record must not happen: %s\n", out.hide.Hide([]byte(sum.Broken.Error())))
	}
	return a.ended(o, sum, out)
}

// bound are the tasks for this machine, as its facts have them. Its error is an *exit.
func (a *app) bound(ctx context.Context, o *runOptions, t *target, book *playbook.Playbook, info runInfo) (tasks, handlers []*playbook.Bound, warnings []string, err error) {
	var facts exr.Facts
	if err := t.Query(ctx, exr.GetFact(), &facts); err != nil {
		if ctx.Err() != nil {
			return nil, nil, nil, fail(engine.StatusInterrupted, errors.New("interrupted before the first task; nothing was touched"))
		}
		return nil, nil, nil, hinted(fail(statusOf(err), fmt.Errorf("facts of %s: %w", t.Name(), err)), "%s", askHint(o.host, err))
	}
	if tasks, handlers, err = book.Bind(facts, info); err != nil {
		return nil, nil, nil, fail(engine.StatusUsage, err)
	}
	if err := o.knownTags(append(slices.Clone(tasks), handlers...)); err != nil {
		return nil, nil, nil, err
	}
	return tasks, handlers, otherAccount(book.As, facts), nil
}

// ended is the status of a run that came to its end.
func (a *app) ended(o *runOptions, sum engine.Summary, out *output) error {
	status := sum.Status()
	if status == engine.StatusOK && o.command == engine.Plan && o.detailed && sum.Counts[report.Change] > 0 {
		status = engine.StatusDiffers
	}
	switch err := out.failed(); {
	case status == engine.StatusOK && err != nil: // the run itself went well, and nobody was told
		return fail(engine.StatusFailed, fmt.Errorf("the run went well, and its output could not be written: %w", err))
	case status == engine.StatusOK:
		return nil
	}
	return &exit{status: status}
}

// otherAccount: repository, certificate store, proxy, TEMP and CurrentUser modules belong to the account.
func otherAccount(as string, facts exr.Facts) []string {
	me := facts.Account.Domain + `\` + facts.Account.Name
	_, bare, qualified := strings.Cut(as, `\`)
	if as == "" || strings.EqualFold(as, me) || !qualified && strings.EqualFold(as, facts.Account.Name) || bare == "" && strings.EqualFold(as, facts.Account.Name) {
		return nil
	}
	return []string{fmt.Sprintf("this run is by %s and Cloud Extender is %s: repositories, certificates, proxy, TEMP and modules of the current user are another's", me, as)}
}

// knownTags: with a tag that is misspelt nothing would be done, and called a success.
func (o *runOptions) knownTags(all []*playbook.Bound) error {
	known := map[string]bool{}
	for _, b := range all {
		for _, tag := range b.Tags {
			known[tag] = true
		}
	}
	for _, tag := range append(slices.Clone(o.tags), o.skipTags...) {
		if !known[tag] {
			return hinted(usage("no task has the tag %q", tag), "the tags of this playbook: %s", orNone(slices.Sorted(maps.Keys(known))))
		}
	}
	return nil
}

// engineHandlers are not narrowed to tags: whoever asks for one was chosen.
func (o *runOptions) engineHandlers(bound []*playbook.Bound) []engine.Task {
	all := *o
	all.tags = nil
	return all.engineTasks(bound)
}

func (o *runOptions) engineTasks(bound []*playbook.Bound) []engine.Task {
	tasks := make([]engine.Task, len(bound))
	for i, b := range bound {
		tasks[i] = engine.Task{
			Name: b.Name, Action: b.Action, Do: b.Do, Local: catalog.Local(b.Action),
			Retry:   engine.Retry{Attempts: b.Retry.Attempts, Wait: b.Retry.Wait, MaxWait: b.Retry.MaxWait},
			Timeout: b.Timeout, Notify: b.Notify, GoOn: b.OnFailure == "continue", Skip: o.skip(b),
		}
	}
	return tasks
}

// goal is none where tags choose among the tasks: a part of a playbook cannot say that the whole holds.
func (o *runOptions) goal(book *playbook.Playbook) string {
	if len(o.tags)+len(o.skipTags) > 0 {
		return ""
	}
	return book.Goal
}

func (o *runOptions) skip(b *playbook.Bound) string {
	switch {
	case !b.When:
		return "when " + b.WhenText
	case len(o.tags) > 0 && !common(o.tags, b.Tags):
		return "has none of the tags " + strings.Join(o.tags, ", ")
	case common(o.skipTags, b.Tags):
		return "has a tag of --skip-tags " + strings.Join(o.skipTags, ", ")
	}
	return ""
}

func common(a, b []string) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return true
			}
		}
	}
	return false
}

// runID sorts by time and is not guessed.
func runID(now time.Time) string {
	var b [4]byte
	rand.Read(b[:])
	return now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(b[:])
}
