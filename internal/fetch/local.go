package fetch

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// A fileOrigin is a file of this machine, of a share, or of the cache. It is copied under the rules of a download: a
// share is a network too.
type fileOrigin struct {
	job     *job
	place   place
	opts    Options
	waiting func(time.Duration, string)
}

func (o *fileOrigin) where() place { return o.place }

// open tries as often as a web request is tried.
func (o *fileOrigin) open(ctx context.Context, from int64, rec record) (*stream, error) {
	for n := 0; ; n++ {
		s, err := o.try(ctx, from, rec)
		if err == nil {
			return s, nil
		}
		failure := o.failed(ctx, err)
		if failure.Class != transient || ctx.Err() != nil || n+1 >= o.opts.Attempts {
			return nil, failure
		}
		d := backoff(o.opts.WaitMin, o.opts.WaitMax, n)
		o.waiting(d, "no answer")
		if wait(ctx, d) != nil {
			return nil, o.job.broken(ctx, err)
		}
	}
}

func (o *fileOrigin) try(ctx context.Context, from int64, rec record) (*stream, error) {
	f, err := o.openFile(ctx)
	if err != nil {
		return nil, err
	}
	s, err := o.stream(ctx, f, from, rec)
	if err != nil {
		f.Close()
	}
	return s, err
}

// openFile does not wait for longer than a stall: Windows may hold an open of a dead share for minutes, and no context
// ends that.
func (o *fileOrigin) openFile(ctx context.Context) (*os.File, error) {
	type opened struct {
		f   *os.File
		err error
	}
	done := make(chan opened, 1)
	go func() {
		f, err := os.Open(o.place.path)
		done <- opened{f, err}
	}()
	stall := time.NewTimer(o.opts.Stall)
	defer stall.Stop()
	var err error
	select {
	case got := <-done:
		return got.f, got.err
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-stall.C:
		err = errStalled
	}
	go func() {
		if late := <-done; late.err == nil {
			late.f.Close()
		}
	}()
	return nil, err
}

var errNotFile = errors.New("not a file")

func (o *fileOrigin) stream(ctx context.Context, f *os.File, from int64, rec record) (*stream, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotFile
	}
	s := &stream{size: info.Size(), modified: info.ModTime().UTC().Format(time.RFC3339Nano), proven: true}
	same := rec.SourceID != o.place.id || rec.Modified == s.modified
	if from <= s.size && same && (rec.Size < 0 || rec.Size == s.size) {
		s.at = from
	}
	if _, err := f.Seek(s.at, io.SeekStart); err != nil {
		return nil, err
	}
	s.length = s.size - s.at
	ctx, cancel := context.WithCancelCause(ctx)
	body := io.ReadCloser(f)
	if o.place.host != "" {
		body = newPatient(ctx, f)
	}
	s.ReadCloser = &watchedBody{body: body, ctx: ctx, cancel: cancel, stall: o.opts.Stall, rate: o.opts.rate()}
	return s, nil
}

func (o *fileOrigin) failed(ctx context.Context, err error) *Error {
	switch {
	case ctx.Err() != nil, errors.Is(err, errStalled):
		return o.job.broken(ctx, err)
	case networkGone(err):
		return o.job.fail("FetchUnreachable", transient, o.place.shown, "see whether this account reaches the share", err)
	case errors.Is(err, fs.ErrNotExist):
		return o.job.fail("FetchNotFound", never, o.place.shown+": no such file", "correct the path; a share is a Windows name and can be read there only", nil)
	case errors.Is(err, fs.ErrPermission):
		return o.job.fail("FetchDenied", never, o.place.shown, "let this account read it; a task of the machine's own account (SYSTEM) comes to a share as the computer", err)
	case errors.Is(err, errNotFile):
		return o.job.fail("FetchNotFound", never, o.place.shown+": a folder or device, not a file", "name the file", nil)
	}
	return o.job.fail("FetchUnreachable", transient, o.place.shown, "see whether this account reaches the share", err)
}

// A patient reader can be left: a read of a dead share does not come back for minutes. Whoever still reads then does
// so into a buffer of its own, and closes the file when it is let go.
type patient struct {
	ctx  context.Context
	ask  chan struct{}
	data chan answerOf
	buf  []byte
	left []byte // of the last answer
	err  error
}

type answerOf struct {
	n   int
	err error
}

func newPatient(ctx context.Context, f *os.File) *patient {
	p := &patient{ctx: ctx, ask: make(chan struct{}), data: make(chan answerOf, 1), buf: make([]byte, chunkSize)}
	go func() {
		defer f.Close()
		for range p.ask {
			n, err := f.Read(p.buf)
			p.data <- answerOf{n, err}
		}
	}()
	return p
}

func (p *patient) Read(b []byte) (int, error) {
	if len(p.left) == 0 && p.err == nil {
		p.ask <- struct{}{}
		select {
		case a := <-p.data:
			p.left, p.err = p.buf[:a.n], a.err
		case <-p.ctx.Done():
			p.err = context.Cause(p.ctx)
		}
	}
	n := copy(b, p.left)
	p.left = p.left[n:]
	if len(p.left) > 0 {
		return n, nil
	}
	return n, p.err
}

func (p *patient) Close() error {
	close(p.ask)
	return nil
}
