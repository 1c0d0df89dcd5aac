//go:build !windows

package main

import "testing"

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
