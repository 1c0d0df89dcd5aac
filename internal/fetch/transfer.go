package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// A transfer is one file on its way to one destination.
type transfer struct {
	c     *Client
	job   *job
	part  *part
	meter *meter
	dst   string
	moved int64
	ended int64 // where the last answer without a length ended; -1 for none
}

// transfer fetches from the cache and then from one place after the other.
func (c *Client) transfer(ctx context.Context, dst string, job *job, progress func(Event)) (Result, error) {
	p, err := c.openPart(ctx, dst, job.SHA256)
	if err != nil {
		if ctx.Err() != nil {
			return Result{}, job.broken(ctx, err)
		}
		return Result{}, job.disk("open the part", err)
	}
	defer p.file.Close()
	t := &transfer{c: c, job: job, part: p, dst: dst, ended: -1, meter: newMeter(job.Name, p.size, progress)}
	at, failure := t.fromAny(ctx)
	if failure == nil {
		return t.finish(ctx, at)
	}
	if p.size == 0 {
		p.discard()
	}
	return Result{}, failure
}

// fromAny tries one origin after the other and says which one gave the file.
func (t *transfer) fromAny(ctx context.Context) (place, *Error) {
	var failures []*Error
	for _, o := range t.origins() {
		failure := t.from(ctx, o)
		switch at := o.where(); {
		case failure == nil:
			return at, nil
		case t.hopeless(ctx, failure):
			return at, failure
		case at.cache:
			t.forget(at, failure)
		default:
			failures = append(failures, failure)
		}
	}
	return place{}, t.job.together(failures)
}

// origins is every place, the cache first if it has the file.
func (t *transfer) origins() []origin {
	places := t.job.places
	if at, ok := t.c.cached(t.job.SHA256); ok {
		places = append([]place{at}, places...)
	}
	all := make([]origin, len(places))
	for i, at := range places {
		if at.url == nil {
			all[i] = &fileOrigin{job: t.job, place: at, opts: t.c.opts, waiting: t.meter.waiting}
		} else {
			all[i] = &webOrigin{job: t.job, client: t.c.retrying(t.meter.waiting), place: at, agent: t.c.opts.UserAgent}
		}
	}
	return all
}

// hopeless is an error that the next mirror would not cure.
func (t *transfer) hopeless(ctx context.Context, err *Error) bool {
	return ctx.Err() != nil || err.ID == "FetchDiskFull" || err.ID == "FetchDisk"
}

// from gets the file from one place, in as many answers as it takes. Only a new high-water mark counts as progress: a
// server that sends the same beginning for ever is left after Attempts.
func (t *transfer) from(ctx context.Context, o origin) *Error {
	high, tries, again := t.part.size, 0, false
	for {
		failure := (*Error)(nil)
		if !t.part.whole() {
			failure = t.once(ctx, o)
		}
		if failure == nil {
			verdict := t.judge(o.where())
			if verdict == nil {
				return nil
			}
			// Pieces of several answers may be of two versions of the file, or of one and a power cut.
			spliced := t.part.pieces > 1
			if err := t.part.reset(); err != nil {
				return t.job.disk("start over", err)
			}
			if again || !spliced {
				return verdict
			}
			again, high = true, 0
			continue
		}
		if !failure.another {
			return failure
		}
		if t.part.size > high {
			high = t.part.size
			if failure.ID != "FetchTooSlow" { // or a trickle would be progress for as long as it pleases
				tries = 0
			}
		}
		if tries++; tries >= t.c.opts.Attempts {
			return failure
		}
		d := backoff(t.c.opts.WaitMin, t.c.opts.WaitMax, tries-1)
		t.meter.waiting(d, failure.What)
		if err := wait(ctx, d); err != nil {
			return t.job.broken(ctx, err)
		}
	}
}

func (t *transfer) another(e *Error) *Error {
	e.another = true
	return e
}

// once asks for what is missing and takes what comes. Nil means that the source has no more to give.
func (t *transfer) once(ctx context.Context, o origin) *Error {
	if t.part.stale {
		if err := t.part.rehash(ctx); err != nil {
			return t.job.disk("read the part again", err)
		}
	}
	from := t.part.size
	if t.job.SHA256 == "" && validator(t.part.rec) == "" {
		from = 0 // no hash would notice two versions in one file
	}
	s, err := o.open(ctx, from, t.part.rec)
	if errors.Is(err, errStartOver) {
		if err := t.part.reset(); err != nil {
			return t.job.disk("start over", err)
		}
		return t.another(t.job.fail("FetchBadAnswer", transient, o.where().shown, remedyServer, err))
	}
	if err != nil {
		return asError(t.job, err)
	}
	defer s.Close()
	if s.at < t.part.size {
		if err := t.part.reset(); err != nil {
			return t.job.disk("start over", err)
		}
	}
	if err := t.admit(s); err != nil {
		return err
	}
	if err := t.part.describe(o.where(), s); err != nil {
		return t.job.disk("write the record", err)
	}
	t.meter.begin(o.where().shown, t.part.size, t.part.rec.Size)
	return t.take(ctx, s)
}

func asError(j *job, err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return j.fail("FetchBadAnswer", never, "no answer", remedyServer, err)
}

// take pours an answer into the part.
func (t *transfer) take(ctx context.Context, s *stream) *Error {
	limit := t.c.opts.MaxSize - t.part.size
	if s.length >= 0 {
		limit = min(limit, s.length)
	}
	n, err := t.part.pour(s, limit, t.meter.moved)
	t.moved += n
	var disk *diskError
	switch {
	case errors.As(err, &disk):
		return t.job.disk("write", disk.err)
	case ctx.Err() != nil:
		return t.job.broken(ctx, ctx.Err())
	case errors.Is(err, errTooLong) && s.length < 0:
		if err := t.part.reset(); err != nil {
			return t.job.disk("drop the part", err)
		}
		return t.tooBig()
	case err != nil:
		return t.another(t.job.broken(ctx, err))
	case s.length >= 0 && n < s.length, t.part.rec.Size >= 0 && t.part.size < t.part.rec.Size:
		return t.another(t.job.broken(ctx, io.ErrUnexpectedEOF))
	case !s.proven:
		return t.unproven(ctx)
	}
	t.part.rec.Size = t.part.size
	return nil
}

// unproven is the end of an answer that had no length and ended with its connection: the end of the file, or a cut.
// The hash knows; and an answer that ends where the one before did is at its end.
func (t *transfer) unproven(ctx context.Context) *Error {
	switch {
	case t.job.SHA256 == "":
		return t.job.fail("FetchNoLength", never, "the server does not say how long the file is", "name a mirror that does", nil)
	case t.part.sum() != t.job.SHA256 && t.part.size != t.ended:
		t.ended = t.part.size
		return t.another(t.job.broken(ctx, io.ErrUnexpectedEOF))
	}
	t.part.rec.Size = t.part.size
	return nil
}

// admit refuses what need not be fetched to be refused.
func (t *transfer) admit(s *stream) *Error {
	switch size := s.size; {
	case size > t.c.opts.MaxSize:
		return t.tooBig()
	case size >= 0 && t.job.Size > 0 && size != t.job.Size:
		return t.job.fail("FetchWrongSize", never, fmt.Sprintf("%d bytes are offered, want %d", size, t.job.Size),
			"see whether the source still has this version, or correct size and hash together", nil)
	}
	left := max(s.size, t.part.size) - t.part.size
	if strings.EqualFold(filepath.Ext(t.dst), ".msi") {
		left += max(s.size, 0) // Windows Installer keeps a copy of its own
	}
	free, err := t.c.free(filepath.Dir(t.dst))
	if err != nil {
		return t.job.disk("ask for free disk space", err)
	}
	if need := left + max(t.c.opts.Reserve, 0); free < need {
		return t.job.fail("FetchDiskFull", never, fmt.Sprintf("disk full: %s has %s free, %s are needed", filepath.Dir(t.dst), inBytes(free), inBytes(need)),
			"free disk space and run it again: what was fetched is kept, and it goes on from there", nil)
	}
	return nil
}

func (t *transfer) tooBig() *Error {
	return t.job.fail("FetchTooBig", never, fmt.Sprintf("more than %s", inBytes(t.c.opts.MaxSize)), "see whether the address is right, or allow files of that size", nil)
}

// judge compares the hash of a part that is whole.
func (t *transfer) judge(at place) *Error {
	sum := t.part.sum()
	if t.job.SHA256 == "" || sum == t.job.SHA256 {
		return nil
	}
	head := make([]byte, 512)
	n, _ := t.part.file.ReadAt(head, 0)
	if looksHTML(at.shown, head[:n]) {
		return t.job.htmlPage(at)
	}
	return t.job.fail("FetchHashMismatch", never, fmt.Sprintf("%s: its SHA-256 is %s, want %s", at.shown, sum, t.job.SHA256),
		"do not use it; see whether the publisher has replaced the file, and compare the hash with what the publisher announces", nil)
}

// finish verifies the whole part through the handle that wrote it, and publishes it.
func (t *transfer) finish(ctx context.Context, at place) (Result, error) {
	found, err := t.c.trust(t.part.file, t.job.trusted())
	if err != nil {
		refused := t.job.refused(err)
		if refused.Class == never {
			t.part.discard()
			if at.cache {
				os.Remove(at.path)
			}
		}
		return Result{}, refused
	}
	if err := t.part.flush(); err != nil {
		return Result{}, t.job.disk("flush", err)
	}
	res := Result{Path: t.dst, SHA256: t.part.sum(), Size: t.part.size, Moved: t.moved, Resumed: t.part.resumed, From: at.shown, Found: found}
	if err := t.part.publish(ctx); err != nil {
		return Result{}, t.job.disk("put it in place", err)
	}
	if t.job.SHA256 != "" && !at.cache {
		t.c.keep(t.dst, t.job.SHA256)
	}
	t.meter.done()
	return res, nil
}

func inBytes(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	exp := min(int(math.Log2(float64(n))/10), 4)
	return fmt.Sprintf("%.1f %ciB", float64(n)/math.Pow(unit, float64(exp)), " KMGT"[exp])
}

// forget removes a cache entry that is not what its name says.
func (t *transfer) forget(at place, why *Error) {
	if why.ID == "FetchHashMismatch" || why.ID == "FetchHTML" {
		os.Remove(at.path)
	}
}
