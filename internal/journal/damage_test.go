package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func direct(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	ok(t, err)
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatIsNoJournalOfOursIsRefused(t *testing.T) {
	cases := map[string]struct {
		statements []string
		is         error
		want       string
	}{
		"of a newer program": {[]string{fmt.Sprintf("PRAGMA user_version = %d", len(migrations)+1)}, ErrNewer, "use the newer exorunner"},
		"of no schema":       {[]string{"PRAGMA user_version = -1"}, ErrForeign, "its schema is -1"},
		"of somebody else":   {[]string{"PRAGMA application_id = 7"}, ErrForeign, "its application id is 0x7"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			ok(t, mustOpen(t, dir, Options{}).Close())
			direct(t, filepath.Join(dir, fileName), c.statements...)
			before, err := os.ReadFile(filepath.Join(dir, fileName))
			ok(t, err)
			if _, err := Open(context.Background(), dir, Options{}); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open: got %v, want %q", err, c.want)
			}
			if _, err := OpenReader(context.Background(), dir); !errors.Is(err, c.is) {
				t.Errorf("OpenReader: got %v, want %v", err, c.is)
			}
			if after, _ := os.ReadFile(filepath.Join(dir, fileName)); string(after) != string(before) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestMigrationKeepsACopy(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	j := mustOpen(t, dir, Options{})
	ok(t, j.BeginRun(sampleRun("r")))
	ok(t, j.Close())
	now := len(migrations)
	copied := filepath.Join(dir, fmt.Sprintf("journal.schema-%d.db", now))
	open := func(steps ...string) error {
		db := connect(filepath.Join(dir, fileName), 1)
		defer db.Close()
		conn, err := db.Conn(ctx)
		ok(t, err)
		defer conn.Close()
		return migrate(ctx, conn, dir, "", append(append([]string{}, migrations...), steps...))
	}
	if err := open("ALTER TABLE runs ADD COLUMN colour TEXT", "NO SQL"); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("migration to schema %d", now+2)) {
		t.Fatalf("got %v, want the second step to fail", err)
	}
	// Nothing of the first step stayed, so today's program opens it.
	ok(t, mustOpen(t, dir, Options{}).Close())
	ok(t, open("ALTER TABLE runs ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'"))
	if _, err := Open(ctx, dir, Options{}); !errors.Is(err, ErrNewer) {
		t.Errorf("got %v, want ErrNewer", err)
	}
	ok(t, os.Rename(copied, filepath.Join(dir, fileName)))
	if _, err := mustOpen(t, dir, Options{}).Run(ctx, "r"); err != nil {
		t.Errorf("from the copy: got %v", err)
	}
}

func TestKilledWhileItWasMade(t *testing.T) {
	dir := t.TempDir()
	direct(t, filepath.Join(dir, fileName), "PRAGMA auto_vacuum = INCREMENTAL", "PRAGMA journal_mode = WAL")
	ok(t, mustOpen(t, dir, Options{}).BeginRun(sampleRun("r")))
}

// filled makes a journal of some size and closes it; its records are numbered.
func filled(t *testing.T, dir string, runs int) {
	t.Helper()
	j := mustOpen(t, dir, Options{})
	for i := range runs {
		id := fmt.Sprintf("run-%04d", i)
		ok(t, j.BeginRun(sampleRun(id)))
		ok(t, j.StartTask(id, Task{Index: 1, Started: begun}))
		for range 5 {
			ok(t, j.Note(id, []byte(`"`+strings.Repeat("e", 300)+`"`)))
		}
		ok(t, second(j.AddEvidence(Evidence{Run: id, Time: begun, Data: []byte(`{}`)})))
		ok(t, j.EndRun(id, begun, 0, nil))
	}
	ok(t, j.Close())
}

func TestDamageIsNamedAndRecovered(t *testing.T) {
	ctx := context.Background()
	spoil := func(offset, length int64, with byte) func(*os.File, int64) {
		return func(f *os.File, size int64) {
			if offset < 0 {
				offset += size
			}
			b := make([]byte, length)
			for i := range b {
				b[i] = with
			}
			_, _ = f.WriteAt(b, offset)
		}
	}
	cases := map[string]struct {
		spoil func(*os.File, int64)
		keeps bool // most of the runs
	}{
		"cut to nothing":              {func(f *os.File, _ int64) { _ = f.Truncate(0) }, false},
		"the header is gone":          {spoil(0, 100, 0), false},
		"no database at all":          {func(f *os.File, _ int64) { _ = f.Truncate(0); _, _ = f.WriteString(strings.Repeat("notes ", 1000)) }, false},
		"a page in the middle":        {spoil(40*4096, 4096, 0xaa), true},
		"several pages in the middle": {spoil(40*4096, 5*4096, 0), true},
		"the end is cut off":          {func(f *os.File, size int64) { _ = f.Truncate(size - 20*4096) }, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			filled(t, dir, 120)
			path := filepath.Join(dir, fileName)
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			ok(t, err)
			info, err := f.Stat()
			ok(t, err)
			c.spoil(f, info.Size())
			ok(t, f.Close())

			_, err = Open(ctx, dir, Options{})
			var d *Damage
			if !errors.As(err, &d) || !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path+": damaged: ") {
				t.Fatalf("got %v, want damage", err)
			}
			r, err := Recover(ctx, dir)
			ok(t, err)
			if _, err := os.Stat(filepath.Join(r.Copy, fileName)); err != nil {
				t.Errorf("the copy: got %v", err)
			}
			j := mustOpen(t, dir, Options{})
			runs, err := j.Runs(ctx, Filter{Limit: 1000})
			ok(t, err)
			if int64(len(runs)) != r.Kept["runs"] || r.Kept["runs"] != d.Readable["runs"] {
				t.Errorf("got %d runs, kept %d, readable %d, want the same number", len(runs), r.Kept["runs"], d.Readable["runs"])
			}
			if c.keeps && len(runs) < 60 {
				t.Errorf("got %d runs of 120 back", len(runs))
			}
			ok(t, j.BeginRun(sampleRun("after")))
		})
	}
}

func TestRecoverWaitsForNobody(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, dir, Options{})
	if _, err := Recover(context.Background(), dir); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "stop the service first") {
		t.Errorf("got %v, want it refused while a journal is open", err)
	}
}

// A log that lost its end, or got something else for it, is what a power cut leaves. It opens, and what it has is a
// beginning of what was written, without a gap.
func TestTheLogLosesItsEnd(t *testing.T) {
	ctx, from := context.Background(), t.TempDir()
	const n = 60
	j := mustOpen(t, from, Options{})
	ok(t, j.BeginRun(sampleRun("r")))
	for i := range n {
		ok(t, j.Append("r", fmt.Appendf(nil, "%d", i)))
	}
	file, err := os.ReadFile(filepath.Join(from, fileName))
	ok(t, err)
	log, err := os.ReadFile(filepath.Join(from, fileName+"-wal"))
	ok(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	variants := map[string]func(cut int) []byte{
		"cut": func(cut int) []byte { return log[:cut] },
		"zeroed": func(cut int) []byte {
			return append(append([]byte{}, log[:cut]...), make([]byte, len(log)-cut)...)
		},
		"garbage": func(cut int) []byte {
			b := append([]byte{}, log...)
			for i := cut; i < len(b); i++ {
				b[i] = byte(random.Uint32())
			}
			return b
		},
		"garbage appended": func(cut int) []byte { return append(append([]byte{}, log...), log[cut:]...) },
	}
	for name, variant := range variants {
		for range 25 {
			cut := random.IntN(len(log))
			dir := t.TempDir()
			ok(t, os.WriteFile(filepath.Join(dir, fileName), file, 0o600))
			ok(t, os.WriteFile(filepath.Join(dir, fileName+"-wal"), variant(cut), 0o600))
			again, err := Open(ctx, dir, Options{Ballast: -1})
			if err != nil {
				var d *Damage
				if !errors.As(err, &d) {
					t.Fatalf("%s at %d: got %v, want it open or its damage named", name, cut, err)
				}
				continue
			}
			events, err := again.Events(ctx, "r", 0, 1000)
			ok(t, err)
			for i, e := range events {
				if string(e.Line) != fmt.Sprint(i) {
					t.Fatalf("%s at %d: event %d is %s", name, cut, i, e.Line)
				}
			}
			if name == "garbage appended" && len(events) != n {
				t.Errorf("%s: got %d events, want %d", name, len(events), n)
			}
			ok(t, again.BeginRun(sampleRun("after")))
			ok(t, again.Close())
		}
	}
}

func TestAnotherProcessHoldsTheFile(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: waits for five seconds")
	}
	dir := t.TempDir()
	j := mustOpen(t, dir, Options{})
	db, err := sql.Open("sqlite", filepath.Join(dir, fileName))
	ok(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = db.Exec("BEGIN IMMEDIATE")
	ok(t, err)
	if err := j.BeginRun(sampleRun("r")); !errors.Is(err, ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
	_, err = db.Exec("ROLLBACK")
	ok(t, err)
	ok(t, j.BeginRun(sampleRun("r")))
	if _, err := j.Run(context.Background(), "r"); err != nil {
		t.Errorf("got %v, want it to go on once the file is free", err)
	}
}

// Who takes the file away begins anew, and is told.
func TestAJournalThatWasTakenAway(t *testing.T) {
	dir := t.TempDir()
	filled(t, dir, 1)
	ok(t, os.Remove(filepath.Join(dir, fileName)))
	var told []string
	j := mustOpen(t, dir, Options{Ballast: -1, Warn: func(err error) { told = append(told, err.Error()) }})
	ok(t, j.BeginRun(sampleRun("r")))
	if len(told) != 1 || !strings.Contains(told[0], "is not there any more") {
		t.Errorf("got %q, want that it is gone", told)
	}
}

// A recovery that dies after the damaged file was put aside is brought to its end by whoever opens the journal next.
func TestARecoveryThatDied(t *testing.T) {
	dir := t.TempDir()
	filled(t, dir, 3)
	path := filepath.Join(dir, fileName)
	ok(t, os.Rename(path, filepath.Join(dir, partName)))
	runs, err := mustOpen(t, dir, Options{Ballast: -1}).Runs(t.Context(), Filter{})
	if err != nil || len(runs) != 3 {
		t.Errorf("got %d runs, %v; want the 3 that were recovered", len(runs), err)
	}
}

// An older program that has the journal open would go on writing by its own schema.
func TestNoMigrationUnderAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, dir, Options{Ballast: -1})
	direct(t, filepath.Join(dir, fileName), "ALTER TABLE slots DROP COLUMN put_off", "PRAGMA user_version = 1")
	if _, err := Open(t.Context(), dir, Options{Ballast: -1}); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "stop its service first") {
		t.Errorf("got %v, want it held by the older one", err)
	}
}

// A journal of the first schema is brought up to date, and so is a damaged one.
func TestAJournalOfTheFirstSchema(t *testing.T) {
	for name, damaged := range map[string]bool{"as it was": false, "damaged": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := mustOpen(t, dir, Options{Ballast: -1})
			ok(t, j.PutSchedule("nightly", "f", begun, begun))
			ok(t, j.Wait(slot1(1), begun, begun.Add(time.Hour), "outside the window", begun))
			ok(t, j.Close())
			path := filepath.Join(dir, fileName)
			direct(t, path, "ALTER TABLE slots DROP COLUMN put_off", "PRAGMA user_version = 1", "PRAGMA wal_checkpoint(TRUNCATE)")
			if damaged {
				filler := strings.Repeat("x", 3000)
				for range 30 {
					direct(t, path, "INSERT INTO meta (key, value) VALUES (hex(randomblob(8)), '"+filler+"')")
				}
				direct(t, path, "PRAGMA wal_checkpoint(TRUNCATE)")
				f, err := os.OpenFile(path, os.O_RDWR, 0)
				ok(t, err)
				info, err := f.Stat()
				ok(t, err)
				_, err = f.WriteAt(make([]byte, 8192), info.Size()-16384)
				ok(t, errors.Join(err, f.Close()))
				if _, err := Open(t.Context(), dir, Options{Ballast: -1}); !errors.Is(err, ErrDamaged) {
					t.Fatalf("got %v, want damage", err)
				}
				ok(t, second(Recover(t.Context(), dir)))
			}
			j = mustOpen(t, dir, Options{Ballast: -1})
			if s := schedule1(t, j); len(s.Waiting) != 1 || s.Waiting[0].Reason != "outside the window" {
				t.Errorf("got %+v, want the slot that waits", s)
			}
		})
	}
}

// What is written into a file that was taken away, nobody can read: the journal ends there.
func TestAFileThatIsTakenAwayUnderIt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows lets no file go that is open")
	}
	for name, take := range map[string]func(path string) error{
		"removed": os.Remove,
		"replaced": func(path string) error {
			return errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := mustOpen(t, dir, Options{Ballast: -1})
			ok(t, j.BeginRun(sampleRun("r")))
			ok(t, take(filepath.Join(dir, fileName)))
			if err := j.BeginRun(sampleRun("s")); !errors.Is(err, ErrBroken) {
				t.Errorf("got %v, want ErrBroken", err)
			}
			if err := j.Broken(); !errors.Is(err, ErrBroken) {
				t.Errorf("got %v, want ErrBroken", err)
			}
		})
	}
}
