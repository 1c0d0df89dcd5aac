package journal

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// An InstalledVersion is a version of a module that a run of this program put on a host. It outlives the run's record:
// a rollback needs to know what is ours long after.
type InstalledVersion struct {
	Host    string    `json:"host"`
	Name    string    `json:"name"` // of the module; case does not matter
	Version string    `json:"version"`
	Scope   string    `json:"scope"` // AllUsers, CurrentUser
	Run     string    `json:"run"`
	Time    time.Time `json:"time"`
}

// Installed records that a run put a version on a host. Recorded again, it is of the later run.
func (j *Journal) Installed(v InstalledVersion) error {
	return j.w.write(func(t *tx) error {
		_, err := t.exec(`INSERT INTO installed (host, name, version, scope, run, at) VALUES (?, lower(?), ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET run = excluded.run, at = excluded.at, removed = NULL`,
			v.Host, v.Name, v.Version, v.Scope, v.Run, stored(v.Time))
		return err
	})
}

// Uninstalled records that such a version is gone; it is no error if it was not ours.
func (j *Journal) Uninstalled(v InstalledVersion) error {
	return j.w.write(func(t *tx) error {
		_, err := t.exec("UPDATE installed SET removed = ? WHERE host = ? AND name = lower(?) AND version = ? AND scope = ?",
			stored(v.Time), v.Host, v.Name, v.Version, v.Scope)
		return err
	})
}

// WasInstalled is what runs of this program put on a host and did not take away again, oldest first. Name is lower case
// in the answer.
func (r *Reader) WasInstalled(ctx context.Context, host, name string) ([]InstalledVersion, error) {
	return query(ctx, r.db, `SELECT host, name, version, scope, run, at FROM installed
		WHERE host = ? AND name = lower(?) AND removed IS NULL ORDER BY at, n`,
		func(rows *sql.Rows) (v InstalledVersion, err error) {
			return v, rows.Scan(&v.Host, &v.Name, &v.Version, &v.Scope, &v.Run, moment{&v.Time})
		}, host, name)
}

// SignInFailed records that an account could not sign in. account is any key that stays the same, an app id say.
func (j *Journal) SignInFailed(account string, at time.Time) error {
	return j.w.write(func(t *tx) error {
		_, err := t.exec("INSERT INTO signins (account, at) VALUES (?, ?)", account, stored(at))
		return err
	})
}

// SignInForgiven takes one of those back: the account could sign in after all.
func (j *Journal) SignInForgiven(account string, at time.Time) error {
	return j.w.write(func(t *tx) error {
		_, err := t.exec("DELETE FROM signins WHERE n = (SELECT max(n) FROM signins WHERE account = ? AND at = ?)", account, stored(at))
		return err
	})
}

// SignInFailures are those of an account since a moment, that one included, oldest first: what a breaker asks for.
func (r *Reader) SignInFailures(ctx context.Context, account string, since time.Time) ([]time.Time, error) {
	return query(ctx, r.db, "SELECT at FROM signins WHERE account = ? AND at >= ? ORDER BY at",
		func(rows *sql.Rows) (at time.Time, err error) { return at, rows.Scan(moment{&at}) }, account, since.UnixMilli())
}

// A Notification is something that somebody is to be told. Key keeps it from being told twice.
type Notification struct {
	Key     string    `json:"key"`
	Kind    string    `json:"kind"`
	Body    string    `json:"body"`
	Created time.Time `json:"created"`
	Due     time.Time `json:"due"` // not to be sent before

	// Enqueue does not look at these.
	N     int64     `json:"-"` // its place in the order in which they came
	Tries int       `json:"tries"`
	Sent  time.Time `json:"sent,omitzero"`
	Error string    `json:"error,omitempty"`
}

// Enqueue puts a notification in the queue, unless one with its key was ever there; added says which.
func (j *Journal) Enqueue(n Notification) (added bool, err error) {
	err = j.w.write(func(t *tx) error {
		rows, err := enqueueOne(t, n)
		added = rows > 0
		return err
	})
	return added && err == nil, err
}

func enqueue(t *tx, all []Notification) error {
	for _, n := range all {
		if _, err := enqueueOne(t, n); err != nil {
			return err
		}
	}
	return nil
}

func enqueueOne(t *tx, n Notification) (int64, error) {
	return t.exec(`INSERT INTO notifications (key, kind, body, created, due, tries, error) VALUES (?, ?, ?, ?, ?, 0, '')
		ON CONFLICT DO NOTHING`, n.Key, n.Kind, n.Body, stored(n.Created), stored(n.Due))
}

// NotificationSent takes it out of the queue.
func (j *Journal) NotificationSent(key string, at time.Time) error {
	return j.w.write(func(t *tx) error {
		return t.must("notification "+key, "UPDATE notifications SET sent = ?, tries = tries + 1, error = '' WHERE key = ? AND sent IS NULL", at, key)
	})
}

// NotificationFailed leaves it in the queue until next; the zero time gives it up.
func (j *Journal) NotificationFailed(key, reason string, at, next time.Time) error {
	return j.w.write(func(t *tx) error {
		if next.IsZero() {
			return t.must("notification "+key, "UPDATE notifications SET sent = ?, tries = tries + 1, error = ? WHERE key = ? AND sent IS NULL",
				at, fmt.Sprintf("given up: %s", reason), key)
		}
		return t.must("notification "+key, "UPDATE notifications SET due = ?, tries = tries + 1, error = ? WHERE key = ? AND sent IS NULL",
			stored(next), reason, key)
	})
}

const notificationColumns = "SELECT n, key, kind, body, created, due, tries, sent, error FROM notifications "

func scanNotification(rows *sql.Rows) (n Notification, err error) {
	return n, rows.Scan(&n.N, &n.Key, &n.Kind, &n.Body, moment{&n.Created}, moment{&n.Due}, &n.Tries, moment{&n.Sent}, &n.Error)
}

// Unsent are the notifications in the queue whose keys begin so, in the order in which they came; "" is all.
func (r *Reader) Unsent(ctx context.Context, prefix string, limit int) ([]Notification, error) {
	return query(ctx, r.db, notificationColumns+"WHERE sent IS NULL AND substr(key, 1, length(?)) = ? ORDER BY n"+atMost(limit), scanNotification, prefix, prefix)
}

// UnsentTo are the beginnings of the keys in the queue, each once: what stands before a separator.
func (r *Reader) UnsentTo(ctx context.Context, separator string) ([]string, error) {
	return query(ctx, r.db, "SELECT DISTINCT substr(key, 1, instr(key, ?) - 1) FROM notifications WHERE sent IS NULL",
		func(rows *sql.Rows) (name string, err error) { return name, rows.Scan(&name) }, separator)
}

// Notified are the newest notifications whose keys begin so, sent ones too.
func (r *Reader) Notified(ctx context.Context, prefix string, limit int) ([]Notification, error) {
	return query(ctx, r.db, notificationColumns+"WHERE substr(key, 1, length(?)) = ? ORDER BY n DESC"+atMost(limit), scanNotification, prefix, prefix)
}

// GivenUp are the notifications that never arrived and were given up since a moment.
func (r *Reader) GivenUp(ctx context.Context, since time.Time) ([]Notification, error) {
	return query(ctx, r.db, notificationColumns+"WHERE sent >= ? AND error <> '' ORDER BY n"+atMost(0), scanNotification, since.UnixMilli())
}
