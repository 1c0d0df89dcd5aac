package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"exorunner/internal/engine"
	"exorunner/internal/journal"
	"exorunner/internal/report"
)

type historyOptions struct {
	host, schedule, playbook string
	since                    time.Duration
	limit                    int
	slots, recover           bool
}

func newHistory(a *app) *cobra.Command {
	o := &historyOptions{}
	c := &cobra.Command{
		Use:   "history [RUN]",
		Short: "What was run on this machine, and how it went",
		Long: "history lists the runs of apply and verify, by hand and by the service, the newest first. With a run's id, or its\n" +
			"beginning, it shows that run's tasks. --slots lists what became of each slot of a schedule instead.\n" + exitHelp,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.recover {
				return a.recoverJournal(cmd.Context(), o)
			}
			return a.history(cmd.Context(), o, args)
		},
	}
	f := c.Flags()
	hostFlag(c, &o.host)
	f.StringVar(&o.schedule, "schedule", "", "only of this schedule")
	f.StringVar(&o.playbook, "playbook", "", "only of this playbook")
	durationFlag(f, &o.since, "since", "only from that long ago on")
	f.IntVar(&o.limit, "limit", 20, "at most so many")
	f.BoolVar(&o.slots, "slots", false, "the slots of schedules, with the reason of each that did not run")
	f.BoolVar(&o.recover, "recover", false, "put a damaged journal aside and start a new one with what can be read of it")
	return c
}

// hostFlag chooses between the journal of this machine and that of rehearsals.
func hostFlag(c *cobra.Command, host *string) {
	c.Flags().StringVar(host, "host", "auto", "rehearsal for what was rehearsed")
}

func isRehearsal(host string) bool {
	name, _, _ := strings.Cut(host, ":")
	return name == rehearsalName
}

// reader opens the journal for questions. That there is none yet is no error: the answer is nil.
func (a *app) reader(ctx context.Context, host string) (*journal.Reader, error) {
	rehearsal := isRehearsal(host)
	dir, err := a.journalDir(rehearsal)
	if err != nil {
		return nil, err
	}
	r, err := journal.OpenReader(ctx, dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, hinted(fail(engine.StatusFailed, err), "%s", journalHint(err, rehearsal))
	}
	return r, nil
}

func (a *app) history(ctx context.Context, o *historyOptions, args []string) error {
	if o.limit < 1 || o.since < 0 {
		return usage("--limit is from 1, and --since is a time ago, as 48h")
	}
	r, err := a.reader(ctx, o.host)
	if err != nil {
		return err
	}
	if r == nil {
		if len(args) > 0 {
			return usage("history %s: there is no journal here", args[0])
		}
		if a.format != "json" {
			fmt.Fprintln(a.stdout, "nothing was run here yet; what was rehearsed is shown with --host rehearsal")
		}
		return nil
	}
	defer r.Close()
	switch {
	case len(args) > 0:
		return a.oneRun(ctx, r, o, args[0])
	case o.slots:
		return a.slotList(ctx, r, o)
	}
	f := journal.Filter{Schedule: o.schedule, Playbook: o.playbook, Limit: o.limit}
	if o.since > 0 {
		f.Since = time.Now().Add(-o.since)
	}
	runs, err := r.Runs(ctx, f)
	if err != nil {
		return fail(engine.StatusFailed, err)
	}
	return a.runList(runs)
}

func (a *app) runList(runs []journal.Run) error {
	if a.format == "json" {
		return jsonLines(a, runs)
	}
	if len(runs) == 0 {
		fmt.Fprintln(a.stdout, "no such runs")
		return nil
	}
	fmt.Fprintf(a.stdout, "%-26s%-22s%-8s%-26s%-14s%s\n", "run", "started", "command", "playbook", "status", "")
	for _, run := range runs {
		of := run.Schedule
		if of != "" {
			of = "by " + of
			if run.Attempt > 1 {
				of += fmt.Sprintf(", attempt %d", run.Attempt)
			}
		}
		if run.Rehearsal {
			of = strings.TrimSpace(of + " REHEARSAL on " + run.Host)
		}
		_, err := fmt.Fprintln(a.stdout, strings.TrimRight(fmt.Sprintf("%-26s%-22s%-8s%-26s%-14s%s", run.ID, local(run.Started), run.Command, run.Playbook, statusWord(run), of), " "))
		if err != nil {
			return err
		}
	}
	return nil
}

// local is a moment on this machine's clock, for a person; JSON has UTC.
func local(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// statusWord says what an exit status means.
func statusWord(run journal.Run) string {
	if run.State != journal.Ended {
		return string(run.State)
	}
	words := map[int]string{
		engine.StatusOK: "ok", engine.StatusFailed: "failed", engine.StatusDiffers: "drift", engine.StatusUsage: "not begun", engine.StatusRefused: "refused",
		engine.StatusUnreachable: "unreachable", engine.StatusWaiting: "waiting", engine.StatusInterrupted: "interrupted", engine.StatusReboot(): "ok, reboot",
	}
	if w, ok := words[run.Status]; ok {
		return w
	}
	return fmt.Sprintf("status %d", run.Status)
}

func jsonLines[T any](a *app, all []T) error {
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	for _, one := range all {
		if err := e.Encode(one); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) slotList(ctx context.Context, r *journal.Reader, o *historyOptions) error {
	slots, err := r.Slots(ctx, o.schedule, o.limit)
	if err != nil {
		return fail(engine.StatusFailed, err)
	}
	if a.format == "json" {
		return jsonLines(a, slots)
	}
	for _, s := range slots {
		name := s.Schedule
		if s.Attempt > 1 {
			name += fmt.Sprintf(" #%d", s.Attempt)
		}
		if !s.Through.IsZero() && !s.Through.Equal(s.Due) {
			name += " to " + local(s.Through)
		}
		reason := strings.TrimPrefix(s.Reason, string(s.State)+": ")
		if s.State == journal.SlotWaiting {
			reason = "until " + local(s.NotBefore) + ": " + reason
		}
		if _, err := fmt.Fprintln(a.stdout, strings.TrimRight(fmt.Sprintf("%-21s %-9s %-23s %s", local(s.Due), s.State, name, reason), " ")); err != nil {
			return err
		}
	}
	if len(slots) == 0 {
		_, err = fmt.Fprintln(a.stdout, "no such slots")
	}
	return err
}

// find takes a run's id or the beginning of one.
func find(ctx context.Context, r *journal.Reader, id string) (journal.Run, error) {
	run, err := r.Run(ctx, id)
	if !errors.Is(err, journal.ErrNotFound) {
		return run, err
	}
	runs, err := r.Runs(ctx, journal.Filter{Limit: 10000})
	if err != nil {
		return run, err
	}
	runs = slices.DeleteFunc(runs, func(r journal.Run) bool { return !strings.HasPrefix(r.ID, id) })
	switch len(runs) {
	case 0:
		return run, hinted(usage("no run is called %s", id), "exorunner history lists them; those of rehearsals with --host rehearsal")
	case 1:
		return runs[0], nil
	}
	return run, usage("%d runs begin with %s; the newest is %s", len(runs), id, runs[0].ID)
}

// oneRun shows a run as its own printer did, from its events.
func (a *app) oneRun(ctx context.Context, r *journal.Reader, o *historyOptions, id string) error {
	run, err := find(ctx, r, id)
	if err != nil {
		return err
	}
	text := &report.Text{W: a.stdout}
	for after := int64(0); ; {
		events, err := r.Events(ctx, run.ID, after, 1000)
		if err != nil {
			return fail(engine.StatusFailed, err)
		}
		for _, line := range events {
			after = line.N
			var e report.Event
			unreadable := json.Unmarshal(line.Line, &e) // a secret that was hidden in a number leaves a text
			switch {
			case a.format == "json":
				_, err = fmt.Fprintf(a.stdout, "%s\n", line.Line)
			case unreadable != nil:
				_, err = fmt.Fprintf(a.stdout, "%-12sevent %d: %s\n", "unreadable", line.N, line.Line)
			default:
				text.Report(e)
				err = text.Err
			}
			if err != nil {
				return err
			}
		}
		if len(events) == 0 {
			break
		}
	}
	if a.format == "json" {
		return nil
	}
	return a.about(ctx, r, run)
}

// about says what the events of a run do not.
func (a *app) about(ctx context.Context, r *journal.Reader, run journal.Run) error {
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(a.stdout, "%-12s%s\n", label, text)
		}
	}
	fmt.Fprintln(a.stdout)
	line("status", statusWord(run))
	line("started", local(run.Started))
	line("ended", local(run.Ended))
	line("account", run.Account)
	line("playbook", "sha256 "+run.PlaybookSHA256)
	if run.Schedule != "" {
		line("slot", fmt.Sprintf("%s, %s, attempt %d", run.Schedule, local(run.Due), run.Attempt))
	}
	line("follows", run.Follows)
	if run.State == journal.Interrupted {
		tasks, err := r.Tasks(ctx, run.ID)
		if err != nil {
			return fail(engine.StatusFailed, err)
		}
		for _, t := range tasks {
			if t.Ended.IsZero() {
				line("interrupted", fmt.Sprintf("in %q: its state is not known, the next run begins with a check", t.Name))
			}
		}
	}
	return nil
}

func (a *app) recoverJournal(ctx context.Context, o *historyOptions) error {
	dir, err := a.journalDir(isRehearsal(o.host))
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); err != nil {
		return usage("history --recover: there is no journal in %s", dir)
	}
	got, err := journal.Recover(ctx, dir)
	if err != nil {
		return fail(engine.StatusFailed, err)
	}
	fmt.Fprintf(a.stdout, "recovered   %s\nkept aside  %s\n", dir, got.Copy)
	for _, what := range []string{"runs", "tasks", "events", "evidence", "slots"} {
		text := fmt.Sprintf("%d kept", got.Kept[what])
		if n := got.Lost[what]; n > 0 {
			text += fmt.Sprintf(", %d lost", n)
		}
		fmt.Fprintf(a.stdout, "%-12s%s\n", what, text)
	}
	return nil
}
