package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"exorunner/internal/action"
	"exorunner/internal/engine"
	"exorunner/internal/fetch"
	"exorunner/internal/fetch/trust"
	"exorunner/internal/host"
	"exorunner/internal/secret"
)

type fetchOptions struct {
	sha256, to, publisher, issuer, version, proxy, authorization string
	hosts                                                        []string
	size                                                         int64
	plain, hash, noCache                                         bool
}

func newFetch(a *app) *cobra.Command {
	o := &fetchOptions{}
	c := &cobra.Command{
		Use:   "fetch URL... --sha256 HASH",
		Short: "Download a file that survives bad networks and is the one that was reviewed, or nothing",
		Long: "fetch brings one file: the addresses are tried in order, a download that was cut goes on where it stood, and what is\n" +
			"not the file of that SHA-256 is refused. With --hash it prints a file's hash for review and keeps nothing.\n" + exitHelp,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.fetchCommand(cmd.Context(), o, args) },
	}
	f := c.Flags()
	f.StringVar(&o.sha256, "sha256", "", "of the file; without it nothing is fetched")
	f.BoolVar(&o.hash, "hash", false, "print the hash, size and signer of what is at the address, for review")
	f.StringVar(&o.to, "to", "", "file or folder to put it (default: this folder)")
	f.StringVar(&o.publisher, "publisher", "", "subject of the certificate that must have signed it")
	f.StringVar(&o.issuer, "issuer", "", "issuer of that certificate")
	f.StringVar(&o.version, "file-version", "", "version that the file must say of itself")
	f.StringVar(&o.proxy, "proxy", "", "http://host:port, or direct; the system's if left out")
	f.StringVar(&o.authorization, "authorization", "", "reference to the header of that name: env:NAME, file:PATH, ...")
	f.StringSliceVar(&o.hosts, "hosts", nil, "the only hosts that may be asked")
	f.Int64Var(&o.size, "size", 0, "in bytes, where it is known")
	f.BoolVar(&o.plain, "allow-plain", false, "let http:// in")
	f.BoolVar(&o.noCache, "no-cache", false, "neither take it from the cache nor keep it there")
	return c
}

func (a *app) fetchCommand(ctx context.Context, o *fetchOptions, urls []string) error {
	if !o.hash && o.sha256 == "" {
		return hinted(usage("fetch: which file is the right one? a SHA-256 is required"), "exorunner fetch --hash %s prints it for review", safeURL(urls[0]))
	}
	src := fetch.Source{Want: fetch.Want{SHA256: o.sha256, Version: o.version}, Name: lastElement(urls[0]), URLs: urls, Size: o.size, AllowPlain: o.plain}
	if o.publisher != "" {
		src.Publisher = &trust.Publisher{Subject: o.publisher, Issuer: o.issuer}
	}
	if o.authorization != "" {
		var ref action.Secret
		if err := ref.UnmarshalText([]byte(o.authorization)); err != nil {
			return usage("--authorization: %w", err)
		}
		text, err := secret.Stores{}.Resolve(ctx, ref)
		if err != nil {
			return fetchFailed(ctx, err)
		}
		src.Authorization = string(text)
	}
	opt := fetch.Options{Hosts: o.hosts, Proxy: o.proxy, UserAgent: "exorunner/" + version}
	if !o.noCache && !o.hash {
		dir, err := a.stateDir()
		if err != nil {
			return err
		}
		opt.CacheDir = filepath.Join(dir, "cache")
	}
	c, err := fetch.New(opt)
	if err != nil {
		return fail(engine.StatusUsage, err)
	}
	show, done := a.bar()
	if o.hash {
		review, err := c.Hash(ctx, src, show)
		done()
		if err != nil {
			return fetchFailed(ctx, err)
		}
		return a.reviewed(review)
	}
	res, err := c.Get(ctx, destination(o.to, src.Name), src, show)
	done()
	if err != nil {
		return fetchFailed(ctx, err)
	}
	return a.fetched(res)
}

func destination(to, name string) string {
	if to == "" {
		return name
	}
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		return filepath.Join(to, name)
	}
	return to
}

func safeURL(url string) string { return fetch.Redact(url) }

func fetchFailed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fail(engine.StatusInterrupted, errors.New("interrupted; what is there is kept, and the next fetch goes on from it"))
	}
	if e := host.As(err); e != nil && e.Remedy != "" {
		return hinted(fail(engine.StatusFailed, err), "%s", e.Remedy)
	}
	return fail(engine.StatusFailed, err)
}

// fetchEvent is a line of --format json. Sizes are in bytes, rates in bytes a second, -1 where it is not known.
type fetchEvent struct {
	Event     string    `json:"event"` // progress, fetched, reviewed
	Time      time.Time `json:"time"`
	Name      string    `json:"name,omitempty"`
	Path      string    `json:"path,omitempty"`
	SHA256    string    `json:"sha256,omitempty"`
	Bytes     int64     `json:"bytes"`
	Size      int64     `json:"size"`
	Rate      float64   `json:"rate,omitempty"`
	Remaining float64   `json:"remaining_seconds,omitempty"`
	Resumed   int64     `json:"resumed,omitempty"`
	From      string    `json:"from,omitempty"`
	Waiting   float64   `json:"waiting_seconds,omitempty"`
	Why       string    `json:"why,omitempty"`
	Signer    string    `json:"signer,omitempty"`
	Version   string    `json:"version,omitempty"`
}

func (a *app) line(e fetchEvent) error {
	e.Time = time.Now().UTC()
	return json.NewEncoder(a.stdout).Encode(e)
}

func (a *app) fetched(res fetch.Result) error {
	if a.format == "json" {
		return a.line(fetchEvent{Event: "fetched", Path: res.Path, SHA256: res.SHA256, Bytes: res.Size, Size: res.Size, Resumed: res.Resumed, From: res.From})
	}
	what := fmt.Sprintf("%.1f MiB from %s", mebi(res.Moved), res.From)
	switch res.From {
	case "":
		what = "it was there already"
	case "cache":
		what = "from the cache"
	}
	_, err := fmt.Fprintf(a.stdout, "%s\n%s  %s\n", what, res.SHA256, res.Path)
	return err
}

func (a *app) reviewed(r fetch.Review) error {
	signer := r.Found.Subject
	if a.format == "json" {
		return a.line(fetchEvent{Event: "reviewed", SHA256: r.SHA256, Bytes: r.Size, Size: r.Size, From: r.From, Signer: signer, Version: r.Found.Version})
	}
	fmt.Fprintf(a.stdout, "sha256      %s\nsize        %d\nfrom        %s\n", r.SHA256, r.Size, r.From)
	if signer != "" {
		fmt.Fprintf(a.stdout, "signer      %s\n", signer)
	}
	if r.Found.Version != "" {
		fmt.Fprintf(a.stdout, "version     %s\n", r.Found.Version)
	}
	return nil
}

// bar is a progress bar on a terminal, lines of JSON where they are asked for, and nothing otherwise.
func (a *app) bar() (show func(fetch.Event), done func()) {
	if a.format == "json" {
		return func(e fetch.Event) {
			_ = a.line(fetchEvent{Event: "progress", Name: e.Name, Bytes: e.Bytes, Size: e.Size, Rate: e.Rate, Remaining: e.Remaining.Seconds(),
				Resumed: e.Resumed, From: e.Source, Waiting: e.Waiting.Seconds(), Why: e.Why})
		}, func() {}
	}
	f, ok := a.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	var newest fetch.Event
	p := mpb.New(mpb.WithOutput(f), mpb.WithWidth(48))
	b := p.AddBar(0, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return newest.Name + " " })),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + progressText(newest) })))
	return func(e fetch.Event) {
			newest = e
			b.SetTotal(max(e.Size, e.Bytes+1), false)
			b.SetCurrent(e.Bytes)
		}, func() {
			b.Abort(true)
			p.Wait()
		}
}
