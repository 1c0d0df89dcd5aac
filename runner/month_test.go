package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"exorunner/internal/journal"
)

const monthBook = `playbook: month
import: upgrade-exo-v3
tasks:
  - name: a driver that wants a restart
    action: download
    with:
      path: 'C:\staged\driver.exe'
      urls: https://files.contoso.com/maas360/ActiveSync-3.000.100.exe
      sha256: 4c3d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b
      install: {arguments: /quiet}
`

const monthSite = `host: rehearsal:ce-waiting
reboot: window
schedules:
  - name: upgrade
    playbook: month.yaml
    command: apply
    at: "2026-01-05 20:00"
    zone: Europe/London
    window: [{opens: "22:00", closes: "05:00"}]
    missed: {policy: once}
    retry: {attempts: 72, wait: 1h, max_wait: 1h}
    deadline: 3d
  - name: nightly
    playbook: verify-exo-v3
    command: verify
    cron: "30 12 * * *"
    zone: Europe/London
    missed: {policy: once, grace: 12h}
    retry: {attempts: 3, wait: 10m}
notify:
  - {name: log, kind: eventlog}
`

// A month of the whole service on a modelled server, in a minute: the gallery is down for the first two attempts, Cloud
// Extender takes a day to fetch its own module, an installer wants a restart, the machine sleeps over a verification,
// somebody stops Cloud Extender on day 12 and a person mends it on day 13.
func TestAMonthOfTheService(t *testing.T) {
	state := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(state, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("month.yaml", monthBook)
	write(siteName, monthSite)
	write("begin.yaml", "playbook: begin\ntasks:\n  - {name: a variable, action: environment, with: {name: EXR, value: a}}\n")
	synctest.Test(t, func(t *testing.T) {
		day := func(n, hour int) time.Time { return time.Date(2026, 1, n, hour, 0, 0, 0, time.UTC) }
		sleep := func(to time.Time) { time.Sleep(time.Until(to)) }
		sleep(day(1, 0))
		by := func(args ...string) (int, string) {
			var out bytes.Buffer // no signals here: they come from outside of the bubble
			status := executeIn(context.Background(), append(args, "--host", "rehearsal:ce-waiting", "--state", state), &out, &out)
			return status, out.String()
		}
		if status, out := by("apply", filepath.Join(state, "begin.yaml")); status != 0 {
			t.Fatalf("status %d\n%s", status, out)
		}
		machine := theMachine{t, filepath.Join(state, "rehearsal", "ce-waiting.json")}
		machine.edit(func(m map[string]any) {
			m["begun"] = day(6, 12) // a day before Cloud Extender has its module
			m["open"] = []string{"*.office365.com", "*.microsoftonline.com", "*.contoso.com"}
			m["providers"] = []any{map[string]any{"name": "NuGet", "version": "2.8.5.208", "path": `C:\NuGet.dll`, "bits": 64}}
			m["downloads"].([]any)[0].(map[string]any)["file"].(map[string]any)["exit"] = 3010
		})
		serve := func(until time.Time) {
			ctx, stop := context.WithDeadline(context.Background(), until)
			defer stop()
			log := &safe{}
			a := &app{stdout: log, stderr: log, state: state, format: "text"}
			if err := a.serve(ctx, &serveOptions{tick: 10 * time.Minute}, log, slog.New(slog.NewTextHandler(log, nil)), func(func()) {}); err != nil {
				t.Errorf("serve: %v\n%s", err, log)
			}
		}
		serve(day(6, 2)) // two attempts at the least
		if slots := slotsOf(state, "upgrade"); len(slots) < 3 {
			t.Errorf("got %d attempts in the first night, want more", len(slots))
		}
		machine.edit(func(m map[string]any) { m["open"] = []string{"*"} })
		serve(day(9, 10))
		sleep(day(9, 18)) // asleep at half past twelve
		serve(day(12, 10))
		machine.edit(func(m map[string]any) {
			service := m["services"].([]any)[0].(map[string]any)
			service["status"], service["processId"], service["started"] = "stopped", 0, time.Time{}
		})
		serve(day(13, 8))
		if status, out := by("apply"); status != 0 {
			t.Errorf("by hand: status %d\n%s", status, out)
		}
		serve(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
		monthsLedger(t, state)
		if n := machine.read()["restarts"]; n != 1.0 {
			t.Errorf("the machine was restarted %v times, want once", n)
		}
		if status, out := by("plan", "--detailed-exitcode"); status != 0 {
			t.Errorf("a plan in the end: status %d\n%s", status, out)
		}
	})
}

// A theMachine is a modelled machine's state, as somebody beside exorunner changes it.
type theMachine struct {
	t    *testing.T
	path string
}

func (m theMachine) state() map[string]any {
	m.t.Helper()
	raw, err := os.ReadFile(m.path)
	if err != nil {
		m.t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		m.t.Fatal(err)
	}
	return all
}

func (m theMachine) read() map[string]any { return m.state()["machine"].(map[string]any) }

func (m theMachine) edit(change func(map[string]any)) {
	m.t.Helper()
	all := m.state()
	change(all["machine"].(map[string]any))
	raw, err := json.Marshal(all)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(m.path, raw, 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// monthsLedger holds what is on record of that month.
func monthsLedger(t *testing.T, state string) {
	t.Helper()
	r, err := journal.OpenReader(context.Background(), filepath.Join(state, "rehearsal", "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	slots, err := r.Slots(context.Background(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	var upgrade []string
	nightly := map[int]string{}
	for i := len(slots) - 1; i >= 0; i-- { // oldest first
		s := slots[i]
		if s.Schedule == "nightly" {
			nightly[s.Due.Day()] = string(s.State) // of the last attempt
			continue
		}
		upgrade = append(upgrade, fmt.Sprintf("#%d %s %s", s.Attempt, s.State, s.Reason))
		if h := s.Claimed.In(london).Hour(); !s.Claimed.IsZero() && h >= 5 && h < 22 {
			t.Errorf("attempt %d began at %s, want it inside the window", s.Attempt, s.Claimed.In(london))
		}
	}
	text := strings.Join(upgrade, "\n")
	for part, n := range map[string]int{"restart of the machine 1 of at most 5": 1, "done": 1} {
		if strings.Count(text, part) != n {
			t.Errorf("%q is there %d times, want %d, in\n%s", part, strings.Count(text, part), n, text)
		}
	}
	if len(upgrade) < 5 || strings.Count(text, "PowerShellGet 2.2.5") < 2 || !strings.Contains(text, "ActiveSync module 2.106.500.016") || !strings.Contains(upgrade[len(upgrade)-1], "done") {
		t.Errorf("want the gallery away twice, then Cloud Extender waited for, then the restart, and all done at the end; got\n%s", text)
	}
	for day := 1; day <= 31; day++ {
		want := "done"
		if day < 7 || day == 12 { // not migrated yet, drifted
			want = "failed"
		}
		if nightly[day] != want {
			t.Errorf("the verification of day %d: %q, want %q", day, nightly[day], want)
		}
	}
	all, err := r.Notified(context.Background(), "log|", 1000)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Created.Day() >= 7 {
			told = append(told, fmt.Sprintf("%d %s", all[i].Created.Day(), all[i].Kind))
		}
	}
	if got := strings.Join(told, ", "); got != "7 recovered, 12 drift, 13 recovered" {
		t.Errorf("told: %s", got)
	}
	if c, err := r.VerifyChain(context.Background()); err != nil || len(c.Breaks) > 0 || c.Pieces == 0 {
		t.Errorf("evidence: %+v, %v", c, err)
	}
}
