package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"exorunner/internal/action"
	"exorunner/internal/action/exoconnect"
	"exorunner/internal/daemon"
	"exorunner/internal/engine"
	"exorunner/internal/host"
	"exorunner/internal/journal"
	"exorunner/internal/schedule"
)

// signIns is the breaker before every sign-in of a run: a locked account would hit Cloud Extender as well.
type signIns struct {
	read    *journal.Reader  // nil: nothing was run here yet
	write   *journal.Journal // nil: a plan, which writes nothing; it is no loop, and asks all the same
	breaker schedule.Breaker
	now     func() time.Time

	mu     sync.Mutex
	paused time.Time
	broken error // the journal could not say
}

// defaultBreaker is for runs by hand. The service has its own from the configuration.
var defaultBreaker = schedule.Breaker{Max: 3, Within: time.Hour}

// plannedSignIns is for a plan that may ask outside the machine.
func (a *app) plannedSignIns(ctx context.Context, rehearsal bool) (s *signIns, closed func() error, err error) {
	s = &signIns{breaker: defaultBreaker, now: time.Now}
	dir, err := a.journalDir(rehearsal)
	if err != nil {
		return nil, nil, err
	}
	s.read, err = journal.OpenReader(ctx, dir)
	if errors.Is(err, os.ErrNotExist) {
		return s, nothing, nil
	}
	if err != nil {
		return nil, nil, hinted(asUsage(err), "%s", journalHint(err, rehearsal))
	}
	return s, s.read.Close, nil
}

// guard puts the breaker before the proofs that sign in.
func (s *signIns) guard(tasks []engine.Task) []engine.Task {
	for i := range tasks {
		if p, ok := tasks[i].Do.(action.Proof); ok {
			if key := signInKey(tasks[i].Do); key != "" {
				tasks[i].Do = guarded{p, s, key}
			}
		}
	}
	return tasks
}

// signInKey names the account that a proof signs in with; "" where no lock can come of it.
func signInKey(do any) string {
	p, ok := do.(*exoconnect.Connect)
	switch {
	case !ok:
		return ""
	case p.AppID != "":
		return "app " + strings.ToLower(p.AppID)
	case p.User != "":
		return "user " + strings.ToLower(p.User)
	}
	return ""
}

type guarded struct {
	action.Proof
	signIns *signIns
	key     string
}

// Prove implements action.Proof. The sign-in counts as failed from before it is tried until it is known to be none: a
// process that is killed in between must not begin to count anew.
func (g guarded) Prove(ctx context.Context, h host.Reader) (action.Evidence, error) {
	s := g.signIns
	if err := s.allow(ctx, g.key); err != nil {
		return action.Evidence{}, err
	}
	at := s.now()
	if s.write != nil {
		if err := s.write.SignInFailed(g.key, at); err != nil {
			return action.Evidence{}, err
		}
	}
	ev, err := g.Proof.Prove(ctx, h)
	if s.write != nil && !signInFailed(err) {
		_ = s.write.SignInForgiven(g.key, at) // the next record meets the same error, and ends the run
	}
	return ev, err
}

// signInFailed says whether an error was the sign-in service's refusal, or one that nobody knows and may have been.
func signInFailed(err error) bool {
	e := host.As(err)
	if e == nil || e.Class == host.Transient {
		return false
	}
	switch e.Rule {
	case "C10", "C12", "C13", "P04":
		return true
	case "":
		return e.ID != "" && !strings.HasPrefix(e.ID, "Exr")
	}
	return strings.HasPrefix(e.Rule, "AADSTS")
}

func (s *signIns) allow(ctx context.Context, key string) error {
	if s.read == nil {
		return nil
	}
	now := s.now()
	failed, err := s.read.SignInFailures(ctx, key, now.Add(-s.breaker.Within))
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if journal.Damaged(err) {
			s.broken = err
		}
		return err
	}
	from, ok := s.breaker.Allows(now, failed)
	if ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if from.After(s.paused) {
		s.paused = from
	}
	return &host.Error{ID: daemon.PausedID, Class: host.Never,
		Message: fmt.Sprintf("sign-ins of %s are paused until %s: %d failed within %v", key, from.UTC().Format(time.RFC3339), len(failed), s.breaker.Within),
		Remedy:  "find out why they failed before the account is locked: exorunner history shows the runs"}
}

// until is when the pause ends that this run has met; zero if it met none.
func (s *signIns) until() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paused
}

// lost is the error of a journal that could not be asked: such a run has failed at nothing of its own.
func (s *signIns) lost() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}
