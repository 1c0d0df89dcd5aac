package journal

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
)

// application marks the file as a journal of ours in SQLite's header: "EXR1".
// https://www.sqlite.org/pragma.html#pragma_application_id
const application = 0x45585231

// migrations bring an empty file to the schema of today, one after the other; user_version says how many were done. An
// entry is never edited once it was released. Times are milliseconds since 1970, NULL where there is none.
var migrations = []string{`
CREATE TABLE meta (n INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value TEXT NOT NULL) STRICT;
CREATE TABLE runs (
	n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
	playbook TEXT NOT NULL, playbook_sha256 TEXT NOT NULL, command TEXT NOT NULL, host TEXT NOT NULL, account TEXT NOT NULL,
	schedule TEXT NOT NULL, due INTEGER, attempt INTEGER NOT NULL, follows TEXT NOT NULL, rehearsal INTEGER NOT NULL,
	started INTEGER NOT NULL, ended INTEGER, state TEXT NOT NULL, status INTEGER NOT NULL, counts TEXT NOT NULL, owner TEXT NOT NULL
) STRICT;
CREATE INDEX runs_started ON runs (started);
CREATE INDEX runs_running ON runs (owner) WHERE state = 'running';
CREATE TABLE tasks (
	n INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs (n) ON DELETE CASCADE, idx INTEGER NOT NULL,
	name TEXT NOT NULL, action TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER,
	outcome TEXT NOT NULL, summary TEXT NOT NULL, error TEXT NOT NULL,
	UNIQUE (run, idx)
) STRICT;
CREATE TABLE attempts (
	n INTEGER PRIMARY KEY, task INTEGER NOT NULL REFERENCES tasks (n) ON DELETE CASCADE, attempt INTEGER NOT NULL,
	started INTEGER NOT NULL, ended INTEGER, outcome TEXT NOT NULL, class TEXT NOT NULL, error TEXT NOT NULL
) STRICT;
CREATE INDEX attempts_task ON attempts (task);
CREATE TABLE events (
	n INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs (n) ON DELETE CASCADE, line TEXT NOT NULL
) STRICT;
CREATE INDEX events_run ON events (run);
CREATE TABLE evidence (
	n INTEGER PRIMARY KEY, run TEXT NOT NULL, task TEXT NOT NULL, at INTEGER NOT NULL, data TEXT NOT NULL,
	prev TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE INDEX evidence_run ON evidence (run);
CREATE TABLE schedules (
	n INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, fingerprint TEXT NOT NULL, next INTEGER,
	last_due INTEGER, last_started INTEGER, last_ended INTEGER
) STRICT;
CREATE TABLE slots (
	n INTEGER PRIMARY KEY, schedule TEXT NOT NULL, due INTEGER NOT NULL, attempt INTEGER NOT NULL, through INTEGER,
	state TEXT NOT NULL, not_before INTEGER, reason TEXT NOT NULL, run TEXT NOT NULL, owner TEXT NOT NULL,
	claimed INTEGER, ended INTEGER,
	UNIQUE (schedule, due, attempt)
) STRICT;
CREATE INDEX slots_open ON slots (schedule) WHERE state IN ('waiting', 'claimed');
CREATE TABLE notifications (
	n INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, body TEXT NOT NULL, created INTEGER NOT NULL,
	due INTEGER NOT NULL, tries INTEGER NOT NULL, sent INTEGER, error TEXT NOT NULL
) STRICT;
CREATE INDEX notifications_due ON notifications (due) WHERE sent IS NULL;
CREATE TABLE installed (
	n INTEGER PRIMARY KEY, host TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, scope TEXT NOT NULL,
	run TEXT NOT NULL, at INTEGER NOT NULL, removed INTEGER,
	UNIQUE (host, name, version, scope)
) STRICT;
CREATE TABLE signins (n INTEGER PRIMARY KEY, account TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE INDEX signins_at ON signins (account, at);
`, `
ALTER TABLE slots ADD COLUMN put_off INTEGER;
`}

// tables are in an order in which each comes after what it refers to.
var tables = []string{"meta", "runs", "tasks", "attempts", "events", "evidence", "schedules", "slots", "notifications", "installed", "signins"}

// migrate brings the file to the last of the steps, all in one transaction, after a copy of what was there. Who has it
// open beside us, owner, would go on writing as before: that is refused.
func migrate(ctx context.Context, c *sql.Conn, dir, owner string, steps []string) error {
	var version, mark, things int
	for text, into := range map[string]*int{"PRAGMA user_version": &version, "PRAGMA application_id": &mark, "SELECT count(*) FROM sqlite_schema": &things} {
		if err := c.QueryRowContext(ctx, text).Scan(into); err != nil {
			return err
		}
	}
	switch {
	case things > 0 && mark != application:
		return fmt.Errorf("%w: its application id is %#x", ErrForeign, mark)
	case version < 0:
		return fmt.Errorf("%w: its schema is %d", ErrForeign, version)
	case version > len(steps):
		return fmt.Errorf("%w: it has schema %d and this program knows %d; use the newer exorunner", ErrNewer, version, len(steps))
	case version == len(steps):
		return nil
	case version == 0:
		// Both are of no use once there is a table.
		if _, err := c.ExecContext(ctx, "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL"); err != nil {
			return err
		}
	default:
		for _, other := range owners(dir) {
			if other != ownerFile(dir, owner) && alive(other) {
				return fmt.Errorf("%w, of an older exorunner; stop its service first: the journal is to be brought up to date", ErrLocked)
			}
		}
		if err := copyBefore(ctx, c, dir, version); err != nil {
			return err
		}
	}
	return step(ctx, c, version, steps)
}

// copyBefore leaves journal.schema-N.db beside the journal. It is written under another name first: half a copy must
// never look like one.
func copyBefore(ctx context.Context, c *sql.Conn, dir string, version int) error {
	path := filepath.Join(dir, fmt.Sprintf("journal.schema-%d.db", version))
	if err := os.Remove(path + ".part"); err != nil && !os.IsNotExist(err) {
		return err
	}
	if _, err := c.ExecContext(ctx, "VACUUM INTO ?", path+".part"); err != nil {
		return fmt.Errorf("copy before the migration to %s: %w", path, err)
	}
	return os.Rename(path+".part", path)
}

func step(ctx context.Context, c *sql.Conn, version int, steps []string) error {
	if _, err := c.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") // says no, and does nothing, after a COMMIT
	for i := version; i < len(steps); i++ {
		if _, err := c.ExecContext(ctx, steps[i]); err != nil {
			return fmt.Errorf("migration to schema %d: %w", i+1, err)
		}
	}
	end := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", application, len(steps))
	_, err := c.ExecContext(ctx, end)
	return err
}
