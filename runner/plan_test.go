package main

import (
	"bytes"
	"context"
	"maps"
	"testing"
	"time"

	"exorunner/internal/action"
	"exorunner/internal/engine"
	"exorunner/internal/exr"
	"exorunner/internal/host"
	"exorunner/internal/notes"
	"exorunner/internal/rehearsal"
	"exorunner/playbooks"
)

// Every shipped playbook, planned and verified on every modelled machine: the machine counts what is written to it.
func TestPlanAndVerifyWriteNothing(t *testing.T) {
	for _, machine := range rehearsal.Machines() {
		for _, name := range playbooks.Names() {
			for _, command := range []engine.Command{engine.Plan, engine.Verify} {
				t.Run(machine.Name+"/"+name+"/"+string(command), func(t *testing.T) {
					h, err := rehearsal.Open(rehearsal.Options{Machine: machine.Name})
					if err != nil {
						t.Fatal(err)
					}
					run(t, h, name, command)
					if n := h.Writes(); n != 0 {
						t.Errorf("%d writes", n)
					}
				})
			}
		}
	}
}

// run is a run as the command line would make it, on a host that can be asked afterwards.
func run(t *testing.T, h *rehearsal.Host, name string, command engine.Command) engine.Summary {
	t.Helper()
	a := &app{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}, state: t.TempDir()}
	o := &runOptions{command: command, sets: given(name)}
	deps := action.Deps{Secrets: h.Secrets(), Notes: notes.Book{Path: t.TempDir() + "/notes.json", ReadOnly: command != engine.Apply},
		Fetch: h.Fetcher(command != engine.Apply), ReadOnly: command != engine.Apply, Outside: command != engine.Plan}
	machine := maps.Clone(h.Vars())
	if machine == nil {
		machine = map[string]any{}
	}
	machine[installedVersions] = []any{"3.1.0"}
	book, err := a.load(name, o, machine, deps)
	if err != nil {
		t.Fatal(err)
	}
	var facts exr.Facts
	if err := h.Query(t.Context(), exr.GetFact(), &facts); err != nil {
		if host.As(err) == nil { // a machine whose PowerShell cannot be used at all
			t.Skip(err)
		}
		t.Fatal(err)
	}
	tasks, handlers, err := book.Bind(facts, runInfo{ID: "test", Command: string(command), Rehearsal: true})
	if err != nil {
		t.Fatal(err)
	}
	e := &engine.Engine{Reporter: &tape{}, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
	return e.Run(t.Context(), engine.Job{Command: command, Host: h, Tasks: o.engineTasks(tasks), Handlers: o.engineTasks(handlers)})
}

// given are the variables that a shipped playbook wants and no machine brings.
func given(name string) []string {
	if name == "prepare-offline" {
		return []string{`folder=D:\gallery`, `provider=D:\nuget`}
	}
	return nil
}
