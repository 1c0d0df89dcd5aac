package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"exorunner/internal/action"
	"exorunner/internal/fetch"
	"exorunner/internal/fetch/trust"
	"exorunner/internal/host"
)

// downloads brings downloads to this machine, through package fetch and its cache.
type downloads struct {
	cache    string // "" keeps none
	readOnly bool
	outside  bool // may ask beyond the machine
	said     func(host.Said)
}

var _ action.Fetcher = downloads{}

func (f downloads) client(a action.Artifact) (*fetch.Client, error) {
	return fetch.New(fetch.Options{CacheDir: f.cache, Hosts: a.Hosts, Proxy: a.Proxy, AskSize: f.outside, UserAgent: "exorunner/" + version})
}

func source(a action.Artifact) fetch.Source {
	return fetch.Source{Want: want(a), Name: a.Name, URLs: a.URLs, Size: a.Size, AllowPlain: a.AllowPlain, Authorization: string(a.Authorization)}
}

func want(a action.Artifact) fetch.Want {
	w := fetch.Want{SHA256: a.SHA256, Version: a.Version}
	if a.Subject != "" {
		w.Publisher = &trust.Publisher{Subject: a.Subject, Issuer: a.Issuer}
	}
	return w
}

// Look implements action.Fetcher.
func (f downloads) Look(ctx context.Context, a action.Artifact) (action.Staging, error) {
	c, err := f.client(a)
	if err != nil {
		return action.Staging{}, err
	}
	p, err := c.Plan(ctx, a.Path, source(a))
	return action.Staging{State: string(p.State), Size: p.Size, Resume: p.Resume, From: p.From, Replaces: p.Replaces}, err
}

// Stage implements action.Fetcher.
func (f downloads) Stage(ctx context.Context, a action.Artifact) (action.Staging, error) {
	if f.readOnly {
		return action.Staging{}, fmt.Errorf("download %s: nothing is written here", a.Name)
	}
	c, err := f.client(a)
	if err != nil {
		return action.Staging{}, err
	}
	res, err := c.Get(ctx, a.Path, source(a), f.progress())
	return action.Staging{State: string(fetch.Staged), Size: res.Size, From: res.From}, err
}

// progress says every few seconds how far a download is: a run at night has no terminal.
func (f downloads) progress() func(fetch.Event) {
	var last time.Time
	return func(e fetch.Event) {
		if f.said == nil || !e.Done && time.Since(last) < 5*time.Second {
			return
		}
		last = time.Now()
		f.said(host.Said{Kind: "progress", Text: progressText(e)})
	}
}

func progressText(e fetch.Event) string {
	text := fmt.Sprintf("%s: %.1f MiB", e.Name, mebi(e.Bytes))
	if e.Size > 0 {
		text += fmt.Sprintf(" of %.1f MiB (%d%%)", mebi(e.Size), e.Bytes*100/e.Size)
	}
	if e.Rate > 0 && !e.Done {
		text += fmt.Sprintf(", %.1f MiB/s", e.Rate/(1<<20))
	}
	if e.Remaining > 0 && !e.Done {
		text += ", " + e.Remaining.Round(time.Second).String() + " left"
	}
	if e.Waiting > 0 {
		text += fmt.Sprintf(", waits %v: %s", e.Waiting.Round(time.Second), e.Why)
	}
	return text
}

func mebi(n int64) float64 { return float64(n) / (1 << 20) }

// Hold implements action.Fetcher.
func (f downloads) Hold(_ context.Context, a action.Artifact) (io.Closer, error) {
	path, err := filepath.Abs(a.Path)
	if err != nil {
		return nil, err
	}
	return fetch.Open(path, want(a))
}

// fetcher is the machine's own, or the modelled one's.
func (a *app) fetcher(t *target, readOnly, outside bool, said func(host.Said)) (action.Fetcher, error) {
	if t.rehearsal {
		return t.fetch(readOnly), nil
	}
	dir, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	return downloads{cache: filepath.Join(dir, "cache"), readOnly: readOnly, outside: outside, said: said}, nil
}

// lastElement is what a download is called where nobody named it.
func lastElement(url string) string {
	url, _, _ = strings.Cut(url, "?")
	name := url[strings.LastIndexAny(strings.TrimRight(url, `/\`), `/\`)+1:]
	if name == "" {
		return "download"
	}
	return name
}
