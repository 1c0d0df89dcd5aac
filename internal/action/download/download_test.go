package download_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/action"
	"exorunner/internal/action/actiontest"
	"exorunner/internal/action/download"
	"exorunner/internal/exr"
	"exorunner/internal/host"
	"exorunner/internal/notes"
)

const (
	sum    = "4C3D5E6F708192A3B4C5D6E7F8091A2B3C4D5E6F708192A3B4C5D6E7F8091A2B"
	marker = "hunter2-of-the-test"
)

// fetcher says what it is told, and notes what it is asked.
type fetcher struct {
	look, stage action.Staging
	err         error
	staged      []action.Artifact
	held        int // now
	holds       int // ever
}

func (f *fetcher) Look(context.Context, action.Artifact) (action.Staging, error) {
	return f.look, f.err
}

func (f *fetcher) Stage(_ context.Context, a action.Artifact) (action.Staging, error) {
	f.staged = append(f.staged, a)
	if f.err == nil {
		f.look = action.Staging{State: "staged"}
	}
	return f.stage, f.err
}

func (f *fetcher) Hold(context.Context, action.Artifact) (io.Closer, error) {
	f.held++
	f.holds++
	return f, f.err
}

func (f *fetcher) Close() error { f.held--; return nil }

type vault struct{}

func (vault) Resolve(context.Context, action.Secret) ([]byte, error) { return []byte(marker), nil }

func artifact(f *fetcher, n action.Notes, change ...func(*download.Download)) *download.Download {
	p := download.New(action.Deps{Fetch: f, Secrets: vault{}, Notes: n}).(*download.Download)
	p.Path, p.URLs, p.SHA256 = `C:\staged\ActiveSync.msi`, []string{"https://files.example.com/a.msi"}, sum
	for _, c := range change {
		c(p)
	}
	return p
}

func book(t *testing.T) notes.Book { return notes.Book{Path: filepath.Join(t.TempDir(), "notes.json")} }

func TestValidate(t *testing.T) {
	for about, tt := range map[string]struct {
		change func(*download.Download)
		want   []action.Problem
	}{
		"a file":       {func(*download.Download) {}, nil},
		"with install": {func(p *download.Download) { p.Install = &download.Install{Arguments: "/q"} }, nil},
		"plain, if so": {func(p *download.Download) { p.URLs, p.AllowPlain = []string{"HTTP://x/a"}, true }, nil},
		"a share":      {func(p *download.Download) { p.URLs = []string{`\\server\share\a@b.msi`, "file:///x"} }, nil},
		"all that is wrong at once": {func(p *download.Download) {
			p.SHA256, p.Path, p.Size, p.Install = "abc", `C:\staged\`, -1, &download.Install{}
			p.URLs = []string{"https://x/a", "http://x/a", "https://user:" + marker + "@x/a"}
		}, []action.Problem{
			{Field: "sha256", What: `"abc" is no SHA-256: 64 hexadecimal digits; exorunner fetch --hash URL prints it for review`},
			{Field: "path", What: `C:\staged\ is a folder: give the name of the file`},
			{Field: "urls", What: "address 2 is http://: everybody on the way can read it; use https, or say allow_plain: true"},
			{Field: "urls", What: "address 3 has a user in it: name a secret under authorization instead"},
			{Field: "install", What: `C:\staged\ is neither an .msi nor an .exe`},
			{Field: "size", What: "-1 bytes"}}},
	} {
		if diff := cmp.Diff(tt.want, artifact(nil, nil, tt.change).Validate()); diff != "" {
			t.Errorf("%s: want(-) got(+):\n%s", about, diff)
		}
	}
}

func TestCheck(t *testing.T) {
	const after = "sha256 4c3d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b"
	for about, tt := range map[string]struct {
		look action.Staging
		want action.Finding
	}{
		"it is there":      {action.Staging{State: "staged"}, action.Finding{Summary: `staged at C:\staged\ActiveSync.msi`, Before: after, After: after}},
		"it is in a cache": {action.Staging{State: "cached", Size: 1 << 20}, action.Finding{State: action.Differs, Summary: "is in the cache, 1.0 MiB", Before: "absent", After: after}},
		"it is not":        {action.Staging{State: "fetched", Size: -1, From: "x"}, action.Finding{State: action.Differs, Summary: "to be fetched from x, of unknown size", Before: "absent", After: after}},
		"half of it is": {action.Staging{State: "fetched", Size: 3 << 20, Resume: 3 << 19, From: "x"},
			action.Finding{State: action.Differs, Summary: "to be fetched from x, 3.0 MiB, 1.5 MiB are there already", Before: "absent", After: after}},
		"another file is": {action.Staging{State: "fetched", Size: -1, From: "x", Replaces: "00ff"},
			action.Finding{State: action.Differs, Summary: "to be fetched from x, of unknown size", Before: "sha256 00ff", After: after}},
	} {
		f, err := artifact(&fetcher{look: tt.look}, nil).Check(t.Context(), nil)
		if diff := cmp.Diff(tt.want, f); err != nil || diff != "" {
			t.Errorf("%s: %v, want(-) got(+):\n%s", about, err, diff)
		}
	}
}

func TestStagesAndNothingMore(t *testing.T) {
	f := &fetcher{stage: action.Staging{From: "files.example.com"}}
	p := artifact(f, nil, func(p *download.Download) {
		p.Publisher, p.Authorization = &download.Publisher{Subject: "IBM", Issuer: "CA"}, "env:A"
	})
	h := actiontest.New(t, nil)
	done, err := p.Apply(t.Context(), h)
	if want := `staged at C:\staged\ActiveSync.msi, from files.example.com`; err != nil || done.Summary != want || len(h.Calls) != 0 {
		t.Errorf("%q, %v, %d calls; want %q and none", done.Summary, err, len(h.Calls), want)
	}
	want := action.Artifact{Name: "ActiveSync.msi", Path: p.Path, URLs: p.URLs, SHA256: strings.ToLower(sum), Authorization: []byte(marker), Subject: "IBM", Issuer: "CA"}
	if diff := cmp.Diff([]action.Artifact{want}, f.staged); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
	if f, err := p.Check(t.Context(), h); err != nil || f.State != action.InPlace {
		t.Errorf("check afterwards: %+v, %v; want it in place", f, err)
	}
}

func TestInstallsOnce(t *testing.T) {
	for path, want := range map[string]map[string]any{
		`C:\staged\a.MSI`: {"Path": "msiexec.exe", "Arguments": `/i "C:\staged\a.MSI" /qn /norestart X=1`},
		`C:\staged\a.exe`: {"Path": `C:\staged\a.exe`, "Arguments": "X=1"},
	} {
		f := &fetcher{look: action.Staging{State: "fetched"}}
		p := artifact(f, book(t), func(p *download.Download) { p.Path, p.Install = path, &download.Install{Arguments: "X=1"} })
		held := 0
		h := actiontest.New(t, map[string]actiontest.Answer{"Start-ExrInstaller": func(host.Call) ([]any, error) {
			held = f.held
			return []any{exr.InstallerResult{Exit: 0}}, nil
		}})
		if _, err := p.Apply(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, h.Calls[0].Args); diff != "" {
			t.Errorf("want(-) got(+):\n%s", diff)
		}
		if held != 1 || f.held != 0 {
			t.Errorf("%d held while it ran, %d afterwards; want 1 and 0", held, f.held)
		}
		if f, err := p.Check(t.Context(), h); err != nil || f.State != action.InPlace || !strings.HasPrefix(f.Summary, "installed on ") {
			t.Errorf("check afterwards: %+v, %v; want it installed", f, err)
		}
		f.look = action.Staging{State: "fetched"} // the file was cleared away
		if _, err := p.Apply(t.Context(), h); err != nil || h.Called("Start-ExrInstaller") != 1 {
			t.Errorf("second apply: %v, run %d times; want once in all", err, h.Called("Start-ExrInstaller"))
		}
		other := artifact(f, nil, func(o *download.Download) { *o = *p; o.Install = &download.Install{Arguments: "X=2"} })
		if f, err := other.Check(t.Context(), h); err != nil || f.State != action.Differs {
			t.Errorf("with other arguments: %+v, %v; want it to do", f, err)
		}
	}
}

func TestHowAnInstallerEnds(t *testing.T) {
	for exit, want := range map[int]struct {
		class  host.Class
		reboot bool
		noted  bool
	}{
		0: {"", false, true}, 3010: {"", true, true}, 1641: {"", true, true},
		1618: {host.Transient, false, false}, 1603: {host.Never, false, false}, 1: {host.Never, false, false},
	} {
		f := &fetcher{look: action.Staging{State: "staged"}}
		p := artifact(f, book(t), func(p *download.Download) { p.Install = &download.Install{Arguments: "X=1"} })
		h := actiontest.New(t, map[string]actiontest.Answer{"Start-ExrInstaller": actiontest.Gives(exr.InstallerResult{Exit: exit, Said: "so"})})
		done, err := p.Apply(t.Context(), h)
		e := host.As(err)
		if (want.class == "") != (err == nil) || e != nil && (e.Class != want.class || !strings.HasSuffix(e.Message, ": so")) || done.Reboot != want.reboot {
			t.Errorf("exit %d: %+v, %v; want class %q, a restart %v", exit, done, err, want.class, want.reboot)
		}
		if found, err := p.Check(t.Context(), h); err != nil || (found.State == action.InPlace) != want.noted {
			t.Errorf("exit %d: check afterwards: %+v, %v; want it installed: %v", exit, found, err, want.noted)
		}
	}
}

func TestAnInstallationThatCannotBeNotedIsSaid(t *testing.T) {
	plan := book(t)
	plan.ReadOnly = true
	p := artifact(&fetcher{look: action.Staging{State: "staged"}}, plan, func(p *download.Download) { p.Install = &download.Install{Arguments: "X=1"} })
	h := actiontest.New(t, map[string]actiontest.Answer{"Start-ExrInstaller": actiontest.Gives(exr.InstallerResult{Exit: 3010})})
	done, err := p.Apply(t.Context(), h)
	if err == nil || !strings.Contains(err.Error(), " was installed, and its marker could not be kept: ") || !done.Reboot {
		t.Errorf("%+v, %v; want that it was installed, and the restart", done, err)
	}
}

func TestNothingRunsThatIsNotTheFile(t *testing.T) {
	changed := &host.Error{ID: "ExrHashMismatch", Class: host.Never}
	f := &fetcher{look: action.Staging{State: "staged"}, err: changed}
	h := actiontest.New(t, nil)
	p := artifact(f, book(t), func(p *download.Download) { p.Install = &download.Install{Arguments: "X=1"} })
	if _, err := p.Apply(t.Context(), h); !errors.Is(err, changed) || len(h.Calls) != 0 {
		t.Errorf("%v after %d calls, want the hash's error after none", err, len(h.Calls))
	}
	if _, err := p.Check(t.Context(), h); !errors.Is(err, changed) {
		t.Errorf("check: %v, want the fetcher's error", err)
	}
}
