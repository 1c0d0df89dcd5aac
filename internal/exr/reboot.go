package exr

import (
	"strings"
	"time"

	"exorunner/internal/host"
)

// GetPendingReboot asks what Windows wants a restart for: one PendingReboot.
func GetPendingReboot() host.Call {
	return host.Call{Func: "Get-ExrPendingReboot", Timeout: 2 * time.Minute}
}

// A PendingReboot is what is not in force before a restart of Windows.
type PendingReboot struct {
	Components bool `json:"components"` // parts of Windows itself were installed or removed
	Updates    bool `json:"updates"`    // Windows Update has installed something
	// Files are pairs, as Windows keeps them: a name, and the one that it gets at the next start; "" removes the file.
	Files []string `json:"files"`
}

// Reasons are for a person, one each; none where no restart is wanted. That something cleans up its temporary files is no
// reason to restart a server, and hardly one is without such an entry.
func (p PendingReboot) Reasons() []string {
	var all []string
	if p.Components {
		all = append(all, "Windows has changed components")
	}
	if p.Updates {
		all = append(all, "Windows Update has installed updates")
	}
	for i := 0; i < len(p.Files); i += 2 {
		name, becomes := fileName(p.Files[i]), ""
		if i+1 < len(p.Files) {
			becomes = fileName(p.Files[i+1])
		}
		switch {
		case name == "":
		case becomes != "":
			all = append(all, becomes+" is replaced")
		case !strings.Contains(strings.ToLower(name), `\temp\`):
			all = append(all, name+" is removed")
		}
	}
	return all
}

// fileName is a name without what the kernel writes before it: \??\C:\a.dll, and ! where the target may exist.
func fileName(text string) string {
	return strings.TrimPrefix(strings.TrimPrefix(text, "!"), `\??\`)
}
