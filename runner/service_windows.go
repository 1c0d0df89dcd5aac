package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"

	"exorunner/internal/access"
	"exorunner/internal/engine"
)

// underManager says whether the service manager of Windows has started this process.
func underManager() bool {
	is, err := svc.IsWindowsService()
	return err == nil && is
}

// runManaged is run under the service manager, until it says stop.
func runManaged(run func(context.Context, func(func())) error) error {
	m := &managed{run: run}
	if err := svc.Run(serviceName, m); err != nil {
		return err
	}
	return m.err
}

type managed struct {
	run func(context.Context, func(func())) error
	err error
}

// startHint is how long the manager is told that one step of starting may take, stopHint the same of stopping, and
// shutdownTime how long Windows waits for it when the machine goes down; exorunner's own limit of 20 seconds is below
// the last two.
const (
	startHint    = 30 * time.Second
	stopHint     = 25 * time.Second
	shutdownTime = 30 * time.Second
)

// Execute implements svc.Handler. PRESHUTDOWN comes before other services are stopped, and with more time than SHUTDOWN.
// The service is reported as running once its configuration and its journal were found good.
func (m *managed) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (specific bool, code uint32) {
	const accepts = svc.AcceptStop | svc.AcceptPreShutdown | svc.AcceptPowerEvent
	now := svc.Status{State: svc.StartPending, WaitHint: uint32(startHint.Milliseconds())}
	status <- now
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	wake := func() {}
	woken, ended := make(chan func(), 1), make(chan error, 1)
	go func() { ended <- m.run(ctx, func(f func()) { woken <- f }) }()
	step := time.NewTicker(startHint / 3)
	defer step.Stop()
	for {
		select {
		case wake = <-woken:
			if now.State == svc.StartPending {
				now = svc.Status{State: svc.Running, Accepts: accepts}
				status <- now
			}
		case <-step.C: // a step that goes on is no step that hangs
			if now.State == svc.StartPending || now.State == svc.StopPending {
				now.CheckPoint++
				status <- now
			}
		case m.err = <-ended:
			if now.State == svc.StopPending { // it was told to: whatever a start said that was cut off, nobody starts it again
				return false, 0
			}
			status <- svc.Status{State: svc.StopPending}
			return m.code()
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				status <- now
			case svc.PowerEvent:
				wake() // looking at the clock once too often does no harm
			case svc.Stop, svc.Shutdown, svc.PreShutdown:
				now = svc.Status{State: svc.StopPending, WaitHint: uint32(stopHint.Milliseconds())}
				status <- now
				cancel()
			}
		}
	}
}

// code is not 0 where the service ended by itself, so that the manager starts it again.
func (m *managed) code() (specific bool, code uint32) {
	if m.err == nil {
		return false, 0
	}
	var e *exit
	if errors.As(m.err, &e) {
		return true, uint32(e.status)
	}
	return true, engine.StatusFailed
}

// systemAccount is what a service runs under that names none.
const systemAccount = access.System

// logHint is where a service says why it does not work.
const logHint = "its log is service.log in the state folder (%ProgramData%\\exorunner), and the Windows event log has what ended it"

// accountForm refuses what Windows would take now and refuse at the first start.
func accountForm(o *installOptions) error {
	name := o.account
	if name == "" {
		return nil
	}
	domain, _, qualified := strings.Cut(name, `\`)
	switch builtIn := strings.EqualFold(domain, "NT AUTHORITY") || strings.EqualFold(domain, "NT SERVICE"); {
	case !qualified && !strings.Contains(name, "@"):
		return usage(`--account %s: write DOMAIN\%s, or .\%s for an account of this machine`, name, name, name)
	case builtIn || strings.HasSuffix(name, "$"):
	case o.password == "":
		return usage("--account %s: wants --password with a reference to its password; a group managed account, which has none, is written with its $", name)
	}
	return nil
}

// opened is the service by a handle that may do no more than what is asked: who may not start it may see how it is.
func opened(access uint32) (*mgr.Service, func(), error) {
	manager, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return nil, nil, err
	}
	h, err := windows.OpenService(manager, windows.StringToUTF16Ptr(serviceName), access)
	if err != nil {
		_ = windows.CloseServiceHandle(manager)
		return nil, nil, err
	}
	s := &mgr.Service{Name: serviceName, Handle: h}
	return s, func() { _, _ = s.Close(), windows.CloseServiceHandle(manager) }, nil
}

func queryService() (serviceState, error) {
	s, done, err := opened(windows.SERVICE_QUERY_STATUS)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return serviceState{}, nil
	}
	if err != nil {
		return serviceState{}, err
	}
	defer done()
	is, err := s.Query()
	if err != nil {
		return serviceState{}, err
	}
	words := map[svc.State]string{
		svc.Stopped: "stopped", svc.StartPending: "is starting", svc.StopPending: "is stopping", svc.Running: "running",
		svc.ContinuePending: "is continuing", svc.PausePending: "is pausing", svc.Paused: "paused",
	}
	out := serviceState{installed: true, running: is.State == svc.Running, ended: is.State == svc.Stopped, text: words[is.State]}
	switch {
	case is.State != svc.Stopped || is.Win32ExitCode == 0 || is.Win32ExitCode == uint32(windows.ERROR_SERVICE_NEVER_STARTED):
	case is.Win32ExitCode == uint32(windows.ERROR_SERVICE_SPECIFIC_ERROR):
		out.text = fmt.Sprintf("stopped, it ended with status %d; Windows starts it again", is.ServiceSpecificExitCode)
	default:
		out.text = fmt.Sprintf("stopped, it ended with %v", windows.Errno(is.Win32ExitCode))
	}
	return out, nil
}

// stopByManager tells it to stop. One that is just starting does not listen yet; whoever waits tells it again.
func stopByManager() error {
	s, done, err := opened(windows.SERVICE_STOP | windows.SERVICE_QUERY_STATUS)
	if err != nil {
		return err
	}
	defer done()
	_, err = s.Control(svc.Stop)
	if errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) || errors.Is(err, windows.ERROR_SERVICE_CANNOT_ACCEPT_CTRL) {
		return nil // it is stopped, about to be, or starting
	}
	return err
}

// rights are what an account needs to be the service's: to log on as one, and to keep records in the state folder. What
// could not be given is said, and is no error: an administrator of the domain may have it given otherwise.
func rights(account, dir string) (warnings []string) {
	if account != "" {
		if err := access.LogOnAsService(account); err != nil {
			warnings = append(warnings, fmt.Sprintf("%s was not given the right to log on as a service (%v): give it in secpol.msc, Local Policies, User Rights Assignment", account, err))
		}
	}
	if err := prepareState(dir, account); err != nil {
		warnings = append(warnings, fmt.Sprintf("the state folder is not as it should be: %v", err))
	}
	return warnings
}

// hasManager: every Windows has one.
func hasManager() error { return nil }

// afterInstall is what the library does not know: more patience from one restart to the next, restarts after an end with
// an error and not only after a crash, and the time for PRESHUTDOWN.
// https://learn.microsoft.com/windows/win32/api/winsvc/ns-winsvc-service_preshutdown_info
func afterInstall() error {
	m, err := mgr.Connect()
	if err != nil {
		return err
	}
	defer m.Disconnect()
	s, err := m.OpenService(serviceName)
	if err != nil {
		return err
	}
	defer s.Close()
	again := []mgr.RecoveryAction{{Type: mgr.ServiceRestart, Delay: time.Minute}, {Type: mgr.ServiceRestart, Delay: 5 * time.Minute}, {Type: mgr.ServiceRestart, Delay: 15 * time.Minute}}
	if err := s.SetRecoveryActions(again, uint32((24 * time.Hour).Seconds())); err != nil {
		return fmt.Errorf("recovery actions: %w", err)
	}
	if err := s.SetRecoveryActionsOnNonCrashFailures(true); err != nil {
		return fmt.Errorf("recovery actions: %w", err)
	}
	wait := uint32(shutdownTime.Milliseconds())
	if err := windows.ChangeServiceConfig2(s.Handle, windows.SERVICE_CONFIG_PRESHUTDOWN_INFO, (*byte)(unsafe.Pointer(&wait))); err != nil {
		return fmt.Errorf("time for the shutdown: %w", err)
	}
	return nil
}
