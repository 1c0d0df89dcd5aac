package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var begun = time.Date(2026, 1, 5, 2, 0, 0, 0, time.UTC)

func mustOpen(t testing.TB, dir string, o Options) *Journal {
	t.Helper()
	if o.Ballast == 0 {
		o.Ballast = -1
	}
	j, err := Open(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sampleRun(id string) Run {
	return Run{ID: id, Playbook: "upgrade-exo-v3", PlaybookSHA256: "ab12", Command: "apply", Host: "CE01", Account: "SYSTEM", Follows: "r0", Started: begun}
}

func TestARunFromBeginToEnd(t *testing.T) {
	ctx, j := context.Background(), mustOpen(t, t.TempDir(), Options{})
	ok(t, j.BeginRun(sampleRun("r1")))
	ok(t, j.StartTask("r1", Task{Index: 1, Name: "the module", Action: "ps_module", Started: begun}))
	attempt := Attempt{Attempt: 1, Started: begun, Ended: begun.Add(time.Second), Outcome: "unreachable", Class: "transient", Error: "the process died"}
	ok(t, j.AddAttempt("r1", 1, attempt))
	done := Task{Index: 1, Name: "the module", Action: "ps_module", Started: begun, Ended: begun.Add(time.Minute), Outcome: "changed", Summary: "3.1.0 installed"}
	ok(t, j.FinishTask("r1", done))
	ok(t, j.Append("r1", []byte(`{"event":"task_finished"}`)))
	ok(t, j.EndRun("r1", begun.Add(time.Hour), 1, map[string]int{"changed": 1}))

	want := sampleRun("r1")
	want.State, want.Ended, want.Status, want.Counts = Ended, begun.Add(time.Hour), 1, map[string]int{"changed": 1}
	got, err := j.Run(ctx, "r1")
	ok(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("run: -want +got\n%s", diff)
	}
	tasks, err := j.Tasks(ctx, "r1")
	ok(t, err)
	if diff := cmp.Diff([]Task{done}, tasks); diff != "" {
		t.Errorf("tasks: -want +got\n%s", diff)
	}
	attempts, err := j.Attempts(ctx, "r1", 1)
	ok(t, err)
	if diff := cmp.Diff([]Attempt{attempt}, attempts); diff != "" {
		t.Errorf("attempts: -want +got\n%s", diff)
	}
	events, err := j.Events(ctx, "r1", 0, 0)
	ok(t, err)
	if len(events) != 1 || string(events[0].Line) != `{"event":"task_finished"}` {
		t.Errorf("events: got %v", events)
	}
}

func TestWhatDoesNotBelongIsRefused(t *testing.T) {
	j := mustOpen(t, t.TempDir(), Options{})
	ok(t, j.BeginRun(sampleRun("r1")))
	ok(t, j.StartTask("r1", Task{Index: 1}))
	ok(t, j.BeginRun(sampleRun("over")))
	ok(t, j.EndRun("over", begun, 0, nil))
	cases := map[string]struct {
		err  error
		is   error
		want string
	}{
		"the same run twice":         {j.BeginRun(sampleRun("r1")), nil, "run r1: is in the journal already"},
		"a task of no run":           {j.StartTask("r9", Task{Index: 1}), ErrNotFound, "run r9: not in the journal"},
		"a task of a run that ended": {j.StartTask("over", Task{Index: 1}), ErrNotFound, "run over"},
		"the same task twice":        {j.StartTask("r1", Task{Index: 1}), nil, "UNIQUE"},
		"the end of no task":         {j.FinishTask("r1", Task{Index: 2}), ErrNotFound, "task 2 of run r1: not in the journal"},
		"an attempt at no task":      {j.AddAttempt("r1", 2, Attempt{}), ErrNotFound, "task 2 of run r1"},
		"the end of no run":          {j.EndRun("r9", begun, 0, nil), ErrNotFound, "run r9"},
		"the end, twice":             {j.EndRun("over", begun, 0, nil), ErrNotFound, "run over"},
		"an event of no run":         {j.Append("r9", []byte("{}")), ErrNotFound, "run r9"},
		"an event that is no JSON":   {j.Append("r1", []byte("{")), nil, "run r1: event: not JSON"},
		"evidence that is no JSON":   {second(j.AddEvidence(Evidence{Task: "x", Data: []byte("{")})), nil, "not JSON"},
		"a notification of no key":   {j.NotificationSent("k", begun), ErrNotFound, "notification k"},
		"a slot that never was":      {j.FinishSlot(Key{"s", begun, 1}, begun, SlotDone, "", nil), ErrNotFound, "slot of s at 2026-01-05T02:00:00Z, attempt 1"},
		"a slot that ends waiting":   {j.FinishSlot(Key{"s", begun, 1}, begun, SlotWaiting, "", nil), nil, "ends done or failed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if c.err == nil || !strings.Contains(c.err.Error(), c.want) || c.is != nil && !errors.Is(c.err, c.is) {
				t.Errorf("got %v, want it to say %q", c.err, c.want)
			}
		})
	}
	if _, err := j.Run(context.Background(), "r9"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	ok(t, j.Close())
	if err := j.BeginRun(sampleRun("r2")); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: got %v, want ErrClosed", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestTheFilterChooses(t *testing.T) {
	ctx, j := context.Background(), mustOpen(t, t.TempDir(), Options{})
	for i, r := range []Run{
		{ID: "a", Playbook: "upgrade", Command: "apply", Host: "CE01", Schedule: "nightly", Started: begun},
		{ID: "b", Playbook: "verify", Command: "verify", Host: "CE01", Started: begun.Add(time.Hour)},
		{ID: "c", Playbook: "verify", Command: "verify", Host: "model", Rehearsal: true, Started: begun.Add(2 * time.Hour)},
	} {
		ok(t, j.BeginRun(r))
		if i == 0 {
			ok(t, j.EndRun(r.ID, begun, 0, nil))
		}
	}
	cases := map[string]struct {
		filter Filter
		want   string
	}{
		"all, the newest first": {Filter{}, "c b a"},
		"a playbook":            {Filter{Playbook: "verify"}, "c b"},
		"a command and a host":  {Filter{Command: "verify", Host: "CE01"}, "b"},
		"a schedule":            {Filter{Schedule: "nightly"}, "a"},
		"a state":               {Filter{State: Running}, "c b"},
		"no rehearsals":         {Filter{NoRehearsals: true}, "b a"},
		"since":                 {Filter{Since: begun.Add(time.Hour)}, "c b"},
		"before":                {Filter{Before: begun.Add(time.Hour)}, "a"},
		"a limit":               {Filter{Limit: 1}, "c"},
		"nothing":               {Filter{Playbook: "' OR 1=1 --"}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			runs, err := j.Runs(ctx, c.filter)
			ok(t, err)
			var ids []string
			for _, r := range runs {
				ids = append(ids, r.ID)
			}
			if got := strings.Join(ids, " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestClocksOfEveryKindComeBackAsTheyWere(t *testing.T) {
	ctx, j := context.Background(), mustOpen(t, t.TempDir(), Options{})
	for i, at := range []time.Time{time.Unix(0, 0), time.Unix(-86400, 0), time.Unix(1<<32, 0), time.Date(2106, 2, 7, 6, 28, 16, 5e6, time.UTC)} {
		r := sampleRun(fmt.Sprint(i))
		r.Started, r.Due, r.Schedule, r.Attempt = at, at, "s", 1
		ok(t, j.BeginRun(r))
		ok(t, j.EndRun(r.ID, at, 0, nil))
		got, err := j.Run(ctx, r.ID)
		ok(t, err)
		if !got.Started.Equal(at) || !got.Ended.Equal(at) || !got.Due.Equal(at) {
			t.Errorf("got %v, %v, %v, want three times %v", got.Started, got.Ended, got.Due, at)
		}
	}
	ok(t, j.BeginRun(sampleRun("r")))
	if r, err := j.Run(ctx, "r"); err != nil || !r.Ended.IsZero() || !r.Due.IsZero() {
		t.Errorf("got %v, %v, %v, want zero times", r.Ended, r.Due, err)
	}
}

func TestWhatRanWhenItsOwnerWentIsInterrupted(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	j := mustOpen(t, dir, Options{})
	r := sampleRun("r1")
	r.Schedule, r.Due, r.Attempt = "nightly", begun, 1
	ok(t, j.PutSchedule("nightly", "f", begun, begun))
	ok(t, j.Claim(Key{"nightly", begun, 1}, begun, begun.Add(time.Hour)))
	ok(t, j.BeginRun(r))
	ok(t, j.StartTask("r1", Task{Index: 1, Started: begun.Add(5 * time.Minute)}))

	// A second journal on the same folder, while the first is open: that run is somebody's.
	beside := mustOpen(t, dir, Options{})
	if f := beside.Found(); len(f.Runs)+len(f.Slots) != 0 {
		t.Errorf("got %v, want nothing: the owner is there", f)
	}
	ok(t, j.Close())

	again := mustOpen(t, dir, Options{})
	f := again.Found()
	if len(f.Runs) != 1 || f.Runs[0].ID != "r1" || f.Runs[0].State != Interrupted || !f.Runs[0].Ended.Equal(begun.Add(5*time.Minute)) {
		t.Errorf("got %+v, want r1, last heard of five minutes after its start", f.Runs)
	}
	if len(f.Slots) != 1 || f.Slots[0].Run != "r1" {
		t.Fatalf("got %+v, want its slot", f.Slots)
	}
	ok(t, again.Close())

	// Nobody dealt with the slot: it is found again, the run is not.
	third := mustOpen(t, dir, Options{})
	if f := third.Found(); len(f.Runs) != 0 || len(f.Slots) != 1 {
		t.Errorf("got %v, want the slot alone", f)
	}
	ok(t, third.FinishSlot(f.Slots[0].Key, begun.Add(time.Hour), SlotFailed, "interrupted", &Again{begun.Add(2 * time.Hour), "interrupted"}))
	schedules, err := third.Schedules(ctx)
	ok(t, err)
	if len(schedules) != 1 || len(schedules[0].Claimed) != 0 || len(schedules[0].Waiting) != 1 || schedules[0].Waiting[0].Attempt != 2 {
		t.Errorf("got %+v, want its second attempt waiting", schedules)
	}
	ok(t, third.Close())
	ok(t, beside.Close())
	if left := owners(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestManyWriteAndReadAtOnce(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	one, two := mustOpen(t, dir, Options{}), mustOpen(t, dir, Options{})
	var all sync.WaitGroup
	errs := make(chan error, 100)
	for w := range 8 {
		all.Go(func() {
			j := []*Journal{one, two}[w%2]
			id := fmt.Sprint("r", w)
			errs <- j.BeginRun(sampleRun(id))
			for i := range 30 {
				errs <- errors.Join(j.StartTask(id, Task{Index: i + 1, Started: begun}), j.Note(id, []byte("{}")),
					second(j.AddEvidence(Evidence{Run: id, Time: begun, Data: []byte("{}")})), second(j.Runs(ctx, Filter{})))
			}
			errs <- j.EndRun(id, begun, 0, nil)
		})
	}
	go func() { all.Wait(); close(errs) }()
	for err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	c, err := one.VerifyChain(ctx)
	if err != nil || c.Pieces != 240 || len(c.Breaks) != 0 {
		t.Errorf("chain: got %+v, %v, want 240 pieces and no break", c, err)
	}
	ok(t, one.Close())
	ok(t, two.Close())
	r, err := OpenReader(ctx, dir)
	ok(t, err)
	defer r.Close()
	for w := range 8 {
		events, err := r.Events(ctx, fmt.Sprint("r", w), 0, 1000)
		if err != nil || len(events) != 30 {
			t.Errorf("run %d: got %d events, %v, want 30", w, len(events), err)
		}
	}
}

func TestNotesKeepTheirPlaceAndTellTheirErrors(t *testing.T) {
	ctx, j := context.Background(), mustOpen(t, t.TempDir(), Options{})
	ok(t, j.BeginRun(sampleRun("r")))
	for i := range 300 {
		line := fmt.Appendf(nil, "%d", i)
		if i%100 == 99 {
			ok(t, j.Append("r", line))
		} else {
			ok(t, j.Note("r", line))
		}
	}
	events, err := j.Events(ctx, "r", 0, 1000)
	ok(t, err)
	for i, e := range events {
		if string(e.Line) != fmt.Sprint(i) {
			t.Fatalf("event %d: got %s", i, e.Line)
		}
	}
	if len(events) != 300 {
		t.Errorf("got %d events, want 300", len(events))
	}
	ok(t, j.Note("nobody", []byte("{}")))
	ok(t, j.Append("r", []byte("{}")))
	if err := j.Note("r", []byte("{}")); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want the error of the note before", err)
	}
}

func TestAFolderWithAnOddName(t *testing.T) {
	ctx, dir := context.Background(), filepath.Join(t.TempDir(), "a b%20#[x] ü")
	if runtime.GOOS != "windows" {
		dir += `?mode=memory&\`
	}
	ok(t, mustOpen(t, dir, Options{}).BeginRun(sampleRun("r")))
	if _, err := os.Stat(filepath.Join(dir, fileName)); err != nil {
		t.Errorf("got %v, want the file in its folder", err)
	}
	r, err := OpenReader(ctx, dir)
	ok(t, err)
	_, err = r.Run(ctx, "r")
	ok(t, errors.Join(err, r.Close()))
}

func TestReapFindsWhoDiedSince(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	service, command := mustOpen(t, dir, Options{}), mustOpen(t, dir, Options{})
	ok(t, command.BeginRun(sampleRun("r1")))
	ok(t, service.BeginRun(sampleRun("r2")))
	if f, err := service.Reap(ctx); err != nil || len(f.Runs) != 0 {
		t.Errorf("got %v, %v, want none: both are there", f, err)
	}
	ok(t, command.Close())
	if f, err := service.Reap(ctx); err != nil || len(f.Runs) != 1 || f.Runs[0].ID != "r1" {
		t.Errorf("got %v, %v, want r1", f, err)
	}
}

func TestAReaderBesideAndAfter(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	if _, err := OpenReader(ctx, dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no journal: got %v, want os.ErrNotExist", err)
	}
	j := mustOpen(t, dir, Options{})
	r, err := OpenReader(ctx, dir)
	ok(t, err)
	ok(t, j.BeginRun(sampleRun("r1")))
	if _, err := r.Run(ctx, "r1"); err != nil {
		t.Errorf("beside the writer: got %v", err)
	}
	ok(t, j.Close())
	if _, err := r.Run(ctx, "r1"); err != nil {
		t.Errorf("after the writer: got %v", err)
	}
	ok(t, r.Close())
}

func TestTheFolderIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: rights of a folder are an ACL here")
	}
	dir := filepath.Join(t.TempDir(), "state", "journal")
	ok(t, os.MkdirAll(dir, 0o777))
	ok(t, os.Chmod(dir, 0o777))
	mustOpen(t, dir, Options{})
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v, want 0700", info.Mode(), err)
	}
	if _, err := Open(context.Background(), filepath.Join(dir, fileName), Options{}); err == nil {
		t.Error("a file as the folder: got no error")
	}
}

func TestTheBallastIsThere(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir, Options{Ballast: 3<<20 + 5})
	path := filepath.Join(dir, "ballast")
	if info, err := os.Stat(path); err != nil || info.Size() != 3<<20+5 {
		t.Errorf("got %v, %v, want 3 MiB and 5 bytes", info, err)
	}
	ok(t, os.Remove(path))
	_, err := j.Prune(begun, Retention{})
	ok(t, err)
	if _, err := os.Stat(path); err != nil {
		t.Errorf("after Prune: got %v, want it back", err)
	}
}
