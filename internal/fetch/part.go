package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"

	"exorunner/internal/files"
)

const (
	partSuffix   = ".part"
	recordSuffix = ".part.json"
	newSuffix    = ".new"
	recordForm   = 1

	// A virus scanner opens a new file for a moment, and Windows renames nothing that is open.
)

// A record says what a part is the beginning of. The wanted hash is what binds the two: a part goes on from any source
// that has that file. What a server said about its version of it helps only at that server.
type record struct {
	Form     int    `json:"form"`
	Want     string `json:"sha256"`
	Source   string `json:"source"`    // without user and query
	SourceID string `json:"source_id"` // SHA-256 of the whole URL
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"last_modified,omitempty"`
	Size     int64  `json:"size"`  // of the whole file; -1 unknown
	Bytes    int64  `json:"bytes"` // flushed to disk when this was written
}

// A part is the beginning of a file, its running hash, and its record.
type part struct {
	path    string // of the destination
	file    *os.File
	out     io.Writer
	rec     record
	size    int64
	resumed int64 // of size, what an earlier call left
	pieces  int   // answers that bytes came from; a resumed part counts as two
	hash    hash.Hash
	stale   bool // the hash is not of what is on disk
	noted   bool // the record is on disk
	every   int64
}

// openPart takes up the part beside dst if it is of the wanted file, hashing it again, or begins a new one. More bytes
// than were flushed may be there: after a kill they are good, after a power cut perhaps not, and then the hash of the
// whole says so and it is fetched anew.
func (c *Client) openPart(ctx context.Context, dst, want string) (*part, error) {
	f, err := os.OpenFile(dst+partSuffix, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	p := &part{path: dst, file: f, out: c.disk(f), hash: sha256.New(), every: c.opts.Checkpoint, rec: record{Form: recordForm, Want: want, Size: -1}}
	rec, ok := readRecord(dst, want)
	if !ok {
		return p, p.orClose(p.reset())
	}
	p.rec = rec
	if err := p.rehash(ctx); err != nil {
		return p, p.orClose(err)
	}
	if rec.Size >= 0 && p.size > rec.Size {
		return p, p.orClose(p.reset())
	}
	p.resumed = p.size
	if p.size > 0 {
		p.pieces = 2 // nobody knows how many it was; it is not one answer of ours
	}
	return p, nil
}

// readRecord is the record of the part beside dst, if it is one of the wanted file.
func readRecord(dst, want string) (rec record, ok bool) {
	raw, err := os.ReadFile(dst + recordSuffix)
	ok = err == nil && json.Unmarshal(raw, &rec) == nil && rec.Form == recordForm && rec.Want == want && want != ""
	return rec, ok
}

// resumable is how many bytes openPart would find.
func resumable(dst, want string) int64 {
	rec, ok := readRecord(dst, want)
	info, err := os.Stat(dst + partSuffix)
	if !ok || err != nil || rec.Size >= 0 && info.Size() > rec.Size {
		return 0
	}
	return info.Size()
}

func (p *part) orClose(err error) error {
	if err != nil {
		p.file.Close()
	}
	return err
}

// reset throws away what is there.
func (p *part) reset() error {
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	p.hash.Reset()
	p.size, p.resumed, p.pieces, p.stale, p.noted = 0, 0, 0, false, false
	p.rec = record{Form: recordForm, Want: p.rec.Want, Size: -1}
	return nil
}

// rehash reads the part from its beginning and leaves the file at its end.
func (p *part) rehash(ctx context.Context) error {
	p.hash.Reset()
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{p.hash}, &ctxReader{ctx, p.file}, make([]byte, chunkSize))
	p.size, p.stale = n, false
	return err
}

func (p *part) sum() string { return hex.EncodeToString(p.hash.Sum(nil)) }

// whole says whether every byte is there, as far as the size is known.
func (p *part) whole() bool { return p.rec.Size >= 0 && p.size == p.rec.Size && p.pieces > 0 }

// describe notes what is coming, before it comes.
func (p *part) describe(at place, s *stream) error {
	rec := p.rec
	rec.Source, rec.SourceID, rec.ETag, rec.Modified = at.shown, at.id, s.etag, s.modified
	if s.size >= 0 {
		rec.Size = s.size
	}
	p.pieces++
	if p.noted && rec == p.rec {
		return nil
	}
	p.rec, p.noted = rec, true
	return p.note(rec, rec.Bytes)
}

// note writes a record, with so many bytes known to be on disk.
func (p *part) note(rec record, flushed int64) error {
	if rec.Want == "" {
		return nil // nobody could ever go on with it
	}
	rec.Bytes = flushed
	raw, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(p.path+recordSuffix, append(raw, '\n'))
}

// discard removes part and record.
func (p *part) discard() {
	p.file.Close()
	os.Remove(p.path + partSuffix)
	p.dropRecord()
}

// dropRecord removes the record, and one that was being written when an earlier process ended.
func (p *part) dropRecord() {
	os.Remove(p.path + recordSuffix)
	os.Remove(p.path + recordSuffix + newSuffix)
}

// flush brings everything to the disk.
func (p *part) flush() error { return p.file.Sync() }

// publish gives a flushed part the destination's name.
func (p *part) publish(ctx context.Context) error {
	if err := p.file.Close(); err != nil {
		return err
	}
	if err := files.Replace(ctx, p.path+partSuffix, p.path); err != nil {
		return err
	}
	p.dropRecord()
	return syncFolder(filepath.Dir(p.path))
}

// writeFile replaces a small file in one step.
func writeFile(path string, data []byte) error {
	f, err := os.OpenFile(path+newSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = files.Replace(context.Background(), path+newSuffix, path)
	}
	if err != nil {
		os.Remove(path + newSuffix)
	}
	return err
}

// wait sleeps, unless the context ends first.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
