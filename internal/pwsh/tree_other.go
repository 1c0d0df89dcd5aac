//go:build !windows

package pwsh

import (
	"os/exec"
	"syscall"
)

// dropped are the environment variables that PowerShell does not get; tempNames hold the folder for temporary files.
var (
	dropped   []string
	tempNames = []string{"TMPDIR", "TMP", "TEMP"}
)

func sameName(a, b string) bool { return a == b }

// A tree is a process group: PowerShell leads it, what it starts is in it unless it takes pains to leave.
type tree struct{ group int }

func startTree(cmd *exec.Cmd) (tree, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return tree{}, err
	}
	return tree{cmd.Process.Pid}, nil
}

// kill may be called after the leader was reaped: its number stays taken while the group has a member.
func (t tree) kill() { _ = syscall.Kill(-t.group, syscall.SIGKILL) }

func (t tree) close() {}
