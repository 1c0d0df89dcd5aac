package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/rehearsal"
	"exorunner/internal/report"
)

// lastInstall and lastConnect are the last rows of the two tables of the catalogue of errors.
const (
	lastInstall = 28
	lastConnect = 32
)

// neverHere are the rows that no machine can show, each with the reason. There is none: where a row belongs to another
// version of the module, the rehearsal throws what that version throws.
var neverHere = map[string]string{}

func TestEveryRowOfTheCatalogueCanBeRehearsed(t *testing.T) {
	rows := rehearsal.Rows()
	var all []string
	for i := range lastInstall {
		all = append(all, fmt.Sprintf("I%02d", i+1))
	}
	for i := range lastConnect {
		all = append(all, fmt.Sprintf("C%02d", i+1))
	}
	for _, id := range all {
		_, here := rows[id]
		if reason, never := neverHere[id]; here == never {
			t.Errorf("%s: a fault for it: %v, a reason why not: %q; want one of them", id, here, reason)
		}
	}
	for id := range rows {
		if !slices.Contains(all, id) {
			t.Errorf("%s is no row", id)
		}
	}
}

// A scene is what is run to see a row.
type scene struct {
	args   []string
	before bool // the upgrade has been applied
}

// sceneOf is the upgrade for an installation, its proof on an upgraded machine for a connection, or what the upgrade
// does not do.
func sceneOf(id string) scene {
	switch own := filepath.Join("testdata", "rows"); {
	case id == "I16":
		return scene{[]string{filepath.Join(own, "remove.yaml")}, true}
	case id == "C13" || id == "C32":
		return scene{[]string{filepath.Join(own, "connect.yaml")}, true}
	case id[0] == 'C':
		return scene{[]string{"--tags", "proof"}, true}
	}
	return scene{}
}

// Fault by fault of the catalogue: what comes out on an English machine and on a Japanese one. Run with -update to rewrite
// what is expected.
func TestRows(t *testing.T) {
	var faults []string
	for id, fault := range rehearsal.Rows() {
		faults = append(faults, id+" error:"+id)
		if fault != "error:"+id {
			faults = append(faults, id+" "+fault)
		}
	}
	slices.Sort(faults)
	upgraded := t.TempDir()
	for _, machine := range []string{"ce-v2", "ce-ja"} {
		if status, _, stderr := call("apply", "--host", "rehearsal:"+machine, "--state", upgraded); status != 0 {
			t.Fatalf("the upgrade of %s: status %d\n%s", machine, status, stderr)
		}
	}
	got := make([]string, len(faults))
	var all sync.WaitGroup
	slots := make(chan struct{}, 4) // two of the rows wait
	for i, one := range faults {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			id, fault, _ := strings.Cut(one, " ")
			state, s := t.TempDir(), sceneOf(id)
			if s.before {
				if err := os.CopyFS(state, os.DirFS(upgraded)); err != nil {
					t.Error(err)
				}
			}
			english, japanese := see(t, "ce-v2", state, fault, s.args), see(t, "ce-ja", state, fault, s.args)
			if english != japanese {
				t.Errorf("%s: the language decides:\nce-v2 %s\nce-ja %s", one, english, japanese)
			}
			got[i] = one + "\n" + english
		})
	}
	all.Wait()
	golden := filepath.Join("testdata", "rows.golden")
	text := strings.Join(got, "\n")
	if *update {
		if err := os.WriteFile(golden, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// see runs a scene with a fault and says what a person learns of it: of the first task that did not go well or was
// tried more than once, or else that nothing happened.
func see(t *testing.T, machine, state, fault string, args []string) string {
	t.Helper()
	status, stdout, stderr := call(append([]string{"apply", "--host", "rehearsal:" + machine, "--state", state, "--fault", fault, "--format", "json"}, args...)...)
	if stderr != "" {
		t.Errorf("%s: stderr: %s", fault, stderr)
	}
	text := fmt.Sprintf("  status %d\n", status)
	for line := range strings.Lines(stdout) {
		var e report.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("%s: %v in %s", fault, err, line)
			continue
		}
		if e.Kind == report.TaskFinished && (e.Error != nil || e.Attempt > 1) {
			return text + finding(e)
		}
	}
	return text + "  all as without it\n"
}

func finding(e report.Event) string {
	text := fmt.Sprintf("  %s %q, attempts %d\n", e.Outcome, e.Task, e.Attempt)
	if err := e.Error; err != nil {
		text += fmt.Sprintf("  rule %q, class %s\n  remedy: %s\n", err.Rule, err.Class, strings.ReplaceAll(err.Remedy, "\n", "\n          "))
	}
	return text
}

// call is one command line, as main would take it.
func call(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = execute(args, &out, &errs)
	return status, out.String(), errs.String()
}
