package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"exorunner/internal/daemon"
	"exorunner/internal/engine"
	"exorunner/internal/host"
	"exorunner/internal/journal"
	"exorunner/internal/lock"
	"exorunner/internal/notify"
	"exorunner/internal/schedule"
	"exorunner/internal/secret"
	"exorunner/internal/site"
	"exorunner/playbooks"
)

type serveOptions struct {
	config string
	tick   time.Duration
	// patience is the longest that an interrupted slot waits before it is begun again; 0 leaves it to the daemon.
	patience time.Duration
}

func newServe(a *app) *cobra.Command {
	o := &serveOptions{}
	example := false
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run what the configuration schedules, until it is stopped",
		Long: "serve is the unattended service in the foreground: it runs the playbooks of exorunner.yaml at their times, inside their\n" +
			"windows, tries again what failed, and tells who has to know. It may be killed at any moment: the next one goes on.\n" +
			"A changed configuration is taken over by itself; a wrong one is reported and changes nothing.\n" + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if example {
				_, err := a.stdout.Write(playbooks.Site())
				return err
			}
			if underManager() {
				return runManaged(func(ctx context.Context, wake func(func())) error { return a.serveManaged(ctx, o, wake) })
			}
			log := slog.New(slog.NewTextHandler(a.stderr, nil))
			return a.serve(cmd.Context(), o, a.stdout, log, func(func()) {})
		},
	}
	c.Flags().StringVar(&o.config, "config", "", "the configuration (default: exorunner.yaml in the state folder)")
	c.Flags().BoolVar(&example, "example", false, "print a configuration to begin with, and end")
	c.Flags().DurationVar(&o.tick, "tick", 15*time.Second, "how often the clock is looked at")
	c.Flags().DurationVar(&o.patience, "patience", 0, "the longest that an interrupted slot waits before it is begun again")
	for _, name := range []string{"tick", "patience"} { // for tests
		_ = c.Flags().MarkHidden(name)
	}
	return c
}

// A server is serve while it runs.
type server struct {
	a      *app
	o      *serveOptions
	path   string // of the configuration
	out    io.Writer
	log    *slog.Logger
	j      *journal.Journal
	queue  *notify.Queue
	points *failpoints
	daemon *daemon.Daemon

	mu   sync.Mutex
	site *site.Site
	seen [sha256.Size]byte // of the files that the last answer is about
	err  error
	when time.Time // of that answer

	tried string // the site whose secrets were looked for
}

// serve runs until ctx ends. wake gets what is to be called when the machine wakes up.
func (a *app) serve(ctx context.Context, o *serveOptions, out io.Writer, log *slog.Logger, wake func(func())) error {
	path, err := a.configPath(o.config)
	if err != nil {
		return err
	}
	s := &server{a: a, o: o, path: path, out: out}
	first, err := a.loadSite(path, true)
	if err != nil {
		return err
	}
	rehearsing := isRehearsal(first.Host)
	dir, err := a.serviceDir(rehearsing)
	if err != nil {
		return err
	}
	held, err := lock.Take(ctx, filepath.Join(dir, "serve.lock"), 2*time.Second) // status tries it for a moment
	if err != nil {
		var other *lock.Held
		if errors.As(err, &other) {
			of := ""
			if rehearsing {
				of = " --host rehearsal"
			}
			if a.state != "" {
				of += " --state " + a.state
			}
			return hinted(fail(engine.StatusLocked, fmt.Errorf("another service works in this folder: process %d (%s)", other.PID, other.Path)), "exorunner status%s shows what it does", of)
		}
		return hinted(fail(engine.StatusUsage, err), "let this account write to %s, or name another folder with --state", dir)
	}
	defer held.Free()
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(50)) // it idles for days: less memory for a little more work
	}
	a.keeper = newSharedKeeper()
	s.log = slog.New(hidingHandler{log.Handler(), a.keeper.Hide})
	// What the journal has to tell goes to the log: a service has no standard error that anybody reads.
	told := &app{stdout: a.stdout, stderr: logWriter{s.log}, state: a.state}
	if s.j, err = told.openJournal(ctx, rehearsing, a.keeper.Hide); err != nil {
		return err
	}
	defer s.j.Close()
	s.points = newFailpoints(rehearsing)
	return s.run(ctx, dir, first, wake)
}

// serviceDir is where what belongs to a running service lies, beside its journal.
func (a *app) serviceDir(rehearsing bool) (string, error) {
	if rehearsing {
		return a.rehearsalDir()
	}
	return a.stateDir()
}

func (s *server) run(ctx context.Context, dir string, first *site.Site, wake func(func())) error {
	s.queue = &notify.Queue{Journal: s.j, Rehearsal: isRehearsal(first.Host), Log: s.log}
	s.queue.SetTargets(s.a.targets(first)) // before the first delivery
	s.daemon = &daemon.Daemon{
		Journal: s.j, Config: s.config, Work: s.work, Restart: s.restart, Booted: s.booted, Queue: s.queue, Beat: s.beat(dir), Point: s.points.hit,
		Log: s.log, Tick: s.o.tick,
	}
	if s.o.patience > 0 {
		s.daemon.Patience = func(int) time.Duration { return s.o.patience }
	}
	s.daemon.Prepare()
	wake(s.daemon.Wake)
	sending, stop := context.WithCancel(ctx)
	var sender sync.WaitGroup
	sender.Go(func() { s.queue.Run(sending, max(s.o.tick, time.Second)) })
	defer sender.Wait()
	defer stop()
	err := s.daemon.Run(ctx)
	if err == nil {
		return nil
	}
	var e *exit
	if !errors.As(err, &e) {
		err = fail(engine.StatusFailed, err)
	}
	return err
}

// config is asked at every tick. It reads the files each time, for they are small, and understands them again only when
// they have changed.
func (s *server) config() (daemon.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.look()
	// What was wrong may be mended elsewhere: a playbook that was not there, the owner of a file.
	again := s.err != nil && time.Since(s.when) > 4*s.o.tick
	if s.site == nil && s.err == nil || now != s.seen || again {
		s.seen, s.when = now, time.Now()
		next, err := s.a.loadSite(s.path, true)
		defer debug.FreeOSMemory() // what reading took is not needed again for days
		switch {
		case err == nil && s.site != nil && isRehearsal(next.Host) != isRehearsal(s.site.Host):
			s.err = errors.New("host: a service does not change between a rehearsal and the real machine: stop it and start it again")
		case err == nil:
			s.site, s.err = next, nil
			s.queue.SetTargets(s.a.targets(next))
			if s.tried != next.SHA256 {
				s.tried = next.SHA256
				s.tryReferences(next)
			}
		default:
			s.err = err
		}
	}
	if s.err != nil {
		return daemon.Config{}, s.err
	}
	return plans(s.site), nil
}

// tryReferences tells early of a secret that a run or a notice would miss at night. A modelled machine brings those of
// its playbooks.
func (s *server) tryReferences(next *site.Site) {
	all := next.References()
	for _, field := range slices.Sorted(maps.Keys(all)) {
		if isRehearsal(next.Host) && strings.HasPrefix(field, "secrets.") {
			continue
		}
		if _, err := (secret.Stores{}).Resolve(context.Background(), all[field]); err != nil {
			s.log.Warn("a secret cannot be read: what needs it will fail", "field", field, "error", err)
		}
	}
}

// look is a hash of the configuration, its files of variables and its playbooks: one that breaks is found before its
// slot. What cannot be read is a change too.
func (s *server) look() (sum [sha256.Size]byte) {
	h := sha256.New()
	paths := []string{s.path}
	if s.site != nil {
		for _, name := range s.site.VarsFiles {
			paths = append(paths, s.site.Beside(name))
		}
		for _, one := range s.site.Schedules {
			if path := playbookOf(s.site, one); looksLikePath(one.Playbook) && !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
	}
	for _, path := range paths {
		f, err := readLimited(path)
		fmt.Fprintf(h, "%s %v %d\n", path, err, len(f.Data))
		h.Write(f.Data)
	}
	copy(sum[:], h.Sum(nil))
	return sum
}

func plans(s *site.Site) daemon.Config {
	c := daemon.Config{
		Fingerprint: s.SHA256, Notify: s.Targets(site.Schedule{}),
		Retention: journal.Retention{Runs: s.Retention.Runs, Age: s.Retention.Age, Evidence: s.Retention.Evidence},
	}
	for i, one := range s.Schedules {
		c.Plans = append(c.Plans, daemon.Plan{
			Schedule: s.Compiled[i], Restart: daemon.Restart(s.Reboot), Alarm: one.WaitingAlarm, Notify: s.Targets(one),
		})
	}
	return c
}

// current is a schedule as the configuration has it now.
func (s *server) current(name string) (*site.Site, *site.Schedule, *schedule.Schedule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.site.Schedules {
		if s.site.Schedules[i].Name == name {
			return s.site, &s.site.Schedules[i], s.site.Compiled[i]
		}
	}
	return s.site, nil, nil
}

// work is one run, as apply and verify on the command line would do it.
func (s *server) work(ctx context.Context, slot daemon.Slot) daemon.Outcome {
	current, one, _ := s.current(slot.Schedule)
	if one == nil {
		return daemon.Outcome{Verdict: daemon.Interrupted, Summary: "the schedule is no longer configured"}
	}
	var out daemon.Outcome
	learned := false
	o := &runOptions{
		command: engine.Command(one.Command), host: current.Host, tags: one.Tags, skipTags: one.SkipTags, wait: time.Hour,
		slot: &slot, journal: s.j, given: current.Given(*one), breaker: schedule.Breaker{Max: current.SignIns.Failures, Within: current.SignIns.Within},
		learn:   func(o daemon.Outcome) { out, learned = o, true },
		allowed: func() error { return s.allowed(current, slot) },
	}
	a := &app{stdout: s.out, stderr: logWriter{s.log}, state: s.a.state, format: s.a.format, keeper: s.a.keeper}
	defer debug.FreeOSMemory()
	err := a.run(ctx, o, []string{playbookOf(current, *one)})
	if learned {
		return out
	}
	return unrecorded(ctx, err)
}

// allowed is asked when the run holds the machine: it may have waited for that for an hour.
func (s *server) allowed(began *site.Site, slot daemon.Slot) error {
	now, _, plan := s.current(slot.Schedule)
	switch {
	case plan == nil:
		return fail(engine.StatusWindow, errors.New("the schedule was removed while another run held the machine"))
	case now.SHA256 != began.SHA256:
		return fail(engine.StatusWindow, errors.New("the configuration was changed while another run held the machine"))
	}
	if do := plan.Begin(time.Now(), slot.Due, slot.Attempt); do.Do != schedule.Run {
		return fail(engine.StatusWindow, fmt.Errorf("while another run held the machine it became too late: %s", do.Reason))
	}
	return nil
}

// unrecorded is the outcome of a run that did not come to its record.
func unrecorded(ctx context.Context, err error) daemon.Outcome {
	out := daemon.Outcome{Verdict: daemon.Failed, Class: string(host.Never), Summary: fmt.Sprint(err)}
	var e *exit
	if errors.As(err, &e) {
		out.Remedy = e.hint
		switch e.status {
		case engine.StatusUnreachable:
			out.Class = string(host.Transient)
		case engine.StatusLocked, engine.StatusWindow: // nothing was tried: that uses no attempt up
			out.Verdict = daemon.Interrupted
		}
	}
	// A file that is being replaced, or that a virus scanner holds, is there again later.
	var system syscall.Errno
	if errors.Is(err, journal.ErrFull) || errors.Is(err, journal.ErrLocked) || errors.As(err, &system) {
		out.Class = string(host.Transient)
	}
	if journal.Damaged(err) || errors.Is(err, journal.ErrBroken) {
		out.Verdict = daemon.Broken
	}
	if ctx.Err() != nil {
		out.Verdict = daemon.Interrupted
	}
	return out
}

// serveManaged is serve where there is no terminal: its log is a file beside the journal, and what ends it is in the
// system's event log as well, where there is one.
func (a *app) serveManaged(ctx context.Context, o *serveOptions, wake func(func())) error {
	dir, err := a.stateDir() // service install has prepared it
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		tellSystem(err)
		return err
	}
	file := &rolling{path: filepath.Join(dir, serviceLog)}
	defer file.Close()
	// The standard error of a service is nowhere: a crash of the program itself is kept in a file.
	if crash, err := os.OpenFile(filepath.Join(dir, "service.crash.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
		_ = debug.SetCrashOutput(crash, debug.CrashOptions{})
		_ = crash.Close()
	}
	log := slog.New(slog.NewTextHandler(file, nil))
	err = a.serve(ctx, o, io.Discard, log, wake)
	if err != nil && ctx.Err() == nil {
		var e *exit
		hint := ""
		if errors.As(err, &e) {
			hint = e.hint
		}
		log.Error("the service ends", "error", err, "hint", hint)
		tellSystem(err)
	}
	return err
}

// serviceLog is the name of a service's log in its state folder.
const serviceLog = "service.log"

// tellSystem puts what ended a service into the event log: its targets are known from a configuration that may be what is
// wrong.
func tellSystem(err error) {
	host, _ := os.Hostname() // without it the log has it as well
	_ = notify.EventLog{}.Send(context.Background(), notify.Notice{Kind: notify.Ended, Time: time.Now(), Host: host,
		Subject: "the service ends: it cannot work like this", Text: err.Error(), Remedy: "exorunner validate checks the configuration; the service is started again by itself"})
}
