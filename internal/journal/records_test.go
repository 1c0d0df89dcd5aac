package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func slot1(attempt int) Key { return Key{"nightly", begun, attempt} }

func TestASlotIsClaimedOnce(t *testing.T) {
	ctx, j := context.Background(), mustOpen(t, t.TempDir(), Options{})
	ok(t, j.PutSchedule("nightly", "f1", begun, begun))
	ok(t, j.Wait(slot1(1), begun, begun.Add(time.Hour), "outside the window", begun.Add(24*time.Hour)))
	ok(t, j.Wait(slot1(1), begun, begun.Add(2*time.Hour), "a run goes on", begun.Add(24*time.Hour)))
	ok(t, j.Claim(slot1(1), begun.Add(2*time.Hour), begun.Add(24*time.Hour)))
	later := begun.Add(48 * time.Hour)
	for what, err := range map[string]error{
		"claim": j.Claim(slot1(1), begun, later),
		"wait":  j.Wait(slot1(1), begun, begun, "x", later),
		"skip":  j.Skip(slot1(1), begun, begun, "x", later),
	} {
		if !errors.Is(err, ErrTaken) {
			t.Errorf("%s of a claimed slot: got %v, want ErrTaken", what, err)
		}
	}
	s := schedule1(t, j)
	if !s.Next.Equal(later) || len(s.Claimed) != 1 || len(s.Waiting) != 0 {
		t.Errorf("got %+v, want one claimed slot, and the schedule moved on all the same", s)
	}
	ok(t, j.FinishSlot(slot1(1), begun.Add(3*time.Hour), SlotFailed, "unreachable", &Again{begun.Add(4 * time.Hour), "transient"}))
	s = schedule1(t, j)
	want := []Slot{{Key: slot1(2), State: SlotWaiting, NotBefore: begun.Add(4 * time.Hour), PutOff: begun.Add(3 * time.Hour), Reason: "transient"}}
	if diff := cmp.Diff(want, s.Waiting); diff != "" {
		t.Errorf("the retry: -want +got\n%s", diff)
	}
	if !s.LastDue.Equal(begun) || !s.LastStarted.Equal(begun.Add(2*time.Hour)) || !s.LastEnded.Equal(begun.Add(3*time.Hour)) {
		t.Errorf("got last %v, %v, %v", s.LastDue, s.LastStarted, s.LastEnded)
	}
	ok(t, j.Claim(slot1(2), begun.Add(4*time.Hour), later))
	ok(t, j.FinishSlot(slot1(2), begun.Add(5*time.Hour), SlotDone, "", nil))
	ok(t, j.Skip(Key{"nightly", later, 1}, later.Add(time.Hour), later, "missed", time.Time{}))
	if s = schedule1(t, j); !s.Next.IsZero() {
		t.Errorf("got next %v, want none", s.Next)
	}
	slots, err := j.Slots(ctx, "nightly", 0)
	ok(t, err)
	var got []string
	for _, s := range slots {
		got = append(got, fmt.Sprint(s.State, " ", s.Attempt, " ", s.Reason))
	}
	if diff := cmp.Diff([]string{"skipped 1 missed", "done 2 ", "failed 1 unreachable"}, got); diff != "" {
		t.Errorf("slots: -want +got\n%s", diff)
	}
}

func schedule1(t *testing.T, j *Journal) Schedule {
	t.Helper()
	all, err := j.Schedules(context.Background())
	if err != nil || len(all) != 1 {
		t.Fatalf("got %v, %v, want one schedule", all, err)
	}
	return all[0]
}

func TestAChangedScheduleBeginsAnew(t *testing.T) {
	j := mustOpen(t, t.TempDir(), Options{})
	ok(t, j.PutSchedule("nightly", "f1", begun, begun))
	ok(t, j.Wait(slot1(1), begun, begun.Add(time.Hour), "outside the window", begun.Add(24*time.Hour)))
	ok(t, j.PutSchedule("nightly", "f1", begun, begun.Add(7*time.Hour)))
	if s := schedule1(t, j); !s.Next.Equal(begun.Add(24*time.Hour)) || len(s.Waiting) != 1 {
		t.Errorf("unchanged: got %+v, want it as it was", s)
	}
	ok(t, j.PutSchedule("nightly", "f2", begun, begun.Add(7*time.Hour)))
	if s := schedule1(t, j); !s.Next.Equal(begun.Add(7*time.Hour)) || len(s.Waiting) != 0 || s.Fingerprint != "f2" {
		t.Errorf("changed: got %+v, want the new next slot and none waiting", s)
	}
	ok(t, j.MoveNext("nightly", begun))
	ok(t, j.RemoveSchedule("nightly", begun))
	if all, err := j.Schedules(context.Background()); err != nil || len(all) != 0 {
		t.Errorf("removed: got %v, %v", all, err)
	}
	if err := j.Claim(slot1(3), begun, begun); !errors.Is(err, ErrNotFound) {
		t.Errorf("a claim of no schedule: got %v, want ErrNotFound", err)
	}
	if slots, _ := j.Slots(context.Background(), "", 0); len(slots) != 1 || slots[0].Reason != "the schedule was changed: outside the window" {
		t.Errorf("got %+v, want the one slot, skipped; a claim that was refused leaves none", slots)
	}
}

func TestTheQueueOfNotifications(t *testing.T) {
	ctx, j := context.Background(), mustOpen(t, t.TempDir(), Options{})
	unsent := func(prefix string) string {
		t.Helper()
		all, err := j.Unsent(ctx, prefix, 0)
		ok(t, err)
		var out []string
		for _, n := range all {
			out = append(out, fmt.Sprintf("%s/%d%s", n.Key, n.Tries, n.Error))
		}
		return strings.Join(out, " ")
	}
	for i, key := range []string{"x|b", "x|a", "x|b", "y|c"} {
		added, err := j.Enqueue(Notification{Key: key, Kind: "mail", Body: "drift", Created: begun, Due: begun.Add(-time.Duration(i) * time.Minute)})
		if err != nil || added != (i != 2) {
			t.Errorf("%s: got %v, %v", key, added, err)
		}
	}
	if all, of := unsent(""), unsent("x|"); all != "x|b/0 x|a/0 y|c/0" || of != "x|b/0 x|a/0" {
		t.Errorf("got %q and %q, want all in their order, and those of one target", all, of)
	}
	ok(t, j.NotificationFailed("x|b", "no route", begun, begun.Add(time.Hour)))
	ok(t, j.NotificationSent("x|a", begun))
	if got := unsent("x|"); got != "x|b/1no route" {
		t.Errorf("got %q, want the one that did not arrive", got)
	}
	ok(t, j.NotificationFailed("x|b", "no route", begun, time.Time{}))
	if got := unsent("x|"); got != "" {
		t.Errorf("got %q, want none: one sent, one given up", got)
	}
	if all, err := j.GivenUp(ctx, begun); err != nil || len(all) != 1 || all[0].Key != "x|b" || !strings.Contains(all[0].Error, "given up") {
		t.Errorf("given up: got %+v, %v", all, err)
	}
	if all, err := j.Notified(ctx, "x|", 1); err != nil || len(all) != 1 || all[0].Key != "x|a" {
		t.Errorf("the newest: got %+v, %v", all, err)
	}
	if added, err := j.Enqueue(Notification{Key: "x|b", Created: begun, Due: begun}); added || err != nil {
		t.Errorf("given up before: got %v, %v, want it not added", added, err)
	}
}

// What is told of a slot is on record with what became of it, or neither is.
func TestSlotsAndWhatIsToldOfThem(t *testing.T) {
	ctx, j := context.Background(), mustOpen(t, t.TempDir(), Options{})
	told := func(key string) Notification { return Notification{Key: key, Created: begun, Due: begun} }
	ok(t, j.PutSchedule("nightly", "f1", begun, begun))
	ok(t, j.Skip(slot1(1), begun, begun, "missed", begun, told("x|1")))
	if err := j.Skip(slot1(1), begun, begun, "missed", begun, told("x|2")); !errors.Is(err, ErrTaken) {
		t.Errorf("got %v, want ErrTaken", err)
	}
	if err := j.FinishSlot(slot1(2), begun, SlotFailed, "x", nil, told("x|3")); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	ok(t, j.Claim(slot1(2), begun, begun))
	ok(t, j.FinishSlot(slot1(2), begun, SlotFailed, "x", nil, told("x|4")))
	all, err := j.Unsent(ctx, "", 0)
	if err != nil || len(all) != 2 || all[0].Key != "x|1" || all[1].Key != "x|4" {
		t.Errorf("got %+v, %v; want those of the slots that were settled", all, err)
	}
}

// A clock that was wrong for a moment skips slots that have not come yet. They come.
func TestASlotSkippedByAClockOfTheFuture(t *testing.T) {
	ahead := begun.Add(48 * time.Hour)
	for name, try := range map[string]func(*Journal) error{
		"claim": func(j *Journal) error { return j.Claim(slot1(1), begun, ahead) },
		"wait":  func(j *Journal) error { return j.Wait(slot1(1), begun, ahead, "the window", ahead) },
	} {
		t.Run(name, func(t *testing.T) {
			j := mustOpen(t, t.TempDir(), Options{})
			ok(t, j.PutSchedule("nightly", "f1", begun, begun))
			ok(t, j.Skip(slot1(1), ahead, ahead, "missed", ahead))
			ok(t, try(j))
			if s := schedule1(t, j); len(s.Claimed)+len(s.Waiting) != 1 {
				t.Errorf("got %+v, want the slot", s)
			}
		})
	}
}

// A schedule that was removed while its run went on gets no retry: nobody would skip it, and it would run when the name
// comes back.
func TestNoRetryOfARemovedSchedule(t *testing.T) {
	j := mustOpen(t, t.TempDir(), Options{})
	ok(t, j.PutSchedule("nightly", "f1", begun, begun))
	ok(t, j.Claim(slot1(1), begun, begun))
	ok(t, j.RemoveSchedule("nightly", begun))
	ok(t, j.FinishSlot(slot1(1), begun, SlotFailed, "x", &Again{begun, "x"}))
	if slots, err := j.Slots(context.Background(), "", 0); err != nil || len(slots) != 1 || slots[0].State != SlotFailed {
		t.Errorf("got %+v, %v; want the one slot, failed", slots, err)
	}
}

func TestASignInThatWentWellAfterAll(t *testing.T) {
	ctx, j := context.Background(), mustOpen(t, t.TempDir(), Options{})
	for range 2 {
		ok(t, j.SignInFailed("app", begun))
	}
	ok(t, j.SignInForgiven("app", begun))
	ok(t, j.SignInForgiven("app", begun.Add(time.Second)))
	if failed, err := j.SignInFailures(ctx, "app", begun); err != nil || len(failed) != 1 {
		t.Errorf("got %v, %v; want one", failed, err)
	}
}

func TestWhatWeInstalledAndFailedSignIns(t *testing.T) {
	ctx, j := context.Background(), mustOpen(t, t.TempDir(), Options{})
	v := InstalledVersion{Host: "CE01", Name: "ExchangeOnlineManagement", Version: "3.1.0", Scope: "AllUsers", Run: "r1", Time: begun}
	older := v
	older.Version, older.Time = "2.0.5", begun.Add(-time.Hour)
	for _, one := range []InstalledVersion{v, older, v, {Host: "CE02", Name: v.Name, Version: "9", Scope: "AllUsers", Time: begun}} {
		ok(t, j.Installed(one))
	}
	ok(t, j.Uninstalled(older))
	got, err := j.WasInstalled(ctx, "CE01", "EXCHANGEonlineManagement")
	v.Name = "exchangeonlinemanagement"
	if diff := cmp.Diff([]InstalledVersion{v}, got); err != nil || diff != "" {
		t.Errorf("%v: -want +got\n%s", err, diff)
	}
	ok(t, j.Installed(older))
	if got, _ := j.WasInstalled(ctx, "CE01", v.Name); len(got) != 2 || got[0].Version != "2.0.5" {
		t.Errorf("installed again: got %v, want both", got)
	}

	for _, minutes := range []int{-90, -30, -60} {
		ok(t, j.SignInFailed("app", begun.Add(time.Duration(minutes)*time.Minute)))
	}
	ok(t, j.SignInFailed("other", begun))
	failed, err := j.SignInFailures(ctx, "app", begun.Add(-time.Hour))
	if err != nil || len(failed) != 2 || !failed[0].Equal(begun.Add(-time.Hour)) {
		t.Errorf("got %v, %v, want two, the oldest an hour ago", failed, err)
	}
}

func evidence5(t *testing.T, j *Journal) []Evidence {
	var all []Evidence
	for i := range 5 {
		e, err := j.AddEvidence(Evidence{Run: "r", Task: "connect", Time: begun.Add(time.Duration(i) * time.Hour), Data: fmt.Appendf(nil, `{"i":%d}`, i)})
		ok(t, err)
		all = append(all, e)
	}
	return all
}

func TestTheChainShowsWhatWasDoneToIt(t *testing.T) {
	cases := map[string]struct{ sql, want string }{
		"nothing":                  {"SELECT 1", ""},
		"data was changed":         {"UPDATE evidence SET data = '{}' WHERE n = 3", "3 was changed after it was written"},
		"a time was changed":       {"UPDATE evidence SET at = at + 1 WHERE n = 3", "3 was changed after it was written"},
		"a piece was taken out":    {"DELETE FROM evidence WHERE n = 3", "4 3 to 3 are missing before it"},
		"the first was taken out":  {"DELETE FROM evidence WHERE n = 1", "2 1 to 1 are missing before it"},
		"two were exchanged":       {"UPDATE evidence SET n = n * 10 WHERE n IN (2, 3); UPDATE evidence SET n = 5 - n / 10 WHERE n > 10", "2 was changed after it was written; 3 was changed after it was written; 4 does not follow the piece before it"},
		"one was changed with its": {"UPDATE evidence SET prev = hash WHERE n = 5", "5 was changed after it was written"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			j := mustOpen(t, t.TempDir(), Options{})
			all := evidence5(t, j)
			ok(t, j.w.write(func(x *tx) error { _, err := x.w.conn.ExecContext(x.ctx, c.sql); return err }))
			chain, err := j.VerifyChain(context.Background())
			ok(t, err)
			var got []string
			for _, b := range chain.Breaks {
				got = append(got, fmt.Sprint(b.N, " ", b.What))
			}
			if strings.Join(got, "; ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if c.want == "" && (chain.Pieces != 5 || chain.Head != all[4].Hash) {
				t.Errorf("got %+v, want five and the last one's hash", chain)
			}
		})
	}
}

func TestEvidenceOfARunIsWhatWasStored(t *testing.T) {
	j := mustOpen(t, t.TempDir(), Options{})
	want := evidence5(t, j)
	got, err := j.Evidence(context.Background(), "r")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v: -want +got\n%s", err, diff)
	}
}

func TestPrune(t *testing.T) {
	ctx, j := context.Background(), mustOpen(t, t.TempDir(), Options{})
	for i := range 130 {
		r := sampleRun(fmt.Sprint(i))
		r.Started = begun.Add(time.Duration(i) * time.Hour)
		ok(t, j.BeginRun(r))
		ok(t, j.StartTask(r.ID, Task{Index: 1}))
		ok(t, j.Note(r.ID, []byte("{}")))
		if i != 3 {
			ok(t, j.EndRun(r.ID, r.Started, 0, nil))
		}
	}
	ok(t, j.PutSchedule("nightly", "f", begun, begun))
	for i := range 3 {
		ok(t, j.Skip(Key{"nightly", begun.Add(time.Duration(i) * time.Hour), 1}, begun, begun, "missed", begun))
	}
	ok(t, j.SignInFailed("app", begun))
	evidence5(t, j)

	p, err := j.Prune(begun.Add(110*time.Hour), Retention{Runs: 10, Age: 100 * time.Hour, Evidence: 108 * time.Hour})
	ok(t, err)
	if want := (Pruned{Runs: 119, Evidence: 2, Slots: 2, SignIns: 1}); p != want {
		t.Errorf("got %+v, want %+v", p, want)
	}
	runs, _ := j.Runs(ctx, Filter{Limit: 1000})
	if len(runs) != 11 || runs[10].ID != "3" {
		t.Errorf("got %d runs, want the ten newest and the one that goes on", len(runs))
	}
	if chain, err := j.VerifyChain(ctx); err != nil || len(chain.Breaks) != 0 || chain.Pieces != 3 {
		t.Errorf("chain: got %+v, %v, want three pieces and no break", chain, err)
	}
	p, err = j.Prune(begun.Add(10000*time.Hour), Retention{Evidence: time.Hour})
	if err != nil || p.Evidence != 3 {
		t.Errorf("got %+v, %v, want the rest of the evidence", p, err)
	}
	evidence5(t, j)
	if chain, err := j.VerifyChain(ctx); err != nil || len(chain.Breaks) != 0 || chain.Pieces != 5 {
		t.Errorf("after all went: got %+v, %v, want the chain to go on", chain, err)
	}
	var orphans int
	ok(t, j.Reader.db.QueryRow("SELECT (SELECT count(*) FROM tasks) + (SELECT count(*) FROM events)").Scan(&orphans))
	if orphans != 22 {
		t.Errorf("got %d tasks and events, want those of eleven runs", orphans)
	}
}

func TestPruneGivesTheRoomBack(t *testing.T) {
	j := mustOpen(t, t.TempDir(), Options{})
	ok(t, j.BeginRun(sampleRun("r")))
	big := []byte(`"` + strings.Repeat("x", 10000) + `"`)
	for range 500 {
		ok(t, j.Note("r", big))
	}
	ok(t, j.EndRun("r", begun, 0, nil))
	pages := func() (n int) {
		ok(t, j.Reader.db.QueryRow("PRAGMA page_count").Scan(&n))
		return n
	}
	before := pages()
	_, err := j.Prune(begun.Add(time.Hour), Retention{Age: time.Minute})
	ok(t, err)
	if after := pages(); after > before/10 {
		t.Errorf("got %d pages of %d, want few", after, before)
	}
}

func TestExportIsCheckedLineByLine(t *testing.T) {
	ctx, j := context.Background(), mustOpen(t, t.TempDir(), Options{})
	ok(t, j.BeginRun(sampleRun("r")))
	ok(t, j.StartTask("r", Task{Index: 1, Name: "the module <&>", Action: "ps_module", Started: begun}))
	ok(t, j.AddAttempt("r", 1, Attempt{Attempt: 1, Started: begun}))
	ok(t, j.Append("r", []byte(`{ "event" : "message", "text":"<a> & b" }`)))
	ok(t, j.EndRun("r", begun, 0, map[string]int{"ok": 1}))
	evidence5(t, j)
	ok(t, second(j.Enqueue(Notification{Key: "k", Body: "not for export", Created: begun, Due: begun})))
	var out bytes.Buffer
	head, err := j.Export(ctx, &out)
	ok(t, err)
	text := out.String()
	if got, err := VerifyExport(strings.NewReader(text)); err != nil || got != head {
		t.Fatalf("got %q, %v, want %q\n%s", got, err, head, text)
	}
	for _, want := range []string{`{"kind":"run","id":"r"`, `"started":"2026-01-05T02:00:00Z"`, `"counts":{"ok":1}`, `{"kind":"task","run":"r","idx":1`, `"kind":"attempt"`, `"data":{"i":4}`, `{"kind":"end","lines":10}`} {
		if !strings.Contains(text, want) {
			t.Errorf("the export has no %s:\n%s", want, text)
		}
	}
	if strings.Contains(text, "not for export") {
		t.Error("the body of a notification is in the export")
	}
	lines := strings.SplitAfter(text, "\n")
	for name, changed := range map[string]string{
		"a line is missing":   strings.Join(append(append([]string{}, lines[:2]...), lines[3:]...), ""),
		"the end is missing":  strings.Join(lines[:len(lines)-2], ""),
		"a value was changed": strings.Replace(text, `"i":3`, `"i":7`, 1),
		"a line too many":     text + lines[0],
		"cut in a line":       text[:len(text)/2],
		"nothing":             "",
	} {
		if _, err := VerifyExport(strings.NewReader(changed)); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func FuzzVerifyExport(f *testing.F) {
	f.Add([]byte(`{"prev":"0","hash":"1","record":{"kind":"end"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		// No text that was made up has a first line that fits its hash.
		if head, err := VerifyExport(bytes.NewReader(text)); err == nil && len(head) != 64 {
			t.Errorf("got head %q", head)
		}
	})
}

// One piece of evidence that is dated by a clock of the future keeps the others from going, if nobody looks.
func TestEvidenceOfTheFutureIsNotKeptForEver(t *testing.T) {
	j := mustOpen(t, t.TempDir(), Options{Ballast: -1})
	add := func(at time.Time) {
		ok(t, second(j.AddEvidence(Evidence{Run: "r", Task: "t", Time: at, Data: []byte(`{}`)})))
	}
	add(time.Date(2106, 1, 1, 0, 0, 0, 0, time.UTC))
	for i := range 10 {
		add(begun.Add(time.Duration(i) * time.Hour))
	}
	p, err := j.Prune(begun.Add(7*time.Hour), Retention{Evidence: time.Hour})
	if err != nil || p.Evidence != 7 {
		t.Errorf("got %+v, %v; want 7 pieces gone", p, err)
	}
	if c, err := j.VerifyChain(t.Context()); err != nil || len(c.Breaks) > 0 || c.Pieces != 4 {
		t.Errorf("got %+v, %v", c, err)
	}
}
