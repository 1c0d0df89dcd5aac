// Package journal keeps what happened, on disk: runs, their tasks, attempts and events, evidence, the slots of
// schedules, notifications that are still to be sent. It survives kill -9 and power cuts: a record is on disk before
// the call that wrote it returns. It knows nothing of how work is done, when it is due or who gets told.
//
// Methods that write take no context: a record takes milliseconds, and the end of a run that was cancelled is written
// like any other. Any number of goroutines may use a Journal, and several processes may have one open on the same
// folder, say a service and a command beside it; each knows which runs and slots are its own.
package journal

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"exorunner/internal/access"
)

const (
	fileName    = "journal.db"
	busyTimeout = 5 * time.Second
	openTimeout = 2 * time.Minute // another process may be migrating, or checking a large file
	readers     = 4
)

// Options for Open.
type Options struct {
	// Redact takes secrets out of a text; everything goes through it before it is written. It sees JSON too, as it
	// stands and string by string. nil leaves all as it is.
	Redact func([]byte) []byte
	// Ballast is in bytes; 0 is DefaultBallast, less is none.
	Ballast int64
	// Warn is told what no caller waits for: no room for the ballast, a note that was lost. It may be called from another
	// goroutine. nil drops it.
	Warn func(error)
}

// A Journal is open for writing. Its Reader's methods see every record whose writing call has returned.
type Journal struct {
	*Reader
	w     *writer
	db    *sql.DB
	dir   string
	owner *flock.Flock
	id    string
	found Found

	closing sync.Once
	closed  error
}

// Found is what a process left behind when it died.
type Found struct {
	// Runs were running; they are interrupted now, and ended when their last task began or ended.
	Runs []Run
	// Slots are claimed and nobody works on them. They stay so, and are found again, until FinishSlot.
	Slots []Slot
}

// Open makes the folder private to this account (on Windows to SYSTEM and Administrators) and opens the journal in it,
// making what is missing. It checks the file: a *Damage says what is wrong, and nothing was changed then. Other errors
// wrap ErrNewer, ErrForeign or ErrLocked, or are the system's.
func Open(ctx context.Context, dir string, o Options) (*Journal, error) {
	if o.Warn == nil {
		o.Warn = func(error) {}
	}
	if err := access.Private(dir); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	release, err := alone(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer release()
	j, err := open(ctx, dir, o)
	if err != nil {
		return nil, explain(ctx, dir, err)
	}
	return j, nil
}

// alone waits until no other process is opening or recovering the journal of this folder.
func alone(ctx context.Context, dir string) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	lock := flock.New(filepath.Join(dir, "open.lock"), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return nil, fmt.Errorf("journal: %s: %w", lock.Path(), err)
	}
	return func() { _ = lock.Unlock() }, nil // the lock ends with the process, whatever this says
}

// explain adds the file to an error of SQLite, which does not name it, and turns damage into a *Damage.
func explain(ctx context.Context, dir string, err error) error {
	path := filepath.Join(dir, fileName)
	var d *Damage
	switch {
	case errors.As(err, &d):
	case isDamage(err):
		d = &Damage{Path: path, Findings: []string{err.Error()}}
	case primary(err) == codeBusy:
		return fmt.Errorf("journal: %s: %w: %w", path, ErrLocked, err)
	case primary(err) == codeReadOnly, primary(err) == codeCantOpen:
		return fmt.Errorf("journal: %s: cannot be written; look at the rights of the folder: %w", path, err)
	case isFull(err):
		return fmt.Errorf("journal: %s: %w: %w", path, ErrFull, err)
	default:
		return fmt.Errorf("journal: %s: %w", path, err)
	}
	d.Readable = readable(ctx, path)
	return fmt.Errorf("journal: %w", d)
}

func open(ctx context.Context, dir string, o Options) (_ *Journal, err error) {
	path := filepath.Join(dir, fileName)
	if err := finishRecovery(dir); err != nil {
		return nil, err
	}
	if err := gone(dir, o.Warn); err != nil {
		return nil, err
	}
	if err := check(ctx, path); err != nil {
		return nil, err
	}
	j := &Journal{dir: dir, id: newID()}
	j.owner = flock.New(ownerFile(dir, j.id), flock.SetPermissions(0o600))
	if ok, err := j.owner.TryLock(); err != nil || !ok {
		return nil, errors.Join(err, fmt.Errorf("%s: cannot be locked", j.owner.Path()))
	}
	j.db = connect(path, 1, "_pragma=synchronous(2)", "_pragma=foreign_keys(1)")
	conn, err := j.db.Conn(ctx)
	if err == nil {
		if err = migrate(ctx, conn, dir, j.id, migrations); err != nil {
			_ = conn.Close()
		}
	}
	if err != nil {
		_ = j.db.Close()
		j.disown()
		return nil, err
	}
	mark(dir, o.Warn)
	b := newBallast(dir, o.Ballast)
	if err := b.fill(); err != nil {
		o.Warn(noBallast(err))
	}
	j.Reader = &Reader{db: connect(path, readers, "_pragma=query_only(1)")}
	j.w = newWriter(conn, path, o, b)
	if j.found, err = j.reap(ctx); err != nil {
		_ = j.Close()
		return nil, err
	}
	return j, nil
}

// connect names the file as a URI: a path may have a question mark or a percent sign in it.
func connect(path string, connections int, settings ...string) *sql.DB {
	if full, err := filepath.Abs(path); err == nil {
		path = full
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/x is /C:/x in a URI
	}
	settings = append(settings, fmt.Sprintf("_pragma=busy_timeout(%d)", busyTimeout.Milliseconds()))
	u := url.URL{Scheme: "file", Path: path, RawQuery: strings.Join(settings, "&")}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		panic("journal: the driver sqlite is part of this program: " + err.Error())
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db
}

// check is SQLite's own: it reads every page. It does so on a connection of its own that cannot write, so that a damaged
// file stays as it was found; any other would move the log into it on its way out.
func check(ctx context.Context, path string) error {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	db := connect(path, 1, "mode=ro")
	defer db.Close()
	rows, err := db.QueryContext(ctx, "PRAGMA quick_check(5)")
	if err != nil {
		return err
	}
	defer rows.Close()
	var findings []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		findings = append(findings, strings.Join(strings.Fields(text), " "))
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if len(findings) == 1 && findings[0] == "ok" {
		return nil
	}
	return &Damage{Path: path, Findings: findings}
}

// madeName is a file that says when the journal was made: without it, one that was cut to nothing would pass for one that
// is to be made.
const madeName = "journal.made"

func mark(dir string, warn func(error)) {
	path := filepath.Join(dir, madeName)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return
	}
	if err := os.WriteFile(path, []byte(time.Now().UTC().Format(time.RFC3339)+"\n"), 0o600); err != nil {
		warn(fmt.Errorf("journal: %w", err))
	}
}

// gone finds a journal that was there and has nothing in it any more. One whose file was taken away begins anew, and that
// is said: a person may have done it.
func gone(dir string, warn func(error)) error {
	made, err := os.ReadFile(filepath.Join(dir, madeName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	path, on := filepath.Join(dir, fileName), strings.TrimSpace(string(made))
	switch info, err := os.Stat(path); {
	case errors.Is(err, os.ErrNotExist):
		warn(fmt.Errorf("journal: %s, which was made on %s, is not there any more: a new one begins, and what was on record is lost", path, on))
	case err == nil && info.Size() == 0 && settled(path):
		return &Damage{Path: path, Findings: []string{"it was made on " + on + ", and is empty"}}
	}
	return nil
}

func newID() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails: https://pkg.go.dev/crypto/rand#Read
	return hex.EncodeToString(b)
}

// An owner is one open Journal. It holds the lock on its file until its process ends, however that comes about, so a
// number that the system gave to another process in the meantime can mislead nobody.
func ownerFile(dir, id string) string { return filepath.Join(dir, "owner-"+id+".lock") }

func (j *Journal) disown() {
	_ = j.owner.Unlock()
	_ = os.Remove(j.owner.Path())
}

// Found is what Open came upon.
func (j *Journal) Found() Found { return j.found }

// Broken is nil, or an error wrapping ErrBroken. It looks whether the file is still there.
func (j *Journal) Broken() error {
	if err := j.w.brokenBy(); err != nil {
		return err
	}
	return j.w.takenAway()
}

// Close writes what is still under way; it may be called again. Runs and slots that this process did not finish are
// found by the next Open.
func (j *Journal) Close() error {
	j.closing.Do(func() { j.closed = j.close() })
	return j.closed
}

func (j *Journal) close() error {
	j.w.close()
	err := j.Reader.Close()
	for _, s := range j.w.statements {
		_ = s.Close()
	}
	err = errors.Join(err, j.w.conn.Close(), j.db.Close())
	j.disown()
	return err
}

// Reap looks again for what Found is about: a process beside this one may have died since.
func (j *Journal) Reap(ctx context.Context) (Found, error) {
	// An owner's file is made and locked while its process opens the journal; not to be taken for dead in between.
	release, err := alone(ctx, j.dir)
	if err != nil {
		return Found{}, err
	}
	defer release()
	return j.reap(ctx)
}

// reap looks for owners of unfinished work that are no longer there.
func (j *Journal) reap(ctx context.Context) (Found, error) {
	rows, err := query(ctx, j.Reader.db, "SELECT owner FROM runs WHERE state = 'running' UNION SELECT owner FROM slots WHERE state = 'claimed'",
		func(r *sql.Rows) (owner string, err error) { return owner, r.Scan(&owner) })
	if err != nil {
		return Found{}, err
	}
	var found Found
	for _, owner := range rows {
		if owner == j.id || alive(ownerFile(j.dir, owner)) {
			continue
		}
		runs, err := j.interrupt(ctx, owner)
		if err != nil {
			return Found{}, err
		}
		slots, err := j.slots(ctx, "WHERE owner = ? AND state = 'claimed' ORDER BY n", owner)
		if err != nil {
			return Found{}, err
		}
		found.Runs, found.Slots = append(found.Runs, runs...), append(found.Slots, slots...)
	}
	sweep(j.dir)
	return found, nil
}

// alive says whether a process holds that lock. A lock that cannot be tried is taken for held: to call a run that goes
// on interrupted would be the worse mistake.
func alive(path string) bool {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return false
	}
	lock := flock.New(path)
	ok, err := lock.TryLock()
	_ = lock.Close()
	return !ok || err != nil
}

func owners(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var files []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "owner-") && strings.HasSuffix(e.Name(), ".lock") {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files
}

// sweep removes the files of owners that are gone.
func sweep(dir string) {
	for _, f := range owners(dir) {
		if !alive(f) {
			_ = os.Remove(f)
		}
	}
}

// interrupt marks the runs of an owner.
func (j *Journal) interrupt(ctx context.Context, owner string) ([]Run, error) {
	ids, err := query(ctx, j.Reader.db, "SELECT id FROM runs WHERE owner = ? AND state = 'running' ORDER BY n",
		func(r *sql.Rows) (id string, err error) { return id, r.Scan(&id) }, owner)
	if err != nil {
		return nil, err
	}
	err = j.w.write(func(t *tx) error {
		_, err := t.exec(`UPDATE runs SET state = 'interrupted', ended = max(started, coalesce((
			SELECT max(max(started, coalesce(ended, started))) FROM tasks WHERE run = runs.n), started))
			WHERE owner = ? AND state = 'running'`, owner)
		return err
	})
	if err != nil {
		return nil, err
	}
	var runs []Run
	for _, id := range ids {
		run, err := j.Run(ctx, id)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}
