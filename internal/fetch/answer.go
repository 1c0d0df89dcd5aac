package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/hashicorp/go-retryablehttp"
)

// A stream is a source that is ready to give bytes.
type stream struct {
	io.ReadCloser
	at       int64 // the first byte's place in the file: what was asked for, or 0
	length   int64 // of what comes; -1 unknown
	size     int64 // of the whole file; -1 unknown
	proven   bool  // the end of what comes cannot be mistaken for a cut
	etag     string
	modified string
}

// An origin is a place that can be opened. Its error, an *Error or errStartOver, is final: what could be tried again
// was.
type origin interface {
	open(ctx context.Context, from int64, rec record) (*stream, error)
	where() place
}

// A webOrigin is a URL.
type webOrigin struct {
	job    *job
	client *retryablehttp.Client
	place  place
	agent  string
}

func (o *webOrigin) where() place { return o.place }

func (o *webOrigin) request(ctx context.Context, method string) (*retryablehttp.Request, error) {
	req, err := retryablehttp.NewRequestWithContext(ctx, method, o.place.url.String(), nil)
	if err != nil {
		return nil, o.job.fail("FetchBadSource", never, o.place.shown+": not a URL", "correct the address", nil)
	}
	req.Header.Set("User-Agent", o.agent)
	req.Header.Set("Accept", "*/*")
	req.Header.Set("Accept-Encoding", "identity")
	if o.job.Authorization != "" && o.place.url.Scheme == "https" {
		req.Header.Set("Authorization", o.job.Authorization)
	}
	return req, nil
}

// open asks for the rest of the file. https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
func (o *webOrigin) open(ctx context.Context, from int64, rec record) (*stream, error) {
	req, err := o.request(ctx, http.MethodGet)
	if err != nil {
		return nil, err
	}
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
		if v := validator(rec); v != "" && rec.SourceID == o.place.id {
			req.Header.Set("If-Range", v)
		}
	}
	resp, err := o.client.Do(req)
	if err != nil {
		if resp != nil && resp.Body != nil {
			resp.Body.Close()
		}
		return nil, o.job.noAnswer(ctx, o.place, err)
	}
	s, err := o.answered(resp, from, rec)
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	return s, nil
}

// validator is what If-Range takes: a strong ETag, or else the date.
func validator(rec record) string {
	if strings.HasPrefix(rec.ETag, `"`) {
		return rec.ETag
	}
	return rec.Modified
}

func (o *webOrigin) answered(resp *http.Response, from int64, rec record) (*stream, error) {
	s := &stream{ReadCloser: resp.Body, length: resp.ContentLength, size: resp.ContentLength,
		etag: resp.Header.Get("ETag"), modified: resp.Header.Get("Last-Modified"),
		proven: resp.ContentLength >= 0 || len(resp.TransferEncoding) > 0}
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusPartialContent:
		return o.partial(s, resp, from, rec)
	case http.StatusRequestedRangeNotSatisfiable:
		if total, ok := strings.CutPrefix(resp.Header.Get("Content-Range"), "bytes */"); ok && from > 0 && total == strconv.FormatInt(from, 10) {
			s.ReadCloser, s.at, s.length, s.size, s.proven = empty(resp.Body), from, 0, from, true
			s.etag, s.modified = rec.ETag, rec.Modified
			return s, nil // there is no more: what looked like a cut was the end
		}
		if from > 0 {
			return nil, startOver("%s for bytes %d-", status(resp.StatusCode), from)
		}
		return nil, o.refusedStatus(resp)
	default:
		return nil, o.refusedStatus(resp)
	}
	if e := strings.ToLower(resp.Header.Get("Content-Encoding")); e != "" && e != "identity" {
		return nil, o.job.fail("FetchEncoded", never, o.place.shown+": sent as "+strconv.Quote(e)+" though only the plain file was asked for",
			"see whether a proxy compresses what passes through it", nil)
	}
	return s, o.notHTML(s, resp)
}

// partial accepts the range that was asked for, of the file that it was asked of, and no other.
func (o *webOrigin) partial(s *stream, resp *http.Response, from int64, rec record) (*stream, error) {
	first, last, total, ok := contentRange(resp.Header.Get("Content-Range"))
	length := last - first + 1
	switch {
	case from == 0, !ok, first != from,
		total < 0 && rec.Size < 0, total >= 0 && rec.Size >= 0 && total != rec.Size,
		resp.ContentLength >= 0 && resp.ContentLength != length,
		resp.Header.Get("Content-Encoding") != "":
		return nil, startOver("206 with %q, asked for bytes %d-", resp.Header.Get("Content-Range"), from)
	case rec.SourceID == o.place.id && strings.HasPrefix(rec.ETag, `"`) && strings.HasPrefix(s.etag, `"`) && s.etag != rec.ETag:
		return nil, startOver("206 of another version of the file")
	}
	if total < 0 {
		total = rec.Size
	}
	s.at, s.length, s.size, s.proven = from, length, total, true
	return s, nil
}

// startOver says why what is there of the part cannot be gone on with.
func startOver(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), errStartOver)
}

// contentRange reads "bytes 5-9/10"; a total of "*" is -1.
func contentRange(text string) (first, last, total int64, ok bool) {
	text, ok = strings.CutPrefix(text, "bytes ")
	span, whole, ok2 := strings.Cut(text, "/")
	a, b, ok3 := strings.Cut(span, "-")
	first, errA := strconv.ParseInt(a, 10, 64)
	last, errB := strconv.ParseInt(b, 10, 64)
	total = -1
	var errT error
	if whole != "*" {
		total, errT = strconv.ParseInt(whole, 10, 64)
	}
	sound := ok && ok2 && ok3 && errors.Join(errA, errB, errT) == nil
	return first, last, total, sound && first >= 0 && first <= last && (total < 0 || last < total)
}

func (o *webOrigin) refusedStatus(resp *http.Response) *Error {
	what := o.place.shown + ": " + status(resp.StatusCode)
	switch code := resp.StatusCode; {
	case code == http.StatusProxyAuthRequired:
		return o.job.proxyAuth()
	case code == http.StatusNetworkAuthenticationRequired:
		return o.job.htmlPage(o.place)
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return o.job.fail("FetchDenied", never, what, "see whether the address is complete, its key still valid, and this server allowed to have the file", nil)
	case code == http.StatusNotFound, code == http.StatusGone:
		return o.job.fail("FetchNotFound", never, what, "correct the address, or ask the publisher where the file is now", nil)
	case retryStatus(code):
		return o.job.fail("FetchServerBusy", transient, what, "the server is overloaded or being repaired; try later, or name a mirror", nil)
	}
	return o.job.fail("FetchBadAnswer", never, what, remedyServer, nil)
}

// notHTML catches the page that a proxy or a hotel puts in the file's place, before it is taken for a damaged file.
// Both the server's word and the bytes must say so: a right file is never refused for a wrong label.
func (o *webOrigin) notHTML(s *stream, resp *http.Response) error {
	if !strings.Contains(strings.ToLower(resp.Header.Get("Content-Type")), "text/html") {
		return nil
	}
	head, n, err := make([]byte, 512), 0, error(nil)
	for n < len(head) && err == nil {
		var k int
		k, err = s.ReadCloser.Read(head[n:])
		n += k
	}
	if looksHTML(o.place.shown, head[:n]) {
		return o.job.htmlPage(o.place)
	}
	rest := io.Reader(resp.Body)
	if err != nil {
		rest = errReader{err}
	}
	s.ReadCloser = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head[:n]), rest), resp.Body}
	return nil
}

func looksHTML(name string, head []byte) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext != ".html" && ext != ".htm" && strings.HasPrefix(http.DetectContentType(head), "text/html")
}

func (j *job) htmlPage(at place) *Error {
	return j.fail("FetchHTML", never, at.shown+": a web page came instead of the file, perhaps a proxy's sign-in page",
		"open the address in a browser on this server and see what it shows; let the proxy pass the host without asking", nil)
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

func empty(body io.Closer) io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(nil), body}
}
