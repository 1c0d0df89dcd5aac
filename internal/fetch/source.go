package fetch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"exorunner/internal/fetch/trust"
)

// A job is a checked Source.
type job struct {
	Source
	places []place
}

// A place is one URL of a source, taken apart.
type place struct {
	url   *url.URL // of https and http; nil for a file
	path  string   // of a file
	host  string   // whose it is; empty for this machine
	shown string   // for people and records: no user, no query
	id    string   // SHA-256 of the whole, to know it again
	cache bool
}

func (j *job) trusted() trust.Want { return trust.Want{Publisher: j.Publisher, Version: j.Version} }

// prepare checks a source that must have a hash.
func (c *Client) prepare(src Source) (*job, error) {
	j, err := c.parse(src)
	if err != nil {
		return nil, err
	}
	raw, err := hex.DecodeString(j.SHA256)
	switch {
	case j.SHA256 == "":
		return nil, j.fail("FetchNoHash", never, "no SHA-256 is given",
			"run exorunner fetch --hash URL, compare what it prints with what the publisher announces, and write it down", nil)
	case err != nil || len(raw) != sha256.Size:
		return nil, j.fail("FetchBadHash", never, fmt.Sprintf("%q is no SHA-256", j.SHA256), "a SHA-256 is 64 digits of 0-9 and a-f", nil)
	}
	j.SHA256 = hex.EncodeToString(raw)
	return j, nil
}

func (c *Client) parse(src Source) (*job, error) {
	j := &job{Source: src}
	if j.Name == "" && len(src.URLs) > 0 {
		j.Name = nameOf(src.URLs[0])
	}
	if len(src.URLs) == 0 {
		return nil, j.fail("FetchBadSource", never, "no source is given", "give a URL or the path of a file", nil)
	}
	for i, text := range src.URLs {
		p, what := parsePlace(text)
		if what != "" {
			if strings.ContainsAny(text, "@?#") {
				text = fmt.Sprintf("source %d", i+1) // nobody can say where in it a secret begins
			}
			return nil, j.fail("FetchBadSource", never, text+": "+what, `give https://..., file://..., \\server\share\file or an absolute path`, nil)
		}
		if p.url != nil && p.url.Scheme == "http" && !src.AllowPlain {
			return nil, j.fail("FetchPlain", never, p.shown+": http is not encrypted", "use https, or allow plain http for this file, which then must have a hash", nil)
		}
		if err := c.hostAllowed(p.host); err != nil {
			return nil, j.fail("FetchHostRefused", never, p.shown, remedyHost, err)
		}
		j.places = append(j.places, p)
	}
	return j, nil
}

const remedyHost = "add the host to the allowed ones, if it is right"

// parsePlace says what is wrong in words that do not repeat the text.
func parsePlace(text string) (place, string) {
	sum := sha256.Sum256([]byte(text))
	p := place{id: hex.EncodeToString(sum[:])}
	if strings.HasPrefix(text, `\\`) {
		return p.asFile(text)
	}
	if filepath.IsAbs(text) {
		return p.asFile(text)
	}
	u, err := url.Parse(text)
	if err != nil {
		return p, "not a URL"
	}
	switch u.Scheme {
	case "https", "http":
		if u.Hostname() == "" {
			return p, "no host"
		}
		u.Fragment, u.RawFragment = "", ""
		p.url, p.host = u, u.Hostname()
		p.shown = (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
		return p, ""
	case "file":
		return p.asFile(pathOf(u))
	}
	return p, "neither a URL that is understood nor an absolute path"
}

// pathOf turns file://server/share/x and file:///C:/x into Windows paths, and file:///x into itself.
func pathOf(u *url.URL) string {
	if u.Host != "" && u.Host != "localhost" {
		return `\\` + u.Host + strings.ReplaceAll(u.Path, "/", `\`)
	}
	p := u.Path
	if len(p) >= 3 && p[0] == '/' && p[2] == ':' {
		p = strings.ReplaceAll(p[1:], "/", `\`)
	}
	return p
}

func (p place) asFile(name string) (place, string) {
	p.path, p.shown = name, name
	if server, ok := strings.CutPrefix(name, `\\`); ok {
		server, rest, _ := strings.Cut(server, `\`)
		if server == "" || server == "." || server == "?" || rest == "" {
			return p, "not a share"
		}
		p.host = server
		return p, ""
	}
	if !filepath.IsAbs(name) {
		return p, "not an absolute path on this system"
	}
	return p, ""
}

func nameOf(text string) string {
	if i := strings.IndexAny(text, "?#"); i >= 0 && !filepath.IsAbs(text) && !strings.HasPrefix(text, `\\`) {
		text = text[:i]
	}
	name := path.Base(strings.ReplaceAll(text, `\`, "/"))
	if name == "." || name == "/" || strings.Contains(name, "@") {
		return "file"
	}
	return name
}

// hostAllowed holds a host against the allow-list. The empty host is this machine.
func (c *Client) hostAllowed(host string) error {
	if len(c.opts.Hosts) == 0 || host == "" {
		return nil
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	allowed := slices.ContainsFunc(c.opts.Hosts, func(entry string) bool {
		entry = strings.ToLower(entry)
		if below, ok := strings.CutPrefix(entry, "*"); ok && strings.HasPrefix(below, ".") {
			return strings.HasSuffix(host, below)
		}
		return host == entry
	})
	if allowed {
		return nil
	}
	return fmt.Errorf("host %s is not among the allowed ones", host)
}
