package journal

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Evidence is what a proof saw. Each piece carries a hash of itself and of the piece before it, so that one which was
// changed, taken out or slipped in later shows. Who can write the file can make a new chain; the head, kept elsewhere,
// tells.
type Evidence struct {
	N    int64           `json:"n"` // from 1, without gaps
	Run  string          `json:"run"`
	Task string          `json:"task"`
	Time time.Time       `json:"time"`
	Data json.RawMessage `json:"data"` // as it was stored, after redaction
	Prev string          `json:"prev"` // the hash of the piece before; of the first one ever, sixty-four zeros
	Hash string          `json:"hash"`
}

const noHash = "0000000000000000000000000000000000000000000000000000000000000000"

// sum is the SHA-256, in hex, of the line that prev and the JSON array [n, run, task, milliseconds, data as a string]
// make, with a line end between them.
func (e Evidence) sum() (string, error) {
	row, err := json.Marshal([]any{e.N, e.Run, e.Task, e.Time.UnixMilli(), string(e.Data)})
	if err != nil {
		return "", err
	}
	return link(e.Prev, row), nil
}

func link(prev string, row []byte) string {
	h := sha256.Sum256(append([]byte(prev+"\n"), row...))
	return hex.EncodeToString(h[:])
}

// AddEvidence stores Run, Task, Time and Data, and returns what was stored.
func (j *Journal) AddEvidence(e Evidence) (Evidence, error) {
	if !json.Valid(e.Data) {
		return Evidence{}, fmt.Errorf("evidence of task %q: not JSON", e.Task)
	}
	e.Run, e.Task = redactText(j.w.redact, e.Run), redactText(j.w.redact, e.Task)
	e.Data = json.RawMessage(redactJSON(j.w.redact, jsonText(e.Data)))
	e.Time = time.UnixMilli(e.Time.UnixMilli()).UTC()
	err := j.w.write(func(t *tx) error {
		last, prev, err := anchor(t.row)
		if err != nil {
			return err
		}
		err = t.row("SELECT n, hash FROM evidence ORDER BY n DESC LIMIT 1", nil, &last, &prev)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		e.N, e.Prev = last+1, prev
		if e.Hash, err = e.sum(); err != nil {
			return err
		}
		_, err = t.exec("INSERT INTO evidence (n, run, task, at, data, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
			e.N, plain(e.Run), plain(e.Task), e.Time, plain(e.Data), plain(e.Prev), plain(e.Hash))
		return err
	})
	if err != nil {
		return Evidence{}, err
	}
	return e, nil
}

// anchor is where the chain begins: after the last piece that retention removed.
func anchor(row func(string, []any, ...any) error) (n int64, hash string, err error) {
	var text string
	err = row("SELECT value FROM meta WHERE key = 'evidence_anchor'", nil, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, noHash, nil
	}
	if err == nil {
		_, err = fmt.Sscanf(text, "%d %64s", &n, &hash)
	}
	return n, hash, err
}

const evidenceColumns = "SELECT n, run, task, at, data, prev, hash FROM evidence "

func scanEvidence(rows *sql.Rows) (e Evidence, err error) {
	var data []byte
	err = rows.Scan(&e.N, &e.Run, &e.Task, moment{&e.Time}, &data, &e.Prev, &e.Hash)
	e.Data = data
	return e, err
}

// Evidence is that of a run, in order.
func (r *Reader) Evidence(ctx context.Context, run string) ([]Evidence, error) {
	return query(ctx, r.db, evidenceColumns+"WHERE run = ? ORDER BY n", scanEvidence, run)
}

// A Chain is what VerifyChain found.
type Chain struct {
	Pieces int64
	Head   string  // the hash of the newest; keep it elsewhere to notice a chain made anew
	Breaks []Break // none: every piece is as it was written
}

// A Break is a place where the chain does not hold.
type Break struct {
	N    int64
	What string
}

// VerifyChain reads all evidence, oldest first.
func (r *Reader) VerifyChain(ctx context.Context) (Chain, error) {
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return Chain{}, fmt.Errorf("journal: %w", err)
	}
	defer tx.Rollback() // it only read
	last, prev, err := anchor(func(q string, args []any, into ...any) error {
		return tx.QueryRowContext(ctx, q, args...).Scan(into...)
	})
	if err != nil {
		return Chain{}, fmt.Errorf("journal: evidence anchor: %w", err)
	}
	rows, err := tx.QueryContext(ctx, evidenceColumns+"ORDER BY n")
	if err != nil {
		return Chain{}, fmt.Errorf("journal: %w", err)
	}
	defer rows.Close()
	c := Chain{Head: prev}
	for rows.Next() {
		e, err := scanEvidence(rows)
		if err != nil {
			return c, fmt.Errorf("journal: evidence %d: %w", last+1, err)
		}
		c.add(e, last)
		last = e.N
	}
	if err := rows.Err(); err != nil {
		return c, fmt.Errorf("journal: evidence after %d: %w", last, err)
	}
	return c, nil
}

func (c *Chain) add(e Evidence, last int64) {
	hash, err := e.sum()
	switch {
	case err != nil || hash != e.Hash:
		c.Breaks = append(c.Breaks, Break{e.N, "was changed after it was written"})
	case e.N != last+1:
		c.Breaks = append(c.Breaks, Break{e.N, fmt.Sprintf("%d to %d are missing before it", last+1, e.N-1)})
	case e.Prev != c.Head:
		c.Breaks = append(c.Breaks, Break{e.N, "does not follow the piece before it"})
	}
	c.Pieces, c.Head = c.Pieces+1, e.Hash
}
