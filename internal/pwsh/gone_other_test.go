//go:build !windows

package pwsh

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// checkGone holds that no process of the session's group is left but zombies. A killed one runs no more, but the
// system may need some milliseconds to take it down.
func checkGone(t testing.TB, s *Session) {
	t.Helper()
	group := s.p.cmd.Process.Pid
	left := groupMembers(group)
	for end := time.Now().Add(10 * time.Second); len(left) > 0 && time.Now().Before(end); left = groupMembers(group) {
		time.Sleep(10 * time.Millisecond)
	}
	if len(left) > 0 {
		t.Errorf("processes left: %v; want none", left)
	}
}

func groupMembers(group int) (alive []string) {
	if errors.Is(syscall.Kill(-group, 0), syscall.ESRCH) {
		return nil
	}
	if runtime.GOOS != "linux" {
		return []string{fmt.Sprint(group)}
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		stat := string(b)
		fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:]) // state ppid pgrp
		if len(fields) > 2 && fields[2] == fmt.Sprint(group) && fields[0] != "Z" && fields[0] != "X" {
			alive = append(alive, stat)
		}
	}
	return alive
}

// openFiles counts the file descriptors of this process; 0 where that cannot be done.
func openFiles() int {
	dir, _ := os.ReadDir("/dev/fd")
	return len(dir)
}
