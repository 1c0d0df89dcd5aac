package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

const (
	maxBatch  = 256
	noteDelay = 250 * time.Millisecond
	idleAfter = 5 * time.Second
)

// A job is one record, or a few that belong together. do may run twice, so it only sets what it returns.
type job struct {
	do   func(*tx) error
	err  error
	done chan struct{} // nil: nobody waits for it
}

// writer is the only one that writes through this Journal. Whatever is handed to it while it flushes goes into its
// next transaction, so that sixteen that write at once share a flush.
type writer struct {
	conn    *sql.Conn
	path    string      // of the file, and
	file    os.FileInfo // what it was when it was opened; nil: not known
	redact  func([]byte) []byte
	ballast *ballast
	warn    func(error)

	jobs chan *job
	idle chan struct{} // closed when the loop has ended

	sending sync.RWMutex // held for writing to close jobs
	closed  bool

	mu     sync.Mutex
	broken error
	noted  error // the first error of a note since the last one that was told

	statements map[string]*sql.Stmt // of the loop alone
	dirty      bool
}

func newWriter(conn *sql.Conn, path string, o Options, b *ballast) *writer {
	file, _ := os.Stat(path) // without it nothing is compared
	w := &writer{conn: conn, path: path, file: file, redact: o.Redact, ballast: b, warn: o.Warn,
		jobs: make(chan *job, maxBatch), idle: make(chan struct{}), statements: map[string]*sql.Stmt{}}
	go w.loop()
	return w
}

// write returns once the record is on disk. An error says that it is not and will not be; after ErrBroken, that nobody
// knows until the journal is opened again.
func (w *writer) write(do func(*tx) error) error {
	j := &job{do: do, done: make(chan struct{})}
	if err := w.send(j); err != nil {
		return err
	}
	<-j.done
	return j.err
}

// note returns at once. Its error is of an earlier note.
func (w *writer) note(do func(*tx) error) error {
	if err := w.send(&job{do: do}); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.noted
	w.noted = nil
	return err
}

func (w *writer) send(j *job) error {
	w.sending.RLock()
	defer w.sending.RUnlock()
	if w.closed {
		return ErrClosed
	}
	if err := w.brokenBy(); err != nil {
		return err
	}
	w.jobs <- j
	return nil
}

func (w *writer) brokenBy() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.broken
}

// close waits for everything that was handed in before.
func (w *writer) close() {
	w.sending.Lock()
	already := w.closed
	w.closed = true
	if !already {
		close(w.jobs)
	}
	w.sending.Unlock()
	<-w.idle
}

func (w *writer) loop() {
	defer close(w.idle)
	for {
		batch, more := w.collect()
		if len(batch) > 0 {
			w.commit(batch)
		} else if w.dirty && w.brokenBy() == nil {
			w.checkpoint()
		}
		if !more {
			return
		}
	}
}

// collect waits for a record and takes what else is there. A batch of nothing means that it is quiet.
func (w *writer) collect() (batch []*job, more bool) {
	timer := time.NewTimer(idleAfter)
	defer timer.Stop()
	urgent := false
	for len(batch) < maxBatch {
		var from <-chan time.Time
		if !urgent {
			from = timer.C
		} else if len(w.jobs) == 0 {
			return batch, true
		}
		select {
		case j, ok := <-w.jobs:
			if !ok {
				return batch, false
			}
			if len(batch) == 0 {
				timer.Reset(noteDelay)
			}
			batch = append(batch, j)
			urgent = urgent || j.done != nil
		case <-from:
			return batch, true
		}
	}
	return batch, true
}

func (w *writer) commit(batch []*job) {
	err := w.brokenBy()
	if err == nil {
		err = w.takenAway()
	}
	if err == nil {
		err = w.try(batch)
	}
	if isFull(err) && w.ballast.drop() {
		w.warn(errors.New("journal: disk is full: the ballast was given up for the end of this run; make room"))
		err = w.try(batch)
	}
	if err != nil {
		err = w.judge(err)
	}
	for _, j := range batch {
		if err != nil {
			j.err = err
		}
		if j.done != nil {
			close(j.done)
			continue
		}
		w.mu.Lock()
		if w.noted == nil {
			w.noted = j.err
		}
		w.mu.Unlock()
	}
}

// takenAway finds that the file is another one, or none: what is written into one that was removed goes with its process,
// and nobody can read it. Windows lets no file go that is open.
func (w *writer) takenAway() error {
	if w.file == nil || runtime.GOOS == "windows" {
		return nil
	}
	for range 2 { // a file system may err once
		now, err := os.Stat(w.path)
		if err != nil && !errors.Is(err, os.ErrNotExist) || err == nil && os.SameFile(now, w.file) {
			return nil
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = fmt.Errorf("%w: %s was taken away, or is another file now", ErrBroken, w.path)
	return w.broken
}

// try runs a batch as one transaction. It returns an error that ends them all; a record's own error is in its job, and
// leaves nothing behind.
func (w *writer) try(batch []*job) error {
	ctx := context.Background()
	if _, err := w.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	t := &tx{w: w, ctx: ctx}
	for _, j := range batch {
		if _, err := t.exec("SAVEPOINT record"); err != nil {
			return w.rollback(err)
		}
		if j.err = j.do(t); j.err != nil {
			if ofBatch(j.err) {
				return w.rollback(j.err)
			}
			if code(j.err) != 0 {
				j.err = fmt.Errorf("journal: %w", j.err)
			}
			if _, err := t.exec("ROLLBACK TO record"); err != nil {
				return w.rollback(err)
			}
		}
		if _, err := t.exec("RELEASE record"); err != nil {
			return w.rollback(err)
		}
	}
	w.dirty = true
	if _, err := w.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return w.rollback(err)
	}
	return nil
}

// rollback returns the error that made it necessary. After some errors SQLite has rolled back by itself, and says no.
func (w *writer) rollback(because error) error {
	_, _ = w.conn.ExecContext(context.Background(), "ROLLBACK")
	return because
}

// judge says what an error of the file means from now on.
func (w *writer) judge(err error) error {
	switch {
	case errors.Is(err, ErrBroken):
		return err
	case isFull(err):
		return fmt.Errorf("journal: %w", ErrFull)
	case primary(err) == codeBusy:
		return fmt.Errorf("journal: %w for more than %v: %w", ErrLocked, busyTimeout, err)
	case primary(err) == codeIOErr, isDamage(err):
		// After a failed flush the system may say that all is well while the pages are gone. No second try can be believed.
		w.mu.Lock()
		defer w.mu.Unlock()
		w.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		return w.broken
	}
	return fmt.Errorf("journal: %w", err)
}

// checkpoint moves the log into the file while nothing else is to be done. A reader in its way is no error.
func (w *writer) checkpoint() {
	w.dirty = false
	if _, err := w.conn.ExecContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil && !isFull(err) && primary(err) != codeBusy {
		w.warn(w.judge(err))
	}
}

// tx is what a record is written with. Every text goes through Redact.
type tx struct {
	w   *writer
	ctx context.Context
}

func (t *tx) statement(query string) (*sql.Stmt, error) {
	if s, ok := t.w.statements[query]; ok {
		return s, nil
	}
	s, err := t.w.conn.PrepareContext(t.ctx, query)
	if err == nil {
		t.w.statements[query] = s
	}
	return s, err
}

func (t *tx) values(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case string:
			out[i] = redactText(t.w.redact, v)
		case plain:
			out[i] = string(v)
		case jsonText:
			out[i] = redactJSON(t.w.redact, v)
		case time.Time:
			out[i] = millis(v)
		default:
			out[i] = a
		}
	}
	return out
}

func (t *tx) exec(query string, args ...any) (int64, error) {
	s, err := t.statement(query)
	if err != nil {
		return 0, err
	}
	result, err := s.ExecContext(t.ctx, t.values(args)...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// must is exec for what has to be there: it returns ErrNotFound, under the name of what was looked for.
func (t *tx) must(what, query string, args ...any) error {
	n, err := t.exec(query, args...)
	if err == nil && n == 0 {
		err = fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	return err
}

// row reads one row of the state inside the transaction; sql.ErrNoRows if there is none.
func (t *tx) row(query string, args []any, into ...any) error {
	s, err := t.statement(query)
	if err != nil {
		return err
	}
	return s.QueryRowContext(t.ctx, t.values(args)...).Scan(into...)
}

// millis is how a moment is stored; nil for the zero time, which is not 1970.
func millis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// moment is a column of milliseconds on its way out.
type moment struct{ t *time.Time }

func (m moment) Scan(from any) error {
	*m.t = time.Time{}
	if ms, ok := from.(int64); ok {
		*m.t = time.UnixMilli(ms).UTC()
	} else if from != nil {
		return fmt.Errorf("a moment is stored as %T", from)
	}
	return nil
}
