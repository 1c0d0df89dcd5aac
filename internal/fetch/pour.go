package fetch

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

const (
	// chunkSize and chunks bound the memory of a download: what the network gives while disk or hash are busy.
	chunkSize = 256 << 10
	chunks    = 8
)

// A chunk is bytes on their way to the disk and into the hash, at the same time.
type chunk struct {
	buf  [chunkSize]byte
	n    int
	held atomic.Int32
}

// A pipe is one pour: whoever reads, whoever hashes and whoever writes.
type pipe struct {
	p       *part
	free    chan *chunk
	hashing chan *chunk
	writing chan *chunk
	broken  chan struct{} // closed at the first error of the disk
	once    sync.Once
	err     error // of the disk; read after broken is closed or all have ended
	written int64
	all     sync.WaitGroup
}

// A diskError is a pour's error that is not the source's.
type diskError struct{ err error }

func (d *diskError) Error() string { return d.err.Error() }
func (d *diskError) Unwrap() error { return d.err }

// pour moves what body gives, at most limit bytes, to the end of the part. It returns how many arrived there: after an
// error of the source all that it gave, after one of the disk (a *diskError) what the disk took. More than limit is
// errTooLong.
func (p *part) pour(body io.Reader, limit int64, moved func(int)) (int64, error) {
	q := &pipe{p: p, free: make(chan *chunk, chunks), hashing: make(chan *chunk, chunks), writing: make(chan *chunk, chunks), broken: make(chan struct{})}
	for range chunks {
		q.free <- new(chunk)
	}
	q.all.Add(2)
	go q.hash()
	go q.write()
	err := q.read(body, limit, moved)
	close(q.hashing)
	close(q.writing)
	q.all.Wait()
	p.size += q.written
	if q.err != nil {
		p.stale = true // the hash ran ahead of the disk
		return q.written, &diskError{q.err}
	}
	return q.written, err
}

func (q *pipe) read(body io.Reader, limit int64, moved func(int)) error {
	for {
		var c *chunk
		select {
		case c = <-q.free:
		case <-q.broken:
			return nil
		}
		n, err := body.Read(c.buf[:])
		if int64(n) > limit {
			return errTooLong
		}
		limit -= int64(n)
		if n > 0 {
			moved(n)
			c.n = n
			c.held.Store(2)
			q.hashing <- c
			q.writing <- c
		} else {
			q.free <- c
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (q *pipe) done(c *chunk) {
	if c.held.Add(-1) == 0 {
		q.free <- c
	}
}

func (q *pipe) hash() {
	defer q.all.Done()
	for c := range q.hashing {
		q.p.hash.Write(c.buf[:c.n])
		q.done(c)
	}
}

func (q *pipe) fail(err error) {
	q.once.Do(func() {
		q.err = err
		close(q.broken)
	})
}

// write also starts a checkpoint now and then, beside itself: the disk flushes while the network goes on.
func (q *pipe) write() {
	defer q.all.Done()
	var flushing sync.WaitGroup
	defer flushing.Wait()
	busy := make(chan struct{}, 1)
	since, failed := int64(0), false
	for c := range q.writing {
		if !failed {
			n, err := q.p.out.Write(c.buf[:c.n])
			q.written += int64(n)
			since += int64(n)
			if err == nil && n < c.n {
				err = io.ErrShortWrite
			}
			if err != nil {
				failed = true
				q.fail(err)
			}
		}
		q.done(c)
		if since < q.p.every || failed {
			continue
		}
		select {
		case busy <- struct{}{}:
			since = 0
			rec, flushed := q.p.rec, q.p.size+q.written
			flushing.Go(func() { q.checkpoint(rec, flushed); <-busy })
		default: // the last one is still on its way; the disk is slow enough
		}
	}
}

func (q *pipe) checkpoint(rec record, flushed int64) {
	err := q.p.file.Sync()
	if err == nil {
		err = q.p.note(rec, flushed)
	}
	if err != nil {
		q.fail(err)
	}
}
