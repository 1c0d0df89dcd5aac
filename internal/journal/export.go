package journal

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// A Line is one of an export: a record of the journal, and a hash of it and of the line before. The last line is of
// kind "end".
type Line struct {
	Prev   string          `json:"prev"`
	Hash   string          `json:"hash"`
	Record json.RawMessage `json:"record"`
}

// exports are the tables of an export and what is in a record of each. Keys of other tables become the ids that a
// person knows.
var exports = []struct{ kind, columns, from string }{
	{"run", "id playbook playbook_sha256 command host account schedule due! attempt follows rehearsal started! ended! state status counts~", "runs ORDER BY n"},
	{"task", "run idx name action started! ended! outcome summary error",
		"(SELECT tasks.n, runs.id AS run, idx, name, action, tasks.started, tasks.ended, outcome, summary, error FROM tasks JOIN runs ON runs.n = tasks.run) ORDER BY n"},
	{"attempt", "run idx attempt started! ended! outcome class error",
		`(SELECT attempts.n, runs.id AS run, idx, attempts.attempt, attempts.started, attempts.ended, attempts.outcome, class, attempts.error
		FROM attempts JOIN tasks ON tasks.n = attempts.task JOIN runs ON runs.n = tasks.run) ORDER BY n`},
	{"event", "run line~", "(SELECT events.n, runs.id AS run, line FROM events JOIN runs ON runs.n = events.run) ORDER BY n"},
	{"evidence", "n run task at! data~ prev hash", "evidence ORDER BY n"},
	{"slot", "schedule due! attempt through! state not_before! reason run claimed! ended!", "slots ORDER BY n"},
	{"notification", "key kind created! due! tries sent! error", "notifications ORDER BY n"},
	{"installed", "host name version scope run at! removed!", "installed ORDER BY n"},
	{"signin_failed", "account at!", "signins ORDER BY n"},
}

// Export writes all records as lines of JSON, as they are at one moment, and returns the hash of the last line: whoever
// keeps it can tell later that nothing was changed, with VerifyExport. The bodies of notifications are left out.
func (r *Reader) Export(ctx context.Context, w io.Writer) (head string, err error) {
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return "", fmt.Errorf("journal: export: %w", err)
	}
	defer tx.Rollback() // it only read
	out := &exporter{w: bufio.NewWriter(w), prev: noHash}
	for _, e := range exports {
		if err := out.table(ctx, tx, e.kind, strings.Fields(e.columns), e.from); err != nil {
			return "", fmt.Errorf("journal: export: %s: %w", e.kind, err)
		}
	}
	if err := out.line(record{{"kind", "end"}, {"lines", out.lines}}); err != nil {
		return "", fmt.Errorf("journal: export: %w", err)
	}
	return out.prev, out.w.Flush()
}

type exporter struct {
	w     *bufio.Writer
	prev  string
	lines int64
}

// A record is written with its fields in their order.
type record []struct {
	name  string
	value any
}

func (r record) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, f := range r {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(f.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(f.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		out = append(append(append(out, name...), ':'), value...)
	}
	return append(out, '}'), nil
}

// table writes one. A column with ! behind it is a moment, one with ~ is JSON.
func (x *exporter) table(ctx context.Context, tx *sql.Tx, kind string, columns []string, from string) error {
	rows, err := tx.QueryContext(ctx, "SELECT "+strings.NewReplacer("!", "", "~", "").Replace(strings.Join(columns, ", "))+" FROM "+from)
	if err != nil {
		return err
	}
	defer rows.Close()
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		line := record{{"kind", kind}}
		for i, c := range columns {
			if values[i] != nil {
				line = append(line, record{exported(c, values[i])}...)
			}
		}
		if err := x.line(line); err != nil {
			return err
		}
	}
	return rows.Err()
}

func exported(column string, value any) struct {
	name  string
	value any
} {
	name := strings.TrimRight(column, "!~")
	switch v := value.(type) {
	case int64:
		if strings.HasSuffix(column, "!") {
			value = time.UnixMilli(v).UTC()
		}
	case string:
		if strings.HasSuffix(column, "~") {
			value = json.RawMessage(v)
		}
	}
	return struct {
		name  string
		value any
	}{name, value}
}

func (x *exporter) line(r record) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	l := Line{Prev: x.prev, Hash: link(x.prev, body), Record: body}
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	x.prev, x.lines = l.Hash, x.lines+1
	_, err = x.w.Write(append(text, '\n'))
	return err
}

// VerifyExport reads an export and returns its last hash. An error names the first line that was changed, or says that
// the end is missing.
func VerifyExport(r io.Reader) (head string, err error) {
	in := json.NewDecoder(r)
	prev := noHash
	for n := 1; ; n++ {
		var l Line
		err := in.Decode(&l)
		if errors.Is(err, io.EOF) {
			return "", fmt.Errorf("export: the end is missing after line %d", n-1)
		}
		if err != nil {
			return "", fmt.Errorf("export: line %d: %w", n, err)
		}
		if l.Prev != prev || l.Hash != link(prev, l.Record) {
			return "", fmt.Errorf("export: line %d: was changed, or does not follow the line before it", n)
		}
		prev = l.Hash
		var end struct{ Kind string }
		if json.Unmarshal(l.Record, &end) == nil && end.Kind == "end" {
			if in.More() {
				return "", fmt.Errorf("export: line %d: something follows the end", n+1)
			}
			return prev, nil
		}
	}
}
