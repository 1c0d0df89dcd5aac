// Package fetch brings files to this machine over networks that break, and refuses every file that is not the one
// asked for. It knows sources, parts, hashes and mirrors; what a file is for, and who may run it, is its caller's.
//
// A file is named by its SHA-256: without one nothing is fetched. Bytes go into a part beside the destination, with a
// record of what they are the beginning of, and the part takes the destination's name only when it is whole, hashed,
// verified and on disk. So the destination is at every moment absent, what it was before, or right; and a download
// that was cut off, killed or out of disk goes on where it stood.
//
// No mark of the web is written: the hash says more than where a file came from, and the mark makes installers ask.
package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"exorunner/internal/fetch/trust"
)

// A Want is what a file must be. SHA256 is 64 hex digits; the rest narrows it further.
type Want struct {
	SHA256    string
	Publisher *trust.Publisher // of the Authenticode signature; nil asks for none
	Version   string           // of the PE file or the MSI; empty asks for none
}

// A Source is a file and where it can be had.
type Source struct {
	Want
	// Name is what messages call it; the last element of the first URL if empty.
	Name string
	// URLs are tried in order: https://, http:// (AllowPlain), file://, \\server\share\file, or an absolute path.
	URLs []string
	// Size in bytes, where it is known; 0 leaves it to the server.
	Size int64
	// AllowPlain lets http:// in. The hash still decides about the file; what is asked for is readable on the way.
	AllowPlain bool
	// Authorization is the header of that name, a secret. It goes to the hosts of https URLs above, and to no other.
	Authorization string
}

// A Result is a file in its place.
type Result struct {
	Path    string
	SHA256  string
	Size    int64
	Moved   int64       // bytes that this call fetched or copied
	Resumed int64       // bytes that were there from an earlier call
	From    string      // "" if it was in place, "cache", or the source without its query
	Found   trust.Found // what it says about itself; empty unless a publisher or version was asked for
}

// A Review is a file that nobody has vouched for yet, for a person to look at.
type Review struct {
	SHA256 string
	Size   int64
	From   string
	Found  trust.Found
}

// A Client fetches. Make it with New; it may be used from several goroutines, one destination at a time.
type Client struct {
	opts Options
	http *http.Client

	// Seams of the tests.
	free  func(dir string) (int64, error)
	disk  func(io.Writer) io.Writer
	trust func(*os.File, trust.Want) (trust.Found, error)
}

// New makes a client. It touches neither disk nor network; its error is of the options.
func New(o Options) (*Client, error) {
	o = o.withDefaults()
	proxy, err := o.proxy()
	if err != nil {
		return nil, err
	}
	c := &Client{opts: o, free: freeSpace, disk: func(w io.Writer) io.Writer { return w }, trust: trust.CheckFile}
	c.useTransport(newTransport(o, proxy))
	return c, nil
}

func (c *Client) useTransport(t http.RoundTripper) {
	c.http = &http.Client{Transport: &watchedTransport{base: t, stall: c.opts.Stall, rate: c.opts.rate()}, CheckRedirect: c.checkRedirect}
}

// Get puts the file at dst. If it is there already with the right hash, nothing is moved. A part of an earlier call is
// continued. The error is an *Error; afterwards dst is what it was before, except that a file there which has the
// right hash and is refused for its signature or version is removed.
func (c *Client) Get(ctx context.Context, dst string, src Source, progress func(Event)) (Result, error) {
	job, err := c.prepare(src)
	if err != nil {
		return Result{}, err
	}
	if dst, err = filepath.Abs(dst); err != nil {
		return Result{}, job.fail("FetchBadDestination", never, "no such path", "give an absolute path", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.opts.Deadline, errDeadline)
	defer cancel()
	if res, ok, err := c.inPlace(ctx, dst, job); ok || err != nil {
		return res, err
	}
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return Result{}, job.disk("make the folder", err)
	}
	unlock, err := job.lock(dst)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	return c.transfer(ctx, dst, job, progress)
}

// inPlace says whether dst is the file already.
func (c *Client) inPlace(ctx context.Context, dst string, job *job) (Result, bool, error) {
	sum, size, found, err := c.look(ctx, dst, job)
	if err != nil {
		if e := asError(job, err); sum == job.SHA256 && e.Class == never {
			os.Remove(dst)
		}
		return Result{}, false, err
	}
	return Result{Path: dst, SHA256: sum, Size: size, Found: found}, sum == job.SHA256, nil
}

// Hash fetches a file whose hash nobody has written down yet, hashes it, and throws it away. Whoever pins that hash
// answers for it; so it is not to be had over plain http, where anybody on the way could have answered.
func (c *Client) Hash(ctx context.Context, src Source, progress func(Event)) (Review, error) {
	src.Want, src.AllowPlain = Want{}, false
	job, err := c.parse(src)
	if err != nil {
		return Review{}, err
	}
	dir, err := os.MkdirTemp("", "exorunner-review-")
	if err != nil {
		return Review{}, job.disk("make a temporary folder", err)
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeoutCause(ctx, c.opts.Deadline, errDeadline)
	defer cancel()
	path := filepath.Join(dir, "file")
	res, err := c.transfer(ctx, path, job, progress)
	if err != nil {
		return Review{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return Review{}, job.disk("read it again", err)
	}
	defer f.Close()
	found, err := trust.Inspect(f)
	if err != nil {
		return Review{}, job.refused(err)
	}
	return Review{SHA256: res.SHA256, Size: res.Size, From: res.From, Found: found}, nil
}

func hashOf(ctx context.Context, r io.Reader) (string, int64, error) {
	h := sha256.New()
	n, err := io.CopyBuffer(struct{ io.Writer }{h}, &ctxReader{ctx, r}, make([]byte, chunkSize))
	return hex.EncodeToString(h.Sum(nil)), n, err
}

// A ctxReader ends a long read of a local file with its context.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
