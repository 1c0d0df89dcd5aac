package main

import (
	"context"
	"os"
	"strconv"
	"strings"
	"sync"

	"exorunner/internal/host"
)

// failpoints are places where the process can be made to die, as a power cut would have it: EXORUNNER_FAILPOINT=NAME, or
// NAME:3 for the third time. Tests kill it everywhere and look whether the next run comes to the same end. Only a
// rehearsal has them; on a real machine the variable means nothing.
type failpoints struct {
	mu   sync.Mutex
	name string
	left int
}

const failpointEnv = "EXORUNNER_FAILPOINT"

func newFailpoints(rehearsal bool) *failpoints {
	name, times, _ := strings.Cut(os.Getenv(failpointEnv), ":")
	if !rehearsal || name == "" {
		return nil
	}
	left, err := strconv.Atoi(times)
	if err != nil {
		left = 1
	}
	return &failpoints{name: name, left: left}
}

// hit ends the process at once, without a word, if this is the place.
func (f *failpoints) hit(name string) {
	if f == nil || f.name != name {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left--; f.left > 0 {
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		os.Exit(137)
	}
	select {} // the system ends it before the next instruction matters
}

// watched is a host with a failpoint on either side of every change.
func (f *failpoints) watched(h host.Host) host.Host {
	if f == nil {
		return h
	}
	return failing{h, f}
}

type failing struct {
	host.Host
	points *failpoints
}

func (h failing) Invoke(ctx context.Context, c host.Call, out any) error {
	h.points.hit("invoke.before")
	err := h.Host.Invoke(ctx, c, out)
	h.points.hit("invoke.after")
	return err
}
