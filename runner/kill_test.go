package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"exorunner/internal/engine"
	"exorunner/internal/journal"
)

// program is the test binary under the name by which it is the program.
func program(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("wants a symbolic link")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "exorunner")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// started is a command that is under way.
func command(t *testing.T, path string, env string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", env)
	return cmd
}

var (
	stamps    = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[^"]*"`)
	processes = regexp.MustCompile(`"(processId|lastProcess)": *\d+`)
)

// machineState is what a modelled machine is like, without times and numbers of processes.
func machineState(t *testing.T, state string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(state, "rehearsal", "ce-v2.json"))
	if err != nil {
		t.Fatal(err)
	}
	return processes.ReplaceAllString(stamps.ReplaceAllString(string(raw), `"TIME"`), `"$1": N`)
}

// points are those of a run, each with the times it is to be met.
var points = []string{
	"run_begin.before", "run_begin.after", "task_start.before:1", "task_start.before:5", "task_start.after:2", "task_start.after:6", "task_start.told:7",
	"reboot_pending.before", "reboot_pending.after", "installed.before", "installed.after:2", "invoke.before:1", "invoke.before:3", "invoke.after:1", "invoke.after:2", "invoke.after:3", "invoke.after:4", "invoke.after:5",
	"attempt.before", "attempt.after", "evidence.before:1", "evidence.before:2", "evidence.after:1", "task_finish.before:3", "task_finish.before:6",
	"task_finish.after:4", "task_finish.after:10", "task_finish.told:1", "task_finish.told:8", "run_end.before", "run_end.after",
}

// Killed at any place, the next run comes to the end of an undisturbed one, and the run that was killed is on record.
func TestKilledAnywhere(t *testing.T) {
	exe := program(t)
	args := func(state string) []string { return []string{"apply", "--host", "rehearsal", "--state", state} }
	undisturbed := t.TempDir()
	if out, err := command(t, exe, "", args(undisturbed)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := machineState(t, undisturbed)
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			state := t.TempDir()
			first := args(state)
			if strings.HasPrefix(point, "attempt") {
				first = append(first, "--fault", "gallery-away:1")
			}
			out, err := command(t, exe, failpointEnv+"="+point, first...).CombinedOutput()
			if dead, ok := err.(*exec.ExitError); !ok || dead.Exited() {
				t.Fatalf("got %v, want it to be killed\n%s", err, out)
			}
			if out, err := command(t, exe, "", args(state)...).CombinedOutput(); err != nil {
				t.Fatalf("the run after it: %v\n%s", err, out)
			}
			if got := machineState(t, state); got != want {
				t.Errorf("the machine is not as after an undisturbed run:\n%s", got)
			}
			out, err = command(t, exe, "", "plan", "--host", "rehearsal", "--state", state, "--detailed-exitcode").CombinedOutput()
			if err != nil {
				t.Errorf("a plan after it: %v, want nothing to do\n%s", err, out)
			}
			recordOfKilled(t, state, point)
		})
	}
}

func recordOfKilled(t *testing.T, state, point string) {
	t.Helper()
	r, err := journal.OpenReader(t.Context(), filepath.Join(state, "rehearsal", "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	runs, err := r.Runs(t.Context(), journal.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ended", "interrupted"} // the newest first
	switch {
	case point == "run_begin.before":
		want = want[:1]
	case point == "run_end.after":
		want[1] = "ended"
	}
	var got []string
	for _, run := range runs {
		got = append(got, string(run.State))
		tasks, err := r.Tasks(t.Context(), run.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks {
			if done := !task.Ended.IsZero(); done != (task.Outcome != "") {
				t.Errorf("task %q: outcome %q, ended %v", task.Name, task.Outcome, task.Ended)
			}
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got the runs %v, want %v", got, want)
	}
	// That the module came from here is known, wherever the run was killed.
	if ours, err := r.WasInstalled(t.Context(), "rehearsal:ce-v2", exoModule); err != nil || len(ours) != 1 || ours[0].Version != "3.1.0" {
		t.Errorf("installed by this program: got %+v, %v, want 3.1.0", ours, err)
	}
	if c, err := r.VerifyChain(t.Context()); err != nil || len(c.Breaks) > 0 {
		t.Errorf("evidence: %+v, %v", c, err)
	}
}

// Files that were in use want a restart. The run that changed them was killed before it could say so: the next one does,
// although it finds everything in place, whatever came between them.
func TestARestartIsNotForgottenOverAKill(t *testing.T) {
	exe := program(t)
	for about, c := range map[string]struct {
		points  []string
		between string // a fault of one more run
	}{
		"in the change":                  {[]string{"invoke.after:4"}, ""},
		"when it had said so":            {[]string{"run_end.before"}, ""},
		"three times":                    {[]string{"invoke.after:4", "run_begin.after", "task_start.told:2"}, ""},
		"and a run that was refused":     {[]string{"invoke.after:4"}, "host-dies:Get-ExrFact"},
		"and a run that could not ask":   {[]string{"invoke.after:4"}, "host-dies:Get-ExrPendingReboot"},
		"and a run that came to no task": {[]string{"task_finish.before:6"}, "host-dies:Get-ExrFact"},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			state := t.TempDir()
			args := []string{"apply", "--host", "rehearsal", "--state", state}
			for _, point := range c.points {
				out, err := command(t, exe, failpointEnv+"="+point, append(args, "--fault", "files-in-use:Install-ExrModule")...).CombinedOutput()
				if dead, ok := err.(*exec.ExitError); !ok || dead.Exited() {
					t.Fatalf("got %v, want it to be killed\n%s", err, out)
				}
			}
			if c.between != "" {
				_, _ = command(t, exe, "", append(args, "--fault", c.between)...).CombinedOutput() // it fails, and that is its matter
			}
			out, err := command(t, exe, "", args...).CombinedOutput()
			if dead, ok := err.(*exec.ExitError); !ok || dead.ExitCode() != engine.StatusReboot() || !strings.Contains(string(out), "in use by Install-ExrModule.dll is replaced") {
				t.Errorf("the run after it: %v, want status %d and why\n%s", err, engine.StatusReboot(), out)
			}
			if out, err := command(t, exe, "", args...).CombinedOutput(); err != nil {
				t.Errorf("one more run: %v, want nothing left to say\n%s", err, out)
			}
		})
	}
}

// An installer's word is told once, also where the machine cannot be asked for more.
func TestARestartIsToldOnce(t *testing.T) {
	state := t.TempDir()
	book, _ := wantsRestart(t, state)
	want := []int{engine.StatusReboot(), 0, 0}
	for i, status := range want {
		if got, out, _ := call("apply", book, "--host", "rehearsal", "--state", state, "--fault", "host-dies:Get-ExrPendingReboot"); got != status {
			t.Errorf("run %d: status %d, want %d\n%s", i+1, got, status, out)
		}
	}
}

// A real machine has no such places.
func TestFailpointsAreOfRehearsalsAlone(t *testing.T) {
	t.Setenv(failpointEnv, "run_begin.before")
	if newFailpoints(false) != nil || newFailpoints(true) == nil {
		t.Error("want them in a rehearsal and nowhere else")
	}
}

// site writes a configuration with slots a second apart, the first one soon.
func siteOf(t *testing.T, state string, slots int, more string) {
	t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "host: rehearsal\n%sschedules:\n", more)
	at := time.Now().Add(2 * time.Second)
	for i := range slots {
		fmt.Fprintf(&text, "  - {name: s%d, playbook: upgrade-exo-v3, command: apply, at: %q, missed: {policy: once, grace: 1h}, retry: {attempts: 90, wait: 1s, max_wait: 1s}}\n",
			i, at.Add(time.Duration(i)*time.Second/2).UTC().Truncate(time.Second).Format(time.RFC3339))
	}
	if err := os.WriteFile(filepath.Join(state, "exorunner.yaml"), []byte(text.String()), 0o666); err != nil {
		t.Fatal(err)
	}
}

// The service, killed at each of its own places and then at random ones: no slot is lost, and none ends well twice.
// EXORUNNER_KILLS says how often at the least, 16 times if it is not set.
func TestTheServiceKilledAtRandom(t *testing.T) {
	exe := program(t)
	state := t.TempDir()
	least := 16
	if text := os.Getenv("EXORUNNER_KILLS"); text != "" {
		var err error
		if least, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	slots := max(12, least*3/4)
	// A kill while somebody signs in counts as a failed one, for nobody knows; there are more of them here than in an hour.
	siteOf(t, state, slots, "sign_ins: {failures: 10000, within: 1m}\n")
	args := []string{"serve", "--state", state, "--tick", "20ms", "--patience", "10ms"}
	kills := 0
	for _, point := range []string{"claim.before", "claim.after", "run_begin.after", "invoke.after:2", "run_end.after", "finish.before", "finish.after", "task_finish.after:4"} {
		cmd := command(t, exe, failpointEnv+"="+point, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // killed, by itself or by the timer
		timer.Stop()
		kills++
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	for deadline := time.Now().Add(2*time.Minute + time.Duration(least)*time.Second); kills < least || !settled(t, state, slots); kills++ {
		if time.Now().After(deadline) {
			_, stdout, _ := call("history", "--slots", "--limit", "1000", "--host", "rehearsal", "--state", state)
			t.Fatalf("after %d kills of %d the time is over; all slots settled: %v\n%s", kills, least, settled(t, state, slots), stdout)
		}
		cmd := command(t, exe, "", args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		patience := 400 + min(1000, 60*max(0, kills-least/2)) + 60*max(0, kills-least) // a machine that is busy comes to its work, too
		time.Sleep(time.Duration(80+dice.IntN(patience)) * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	ledgerHolds(t, state, slots)
	t.Logf("%d kills", kills)
	if out, err := command(t, exe, "", "plan", "--host", "rehearsal", "--state", state, "--detailed-exitcode").CombinedOutput(); err != nil {
		t.Errorf("a plan in the end: %v\n%s", err, out)
	}
}

func readJournal(t *testing.T, state string) *journal.Reader {
	t.Helper()
	r, err := journal.OpenReader(context.Background(), filepath.Join(state, "rehearsal", "journal"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// settled says whether every slot is done.
func settled(t *testing.T, state string, slots int) bool {
	r := readJournal(t, state)
	defer r.Close()
	all, err := r.Slots(context.Background(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	done := map[string]bool{}
	for _, s := range all {
		if s.State == journal.SlotDone {
			done[s.Schedule] = true
		}
	}
	return len(done) == slots
}

func ledgerHolds(t *testing.T, state string, slots int) {
	t.Helper()
	r := readJournal(t, state)
	defer r.Close()
	all, err := r.Slots(context.Background(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	done := map[string]int{}
	for _, s := range all {
		switch {
		case s.State == journal.SlotDone:
			done[s.Schedule]++
		case s.State == journal.SlotClaimed: // of the process that was killed last
		case s.State != journal.SlotFailed || !strings.HasPrefix(s.Reason, "interrupted"):
			text, _ := json.Marshal(s)
			t.Errorf("got %s, want done or interrupted", text)
		}
	}
	runs, err := r.Runs(context.Background(), journal.Filter{State: journal.Ended, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	ended := map[string]int{}
	for _, run := range runs {
		ended[run.Schedule]++
	}
	for i := range slots {
		name := fmt.Sprintf("s%d", i)
		if done[name] != 1 || ended[name] != 1 {
			t.Errorf("%s: done %d times, with %d runs that ended; want one of each", name, done[name], ended[name])
		}
	}
}
