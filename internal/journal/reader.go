package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Reader asks a journal and leaves it as it is.
type Reader struct{ db *sql.DB }

// OpenReader opens the journal of a folder for questions alone, beside whoever writes to it, and without checking it.
// An error wraps os.ErrNotExist if there is no journal.
func OpenReader(ctx context.Context, dir string) (*Reader, error) {
	path := filepath.Join(dir, fileName)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	db := connect(path, readers, "mode=ro", "_pragma=query_only(1)")
	version, err := schemaOf(ctx, db)
	if c := primary(err); (c == codeCantOpen || c == codeReadOnly) && settled(path) {
		// A read-only folder has no place for the shared memory of the log. Without a log none is needed.
		_ = db.Close()
		db = connect(path, readers, "mode=ro", "immutable=1")
		version, err = schemaOf(ctx, db)
	}
	if err == nil && version < 0 {
		err = fmt.Errorf("%w: its schema is %d", ErrForeign, version)
	}
	if err == nil && version > len(migrations) {
		err = fmt.Errorf("%w: it has schema %d and this program knows %d; use the newer exorunner", ErrNewer, version, len(migrations))
	}
	if err == nil && version < len(migrations) {
		err = fmt.Errorf("it has the older schema %d; the next apply or serve brings it up to date", version)
	}
	if err != nil {
		_ = db.Close()
		if isDamage(err) {
			return nil, explain(ctx, dir, err)
		}
		return nil, fmt.Errorf("journal: %s: %w", path, err)
	}
	return &Reader{db}, nil
}

func schemaOf(ctx context.Context, db *sql.DB) (version int, err error) {
	var mark int
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&mark); err != nil {
		return 0, err
	}
	if mark != application {
		return 0, fmt.Errorf("%w: its application id is %#x", ErrForeign, mark)
	}
	return version, db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
}

// settled says that all of the journal is in its file, and nothing in a log beside it.
func settled(path string) bool {
	info, err := os.Stat(path + "-wal")
	return errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0
}

// Close ends all questions.
func (r *Reader) Close() error { return r.db.Close() }

type source interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// query collects what scan makes of each row.
func query[T any](ctx context.Context, from source, text string, scan func(*sql.Rows) (T, error), args ...any) ([]T, error) {
	rows, err := from.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return all, nil
}

// where puts conditions together.
type where struct {
	parts []string
	args  []any
}

func (w *where) add(condition string, value any) {
	w.parts, w.args = append(w.parts, condition), append(w.args, value)
}

// text adds an equality, unless it was not asked for.
func (w *where) text(column, value string) {
	if value != "" {
		w.add(column+" = ?", value)
	}
}

// span bounds a column of moments.
func (w *where) span(column string, since, before time.Time) {
	if !since.IsZero() {
		w.add(column+" >= ?", since.UnixMilli())
	}
	if !before.IsZero() {
		w.add(column+" < ?", before.UnixMilli())
	}
}

func (w *where) String() string {
	if len(w.parts) == 0 {
		return ""
	}
	return "WHERE " + strings.Join(w.parts, " AND ")
}

// atMost is a LIMIT; 0 and less is a hundred.
func atMost(n int) string {
	if n <= 0 {
		n = 100
	}
	return fmt.Sprintf(" LIMIT %d", n)
}
