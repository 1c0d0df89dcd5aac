package pwsh

import (
	"exorunner/internal/host"
)

// A Config says which PowerShell, how it is started and who is told.
type Config struct {
	// Name is the machine as a person knows it; empty: what the system calls it.
	Name string
	// Path gives the executable for 32 or 64 bits, or for 0, the host's own. It must be absolute: a bare name could be
	// planted on PATH. See Find.
	Path func(bits int) (string, error)
	// Args make it read command lines from stdin; nil is what a PowerShell needs for that.
	Args []string
	// Env are the variables to start from; nil: ours. A few are dropped and a few added.
	Env []string
	// Dir is the working directory; empty: ours.
	Dir string
	// Temp is the folder for temporary files; empty: that of Env.
	Temp string
	// HostScript is the text of host.ps1, and Scripts are the sources that define the functions to be called.
	HostScript string
	Scripts    []string
	// CodePage is the one in which native programs write; 0: PowerShell is asked.
	CodePage int
	// Said gets whatever a function, or anybody near it, says beside its output, without secrets and one at a time. A
	// native program's status that is not 0 comes as kind exit. Text that belongs to no call has no Func. Said must not
	// call the host.
	Said func(host.Said)
	// Classify completes what a function failed with, before the caller sees it.
	Classify func(*host.Error)
}

// standardArgs: no profile and no banner, nothing that could wait for a person, and a reader of command lines.
var standardArgs = []string{"-NoLogo", "-NoProfile", "-NonInteractive", "-NoExit", "-Command", "-"}
