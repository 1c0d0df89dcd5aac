package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"exorunner/internal/daemon"
	"exorunner/internal/journal"
	"exorunner/internal/lock"
)

// siteFile writes a configuration of a rehearsal.
func siteFile(t *testing.T, state, text string) {
	t.Helper()
	path := filepath.Join(state, siteName)
	if err := os.WriteFile(path+".new", []byte("host: rehearsal\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func inASecond() string { return time.Now().Add(1100 * time.Millisecond).UTC().Format(time.RFC3339) }

// slotsOf are a schedule's, newest first; none where nothing was written yet.
func slotsOf(state, schedule string) []journal.Slot {
	r, err := journal.OpenReader(context.Background(), filepath.Join(state, "rehearsal", "journal"))
	if err != nil {
		return nil
	}
	defer r.Close()
	slots, _ := r.Slots(context.Background(), schedule, 100)
	return slots
}

const never = "  - {name: never, playbook: verify-exo-v3, command: verify, cron: '0 3 1 1 *'}\n"

// What waited for its target when the service was stopped is delivered by the next one.
func TestANoticeOutlivesTheService(t *testing.T) {
	var got atomic.Int32
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }))
	defer web.Close()
	for range 3 {
		got.Store(0)
		state := t.TempDir()
		siteFile(t, state, "schedules:\n"+never+fmt.Sprintf("notify:\n  - {name: hook, kind: webhook, url: %q}\n", web.URL))
		j, err := journal.Open(t.Context(), filepath.Join(state, "rehearsal", "journal"), journal.Options{Ballast: -1})
		if err != nil {
			t.Fatal(err)
		}
		past := time.Now().Add(-time.Minute)
		if _, err := j.Enqueue(journal.Notification{Key: "hook|failed/one/1", Kind: "failed", Body: `{"kind":"failed"}`, Created: past, Due: past}); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		_, log := during(t, state, func() bool { return got.Load() > 0 })
		if strings.Contains(log.String(), "given_up=true") {
			t.Errorf("it was given up:\n%s", log)
		}
	}
}

// A configuration that is wrong for what lies beside it is taken over once that is mended.
func TestAConfigurationThatIsMendedElsewhere(t *testing.T) {
	state := t.TempDir()
	siteFile(t, state, "schedules:\n"+never)
	step, begun := 0, time.Now()
	_, log := during(t, state, func() bool {
		_, shown, _ := call("status", "--host", "rehearsal", "--state", state)
		switch {
		case step == 0 && strings.Contains(shown, "never"):
			siteFile(t, state, "schedules:\n  - {name: two, playbook: ./new.yaml, command: apply, cron: '0 3 * * *'}\n")
			step++
		case step == 1 && strings.Contains(shown, "new.yaml: "):
			if err := os.WriteFile(filepath.Join(state, "new.yaml"), []byte("playbook: new\ntasks:\n  - {name: a, action: environment, with: {name: A, value: a}}\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			step++
		}
		return step == 2 && strings.Contains(shown, "schedule    two") || time.Since(begun) > 30*time.Second
	})
	if !strings.Contains(log.String(), "configuration taken over") {
		t.Errorf("it was not taken over:\n%s", log)
	}
}

// A slot that waits for another run to end asks once more before it begins: what it was claimed for may hold no longer.
func TestAChangeWhileASlotWaitsForTheMachine(t *testing.T) {
	changes := map[string]string{
		"removed":                      "schedules:\n" + never,
		"frozen":                       "schedules:\n  - {name: up, playbook: upgrade-exo-v3, command: apply, at: %q, missed: {policy: once, grace: 1h}, freeze: [{from: \"2020-01-01\", to: %q}]}\n",
		"a verification from now on":   "schedules:\n  - {name: up, playbook: verify-exo-v3, command: verify, at: %q, missed: {policy: once, grace: 1h}}\n",
		"nothing of it has to do here": "schedules:\n  - {name: up, playbook: upgrade-exo-v3, command: apply, at: %q, missed: {policy: once, grace: 1h}}\n" + never,
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state, at := t.TempDir(), inASecond()
			held, err := lock.Take(t.Context(), rehearsalLock(filepath.Join(state, "rehearsal")), 0)
			if err != nil {
				t.Fatal(err)
			}
			fill := func(text string) string {
				text = strings.Replace(text, "%q", fmt.Sprintf("%q", at), 1)
				return strings.Replace(text, "%q", fmt.Sprintf("%q", time.Now().AddDate(0, 0, 7).Format(time.DateOnly)), 1)
			}
			siteFile(t, state, fill("schedules:\n  - {name: up, playbook: upgrade-exo-v3, command: apply, at: %q, missed: {policy: once, grace: 1h}}\n"))
			step, freed := 0, time.Time{}
			_, log := during(t, state, func() bool {
				slots := slotsOf(state, "up")
				switch {
				case step == 0 && len(slots) > 0 && slots[0].State == journal.SlotClaimed:
					siteFile(t, state, fill(change))
					step++
				case step == 1 && taken(state) > 0:
					held.Free()
					step, freed = 2, time.Now()
				}
				return step == 2 && time.Since(freed) > time.Second && len(slots) > 0 && slots[0].State != journal.SlotClaimed
			})
			r := readJournal(t, state)
			defer r.Close()
			runs, err := r.Runs(context.Background(), journal.Filter{})
			if err != nil {
				t.Fatal(err)
			}
			var did []string
			for _, run := range runs {
				did = append(did, run.Command)
			}
			want := map[string]string{"removed": "", "frozen": "", "a verification from now on": "verify"}
			if w, narrow := want[name]; narrow && strings.Join(did, " ") != w || !narrow && strings.Join(did, " ") != "apply" {
				t.Errorf("got the runs %q\n%s", did, log)
			}
		})
	}
}

// taken is how many configurations the service has taken over, by its heartbeat's time: it has ticked since the last change.
func taken(state string) int {
	info, err := os.Stat(filepath.Join(state, siteName))
	if err != nil {
		return 0
	}
	beat, err := readHeartbeat(filepath.Join(state, "rehearsal"))
	if err != nil || beat.Time.Sub(info.ModTime()) < 300*time.Millisecond {
		return 0
	}
	return 1
}

// A playbook that is being replaced when its slot comes is there a moment later.
func TestAPlaybookThatIsAwayForAMoment(t *testing.T) {
	state := t.TempDir()
	book := filepath.Join(state, "book.yaml")
	text := []byte("playbook: book\ntasks:\n  - {name: a, action: environment, with: {name: A, value: a}}\n")
	if err := os.WriteFile(book, text, 0o600); err != nil {
		t.Fatal(err)
	}
	siteFile(t, state, fmt.Sprintf("schedules:\n  - {name: up, playbook: book.yaml, command: apply, at: %q, missed: {policy: once, grace: 1h}, retry: {attempts: 20, wait: 1s, max_wait: 1s}}\n", time.Now().Add(3*time.Second).UTC().Format(time.RFC3339)))
	step := 0
	during(t, state, func() bool {
		slots := slotsOf(state, "up")
		switch {
		case step == 0:
			if _, err := os.Stat(filepath.Join(state, "rehearsal", heartbeatName)); err == nil {
				_ = os.Remove(book)
				step++
			}
		case step == 1 && len(slots) > 0 && slots[len(slots)-1].State == journal.SlotFailed:
			if err := os.WriteFile(book, text, 0o600); err != nil {
				t.Fatal(err)
			}
			step++
		}
		return len(slots) > 0 && slots[0].State == journal.SlotDone
	})
	if step != 2 {
		t.Error("the playbook was not away when its slot came: nothing was tested")
	}
}

// A restart that was on record when the service was killed is asked for by the next one, once.
func TestKilledBeforeTheMachineWasAskedToRestart(t *testing.T) {
	exe := program(t)
	for _, point := range []string{"restart.before", "finish.after", "run_end.after"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			state := t.TempDir()
			book, machine := wantsRestart(t, state)
			siteFile(t, state, fmt.Sprintf("reboot: window\nschedules:\n  - {name: once, playbook: %q, command: apply, at: %q, missed: {policy: once, grace: 1h}}\n", book, inASecond()))
			if out, err := command(t, exe, failpointEnv+"="+point, "serve", "--state", state, "--tick", "50ms").CombinedOutput(); err == nil {
				t.Fatalf("it was not killed\n%s", out)
			}
			_, log := during(t, state, func() bool {
				slots := slotsOf(state, "once")
				return len(slots) > 0 && (slots[0].State == journal.SlotDone || slots[0].Attempt > 6)
			})
			asked := 0
			for _, s := range slotsOf(state, "once") {
				if strings.HasPrefix(s.Reason, "restart of the machine") {
					asked++
				}
			}
			if n := (theMachine{t, machine}).read()["restarts"]; n != 1.0 || asked == 0 || asked > 2 {
				t.Errorf("the machine was restarted %v times, asked for %d times\n%s", n, asked, log)
			}
		})
	}
}

// pictured is what status says of a journal that a test has written.
func pictured(t *testing.T, fill func(*journal.Journal), now time.Time) *picture {
	t.Helper()
	state := t.TempDir()
	j, err := journal.Open(t.Context(), filepath.Join(state, "rehearsal", "journal"), journal.Options{Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	held, err := lock.Take(t.Context(), filepath.Join(state, "rehearsal", "serve.lock"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Free()
	text, _ := json.Marshal(heartbeat{Beat: daemon.Beat{Time: now}, Tick: 15})
	if err := os.WriteFile(filepath.Join(state, "rehearsal", heartbeatName), text, 0o600); err != nil {
		t.Fatal(err)
	}
	fill(j)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	a := &app{state: state}
	return a.look(t.Context(), "rehearsal", now)
}

func TestWhatStatusMakesOfSlots(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	ago := func(hours int) time.Time { return now.Add(-time.Duration(hours) * time.Hour) }
	key := func(hours, attempt int) journal.Key {
		return journal.Key{Schedule: "s", Due: ago(hours), Attempt: attempt}
	}
	next := now.Add(time.Hour)
	failed := func(j *journal.Journal, again *journal.Again) error {
		return join(j.Claim(key(3, 1), ago(3), next), j.FinishSlot(key(3, 1), ago(3), journal.SlotFailed, "the gallery is away", again))
	}
	cases := map[string]struct {
		fill  func(*journal.Journal) error
		level string
		what  string
	}{
		"all is well": {func(j *journal.Journal) error {
			return join(j.Claim(key(3, 1), ago(3), next), j.FinishSlot(key(3, 1), ago(3), journal.SlotDone, "", nil))
		}, "OK", ""},
		"failed for good": {func(j *journal.Journal) error { return failed(j, nil) }, "CRITICAL", "the gallery is away"},
		"failed, and then one skipped": {func(j *journal.Journal) error {
			return join(failed(j, nil), j.Skip(key(2, 1), ago(2), ago(2), "missed", next))
		}, "CRITICAL", "the gallery is away"},
		"failed, and tried again": {func(j *journal.Journal) error { return failed(j, &journal.Again{NotBefore: next}) }, "WARNING", "tried again"},
		"tried again, and then a change": {func(j *journal.Journal) error {
			return join(failed(j, &journal.Again{NotBefore: next}), j.PutSchedule("s", "other", now, next), j.Wait(key(3, 3), now, next, "kept over a change", next))
		}, "WARNING", "the gallery is away"},
		"nothing behind it and nothing ahead": {func(j *journal.Journal) error { return j.MoveNext("s", time.Time{}) }, "WARNING", "s never ran and has no slot ahead"},
		"overdue":                             {func(j *journal.Journal) error { return j.MoveNext("s", ago(1)) }, "WARNING", "s is overdue"},
		"a notice that was given up": {func(j *journal.Journal) error {
			_, err := j.Enqueue(journal.Notification{Key: "a|b", Created: ago(3), Due: ago(3)})
			return join(err, j.NotificationFailed("a|b", "no such address", ago(2), time.Time{}))
		}, "WARNING", "given up: no such address"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := pictured(t, func(j *journal.Journal) {
				if err := join(j.PutSchedule("s", "f", ago(4), next), c.fill(j)); err != nil {
					t.Fatal(err)
				}
			}, now)
			text, _ := json.Marshal(p.Problems)
			if p.Level != c.level || !strings.Contains(string(text), c.what) {
				t.Errorf("got %s, %s; want %s, %q", p.Level, text, c.level, c.what)
			}
		})
	}
}

func join(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// A heartbeat is written over the one before where there is no room for another.
func TestAHeartbeatOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, heartbeatName)
	first, _ := json.Marshal(heartbeat{Version: "1"})
	if err := os.WriteFile(path, append(first, []byte(strings.Repeat(" ", heartbeatRoom))...), 0o600); err != nil {
		t.Fatal(err)
	}
	second, _ := json.Marshal(heartbeat{Version: "2", Beat: daemon.Beat{Problem: "the disk is full"}})
	overwrite(path, append(second, []byte(strings.Repeat(" ", heartbeatRoom-len(second)))...))
	if beat, err := readHeartbeat(dir); err != nil || beat.Version != "2" || beat.Problem != "the disk is full" {
		t.Errorf("got %+v, %v", beat, err)
	}
}
