// Package internal holds no code. Its test holds the direction in which the packages of the house may import one another.
package internal

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const ours = "exorunner/"

// may is what each package may import of ours. "action/*" stands for every kind.
var may = map[string][]string{
	"internal/playbook":           nil,
	"internal/host":               nil,
	"internal/host/hosttest":      {"internal/host", "internal/exr"},
	"internal/version":            nil,
	"internal/report":             nil,
	"internal/lock":               nil,
	"internal/notices":            nil,
	"internal/notices/generate":   nil,
	"internal/schedule":           nil,
	"playbooks":                   nil,
	"scripts":                     nil,
	"internal/exr":                {"internal/host"},
	"internal/failure":            {"internal/host"},
	"internal/action":             {"internal/host"},
	"internal/action/*":           {"internal/action", "internal/action/*", "internal/exr", "internal/host", "internal/failure", "internal/version"},
	"internal/catalog":            {"internal/action", "internal/action/*", "internal/exr", "internal/playbook"},
	"internal/notes":              {"internal/action", "internal/files"},
	"internal/pwsh/internal/fake": {"internal/host"},
	"internal/catalog/generate":   {"internal/catalog", "internal/notify", "internal/playbook", "internal/site"},
	"internal/engine":             {"internal/action", "internal/host", "internal/report"},
	"internal/secret":             {"internal/action", "internal/host"},
	"internal/pwsh":               {"internal/host"},
	"internal/pwsh/pwshtest":      {"internal/pwsh", "internal/pwsh/internal/fake", "internal/host", "scripts"},
	"internal/rehearsal":          {"internal/action", "internal/files", "internal/host", "internal/exr", "internal/version", "scripts"},
	"internal/access":             nil,
	"internal/files":              nil,
	"internal/journal":            {"internal/access"},
	"internal/notify":             {"internal/action", "internal/journal"},
	"internal/site":               {"internal/action", "internal/playbook", "internal/schedule"},
	"internal/daemon":             {"internal/journal", "internal/notify", "internal/report", "internal/schedule"},
	"internal/fetch":              {"internal/files", "internal/host", "internal/fetch/trust"},
	"internal/fetch/trust":        {"internal/version"},
	"internal/fetch/bench":        {"internal/fetch"},
}

func TestDirection(t *testing.T) {
	for _, system := range []string{"linux", "windows"} {
		cmd := exec.Command("go", "list", "-f", "{{.ImportPath}}: {{join .Imports \" \"}}", "exorunner/...")
		cmd.Env = append(cmd.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
			name, imports, _ := strings.Cut(line, ": ")
			check(t, strings.TrimPrefix(name, ours), strings.Fields(imports))
		}
	}
}

func check(t *testing.T, name string, imports []string) {
	if name == "runner" || name == "internal" { // the wiring may use everything
		return
	}
	allowed, known := may[kind(name)]
	if !known {
		t.Errorf("%s: not in the table of who may import what", name)
	}
	for _, i := range imports {
		i, own := strings.CutPrefix(i, ours)
		if own && !slices.Contains(allowed, i) && !slices.Contains(allowed, kind(i)) {
			t.Errorf("%s imports %s", name, i)
		}
	}
}

func kind(name string) string {
	if strings.HasPrefix(name, "internal/action/") {
		return "internal/action/*"
	}
	return name
}
