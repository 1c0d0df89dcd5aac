package main

import (
	"context"
	"errors"
	"fmt"
	"os"
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

// stopHint is how long the manager is told that stopping may take, and shutdownTime how long Windows waits for it when
// the machine goes down; exorunner's own limit of 20 seconds is below both.
const (
	stopHint     = 25 * time.Second
	shutdownTime = 30 * time.Second
)

// Execute implements svc.Handler. PRESHUTDOWN comes before other services are stopped, and with more time than SHUTDOWN.
func (m *managed) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (specific bool, code uint32) {
	const accepts = svc.AcceptStop | svc.AcceptPreShutdown | svc.AcceptPowerEvent
	status <- svc.Status{State: svc.StartPending}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	wake := func() {}
	woken, ended := make(chan func(), 1), make(chan error, 1)
	go func() { ended <- m.run(ctx, func(f func()) { woken <- f }) }()
	status <- svc.Status{State: svc.Running, Accepts: accepts}
	for {
		select {
		case wake = <-woken:
		case m.err = <-ended:
			status <- svc.Status{State: svc.StopPending}
			return m.code()
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				status <- r.CurrentStatus
			case svc.PowerEvent:
				wake() // looking at the clock once too often does no harm
			case svc.Stop, svc.Shutdown, svc.PreShutdown:
				status <- svc.Status{State: svc.StopPending, WaitHint: uint32(stopHint.Milliseconds())}
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

// rights are what an account needs to be the service's: to log on as one, and to keep records in the state folder. What
// could not be given is said, and is no error: an administrator of the domain may have it given otherwise.
func rights(account, dir string) (warnings []string) {
	if account == "" {
		return nil
	}
	if err := access.LogOnAsService(account); err != nil {
		warnings = append(warnings, fmt.Sprintf("%s was not given the right to log on as a service (%v): give it in secpol.msc, Local Policies, User Rights Assignment", account, err))
	}
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = access.Grant(dir, account)
	}
	if err != nil {
		warnings = append(warnings, fmt.Sprintf("%s was not given access to %s (%v): icacls %q /grant %q:(OI)(CI)F", account, dir, err, dir, account))
	}
	return warnings
}

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
