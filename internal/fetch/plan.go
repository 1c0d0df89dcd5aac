package fetch

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"

	"exorunner/internal/fetch/trust"
)

// A State is where a file stands before a Get.
type State string

const (
	Staged  State = "staged"  // in its place, with the right hash: Get moves nothing
	Cached  State = "cached"  // in the cache: Get copies it
	ToFetch State = "fetched" // Get fetches it
)

// Planned is what Get would do.
type Planned struct {
	State    State
	Size     int64       // -1 unknown
	Resume   int64       // bytes that are there already
	From     string      // the first place that would be asked, without user and query
	Replaces string      // SHA-256 of another file that is at the destination now
	Found    trust.Found // of a staged file, if a publisher or version was asked for
}

// Plan says what Get would do, and writes nothing anywhere. With AskSize it sends one HEAD request to learn the size.
// A staged file whose signature or version Get would refuse is an error here too; nothing is removed.
func (c *Client) Plan(ctx context.Context, dst string, src Source) (Planned, error) {
	job, err := c.prepare(src)
	if err != nil {
		return Planned{}, err
	}
	if dst, err = filepath.Abs(dst); err != nil {
		return Planned{}, job.fail("FetchBadDestination", never, "no such path", "give an absolute path", err)
	}
	sum, size, found, err := c.look(ctx, dst, job)
	if err != nil {
		return Planned{}, err
	}
	if sum == job.SHA256 {
		return Planned{State: Staged, Size: size, Found: found}, nil
	}
	if at, ok := c.cached(job.SHA256); ok {
		if kept, size, _, err := c.look(ctx, at.path, job); err == nil && kept == job.SHA256 {
			return Planned{State: Cached, Size: size, From: at.shown, Replaces: sum}, nil
		}
	}
	p := Planned{State: ToFetch, Size: -1, From: job.places[0].shown, Replaces: sum}
	if job.Size > 0 {
		p.Size = job.Size
	}
	p.Resume = resumable(dst, job.SHA256)
	if p.Size < 0 {
		p.Size = c.askSize(ctx, job)
	}
	return p, nil
}

// look hashes a file and, if it is the wanted one, holds it against publisher and version. A file that is not there
// has no hash.
func (c *Client) look(ctx context.Context, path string, job *job) (string, int64, trust.Found, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", 0, trust.Found{}, nil
	}
	if err != nil {
		return "", 0, trust.Found{}, job.disk("read what is there", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return "", 0, trust.Found{}, job.fail("FetchBadDestination", never, path+": a folder", "give the name of the file that is to be there", nil)
	}
	sum, size, err := hashOf(ctx, f)
	if err != nil && ctx.Err() != nil {
		return "", 0, trust.Found{}, job.broken(ctx, err)
	}
	if err != nil {
		return "", 0, trust.Found{}, job.disk("read what is there", err)
	}
	if sum != job.SHA256 {
		return sum, size, trust.Found{}, nil
	}
	found, err := c.trust(f, job.trusted())
	if err != nil {
		return sum, size, found, job.refused(err)
	}
	return sum, size, found, nil
}

// askSize is the size that the first place announces; -1 if it does not, or may not be asked.
func (c *Client) askSize(ctx context.Context, job *job) int64 {
	at := job.places[0]
	if at.url == nil {
		if info, err := os.Stat(at.path); err == nil && at.host == "" {
			return info.Size()
		}
		return -1
	}
	if !c.opts.AskSize {
		return -1
	}
	req, err := (&webOrigin{job: job, place: at, agent: c.opts.UserAgent}).request(ctx, http.MethodHead)
	if err != nil {
		return -1
	}
	resp, err := c.http.Do(req.Request)
	if err != nil {
		return -1
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return -1
	}
	return resp.ContentLength
}
