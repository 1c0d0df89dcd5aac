package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// The test binary runs itself, with the folder of a journal in this variable, and writes until it is killed.
const (
	victimEnv = "EXR_JOURNAL_VICTIM"
	slotsEnv  = "EXR_JOURNAL_SLOTS" // it works off the slots of a schedule instead
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimEnv); dir != "" {
		work := victim
		if os.Getenv(slotsEnv) != "" {
			work = slotVictim
		}
		if err := work(dir); err != nil {
			fmt.Printf("error %q\n", err.Error())
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// victim says "run", "task" or "event" and a name on a line of its own once each record is on disk, and then writes the
// next. It says "full" and "broken" where its disk is.
func victim(dir string) error {
	j, err := Open(context.Background(), dir, Options{Ballast: -1})
	if err != nil {
		return err
	}
	fmt.Println("open")
	round := newID()
	var all sync.WaitGroup
	errs := make([]error, 4)
	for w := range errs {
		all.Go(func() { errs[w] = victimLoop(j, fmt.Sprintf("%s-%d", round, w)) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func victimLoop(j *Journal, name string) error {
	for n := 0; ; n++ {
		id := fmt.Sprintf("%s-%d", name, n)
		if err := j.BeginRun(sampleRun(id)); err != nil {
			return err
		}
		fmt.Println("run", id)
		for task := 1; task <= 3; task++ {
			if err := j.StartTask(id, Task{Index: task, Started: begun}); err != nil {
				return err
			}
			fmt.Println("task", id, task)
			if _, err := j.AddEvidence(Evidence{Run: id, Task: fmt.Sprint(task), Time: begun, Data: []byte("{}")}); err != nil {
				return err
			}
			fmt.Println("evidence", id, task)
		}
		if err := j.EndRun(id, begun, 0, nil); err != nil {
			return err
		}
		fmt.Println("end", id)
	}
}

// said is what a victim got an answer about.
type said struct {
	lines []string
	err   string
}

// watch reads what a victim says, and calls enough once it has said that much.
func watch(out *bufio.Scanner, lines int, enough func()) said {
	var s said
	for out.Scan() {
		line := out.Text()
		switch {
		case strings.HasPrefix(line, "error"):
			s.err = line
		case line != "open":
			s.lines = append(s.lines, line)
		}
		if len(s.lines) == lines {
			lines = -1
			enough()
		}
	}
	return s
}

func startVictim(t *testing.T, dir string, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), victimEnv+"="+dir, "GORACE=atexit_sleep_ms=0"), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, bufio.NewScanner(out)
}

// missing is what a victim got an answer about and the journal does not have.
func missing(t *testing.T, r *Reader, lines []string) []string {
	t.Helper()
	has := map[string]bool{}
	for _, text := range []string{
		"SELECT 'run ' || id FROM runs", "SELECT 'end ' || id FROM runs WHERE state = 'ended'",
		"SELECT 'task ' || runs.id || ' ' || idx FROM tasks JOIN runs ON runs.n = tasks.run", "SELECT 'evidence ' || run || ' ' || task FROM evidence"} {
		rows, err := r.db.Query(text)
		ok(t, err)
		for rows.Next() {
			var line string
			ok(t, rows.Scan(&line))
			has[line] = true
		}
		ok(t, errors.Join(rows.Err(), rows.Close()))
	}
	var out []string
	for _, l := range lines {
		if !has[l] {
			out = append(out, l)
		}
	}
	return out
}

func TestKilledUnderLoadNothingAnsweredIsLost(t *testing.T) {
	rounds := 100
	if testing.Short() || underRace {
		rounds = 10
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir, total, found := t.TempDir(), 0, 0
	for round := range rounds {
		cmd, out := startVictim(t, dir)
		s := watch(out, 1+random.IntN(120), func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		if s.err != "" {
			t.Fatalf("round %d: %s", round, s.err)
		}
		j := mustOpen(t, dir, Options{})
		if lost := missing(t, j.Reader, s.lines); len(lost) > 0 {
			t.Fatalf("round %d: lost %v", round, lost)
		}
		if running, err := j.Runs(context.Background(), Filter{State: Running}); err != nil || len(running) > 0 {
			t.Fatalf("round %d: got %v, %v, want every run ended or interrupted", round, running, err)
		}
		found += len(j.Found().Runs)
		total += len(s.lines)
		ok(t, j.Close())
	}
	r, err := OpenReader(context.Background(), dir)
	ok(t, err)
	defer r.Close()
	if c, err := r.VerifyChain(context.Background()); err != nil || len(c.Breaks) > 0 {
		t.Errorf("chain: got %+v, %v", c, err)
	}
	if found == 0 { // one kill may meet no run
		t.Error("got nothing found after any of the kills")
	}
	t.Logf("%d rounds, %d answers, none lost", rounds, total)
}

// slotVictim works off one slot a minute of a day that goes by at once. What a dead process had claimed fails and is
// tried again.
func slotVictim(dir string) error {
	ctx := context.Background()
	j, err := Open(ctx, dir, Options{Ballast: -1})
	if err != nil {
		return err
	}
	if err := j.PutSchedule("minutely", "f", begun, begun); err != nil {
		return err
	}
	for _, s := range j.Found().Slots {
		if err := j.FinishSlot(s.Key, begun, SlotFailed, "interrupted", &Again{begun, "interrupted"}); err != nil {
			return err
		}
	}
	for {
		all, err := j.Schedules(ctx)
		if err != nil {
			return err
		}
		key, next := Key{"minutely", all[0].Next, 1}, all[0].Next.Add(time.Minute)
		if w := all[0].Waiting; len(w) > 0 {
			key, next = w[0].Key, all[0].Next
		}
		if err := j.Claim(key, begun, next); err != nil {
			return err
		}
		if err := j.FinishSlot(key, begun, SlotDone, "", nil); err != nil {
			return err
		}
		fmt.Println("done", key.Due.Unix())
	}
}

func TestKilledBetweenSlotsEachIsDoneOnceAndNoneIsLeftOut(t *testing.T) {
	rounds := 60
	if testing.Short() || underRace {
		rounds = 10
	}
	random := rand.New(rand.NewPCG(1, 1))
	dir, done := t.TempDir(), map[string]int{}
	for round := range rounds {
		cmd, out := startVictim(t, dir, slotsEnv+"=1")
		s := watch(out, 1+random.IntN(40), func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		if s.err != "" {
			t.Fatalf("round %d: %s", round, s.err)
		}
		for _, l := range s.lines {
			if done[l]++; done[l] > 1 {
				t.Fatalf("round %d: %s, twice", round, l)
			}
		}
	}
	r, err := OpenReader(context.Background(), dir)
	ok(t, err)
	defer r.Close()
	var slots, finished, again int
	ok(t, r.db.QueryRow(`SELECT count(DISTINCT due), count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state = 'failed') FROM slots`).
		Scan(&slots, &finished, &again))
	var first, last int64
	ok(t, r.db.QueryRow("SELECT min(due), max(due) FROM slots").Scan(&first, &last))
	if gaps := (last-first)/60000 + 1 - int64(slots); gaps != 0 {
		t.Errorf("got %d slots left out of %d", gaps, slots)
	}
	// The one that was under way when the last victim was killed may still be open.
	if finished < slots-1 || finished > slots {
		t.Errorf("got %d slots done of %d", finished, slots)
	}
	t.Logf("%d rounds, %d slots, %d interrupted and tried again", rounds, slots, again)
}
