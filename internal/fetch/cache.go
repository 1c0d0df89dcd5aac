package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"

	"exorunner/internal/files"
)

// cached is the cache's entry for a hash. That it has the hash is found out when it is copied, like any source's.
func (c *Client) cached(sum string) (place, bool) {
	if c.opts.CacheDir == "" || sum == "" {
		return place{}, false
	}
	path := filepath.Join(c.opts.CacheDir, sum[:2], sum)
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return place{}, false
	}
	id := sha256.Sum256([]byte(path))
	return place{path: path, shown: "cache", id: hex.EncodeToString(id[:]), cache: true}, true
}

// keep puts a verified file into the cache: by a second name where the file system has them, else by a copy. What goes
// wrong is forgotten; the file is in its place, and the next one is fetched again.
func (c *Client) keep(from, sum string) {
	if c.opts.CacheDir == "" {
		return
	}
	path := filepath.Join(c.opts.CacheDir, sum[:2], sum)
	if os.MkdirAll(filepath.Dir(path), 0o755) != nil {
		return
	}
	temporary := path + newSuffix
	os.Remove(temporary)
	if os.Link(from, temporary) != nil && c.copyFile(from, temporary) != nil || files.Replace(context.Background(), temporary, path) != nil {
		os.Remove(temporary)
	}
	// Renaming one name of a file over another name of the same file does nothing, and leaves both.
	os.Remove(temporary)
}

func (c *Client) copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(c.disk(out), in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
