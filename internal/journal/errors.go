package journal

import (
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
)

var (
	// ErrBroken: the disk refused a write or a flush. What the system holds in memory and what is on disk may differ from
	// now on, so this Journal writes nothing more, whatever the disk says later. Close it and open it again.
	ErrBroken = errors.New("journal is broken until it is opened again")
	// ErrFull: no room is left on the disk, and the ballast is used up. Writes go on as soon as there is room.
	ErrFull = errors.New("disk is full")
	// ErrLocked: another process held the journal for longer than five seconds.
	ErrLocked = errors.New("held by another process")
	// ErrClosed: after Close.
	ErrClosed = errors.New("journal is closed")
	// ErrNewer: written by a newer exorunner.
	ErrNewer = errors.New("newer than this program")
	// ErrForeign: an SQLite file, but no journal.
	ErrForeign = errors.New("not a journal of exorunner")
	// ErrDamaged is in the chain of every *Damage.
	ErrDamaged = errors.New("damaged")
	// ErrNotFound: no such run, task, slot or notification.
	ErrNotFound = errors.New("not in the journal")
	// ErrTaken: the slot was settled or claimed before.
	ErrTaken = errors.New("slot is taken")
)

// A Damage says what Open found wrong with the file, and what can still be read of it. Recover takes it from there.
type Damage struct {
	Path     string
	Findings []string         // what SQLite said, the first few
	Readable map[string]int64 // rows by table
}

func (d *Damage) Error() string {
	var counts []string
	for _, t := range tables {
		if n := d.Readable[t]; n > 0 && t != "meta" {
			counts = append(counts, fmt.Sprintf("%d %s", n, t))
		}
	}
	left := "nothing in it can be read"
	if len(counts) > 0 {
		left = "still readable: " + strings.Join(counts, ", ")
	}
	return fmt.Sprintf("%s: damaged: %s; %s; a recovery keeps the file and starts a new one with that", d.Path, strings.Join(d.Findings, "; "), left)
}

func (d *Damage) Unwrap() error { return ErrDamaged }

// Result codes of SQLite; an extended code has the primary one in its low byte. https://www.sqlite.org/rescode.html
const (
	codeBusy       = 5
	codeReadOnly   = 8
	codeIOErr      = 10
	codeCorrupt    = 11
	codeFull       = 13
	codeCantOpen   = 14
	codeConstraint = 19
	codeNotADB     = 26
	// The shared memory file could not grow: nothing was written yet, and the usual cause is a full disk.
	codeIOErrShmSize = codeIOErr | 19<<8
)

// code is the extended result code in a chain; 0 if SQLite has no part in it.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

func primary(err error) int { return code(err) & 0xff }

func isFull(err error) bool { return primary(err) == codeFull || code(err) == codeIOErrShmSize }

func isDamage(err error) bool { return primary(err) == codeCorrupt || primary(err) == codeNotADB }

// Damaged says whether an error, of a question as well, is SQLite's word that the file is no sound one any more.
func Damaged(err error) bool { return errors.Is(err, ErrDamaged) || isDamage(err) }

// ofBatch says that an error is not about one record but about the file: the whole transaction is over.
func ofBatch(err error) bool { return code(err) != 0 && primary(err) != codeConstraint }
