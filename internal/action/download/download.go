// Package download stages a file that the site names by its address and its SHA-256, and runs it only where a person has
// reviewed it and named the arguments. No public address of Cloud Extender's ActiveSync package is known: a site gets
// it from IBM and puts it on a server or share of its own.
package download

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"exorunner/internal/action"
	"exorunner/internal/exr"
	"exorunner/internal/host"
)

// Download is the action download.
type Download struct {
	Path          string        `yaml:"path" need:"true" doc:"where the file is staged"`
	URLs          []string      `yaml:"urls" need:"true" doc:"where it can be had, tried in order: https://, http:// with allow_plain, file://, a share or a path"`
	SHA256        string        `yaml:"sha256" need:"true" doc:"of the file; exorunner fetch --hash prints it for review"`
	Size          int64         `yaml:"size" doc:"in bytes, where it is known"`
	Version       string        `yaml:"version" doc:"what the file's own version must be (PE resource, MSI property), in quotes"`
	Publisher     *Publisher    `yaml:"publisher" doc:"who must have signed it"`
	AllowPlain    bool          `yaml:"allow_plain" doc:"let http:// in: the hash still decides, but everybody on the way can read"`
	Authorization action.Secret `yaml:"authorization" doc:"reference to the header of that name; it goes to the hosts of the https addresses alone"`
	Hosts         []string      `yaml:"hosts" doc:"the only hosts that may be asked, redirects included: example.com, *.example.com"`
	Proxy         string        `yaml:"proxy" doc:"http://host:port, or direct; the system's if left out"`
	Install       *Install      `yaml:"install" doc:"run it unattended, once it has been reviewed; without this the file is staged and nothing more"`

	fetch   action.Fetcher
	secrets action.Secrets
	notes   action.Notes
	now     func() time.Time
}

// A Publisher is the names of a signer's certificate.
type Publisher struct {
	Subject string `yaml:"subject" need:"true" doc:"common name, or the whole name"`
	Issuer  string `yaml:"issuer" doc:"likewise, of who issued it"`
}

// An Install is how a reviewed installer is run.
type Install struct {
	Arguments string `yaml:"arguments" need:"true" doc:"what makes the installer ask nothing; of an .msi what follows msiexec /i FILE /qn /norestart"`
}

// New makes an empty one.
func New(d action.Deps) any {
	return &Download{fetch: d.Fetch, secrets: d.Secrets, notes: d.Notes, now: time.Now}
}

// Validate implements action.Validator.
func (p *Download) Validate() []action.Problem {
	var all []action.Problem
	bad := func(field, format string, args ...any) {
		all = append(all, action.Problem{Field: field, What: fmt.Sprintf(format, args...)})
	}
	if raw, err := hex.DecodeString(p.SHA256); err != nil || len(raw) != sha256.Size {
		bad("sha256", "%q is no SHA-256: 64 hexadecimal digits; exorunner fetch --hash URL prints it for review", p.SHA256)
	}
	if strings.HasSuffix(p.Path, `\`) || strings.HasSuffix(p.Path, "/") {
		bad("path", "%s is a folder: give the name of the file", p.Path)
	}
	for i, u := range p.URLs {
		scheme, rest, _ := strings.Cut(u, "://")
		switch user, _, found := strings.Cut(strings.SplitN(rest, "/", 2)[0], "@"); {
		case strings.EqualFold(scheme, "http") && !p.AllowPlain:
			bad("urls", "address %d is http://: everybody on the way can read it; use https, or say allow_plain: true", i+1)
		case found && user != "":
			bad("urls", "address %d has a user in it: name a secret under authorization instead", i+1)
		}
	}
	if p.Install != nil && !strings.HasSuffix(strings.ToLower(p.Path), ".msi") && !strings.HasSuffix(strings.ToLower(p.Path), ".exe") {
		bad("install", "%s is neither an .msi nor an .exe", p.Path)
	}
	if p.Size < 0 {
		bad("size", "%d bytes", p.Size)
	}
	return all
}

func (p *Download) artifact() action.Artifact {
	a := action.Artifact{
		Name: p.Path[strings.LastIndexAny(p.Path, `\/`)+1:], Path: p.Path, URLs: p.URLs, SHA256: strings.ToLower(p.SHA256), Size: p.Size,
		AllowPlain: p.AllowPlain, Version: p.Version, Hosts: p.Hosts, Proxy: p.Proxy,
	}
	if p.Publisher != nil {
		a.Subject, a.Issuer = p.Publisher.Subject, p.Publisher.Issuer
	}
	return a
}

// Check implements action.Action.
func (p *Download) Check(ctx context.Context, _ host.Reader) (action.Finding, error) {
	s, err := p.fetch.Look(ctx, p.artifact())
	if err != nil {
		return action.Finding{}, err
	}
	f := action.Finding{After: "sha256 " + strings.ToLower(p.SHA256), Before: "absent"}
	if s.Replaces != "" {
		f.Before = "sha256 " + s.Replaces
	}
	if s.State != "staged" {
		f.State, f.Summary = action.Differs, describe(s)
		return f, nil
	}
	f.Before, f.Summary = f.After, "staged at "+p.Path
	if p.Install == nil {
		return f, nil
	}
	note, done, err := p.notes.Note(p.key())
	switch {
	case err != nil:
		return f, err
	case done:
		f.Summary = "installed on " + note.At.UTC().Format(time.RFC3339)
	default:
		f.State, f.Summary, f.Before, f.After = action.Differs, "staged and not installed yet", "not installed", "installed"
	}
	return f, nil
}

func describe(s action.Staging) string {
	size := "of unknown size"
	if s.Size >= 0 {
		size = fmt.Sprintf("%.1f MiB", float64(s.Size)/(1<<20))
	}
	switch {
	case s.State == "cached":
		return fmt.Sprintf("is in the cache, %s", size)
	case s.Resume > 0:
		return fmt.Sprintf("to be fetched from %s, %s, %.1f MiB are there already", s.From, size, float64(s.Resume)/(1<<20))
	}
	return fmt.Sprintf("to be fetched from %s, %s", s.From, size)
}

// key names an installation by the file and the arguments.
func (p *Download) key() string {
	sum := sha256.Sum256([]byte(strings.ToLower(p.SHA256) + "\x00" + p.Install.Arguments))
	return "install-" + hex.EncodeToString(sum[:])
}

// Apply implements action.Action.
func (p *Download) Apply(ctx context.Context, h host.Host) (action.Result, error) {
	a := p.artifact()
	if p.Authorization != "" {
		var err error
		if a.Authorization, err = p.secrets.Resolve(ctx, p.Authorization); err != nil {
			return action.Result{}, err
		}
	}
	s, err := p.fetch.Stage(ctx, a)
	if err != nil {
		return action.Result{}, err
	}
	res := action.Result{Summary: "staged at " + p.Path}
	if s.From != "" {
		res.Summary += ", from " + s.From
	}
	if p.Install == nil {
		return res, nil
	}
	// Somebody may have cleared the file away since: that is no reason to run an installer again.
	if _, done, err := p.notes.Note(p.key()); err != nil || done {
		return res, err
	}
	return p.install(ctx, h, a)
}

// What installers of Windows end with ("Error codes - Windows Installer", Microsoft Learn).
const (
	installed       = 0
	rebootInitiated = 1641
	rebootRequired  = 3010
	otherInstall    = 1618
	fatal           = 1603
)

// install runs the file that was verified through a handle which is still open.
func (p *Download) install(ctx context.Context, h host.Host, a action.Artifact) (action.Result, error) {
	held, err := p.fetch.Hold(ctx, a)
	if err != nil {
		return action.Result{}, err
	}
	defer held.Close()
	program, arguments := p.Path, p.Install.Arguments
	if strings.HasSuffix(strings.ToLower(p.Path), ".msi") {
		program = "msiexec.exe"
		arguments = fmt.Sprintf(`/i "%s" /qn /norestart %s`, p.Path, arguments)
	}
	var done exr.InstallerResult
	if err := h.Invoke(ctx, exr.StartInstaller(program, strings.TrimSpace(arguments)), &done); err != nil {
		return action.Result{}, err
	}
	res := action.Result{Summary: fmt.Sprintf("%s ended with %d", a.Name, done.Exit)}
	switch done.Exit {
	case installed:
	case rebootInitiated, rebootRequired:
		res.Reboot = true
	case otherInstall:
		return res, failed(a, done, host.Transient, "another installation is under way: it is waited for", "")
	case fatal:
		return res, failed(a, done, host.Never, "the installer gave up", "look at its log (add /l*v FILE to the arguments), then at the rights of this account")
	default:
		return res, failed(a, done, host.Never, "the installer said no", "look the number up in the installer's own documentation")
	}
	if err := p.notes.Keep(p.key(), action.Note{By: "exorunner", At: p.now().UTC()}); err != nil {
		return res, fmt.Errorf("%s was installed, and its marker could not be kept: %w", a.Name, err)
	}
	return res, nil
}

func failed(a action.Artifact, done exr.InstallerResult, class host.Class, what, remedy string) error {
	said := ""
	if done.Said != "" {
		said = ": " + done.Said
	}
	return &host.Error{ID: fmt.Sprintf("ExrInstaller%d", done.Exit), Class: class, Remedy: remedy,
		Message: fmt.Sprintf("%s: %s (exit %d)%s", a.Name, what, done.Exit, said)}
}
