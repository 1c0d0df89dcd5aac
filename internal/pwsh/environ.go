package pwsh

import (
	"os"
	"slices"
	"strings"
)

// quiet keeps escape sequences, telemetry and the look for updates out of the way. Without TERM=dumb every output of
// PowerShell 7 begins with an escape sequence, also where TERM is unset.
var quiet = []string{"TERM=dumb", "NO_COLOR=1", "POWERSHELL_TELEMETRY_OPTOUT=1", "POWERSHELL_UPDATECHECK=Off"}

// environment is what PowerShell gets: the given variables (nil: ours), without what would bend it.
func environment(env []string, temp string) []string {
	if env == nil {
		env = os.Environ()
	}
	ours := slices.Clone(quiet)
	if temp != "" {
		for _, name := range tempNames {
			ours = append(ours, name+"="+temp)
		}
	}
	drop := slices.Clone(dropped)
	for _, e := range ours {
		name, _, _ := strings.Cut(e, "=")
		drop = append(drop, name)
	}
	kept := make([]string, 0, len(env)+len(ours))
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		if !slices.ContainsFunc(drop, func(d string) bool { return sameName(d, name) }) {
			kept = append(kept, e)
		}
	}
	return append(kept, ours...)
}
