package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"exorunner/internal/daemon"
	"exorunner/internal/exr"
	"exorunner/internal/host"
)

// heartbeat is what a running service writes at every tick, for status to read.
type heartbeat struct {
	daemon.Beat
	PID     int       `json:"pid"`
	Version string    `json:"version"`
	Config  string    `json:"config"`
	Started time.Time `json:"started"`
	Tick    float64   `json:"tick_seconds"`
}

const heartbeatName = "service.json"

// beat writes the heartbeat. That it cannot is seen by whoever misses it.
func (s *server) beat(dir string) func(daemon.Beat) {
	started := time.Now().UTC()
	path := filepath.Join(dir, heartbeatName)
	return func(b daemon.Beat) {
		text, err := json.Marshal(heartbeat{Beat: b, PID: os.Getpid(), Version: version, Config: s.path, Started: started, Tick: s.o.tick.Seconds()})
		if err != nil {
			return
		}
		text = s.a.keeper.Hide(append(text, '\n'))
		if os.WriteFile(path+".new", text, 0o600) == nil {
			_ = os.Rename(path+".new", path) // a reader on Windows may be in its way for a moment
		}
	}
}

// restart asks the machine for a restart. A modelled one has restarted when it answers.
func (s *server) restart(ctx context.Context, reason string) error {
	s.mu.Lock()
	name := s.site.Host
	s.mu.Unlock()
	t, err := s.a.open(name, nil, func(host.Said) {})
	if err != nil {
		return err
	}
	defer t.close()
	const delay = time.Minute // Windows warns who works there, and this process has time to end in order
	if err := t.Invoke(ctx, exr.RestartComputer(reason, delay), nil); err != nil {
		return err
	}
	if t.rehearsal {
		s.daemon.Restarted()
	}
	return nil
}
