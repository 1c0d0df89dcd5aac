package fetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"regexp"
	"strings"

	"exorunner/internal/fetch/trust"
	"exorunner/internal/files"
	"exorunner/internal/host"
)

const (
	transient = host.Transient
	never     = host.Never
)

// An Error is why a file is not there. It is found as a *host.Error too, so whoever classes errors finds its class.
// Nothing in it names the query or the user of a URL.
type Error struct {
	ID     string // FetchHashMismatch and so on: stable, for programs
	Class  host.Class
	Remedy string
	Name   string // of the download
	What   string
	Err    error // the cause; nil if What says it all

	another bool // the same place is worth another request
}

func (e *Error) Error() string {
	text := "download " + e.Name + ": " + e.What
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap gives the error in the engine's own form, and the cause.
func (e *Error) Unwrap() []error {
	all := []error{&host.Error{ID: e.ID, Message: e.Error(), Class: e.Class, Remedy: e.Remedy}}
	if e.Err != nil {
		all = append(all, e.Err)
	}
	return all
}

// Errors that travel from below to where they get their name.
var (
	errDeadline  = errors.New("the deadline is over")
	errStalled   = errors.New("the server stopped sending")
	errSlow      = errors.New("the server is too slow")
	errTooLong   = errors.New("more bytes than announced")
	errStartOver = errors.New("starting over")
)

func (j *job) fail(id string, class host.Class, what, remedy string, cause error) *Error {
	return &Error{ID: id, Class: class, Remedy: remedy, Name: j.Name, What: what, Err: clean(cause)}
}

// refused is a verdict of package trust.
func (j *job) refused(err error) *Error {
	var r *trust.Refused
	if !errors.As(err, &r) {
		return j.fail("FetchRefused", never, "refused", "do not use the file", err)
	}
	class := never
	if r.Transient {
		class = transient
	}
	return j.fail(r.ID, class, "refused: "+r.What, r.Remedy, nil)
}

// disk is an error of the local disk. What is there of the part stays there.
func (j *job) disk(doing string, err error) *Error {
	if diskFull(err) {
		return j.fail("FetchDiskFull", never, "disk full", "free disk space and run it again: what was fetched is kept, and it goes on from there", err)
	}
	if files.InUse(err) && !errors.Is(err, fs.ErrPermission) {
		return j.fail("FetchDisk", transient, doing, "another program has the file open: end it, or wait for it", err)
	}
	return j.fail("FetchDisk", never, doing, "see whether this account may write there", err)
}

// broken is an end of a read: of the context, or of the connection.
func (j *job) broken(ctx context.Context, err error) *Error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	switch {
	case errors.Is(err, errDeadline):
		return j.fail("FetchDeadline", transient, "not done in time", "what was fetched is kept; run it again, or allow it more time", err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return j.fail("FetchInterrupted", transient, "interrupted", "what was fetched is kept; run it again", err)
	case errors.Is(err, errStalled):
		return j.fail("FetchStalled", transient, "stalled", "see whether a proxy or firewall holds the connection", err)
	case errors.Is(err, errSlow):
		return j.fail("FetchTooSlow", transient, "stalled", "name a nearer mirror or a share", err)
	}
	return j.fail("FetchCut", transient, "connection lost", "see whether a proxy or firewall cuts long downloads", err)
}

var (
	urlUser  = regexp.MustCompile(`(//)[^\s/"']*@`)
	urlQuery = regexp.MustCompile(`[?#][^\s"']+`)
)

// redact takes users and queries out of whatever looks like a URL.
func redact(text string) string {
	return urlQuery.ReplaceAllString(urlUser.ReplaceAllString(text, "$1"), "")
}

// A cleaned error says what another said, without the URLs' secrets. It is still recognised as the other, and not to
// be unwrapped to it.
type cleaned struct {
	text string
	err  error
}

func (c *cleaned) Error() string        { return c.text }
func (c *cleaned) Is(target error) bool { return errors.Is(c.err, target) }

func clean(err error) error {
	if err == nil {
		return nil
	}
	var ours *Error
	var done *cleaned
	if errors.As(err, &ours) || errors.As(err, &done) {
		return err
	}
	inner := err
	for u := (*url.Error)(nil); errors.As(inner, &u); {
		inner = u.Err // its text is the whole URL
	}
	return &cleaned{redact(inner.Error()), err}
}

// together is one error for all mirrors: what each said, in order. One that may pass by itself makes the whole so.
func (j *job) together(failures []*Error) *Error {
	if len(failures) == 1 {
		return failures[0]
	}
	first := *failures[0]
	texts := make([]string, len(failures))
	for i, f := range failures {
		texts[i] = strings.TrimPrefix(f.Error(), "download "+j.Name+": ")
		if f.Class == transient && first.Class != transient {
			first.ID, first.Class, first.Remedy = f.ID, f.Class, f.Remedy
		}
	}
	first.What, first.Err = fmt.Sprintf("none of %d sources: %s", len(failures), strings.Join(texts, "; ")), nil
	return &first
}

// Redact takes user and query out of every address in a text, as it may be shown.
func Redact(text string) string { return redact(text) }
