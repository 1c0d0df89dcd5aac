package fetch

import (
	"context"
	"io"
	"net/http"
	"time"
)

// A watchedTransport ends requests whose server falls silent, before the header or in the body, or crawls. Only the
// time spent waiting for the server counts: a slow disk of ours is not its fault.
type watchedTransport struct {
	base  http.RoundTripper
	stall time.Duration
	rate  rate
}

func (t *watchedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := time.AfterFunc(t.stall, func() { cancel(errStalled) })
	resp, err := t.base.RoundTrip(req.WithContext(ctx))
	timer.Stop()
	if err != nil {
		if context.Cause(ctx) == errStalled {
			err = errStalled
		}
		cancel(nil)
		return nil, err
	}
	resp.Body = &watchedBody{body: resp.Body, ctx: ctx, cancel: cancel, stall: t.stall, rate: t.rate}
	return resp, nil
}

type watchedBody struct {
	body   io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	stall  time.Duration
	rate   rate
	waited time.Duration // for the bytes in got
	got    int64
}

func (w *watchedBody) Read(p []byte) (int, error) {
	timer := time.AfterFunc(w.stall, func() { w.cancel(errStalled) })
	began := time.Now()
	n, err := w.body.Read(p)
	timer.Stop()
	if err != nil && err != io.EOF && context.Cause(w.ctx) == errStalled {
		return n, errStalled
	}
	w.waited += time.Since(began)
	w.got += int64(n)
	if w.waited < w.rate.window {
		return n, err
	}
	if err == nil && float64(w.got) < float64(w.rate.bytes)*w.waited.Seconds() {
		w.cancel(errSlow)
		return n, errSlow
	}
	w.waited, w.got = 0, 0
	return n, err
}

func (w *watchedBody) Close() error {
	w.cancel(nil)
	return w.body.Close()
}
