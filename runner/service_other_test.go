//go:build !windows

package main

import (
	"runtime"
	"testing"

	"github.com/kardianos/service"
)

func TestWhatSystemdSaysOfAUnit(t *testing.T) {
	for about, c := range map[string]struct {
		shown string
		want  serviceState
	}{
		"not there":          {"LoadState=not-found\nActiveState=inactive\nSubState=dead\nResult=success\nExecMainStatus=0\n", serviceState{ended: true, text: "stopped"}},
		"running":            {"LoadState=loaded\nActiveState=active\nSubState=running\nResult=success\nExecMainStatus=0\n", serviceState{true, true, false, "running"}},
		"stopped":            {"LoadState=loaded\nActiveState=inactive\nSubState=dead\nResult=success\nExecMainStatus=0\n", serviceState{true, false, true, "stopped"}},
		"started over again": {"LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nResult=exit-code\nExecMainStatus=3\n", serviceState{true, false, true, "failing: it ended with status 3 and is started again within a minute"}},
		"failed":             {"LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=start-limit-hit\nExecMainStatus=3\n", serviceState{true, false, true, "failed (start-limit-hit), it ended with status 3"}},
		"still stopping":     {"LoadState=loaded\nActiveState=deactivating\nSubState=stop-sigterm\nResult=success\nExecMainStatus=0\n", serviceState{true, false, false, "is stopping"}},
	} {
		t.Run(about, func(t *testing.T) {
			if got := systemdState([]byte(c.shown)); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// A container has no manager of services; the library's own answer would be an exit status of some script.
func TestWithoutASystemd(t *testing.T) {
	if service.Platform() == "linux-systemd" {
		t.Skip("SKIPPED: systemd runs this machine")
	}
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: other systems are asked through the library")
	}
	status, _, stderr := call("service", "status", "--state", t.TempDir())
	if status != 1 || stderr != "exorunner: service: this machine is not run by systemd: let whatever runs it start exorunner serve\n" {
		t.Errorf("status %d: %s", status, stderr)
	}
}
