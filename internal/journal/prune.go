package journal

import (
	"fmt"
	"time"
)

// Retention says what may go. 0 keeps for ever.
type Retention struct {
	Runs     int           // no more runs than these, the newest, with their tasks, attempts and events
	Age      time.Duration // of runs, and of settled slots, sent notifications and failed sign-ins
	Evidence time.Duration // of evidence, which the runs it is of do not take with them
}

// Pruned counts what went.
type Pruned struct{ Runs, Evidence, Slots, Notifications, SignIns int64 }

const pruneStep = 50 // runs in one transaction: others must not wait long

// Prune removes what may go, gives the room back to the disk, and fills the ballast again. Runs that go on stay, and so
// do the newest slot of each schedule and what was installed.
func (j *Journal) Prune(now time.Time, r Retention) (p Pruned, err error) {
	for n := int64(pruneStep); n == pruneStep; p.Runs += n {
		if err := j.w.write(func(t *tx) error { return pruneRuns(t, now, r, &n) }); err != nil {
			return p, err
		}
	}
	if r.Evidence > 0 {
		err = j.w.write(func(t *tx) error { return pruneEvidence(t, now, now.Add(-r.Evidence), &p.Evidence) })
	}
	if err == nil && r.Age > 0 {
		err = j.w.write(func(t *tx) error { return pruneRest(t, now.Add(-r.Age), &p) })
	}
	if err != nil {
		return p, err
	}
	if err := j.giveBack(); err != nil {
		return p, err
	}
	if err := j.w.ballast.fill(); err != nil {
		j.w.warn(noBallast(err)) // it matters least
	}
	return p, nil
}

// vacuumStep is in pages, of one transaction: others must not wait long.
const vacuumStep = 512

// giveBack returns free pages to the disk.
func (j *Journal) giveBack() error {
	for left, before := 1, 0; left > 0 && left != before; {
		before = left
		err := j.w.write(func(t *tx) error {
			if _, err := t.w.conn.ExecContext(t.ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", vacuumStep)); err != nil {
				return err
			}
			return t.w.conn.QueryRowContext(t.ctx, "PRAGMA freelist_count").Scan(&left)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pruneRuns removes the oldest that may go, pruneStep at most.
func pruneRuns(t *tx, now time.Time, r Retention, n *int64) (err error) {
	cutoff, keep := int64(-1)<<62, int64(1)<<62
	if r.Age > 0 {
		cutoff = now.Add(-r.Age).UnixMilli()
	}
	if r.Runs > 0 {
		keep = int64(r.Runs)
	}
	*n, err = t.exec(`DELETE FROM runs WHERE n IN (
		SELECT n FROM runs WHERE state <> 'running'
		AND (started < ? OR n <= (SELECT n FROM runs ORDER BY n DESC LIMIT 1 OFFSET ?))
		ORDER BY n LIMIT ?)`, cutoff, keep, pruneStep)
	return err
}

// pruneEvidence removes from the old end only, and keeps the hash of the last piece that went: the chain goes on from
// there. A piece that is dated after today, by a clock that was wrong, keeps none.
func pruneEvidence(t *tx, now, cutoff time.Time, n *int64) error {
	var keep int64
	if err := t.row("SELECT coalesce((SELECT min(n) FROM evidence WHERE at >= ? AND at <= ?), (SELECT max(n) + 1 FROM evidence), 0)", []any{cutoff, now}, &keep); err != nil {
		return err
	}
	var last int64
	var hash string
	if err := t.row("SELECT coalesce(max(n), 0) FROM evidence WHERE n < ?", []any{keep}, &last); err != nil || last == 0 {
		return err
	}
	if err := t.row("SELECT hash FROM evidence WHERE n = ?", []any{last}, &hash); err != nil {
		return err
	}
	_, err := t.exec("INSERT INTO meta (key, value) VALUES ('evidence_anchor', ?) ON CONFLICT DO UPDATE SET value = excluded.value",
		plain(fmt.Sprintf("%d %s", last, hash)))
	if err == nil {
		*n, err = t.exec("DELETE FROM evidence WHERE n <= ?", last)
	}
	return err
}

func pruneRest(t *tx, cutoff time.Time, p *Pruned) (err error) {
	// The newest slot stays: it guards against a second run of itself.
	p.Slots, err = t.exec(`DELETE FROM slots WHERE state NOT IN ('waiting', 'claimed') AND due < ?
		AND due < (SELECT max(due) FROM slots AS newer WHERE newer.schedule = slots.schedule)`, cutoff)
	if err != nil {
		return err
	}
	if p.Notifications, err = t.exec("DELETE FROM notifications WHERE sent < ?", cutoff); err != nil {
		return err
	}
	p.SignIns, err = t.exec("DELETE FROM signins WHERE at < ?", cutoff)
	return err
}
