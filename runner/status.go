package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"

	"exorunner/internal/journal"
)

func newStatus(a *app) *cobra.Command {
	var host string
	check := false
	c := &cobra.Command{
		Use:   "status",
		Short: "What the service does, what comes next, and what needs a person",
		Long: "status shows the service and its schedules. With --check it prints one line for a monitoring system and ends with\n" +
			"0 (OK), 1 (WARNING), 2 (CRITICAL) or 3 (UNKNOWN), as Nagios and its relatives understand it.\n",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := a.look(cmd.Context(), host, time.Now())
			switch {
			case a.format == "json":
				if err := json.NewEncoder(a.stdout).Encode(s); err != nil || !check {
					return err
				}
				return s.status()
			case check:
				return a.checked(s)
			}
			return a.shown(s, isRehearsal(host))
		},
	}
	hostFlag(c, &host)
	c.Flags().BoolVar(&check, "check", false, "one line and an exit status for a monitoring system")
	return c
}

// Levels of --check.
const (
	levelOK = iota
	levelWarning
	levelCritical
	levelUnknown
)

var levels = []string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}

// A picture is all that status knows, as --format json prints it.
type picture struct {
	Level       string          `json:"level"`
	Problems    []problem       `json:"problems"`
	Running     bool            `json:"running"`
	PID         int             `json:"pid,omitempty"`
	Heartbeat   *heartbeat      `json:"heartbeat,omitempty"`
	Schedules   []scheduleState `json:"schedules"`
	Undelivered int             `json:"undelivered"` // notices that have been waiting for more than an hour
	GivenUp     int             `json:"given_up"`    // notices that never arrived, of the last week

	level int
}

type problem struct {
	Level string `json:"level"`
	What  string `json:"what"`
	level int
}

type scheduleState struct {
	Name    string        `json:"name"`
	Next    time.Time     `json:"next,omitzero"`
	Last    *journal.Slot `json:"last,omitempty"` // the newest that is settled
	Running bool          `json:"running"`
	Waiting *journal.Slot `json:"waiting,omitempty"` // the one that begins first

	before *journal.Slot // the newest that had a run
}

func (p *picture) add(level int, format string, args ...any) {
	p.Problems = append(p.Problems, problem{levels[level], fmt.Sprintf(format, args...), level})
	// A part that is unknown is less than a part that is known to be bad.
	if rank := []int{0, 2, 3, 1}; rank[level] > rank[p.level] {
		p.level = level
	}
	p.Level = levels[p.level]
}

// look asks the service's files and its journal. Whatever cannot be asked is a problem of its own.
func (a *app) look(ctx context.Context, host string, now time.Time) *picture {
	p := &picture{Level: levels[levelOK], Problems: []problem{}, Schedules: []scheduleState{}}
	dir, err := a.serviceDir(isRehearsal(host))
	if err != nil {
		p.add(levelUnknown, "%v", err)
		return p
	}
	elsewhere := "; one that rehearses is seen with --host rehearsal"
	if isRehearsal(host) {
		elsewhere = ""
	}
	p.service(dir, now, elsewhere)
	r, err := a.reader(ctx, host)
	switch {
	case errors.Is(err, os.ErrPermission):
		p.add(levelUnknown, "%v: ask as the account of the service, or as an administrator", err)
	case err != nil:
		p.add(levelCritical, "%v", err)
	case r == nil:
		p.add(levelUnknown, "nothing was run here yet")
	default:
		defer r.Close()
		if err := p.schedules(ctx, r, now); err != nil {
			p.add(levelUnknown, "%v", err)
		}
	}
	return p
}

// service says whether it runs: a lock cannot be left behind, a file can. elsewhere says where another may be.
func (p *picture) service(dir string, now time.Time, elsewhere string) {
	running, pid, asked := holds(filepath.Join(dir, "serve.lock"))
	p.Running, p.PID = running, pid
	beat, err := readHeartbeat(dir)
	if err == nil {
		p.Heartbeat = beat
	}
	switch {
	case asked != nil:
		p.add(levelUnknown, "whether the service runs cannot be asked: %v: ask as its account, or as an administrator", asked)
	case !p.Running && errors.Is(err, os.ErrNotExist):
		p.add(levelUnknown, "no service has run here%s", elsewhere)
	case !p.Running:
		p.add(levelCritical, "the service does not run")
	case err != nil:
		p.add(levelWarning, "the service has not looked at the clock yet")
	default:
		p.beating(*beat, now)
	}
}

func (p *picture) beating(beat heartbeat, now time.Time) {
	silence := now.Sub(beat.Time)
	if limit := max(2*time.Minute, time.Duration(8*beat.Tick*float64(time.Second))); silence > limit {
		p.add(levelCritical, "the service has not moved for %v", silence.Round(time.Second))
	}
	if beat.ClockWrong {
		p.add(levelCritical, "the clock cannot be right; nothing is started until it is set")
	}
	if beat.Problem != "" {
		p.add(levelCritical, "%s", beat.Problem)
	}
	if beat.ConfigError != "" {
		first, _, _ := strings.Cut(beat.ConfigError, "\n")
		p.add(levelWarning, "the configuration is wrong and the one before is in force: %s", first)
	}
}

// holds says whether a process has the lock. It makes no file and wants no right to write: the lock that it tries is a
// shared one.
func holds(path string) (held bool, pid int, err error) {
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return false, 0, err
	}
	l := flock.New(path, flock.SetFlag(os.O_RDONLY))
	ok, err := l.TryRLock()
	if ok || err != nil {
		return false, 0, errors.Join(err, l.Close())
	}
	raw, _ := os.ReadFile(path + ".pid")
	pid, _ = strconv.Atoi(strings.TrimSpace(string(raw)))
	return true, pid, nil
}

func (p *picture) schedules(ctx context.Context, r *journal.Reader, now time.Time) error {
	all, err := r.Schedules(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		p.add(levelWarning, "no schedule is configured")
	}
	for _, s := range all {
		state := scheduleState{Name: s.Name, Next: s.Next, Running: len(s.Claimed) > 0}
		if len(s.Waiting) > 0 {
			state.Waiting = &s.Waiting[0]
		}
		slots, err := r.Slots(ctx, s.Name, 20)
		if err != nil {
			return err
		}
		state.Last, state.before = lastOf(slots)
		p.Schedules = append(p.Schedules, state)
		p.judge(state)
		if p.Running && len(s.Claimed)+len(s.Waiting) == 0 && !s.Next.IsZero() && now.Sub(s.Next) > 5*time.Minute {
			p.add(levelWarning, "%s is overdue: it was to begin at %s", s.Name, local(s.Next))
		}
	}
	late, err := r.Unsent(ctx, "", 1000)
	if err != nil {
		return err
	}
	given, err := r.GivenUp(ctx, now.Add(-7*24*time.Hour))
	if err != nil {
		return err
	}
	for _, n := range late {
		if now.Sub(n.Created) > time.Hour {
			p.Undelivered++
		}
	}
	if p.Undelivered > 0 {
		p.add(levelWarning, "%d notices do not arrive", p.Undelivered)
	}
	if p.GivenUp = len(given); p.GivenUp > 0 {
		p.add(levelWarning, "%d notices of the last week were given up: %s", p.GivenUp, given[len(given)-1].Error)
	}
	return nil
}

// lastOf is the newest slot that is settled, and the one before it that had a run where that one had none. Whoever
// changes a schedule does not settle anything.
func lastOf(slots []journal.Slot) (last, ran *journal.Slot) {
	for i := range slots {
		s := &slots[i]
		dropped := s.State == journal.SlotSkipped && (strings.HasPrefix(s.Reason, journal.ReasonChanged) || strings.HasPrefix(s.Reason, journal.ReasonRemoved))
		switch {
		case s.State == journal.SlotWaiting, s.State == journal.SlotClaimed, dropped:
		case s.State == journal.SlotSkipped && last == nil:
			last = s
		case s.State == journal.SlotSkipped:
		case last == nil:
			return s, s
		default:
			return last, s
		}
	}
	return last, nil
}

// judge says what a schedule's newest slots mean. One that failed and is tried again is no more than a warning.
func (p *picture) judge(s scheduleState) {
	switch {
	case s.Last == nil && s.Waiting == nil && !s.Running && s.Next.IsZero():
		p.add(levelWarning, "%s never ran and has no slot ahead", s.Name)
	case s.Last == nil:
	case s.Last.State == journal.SlotFailed && s.Waiting == nil && !s.Running:
		p.add(levelCritical, "%s: %s", s.Name, s.Last.Reason)
	case s.Last.State == journal.SlotFailed && !s.Running:
		p.add(levelWarning, "%s: %s; tried again %s", s.Name, s.Last.Reason, local(s.Waiting.NotBefore))
	case s.before != nil && s.before.State == journal.SlotFailed && s.Waiting == nil && !s.Running: // and the next one was skipped
		p.add(levelCritical, "%s: %s", s.Name, s.before.Reason)
	case s.Last.State == journal.SlotSkipped && s.Last.Attempt > 1 && s.Waiting == nil && strings.HasPrefix(s.Last.Reason, "expired"):
		p.add(levelCritical, "%s: %s", s.Name, s.Last.Reason)
	case s.Last.State == journal.SlotSkipped && s.Waiting == nil:
		p.add(levelWarning, "%s did not run at %s: %s", s.Name, local(s.Last.Due), s.Last.Reason)
	}
}

// checked prints the line of a monitoring plugin, with its numbers behind the bar.
// https://nagios-plugins.org/doc/guidelines.html
func (a *app) checked(p *picture) error {
	var what []string
	counts := map[int]int{}
	for _, level := range []int{levelCritical, levelWarning, levelUnknown} {
		for _, one := range p.Problems {
			if one.level == level {
				what = append(what, strings.ReplaceAll(one.What, "|", "/"))
				counts[level]++
			}
		}
	}
	text := strings.Join(what, "; ")
	if text == "" {
		text = fmt.Sprintf("%d schedules", len(p.Schedules))
		if name, next := p.next(); !next.IsZero() {
			text += fmt.Sprintf(", next %s at %s", name, local(next))
		}
	}
	_, err := fmt.Fprintf(a.stdout, "EXORUNNER %s - %s | schedules=%d critical=%d warning=%d undelivered=%d\n", p.Level, strings.Join(strings.Fields(text), " "),
		len(p.Schedules), counts[levelCritical], counts[levelWarning], p.Undelivered)
	if err == nil {
		err = p.status()
	}
	return err
}

// status is the exit status of --check.
func (p *picture) status() error {
	if p.level == levelOK {
		return nil
	}
	return &exit{status: p.level}
}

func (p *picture) next() (name string, next time.Time) {
	for _, s := range p.Schedules {
		if !s.Next.IsZero() && (next.IsZero() || s.Next.Before(next)) {
			name, next = s.Name, s.Next
		}
	}
	return name, next
}

// shown is for a person. Its status is 0: --check is for machines.
func (a *app) shown(p *picture, rehearsal bool) error {
	line := func(label, format string, args ...any) {
		fmt.Fprintf(a.stdout, "%-12s%s\n", label, fmt.Sprintf(format, args...))
	}
	switch {
	case p.Running && p.Heartbeat != nil:
		line("service", "running, process %d, since %s, exorunner %s", p.PID, local(p.Heartbeat.Started), p.Heartbeat.Version)
		line("config", "%s", p.Heartbeat.Config)
		if p.Heartbeat.Restarting {
			line("restart", "the machine was asked for one; nothing begins before it")
		}
	case p.Running:
		line("service", "running, process %d", p.PID)
	default:
		line("service", "not running")
	}
	for _, s := range p.Schedules {
		line("schedule", "%s", s.Name)
		if s.Running {
			line("", "%-9s now", "runs")
		}
		if s.Last != nil {
			line("", "%-9s %s %s: %s", "last", local(s.Last.Due), s.Last.State, strings.TrimPrefix(s.Last.Reason, string(s.Last.State)+": "))
		}
		if s.Waiting != nil {
			line("", "%-9s attempt %d, not before %s: %s", "waits", s.Waiting.Attempt, local(s.Waiting.NotBefore), s.Waiting.Reason)
		}
		line("", "%-9s %s", "next", local(s.Next))
	}
	if rehearsal {
		line("REHEARSAL", "a modelled machine; nothing real was read or changed")
	}
	for _, one := range p.Problems {
		line(strings.ToLower(one.Level), "%s", one.What)
	}
	return nil
}
