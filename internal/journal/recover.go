package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Recovered says what Recover did.
type Recovered struct {
	Copy string           // the folder that has the damaged files, as they were
	Kept map[string]int64 // rows by table
	Lost map[string]int64 // rows that could be read and belong to nothing any more; what could not be read has no number
}

// Recover puts the files of a damaged journal aside and starts a new one with every row that can still be read. The
// chain of evidence shows a break where pieces are lost. No other process may have the journal open.
func Recover(ctx context.Context, dir string) (Recovered, error) {
	release, err := alone(ctx, dir)
	if err != nil {
		return Recovered{}, err
	}
	defer release()
	for _, owner := range owners(dir) {
		if alive(owner) {
			return Recovered{}, fmt.Errorf("journal: recovery: %w; stop the service first", ErrLocked)
		}
	}
	r := Recovered{Kept: map[string]int64{}, Lost: map[string]int64{}}
	part := filepath.Join(dir, partName)
	if err := r.rebuild(ctx, dir, part); err != nil {
		return r, fmt.Errorf("journal: recovery: %w", err)
	}
	// Up to here nothing was changed.
	if r.Copy, err = putAside(dir); err == nil {
		err = os.Rename(part, filepath.Join(dir, fileName))
	}
	if err != nil {
		return r, fmt.Errorf("journal: recovery: %w", err)
	}
	return r, nil
}

// partName is the new file until it takes the place of the damaged one.
const partName = "recovered.part"

// finishRecovery brings one to its end whose process died at the very last: the damaged file was put aside, which comes
// after the new one is complete.
func finishRecovery(dir string) error {
	path := filepath.Join(dir, fileName)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return nil
	}
	err := os.Rename(filepath.Join(dir, partName), path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// putAside moves the file and its log into a folder of their own, under their names: SQLite finds a log by its name.
func putAside(dir string) (string, error) {
	aside := ""
	for n := 1; ; n++ {
		aside = filepath.Join(dir, fmt.Sprintf("damaged-%d", n))
		err := os.Mkdir(aside, 0o700)
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrExist) {
			return "", err
		}
	}
	for _, ending := range []string{"-wal", "-shm", ""} {
		err := os.Rename(filepath.Join(dir, fileName+ending), filepath.Join(aside, fileName+ending))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	return aside, nil
}

// rebuild makes the new file under another name, so that half of it is never taken for a journal.
func (r *Recovered) rebuild(ctx context.Context, dir, part string) error {
	for _, ending := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(part + ending); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	to := connect(part, 1, "_pragma=foreign_keys(0)")
	conn, err := to.Conn(ctx)
	if err == nil {
		err = errors.Join(r.fill(ctx, conn, dir), conn.Close())
	}
	return errors.Join(err, to.Close())
}

func (r *Recovered) fill(ctx context.Context, to *sql.Conn, dir string) error {
	if err := migrate(ctx, to, dir, "", migrations); err != nil {
		return err
	}
	from := connectDamaged(filepath.Join(dir, fileName))
	defer from.Close()
	for _, table := range tables {
		if err := r.table(ctx, from, to, table); err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
	}
	return r.orphans(ctx, to)
}

func (r *Recovered) table(ctx context.Context, from *sql.DB, to *sql.Conn, table string) error {
	names, err := columnsOf(ctx, to, table)
	if err != nil {
		return err
	}
	// The damaged file may be of an older schema, which lacks a column.
	if there, err := columnsOf(ctx, from, table); err == nil && len(there) > 0 {
		names = slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(there, name) })
	}
	if _, err := to.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	insert := fmt.Sprintf("INSERT OR IGNORE INTO %s (%s) VALUES (?%s)", table, strings.Join(names, ", "), strings.Repeat(", ?", len(names)-1))
	err = salvage(ctx, from, table, names, func(values []any) error {
		result, err := to.ExecContext(ctx, insert, values...)
		switch {
		case err == nil:
			n, _ := result.RowsAffected()
			r.Kept[table] += n
		case !ofBatch(err):
			r.Lost[table]++ // damaged so that it no longer fits the table
			err = nil
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = to.ExecContext(ctx, "COMMIT")
	return err
}

// orphans removes rows whose run or task could not be read.
func (r *Recovered) orphans(ctx context.Context, to *sql.Conn) error {
	for _, o := range []struct{ table, column, parent string }{{"tasks", "run", "runs"}, {"attempts", "task", "tasks"}, {"events", "run", "runs"}} {
		result, err := to.ExecContext(ctx, fmt.Sprintf("DELETE FROM %s WHERE %s NOT IN (SELECT n FROM %s)", o.table, o.column, o.parent))
		if err != nil {
			return err
		}
		n, _ := result.RowsAffected()
		r.Kept[o.table] -= n
		r.Lost[o.table] += n
	}
	return nil
}

func columnsOf(ctx context.Context, c source, table string) ([]string, error) {
	return query(ctx, c, "SELECT name FROM pragma_table_info('"+table+"')",
		func(rows *sql.Rows) (name string, err error) { return name, rows.Scan(&name) })
}

// connectDamaged reads what it can. With a writable schema SQLite reads a file that is shorter than its header says; to
// write is out of the question all the same.
func connectDamaged(path string) *sql.DB {
	return connect(path, 1, "mode=ro", "_pragma=writable_schema(1)")
}

// salvage gives every row that can be read to keep: from the first one up to the damage, and from the last one down to
// it. Its own error is keep's.
func salvage(ctx context.Context, from *sql.DB, table string, names []string, keep func([]any) error) error {
	text := fmt.Sprintf("SELECT %s FROM %s ORDER BY n", strings.Join(names, ", "), table)
	complete, err := salvageIn(ctx, from, text, keep)
	if err != nil || complete {
		return err
	}
	_, err = salvageIn(ctx, from, text+" DESC", keep)
	return err
}

func salvageIn(ctx context.Context, from *sql.DB, text string, keep func([]any) error) (complete bool, err error) {
	rows, err := from.QueryContext(ctx, text)
	if err != nil {
		return false, nil
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return false, nil
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if rows.Scan(into...) != nil {
			break
		}
		if err := keep(values); err != nil {
			return false, err
		}
	}
	return rows.Err() == nil, ctx.Err()
}

// readable counts what salvage would find, without changing anything.
func readable(ctx context.Context, path string) map[string]int64 {
	db := connectDamaged(path)
	defer db.Close()
	counts := map[string]int64{}
	for _, table := range tables {
		seen := map[any]bool{}
		_ = salvage(ctx, db, table, []string{"n"}, func(values []any) error {
			seen[values[0]] = true
			return nil
		})
		counts[table] = int64(len(seen))
	}
	return counts
}
