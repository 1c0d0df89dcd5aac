package pwsh

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// dropped are the environment variables that PowerShell does not get: a PowerShell 7 above us must not lend 5.1 its
// folders, and what was set for our parent's process is no policy of this machine.
var (
	dropped   = []string{"PSModulePath", "PSExecutionPolicyPreference"}
	tempNames = []string{"TMP", "TEMP"}
)

func sameName(a, b string) bool { return strings.EqualFold(a, b) }

const (
	killed    = 1 // exit status of what we end
	killGrace = 500 * time.Millisecond
)

// jobAccounting is JOBOBJECT_BASIC_ACCOUNTING_INFORMATION.
type jobAccounting struct {
	times                             [4]int64
	faults, total, active, terminated uint32
}

// A tree is a job object. The system ends what is in it when its last handle closes, that is, also when we crash.
type tree struct{ job windows.Handle }

func startTree(cmd *exec.Cmd) (tree, error) {
	t, err := newJob()
	if err != nil {
		return t, err
	}
	// Without any console PowerShell ends silently, and a service has none: CREATE_NO_WINDOW makes one that is not shown.
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NO_WINDOW, HideWindow: true}
	if err := cmd.Start(); err != nil {
		t.close()
		return t, err
	}
	// Nothing slips out before this: without a profile PowerShell starts nothing until it gets its first line.
	if err := t.assign(cmd.Process.Pid); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.close()
		return t, err
	}
	return t, nil
}

func newJob() (tree, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return tree{}, fmt.Errorf("job object: %w", err)
	}
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err != nil {
		_ = windows.CloseHandle(job)
		return tree{}, fmt.Errorf("job object: kill on close: %w", err)
	}
	return tree{job}, nil
}

// assign may go by the number: it stays taken while cmd holds a handle of the process.
func (t tree) assign(pid int) error {
	h, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(pid))
	if err != nil {
		return fmt.Errorf("open process: %w", err)
	}
	defer func() { _ = windows.CloseHandle(h) }()
	if err := windows.AssignProcessToJobObject(t.job, h); err != nil {
		return fmt.Errorf("job object: assign: %w", err)
	}
	return nil
}

// kill asks for the end of every process in the job, and waits a little: they end one after the other.
func (t tree) kill() {
	_ = windows.TerminateJobObject(t.job, killed)
	for end := time.Now().Add(killGrace); t.active() && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
}

func (t tree) active() bool {
	var a jobAccounting
	err := windows.QueryInformationJobObject(t.job, windows.JobObjectBasicAccountingInformation,
		uintptr(unsafe.Pointer(&a)), uint32(unsafe.Sizeof(a)), nil)
	return err == nil && a.active > 0
}

func (t tree) close() { _ = windows.CloseHandle(t.job) }
