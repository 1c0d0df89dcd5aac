package rehearsal

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"exorunner/internal/action"
	"exorunner/internal/host"
)

// A download is a file that can be had from somewhere outside the machine.
type download struct {
	Address string `json:"address"`
	Bytes   int64  `json:"bytes"`
	File    file   `json:"file"` // as it is once it is there; its path is where it was asked for
}

// Fetcher brings files to the modelled machine. readOnly is a plan's.
func (h *Host) Fetcher(readOnly bool) action.Fetcher { return fetcher{h, readOnly} }

type fetcher struct {
	h        *Host
	readOnly bool
}

// copyModel is the machine as it is, to be changed and then committed.
func (h *Host) copyModel() (model, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var m model
	err := json.Unmarshal(encode(h.model), &m)
	return m, err
}

func (m *model) offer(a action.Artifact) *download {
	for _, url := range a.URLs {
		for i := range m.Downloads {
			if strings.EqualFold(m.Downloads[i].Address, url) {
				return &m.Downloads[i]
			}
		}
	}
	return nil
}

// Look implements action.Fetcher.
func (f fetcher) Look(_ context.Context, a action.Artifact) (action.Staging, error) {
	m, err := f.h.copyModel()
	if err != nil {
		return action.Staging{}, err
	}
	s := action.Staging{State: "fetched", Size: -1, From: a.URLs[0], Resume: m.Parts[a.Path]}
	if d := m.offer(a); d != nil {
		s.Size = d.Bytes
	}
	if there := m.file(a.Path); there != nil {
		if strings.EqualFold(there.SHA256, a.SHA256) {
			return action.Staging{State: "staged", Size: s.Size}, nil
		}
		s.Replaces = there.SHA256
	}
	return s, nil
}

func fetchError(id string, class host.Class, a action.Artifact, what, remedy string) error {
	return &host.Error{ID: id, Class: class, Message: "download " + a.Name + ": " + what, Remedy: remedy}
}

// Stage implements action.Fetcher. What was there before a cut is kept, and the next attempt goes on from it.
func (f fetcher) Stage(ctx context.Context, a action.Artifact) (action.Staging, error) {
	if f.readOnly {
		return action.Staging{}, fmt.Errorf("download %s: nothing is written here", a.Name)
	}
	if err := ctx.Err(); err != nil {
		return action.Staging{}, err
	}
	m, err := f.h.copyModel()
	if err != nil {
		return action.Staging{}, err
	}
	d := m.offer(a)
	refused := f.refusal(&m, d, a)
	if refused == nil {
		delete(m.Parts, a.Path)
		it := d.File
		it.Path = a.Path
		m.putFile(it)
	}
	f.h.mu.Lock()
	defer f.h.mu.Unlock()
	if string(encode(m)) != string(encode(f.h.model)) {
		if err := f.h.commit(m, f.h.now().UTC()); err != nil {
			return action.Staging{}, err
		}
	}
	if refused != nil {
		return action.Staging{}, refused
	}
	return action.Staging{State: "staged", Size: d.Bytes, From: d.Address}, nil
}

// refusal is why the file does not come, and what that leaves behind.
func (f fetcher) refusal(m *model, d *download, a action.Artifact) error {
	take := func(name string) bool { return f.h.faults.take(name, "") }
	switch {
	case take("download-proxy"):
		return fetchError("FetchProxyAuth", host.Never, a, "the proxy asks for a name and a password (407)", "give the proxy with its user in proxy, or let this account through")
	case d == nil:
		return fetchError("FetchNotFound", host.Never, a, a.URLs[0]+": 404 Not Found", "correct the address, or put the file there")
	case take("download-disk-full"):
		m.keepPart(a.Path, d.Bytes/2)
		return fetchError("FetchDiskFull", host.Never, a, "the disk is full", "free space and run this again: it goes on where it stood")
	case take("download-cut"):
		m.keepPart(a.Path, max(m.Parts[a.Path], d.Bytes/3))
		return fetchError("FetchCut", host.Transient, a, "the connection was cut, again and again", "run this again: it goes on where it stood")
	case take("download-wrong-hash") || !strings.EqualFold(d.File.SHA256, a.SHA256):
		delete(m.Parts, a.Path)
		return fetchError("FetchHashMismatch", host.Never, a, "the file there is another one than was reviewed; it was removed", "find out who changed it before you change sha256")
	case a.Version != "" && compareVersions(a.Version, d.File.Version) != 0:
		return fetchError("FetchRefused", host.Never, a, "its version is "+d.File.Version+", wanted "+a.Version, "name the version that was reviewed")
	}
	return nil
}

func (m *model) keepPart(path string, bytes int64) {
	if m.Parts == nil {
		m.Parts = map[string]int64{}
	}
	m.Parts[path] = bytes
}

// Hold implements action.Fetcher.
func (f fetcher) Hold(_ context.Context, a action.Artifact) (io.Closer, error) {
	m, err := f.h.copyModel()
	if err != nil {
		return nil, err
	}
	if there := m.file(a.Path); there == nil || !strings.EqualFold(there.SHA256, a.SHA256) || f.h.faults.take("download-swapped", "") {
		return nil, fetchError("FetchSwapped", host.Never, a, "the file was changed after it was verified; it is not run", "find out who changed it")
	}
	return io.NopCloser(nil), nil
}
