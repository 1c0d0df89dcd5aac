package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"exorunner/internal/daemon"
	"exorunner/internal/exr"
	"exorunner/internal/files"
	"exorunner/internal/host"
	"exorunner/internal/lock"
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

// beat writes the heartbeat. That it cannot is seen by whoever misses it. On a disk that is full it is written over the
// one before, in the room that it had: what is wrong is what a person looks for then.
func (s *server) beat(dir string) func(daemon.Beat) {
	started := time.Now().UTC()
	path := filepath.Join(dir, heartbeatName)
	return func(b daemon.Beat) {
		text, err := json.Marshal(heartbeat{Beat: b, PID: os.Getpid(), Version: version, Config: s.path, Started: started, Tick: s.o.tick.Seconds()})
		if err != nil {
			return
		}
		text = s.a.keeper.Hide(append(text, '\n'))
		if room := heartbeatRoom - len(text); room > 0 {
			text = append(text, bytes.Repeat([]byte(" "), room)...)
		}
		if err := os.WriteFile(path+".new", text, 0o600); err != nil {
			overwrite(path, text)
		} else {
			_ = files.Replace(context.Background(), path+".new", path)
		}
	}
}

// heartbeatRoom is the least size of the file.
const heartbeatRoom = 4096

func overwrite(path string, text []byte) {
	_ = os.Remove(path + ".new")
	if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
		_, _ = f.WriteAt(text[:min(len(text), heartbeatRoom)], 0) // a text that was cut is no heartbeat, and shows
		_ = f.Close()
	}
}

func readHeartbeat(dir string) (*heartbeat, error) {
	raw, err := files.Read(filepath.Join(dir, heartbeatName))
	if err != nil {
		return nil, err
	}
	var beat heartbeat
	return &beat, json.NewDecoder(bytes.NewReader(raw)).Decode(&beat)
}

// restart asks the machine for a restart, while nobody else works on it and nobody begins to. A modelled one has
// restarted when it answers.
func (s *server) restart(ctx context.Context, reason string) error {
	s.mu.Lock()
	name := s.site.Host
	s.mu.Unlock()
	t, err := s.a.open(name, nil, func(host.Said) {})
	if err != nil {
		return err
	}
	defer t.close()
	held, err := lock.Take(ctx, t.lock, restartPatience)
	if err != nil {
		return err
	}
	const delay = time.Minute // Windows warns who works there, and this process has time to end in order
	if err := t.Invoke(ctx, exr.RestartComputer(reason, delay), nil); err != nil || t.rehearsal {
		if err == nil {
			s.daemon.Restarted()
		}
		held.Free()
		return err
	}
	time.AfterFunc(restartHold, held.Free) // where somebody has called it off
	return nil
}

const (
	// restartPatience is how long another run may take before the machine is restarted.
	restartPatience = 10 * time.Minute
	// restartHold is how long nobody may begin while the machine is to go down.
	restartHold = 10 * time.Minute
)

// booted is when the machine was started last; now where that cannot be known, so that it is not asked again.
func (s *server) booted() time.Time {
	s.mu.Lock()
	name := s.site.Host
	s.mu.Unlock()
	t, err := s.a.open(name, nil, func(host.Said) {})
	if err != nil {
		return time.Now()
	}
	defer t.close()
	return t.booted()
}
