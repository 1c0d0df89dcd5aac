package main

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"exorunner/internal/action"
	"exorunner/internal/engine"
	"exorunner/internal/failure"
	"exorunner/internal/host"
	"exorunner/internal/pwsh"
	"exorunner/internal/rehearsal"
	"exorunner/internal/secret"
	"exorunner/scripts"
)

// A target is the machine that a command works on, and what it brings.
type target struct {
	host.Host
	rehearsal bool
	vars      map[string]any
	secrets   action.Secrets
	lock      string // path of its lock
	close     func() error
	// there says whether there is something to talk to, before a lock is taken.
	there func() error
	// booted is when the machine was started last; zero where it never was since it is modelled.
	booted func() time.Time
	// sleep is between two attempts; nil is by the clock.
	sleep func(context.Context, time.Duration) error
	// fetch is the modelled machine's; a real one has the network.
	fetch func(readOnly bool) action.Fetcher
}

// rehearsalName is what --host says for a modelled machine; behind a colon stands which.
const rehearsalName = "rehearsal"

// open finds the machine that --host names. It starts nothing: a session is dialled with the first call.
func (a *app) open(spec string, faults []string, said func(host.Said)) (*target, error) {
	if name, machine, _ := strings.Cut(spec, ":"); name == rehearsalName {
		return a.openRehearsal(machine, faults, said)
	}
	if len(faults) > 0 {
		return nil, usage("--fault: only a rehearsal can be made to fail")
	}
	h := pwsh.New(pwsh.Config{
		Name:       "this machine",
		Path:       func(bits int) (string, error) { return pwsh.Find(spec, bits) },
		HostScript: scripts.Host(),
		Scripts:    scripts.Functions(),
		Said:       said,
		Classify:   failure.Classify,
	})
	return &target{Host: h, secrets: secret.Stores{}, lock: filepath.Join(machineFolder(), "exorunner.lock"), close: h.Close, booted: bootTime, there: func() error {
		if _, err := pwsh.Find(spec, 0); err != nil {
			return hinted(fail(engine.StatusUnreachable, err), "exorunner apply --host rehearsal shows everything on a modelled machine")
		}
		return nil
	}}, nil
}

func (a *app) openRehearsal(machine string, faults []string, said func(host.Said)) (*target, error) {
	dir, err := a.rehearsalDir()
	if err != nil {
		return nil, err
	}
	clock := &modelClock{}
	h, err := rehearsal.Open(rehearsal.Options{Machine: machine, Dir: dir, Faults: faults, Said: said, Classify: failure.Classify, Now: clock.now})
	if err != nil {
		hint := "exorunner rehearsal list shows the machines and the faults"
		var path *fs.PathError
		if errors.As(err, &path) {
			hint = "let this account use that folder, or name another with --state FOLDER"
		}
		return nil, hinted(fail(engine.StatusUsage, err), "%s", hint)
	}
	return &target{Host: h, rehearsal: true, vars: h.Vars(), secrets: h.Secrets(), lock: rehearsalLock(dir), close: nothing, there: nothing, booted: h.Booted, sleep: clock.sleep, fetch: h.Fetcher}, nil
}

func (a *app) stateDir() (string, error) {
	if a.state != "" {
		return filepath.Abs(a.state)
	}
	dir, err := defaultState()
	if err != nil {
		return "", hinted(usage("state folder: %w", err), "name one with --state FOLDER")
	}
	return dir, nil
}

func (a *app) rehearsalDir() (string, error) {
	dir, err := a.stateDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, rehearsalName), nil
}

// statusOf is the status of an error that came before the first task.
func statusOf(err error) int {
	switch {
	case errors.Is(err, host.ErrConstrained):
		return engine.StatusRefused
	case errors.Is(err, host.ErrUnreachable), errors.Is(err, host.ErrNoPowerShell):
		return engine.StatusUnreachable
	}
	return engine.StatusFailed
}

// askHint is what to do where the machine did not answer before the first task.
func askHint(spec string, err error) string {
	switch {
	case errors.Is(err, host.ErrConstrained):
		return "AppLocker or WDAC restricts PowerShell for this account: have exorunner's account allowed Full Language Mode, and Cloud Extender's as well, for ExO 3.1.0 needs it too"
	case strings.HasPrefix(spec, rehearsalName):
		return "exorunner rehearsal reset forgets what was done to the modelled machine"
	}
	return "exorunner doctor --host " + spec + " looks at the machine; exorunner apply --host rehearsal needs none"
}

// rehearsalLock is of all modelled machines in a folder.
func rehearsalLock(dir string) string { return filepath.Join(dir, "lock") }

func nothing() error { return nil }

// A modelClock is the time on a modelled machine: a wait there takes none here. Nobody rehearses for an hour.
type modelClock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *modelClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *modelClock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
	return ctx.Err()
}
