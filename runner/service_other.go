//go:build !windows

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/kardianos/service"

	"exorunner/internal/engine"
)

// underManager is for Windows: systemd starts a program like any other and stops it by a signal.
func underManager() bool { return false }

func runManaged(run func(context.Context, func(func())) error) error {
	return run(context.Background(), func(func()) {})
}

func afterInstall() error { return nil }

// systemAccount is what a unit runs under that names none.
const systemAccount = "root"

// logHint is where a service says why it does not work.
const logHint = "journalctl -u exorunner shows its log"

func accountForm(o *installOptions) error {
	if o.account == "" {
		return nil
	}
	if o.password != "" {
		return usage("--password: a unit of systemd wants none")
	}
	if _, err := user.Lookup(o.account); err != nil {
		return usage("--account %s: %w", o.account, err)
	}
	return nil
}

// rights gives an account the state folder where it is new, and says what else it would need.
func rights(account, dir string) (warnings []string) {
	if account == "" {
		return nil
	}
	u, err := user.Lookup(account)
	if err != nil {
		return []string{err.Error()}
	}
	uid, _ := strconv.Atoi(u.Uid) // they are numbers here
	gid, _ := strconv.Atoi(u.Gid)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.Chown(dir, uid, gid)); err != nil {
			return []string{fmt.Sprintf("the state folder cannot be made for %s: %v", account, err)}
		}
	}
	if info, err := os.Stat(dir); err == nil {
		if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != uid {
			warnings = append(warnings, fmt.Sprintf("%s does not belong to %s, which cannot keep records there: chown -R %s %s", dir, account, account, dir))
		}
	}
	return warnings
}

// hasManager refuses a Linux without systemd, a container mostly: what else the library knows was never tried.
func hasManager() error {
	if runtime.GOOS == "linux" && service.Platform() != "linux-systemd" {
		return fail(engine.StatusFailed, errors.New("service: this machine is not run by systemd: let whatever runs it start exorunner serve"))
	}
	return nil
}

// queryService asks systemd itself: a unit that is started again and again is no running one. What is no Linux is asked
// through the library.
func queryService() (serviceState, error) {
	if runtime.GOOS != "linux" {
		return queryLibrary()
	}
	out, err := exec.Command("systemctl", "show", serviceName+".service", "-p", "LoadState,ActiveState,SubState,Result,ExecMainStatus").Output()
	if err != nil {
		return serviceState{}, fmt.Errorf("systemctl show: %w", err)
	}
	return systemdState(out), nil
}

func systemdState(shown []byte) serviceState {
	is := map[string]string{}
	for line := range bytes.Lines(shown) {
		name, value, _ := strings.Cut(strings.TrimSpace(string(line)), "=")
		is[name] = value
	}
	s := serviceState{
		installed: is["LoadState"] != "not-found" && is["LoadState"] != "",
		running:   is["ActiveState"] == "active" && is["SubState"] == "running",
		ended:     is["ActiveState"] == "inactive" || is["ActiveState"] == "failed" || is["SubState"] == "auto-restart",
		text:      is["ActiveState"],
	}
	switch {
	case s.running:
		s.text = "running"
	case is["ActiveState"] == "deactivating":
		s.text = "is stopping"
	case is["SubState"] == "auto-restart":
		s.text = fmt.Sprintf("failing: it ended with status %s and is started again within a minute", is["ExecMainStatus"])
	case is["ActiveState"] == "failed":
		s.text = fmt.Sprintf("failed (%s), it ended with status %s", is["Result"], is["ExecMainStatus"])
	case is["ActiveState"] == "inactive":
		s.text = "stopped"
	}
	return s
}

func queryLibrary() (serviceState, error) {
	s, err := service.New(nothingToDo{}, &service.Config{Name: serviceName})
	if err != nil {
		return serviceState{}, err
	}
	is, err := s.Status()
	if errors.Is(err, service.ErrNotInstalled) {
		return serviceState{}, nil
	}
	running := is == service.StatusRunning
	return serviceState{installed: true, running: running, ended: !running, text: map[bool]string{true: "running", false: "stopped"}[running]}, err
}

// stopByManager returns when systemd has stopped it.
func stopByManager() error {
	s, err := service.New(nothingToDo{}, &service.Config{Name: serviceName})
	if err != nil {
		return err
	}
	return service.Control(s, "stop")
}
