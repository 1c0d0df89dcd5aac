package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"exorunner/internal/daemon"
	"exorunner/internal/engine"
	"exorunner/internal/journal"
	"exorunner/internal/rehearsal"
)

// safe is a buffer that a service may write to while a test reads it.
type safe struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safe) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safe) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// during runs a service in this process until enough says so, or for a minute.
func during(t *testing.T, state string, enough func() bool) (out, log *safe) {
	t.Helper()
	return duringAtMost(t, state, time.Minute, enough)
}

func duringAtMost(t *testing.T, state string, most time.Duration, enough func() bool) (out, log *safe) {
	t.Helper()
	out, log = &safe{}, &safe{}
	ctx, stop := context.WithTimeout(t.Context(), most)
	defer stop()
	ended := make(chan error, 1)
	a := &app{stdout: out, stderr: log, state: state, format: "text"}
	o := &serveOptions{tick: 50 * time.Millisecond, patience: 10 * time.Millisecond}
	go func() { ended <- a.serve(ctx, o, out, slog.New(slog.NewTextHandler(log, nil)), func(func()) {}) }()
	for !enough() {
		select {
		case err := <-ended:
			t.Fatalf("the service ended: %v\n%s", err, log)
		case <-time.After(20 * time.Millisecond):
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("serve: %v", err)
	}
	if strings.Contains(log.String(), "did not end in time") {
		t.Errorf("it did not stop in time:\n%s", log)
	}
	return out, log
}

// A secret that every place of a service could show: in a playbook, in an error of PowerShell, in the address of a
// webhook and in its header.
func TestSecretsAreNowhereInAService(t *testing.T) {
	const hook, header = "hookmarker41d9c07f", "headermarker77b1e2aa"
	var mu sync.Mutex
	var got []string
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, string(body))
		if len(got) < 2 || !strings.Contains(r.URL.RawQuery, hook) || r.Header.Get("Authorization") != header {
			w.WriteHeader(http.StatusServiceUnavailable) // tried again
		}
	}))
	defer web.Close()
	home, state := t.TempDir(), t.TempDir()
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(home, "hook"), web.URL+"/post?sig="+hook+"\n")
	write(filepath.Join(home, "header"), header)
	write(filepath.Join(home, "book.yaml"), secretsPlaybook+`
  - name: a connection that quotes what it was given
    action: exo_connect
    with: {version: "3.0.0", organization: "${vars.organization}", user: ce@contoso.onmicrosoft.com, password: wincred:exo}
`)
	write(filepath.Join(state, siteName), fmt.Sprintf(`host: rehearsal:ce-v2
schedules:
  - {name: once, playbook: %q, command: apply, at: %q, missed: {policy: once, grace: 1h}}
notify:
  - {name: hook, kind: webhook, url_secret: %q, authorization: %q}
`, filepath.Join(home, "book.yaml"), time.Now().Add(1100*time.Millisecond).UTC().Format(time.RFC3339), "file:"+filepath.Join(home, "hook"), "file:"+filepath.Join(home, "header")))
	out, log := during(t, state, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) > 0
	})
	markers := []string{rehearsal.SecretMarker, hook, header, base64.StdEncoding.EncodeToString([]byte(hook[:15]))}
	if !strings.Contains(out.String(), "connect with a token") {
		t.Fatalf("the playbook did not run:\n%s\n%s", out, log)
	}
	hold(t, "output", []byte(out.String()), markers...)
	hold(t, "log", []byte(log.String()), markers...)
	hold(t, "notices", []byte(strings.Join(got, "\n")), markers...)
	for _, args := range [][]string{{"export"}, {"history", "--format", "json"}, {"status"}, {"evidence"}} {
		_, stdout, stderr := call(append(args, "--host", "rehearsal", "--state", state)...)
		hold(t, args[0], []byte(stdout+stderr), markers...)
	}
	err := filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		hold(t, path, raw, markers...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A service does the same work for hours in the same memory. EXORUNNER_SOAK says for how long, 12s if it is not set.
func TestAServiceStaysFlat(t *testing.T) {
	span := 12 * time.Second
	if text := os.Getenv("EXORUNNER_SOAK"); text != "" {
		var err error
		if span, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	} else if testing.Short() {
		span = 5 * time.Second
	}
	state := t.TempDir()
	var text strings.Builder
	text.WriteString("host: rehearsal\nschedules:\n")
	for i := range int(span / time.Second) {
		at := time.Now().Add(time.Duration(i) * time.Second).UTC().Format(time.RFC3339)
		fmt.Fprintf(&text, "  - {name: s%d, playbook: upgrade-exo-v3, command: apply, at: %q, missed: {policy: once, grace: 1h}, retry: {attempts: 3, wait: 1s}}\n", i, at)
	}
	if err := os.WriteFile(filepath.Join(state, siteName), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	var early, late footprint
	duringAtMost(t, state, span+time.Minute, func() bool {
		switch past := time.Since(start); {
		case early == footprint{} && past > span/3:
			early = used()
		case late == footprint{} && past > span:
			late = used()
		}
		return late != footprint{}
	})
	t.Logf("early %+v, late %+v", early, late)
	if late.goroutines > early.goroutines+10 || late.files > early.files+10 || late.heap > early.heap+8<<20 {
		t.Errorf("got %+v after %+v, want no more", late, early)
	}
}

type footprint struct {
	goroutines, files int
	heap              uint64
}

// used is the least of a few looks: a run that is under way does not count.
func used() footprint {
	least := footprint{1 << 30, 1 << 30, 1 << 60}
	for range 5 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		files, _ := os.ReadDir("/proc/self/fd") // none away from Linux
		least = footprint{min(least.goroutines, runtime.NumGoroutine()), min(least.files, len(files)), min(least.heap, m.HeapAlloc)}
		time.Sleep(60 * time.Millisecond)
	}
	return least
}

// A change of the configuration is taken over while the service runs; a wrong one is reported and changes nothing.
func TestAConfigurationChangesUnderARunningService(t *testing.T) {
	state := t.TempDir()
	path := filepath.Join(state, siteName)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte("host: rehearsal\nschedules:\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	names := func() string {
		r, err := journal.OpenReader(context.Background(), filepath.Join(state, "rehearsal", "journal"))
		if err != nil {
			return ""
		}
		defer r.Close()
		all, err := r.Schedules(context.Background())
		if err != nil {
			return ""
		}
		var list []string
		for _, s := range all {
			list = append(list, s.Name)
		}
		return strings.Join(list, " ")
	}
	write("  - {name: one, playbook: verify-exo-v3, command: verify, cron: '0 3 * * *'}\n")
	step := 0
	_, log := during(t, state, func() bool {
		_, shown, _ := call("status", "--host", "rehearsal", "--state", state)
		switch {
		case step == 0 && names() == "one":
			write("  - {name: one, playbook: verify-exo-v3, command: verify, corn: '0 3 * * *'}\n")
			step++
		case step == 1 && strings.Contains(shown, `unknown field "corn", did you mean "cron"?`) && strings.Contains(shown, "one"):
			write("  - {name: two, playbook: verify-exo-v3, command: verify, cron: '0 3 * * *'}\n")
			step++
		case step == 2 && names() == "two":
			step++
		}
		return step == 3
	})
	if !strings.Contains(log.String(), "the one before stays in force") || !strings.Contains(log.String(), "configuration taken over") {
		t.Errorf("the log says nothing of it:\n%s", log)
	}
}

// Secrets of the configuration are variables of the playbooks, and one that cannot be read is told before a run needs it.
func TestSecretsOfTheConfiguration(t *testing.T) {
	state, book := t.TempDir(), filepath.Join(t.TempDir(), "book.yaml")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(book, `playbook: sign-in
vars: {organization: "", token: ""}
tasks:
  - name: the connection
    action: exo_connect
    with: {version: "3.1.0", organization: "${vars.organization}", access_token: "${vars.token}"}
`)
	write(filepath.Join(state, siteName), fmt.Sprintf(`host: rehearsal:ce-migrated
vars: {organization: contoso.onmicrosoft.com}
secrets: {token: "env:EXORUNNER_TEST_TOKEN"}
schedules:
  - {name: once, playbook: %q, command: verify, at: %q, missed: {policy: once, grace: 1h}}
notify:
  - {name: hook, kind: webhook, url_secret: "env:EXORUNNER_TEST_NOWHERE"}
`, book, time.Now().Add(1100*time.Millisecond).UTC().Format(time.RFC3339)))
	var events []journal.Event
	_, log := during(t, state, func() bool {
		r, err := journal.OpenReader(context.Background(), filepath.Join(state, "rehearsal", "journal"))
		if err != nil {
			return false
		}
		defer r.Close()
		runs, err := r.Runs(context.Background(), journal.Filter{State: journal.Ended})
		if err != nil || len(runs) == 0 {
			return false
		}
		events, err = r.Events(context.Background(), runs[0].ID, 0, 0)
		return err == nil
	})
	var all strings.Builder
	for _, e := range events {
		all.Write(e.Line)
	}
	if !strings.Contains(all.String(), `"organization":"contoso.onmicrosoft.com"`) {
		t.Errorf("the run did not sign in as the configuration says:\n%s\n%s", all.String(), log)
	}
	if text := log.String(); !strings.Contains(text, "field=notify[0].url_secret") || strings.Contains(text, "field=secrets.token") {
		t.Errorf("got %s\nwant a warning of the secret that is not there, and none of a rehearsal's own", text)
	}
}

// wantsRestart makes a machine whose installer ends with 3010, and a playbook that runs it; the paths of both.
func wantsRestart(t *testing.T, state string) (book, machine string) {
	t.Helper()
	book, machine = filepath.Join(t.TempDir(), "book.yaml"), filepath.Join(state, "rehearsal", "ce-v2.json")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A change makes the machine's state a file, in which the installer is told to want a restart.
	write(book, "playbook: begin\ntasks:\n  - {name: a variable, action: environment, with: {name: EXR, value: a}}\n")
	if status, stdout, stderr := call("apply", book, "--host", "rehearsal", "--state", state); status != 0 {
		t.Fatalf("status %d\n%s%s", status, stdout, stderr)
	}
	raw, err := os.ReadFile(machine)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(string(raw), `"brings"`, `"exit": 3010, "brings"`, 1)
	if edited == string(raw) {
		t.Fatal("the machine has no installer")
	}
	write(machine, edited)
	write(book, `playbook: install
tasks:
  - name: the ActiveSync module
    action: download
    with:
      path: 'C:\staged.exe'
      urls: https://files.contoso.com/maas360/ActiveSync-3.000.100.exe
      sha256: 4c3d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b
      install: {arguments: /quiet}
`)
	return book, machine
}

// An installer that wants a restart gets one inside the window, is gone on with, and is done after it.
func TestARestartOfTheMachine(t *testing.T) {
	state := t.TempDir()
	book, _ := wantsRestart(t, state)
	siteFile(t, state, fmt.Sprintf("reboot: window\nschedules:\n  - {name: once, playbook: %q, command: apply, at: %q, missed: {policy: once, grace: 1h}}\n", book, inASecond()))
	var slots []journal.Slot
	_, log := during(t, state, func() bool {
		slots = slotsOf(state, "once")
		return len(slots) > 0 && (slots[0].State == journal.SlotDone || slots[0].Attempt > 3)
	})
	if len(slots) != 2 || slots[0].Attempt != 2 || slots[0].State != journal.SlotDone || !strings.HasPrefix(slots[1].Reason, "restart of the machine 1 of at most 5") {
		t.Errorf("got %+v\n%s", slots, log)
	}
}

func TestARunWithoutARecordHasAnOutcome(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	cases := map[string]struct {
		ctx     context.Context
		err     error
		verdict daemon.Verdict
		class   string
	}{
		"the playbook is wrong":      {t.Context(), fail(engine.StatusUsage, errors.New("x")), daemon.Failed, "never"},
		"no PowerShell":              {t.Context(), fail(engine.StatusUnreachable, errors.New("x")), daemon.Failed, "transient"},
		"another run goes on":        {t.Context(), fail(engine.StatusLocked, errors.New("x")), daemon.Interrupted, "never"},
		"the window has closed":      {t.Context(), fail(engine.StatusWindow, errors.New("x")), daemon.Interrupted, "never"},
		"the journal's disk is full": {t.Context(), fail(engine.StatusUsage, fmt.Errorf("x: %w", journal.ErrFull)), daemon.Failed, "transient"},
		"the service stops":          {ended, fail(engine.StatusInterrupted, errors.New("x")), daemon.Interrupted, "never"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := unrecorded(c.ctx, c.err); got.Verdict != c.verdict || got.Class != c.class || got.Summary == "" {
				t.Errorf("got %+v, want %s, %s", got, c.verdict, c.class)
			}
		})
	}
}

func TestRollingLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "service.log")
	r := &rolling{path: path}
	line := bytes.Repeat([]byte("x"), 1<<20)
	for range 13 {
		if _, err := r.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	var sizes []int64
	for _, name := range []string{path, path + ".1"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, info.Size()>>20)
	}
	if sizes[0] != 3 || sizes[1] != 5 {
		t.Errorf("got %v MiB, want 3 and, before it, 5", sizes)
	}
}
