package certificate

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/action"
	"exorunner/internal/action/actiontest"
	"exorunner/internal/exr"
	"exorunner/internal/failure"
	"exorunner/internal/host"
	"exorunner/internal/rehearsal"
)

type vault struct{ err error }

func (v vault) Resolve(context.Context, action.Secret) ([]byte, error) {
	return []byte("hunter2-of-the-test"), v.err
}

var today = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// proof is of a certificate of the store, and today.
func proof() *Certificate {
	p := New(action.Deps{Secrets: vault{}}).(*Certificate)
	p.Thumbprint, p.WarnBefore, p.now = "C919", 30*24*time.Hour, func() time.Time { return today }
	return p
}

func TestValidate(t *testing.T) {
	for about, tt := range map[string]struct {
		p    Certificate
		want []action.Problem
	}{
		"of the store":            {Certificate{Thumbprint: "C919C4C881CEFF6CDF867FF1FC6A10D45BB02A26"}, nil},
		"of a file":               {Certificate{File: "a.pfx", Password: "env:A"}, nil},
		"which":                   {Certificate{}, []action.Problem{{What: "which certificate? give thumbprint or file"}}},
		"two":                     {Certificate{Thumbprint: "C919C4C881CEFF6CDF867FF1FC6A10D45BB02A26", File: "a.pfx"}, []action.Problem{{Field: "file", What: "thumbprint and file name two certificates: give one"}}},
		"a mark that nobody sees": {Certificate{Thumbprint: "\u200eC919C4C881CEFF6CDF867FF1FC6A10D45BB02A26"}, []action.Problem{{Field: "thumbprint", What: action.NoThumbprint}}},
		"a password of no file":   {Certificate{Thumbprint: "C919C4C881CEFF6CDF867FF1FC6A10D45BB02A26", Password: "env:A"}, []action.Problem{{Field: "password", What: "is of a file, and none is given"}}},
	} {
		if diff := cmp.Diff(tt.want, tt.p.Validate()); diff != "" {
			t.Errorf("%s: want(-) got(+):\n%s", about, diff)
		}
	}
}

func TestProve(t *testing.T) {
	key := func(name string) *string { return &name }
	for about, tt := range map[string]struct {
		change   func(*exr.Certificate)
		id       string
		message  string
		warnings int
	}{
		"it holds":                     {func(*exr.Certificate) {}, "", "", 0},
		"it ends in exactly a month":   {func(c *exr.Certificate) { c.NotAfter = "2026-07-01T12:00:00.0000000Z" }, "", "", 0},
		"it ends within a month":       {func(c *exr.Certificate) { c.NotAfter = "2026-07-01T11:59:59.0000000Z" }, "", "", 1},
		"it ends this second":          {func(c *exr.Certificate) { c.NotAfter = "2026-06-01T12:00:00.0000000Z" }, "ExrCertificateEnded", "certificate C919 ended 0s ago", 0},
		"it has ended":                 {func(c *exr.Certificate) { c.NotAfter = "2026-05-31T12:00:00Z" }, "ExrCertificateEnded", "certificate C919 ended 24h0m0s ago", 0},
		"it is not valid yet":          {func(c *exr.Certificate) { c.NotBefore = "2026-06-01T21:00:01+09:00" }, "ExrCertificateEarly", "certificate C919 is valid from 2026-06-01T12:00:01Z on", 0},
		"it has no key":                {func(c *exr.Certificate) { c.HasKey, c.KeyReadable = false, false }, "ExrCertificateKey", "certificate C919 has no private key here", 0},
		"its key cannot be read":       {func(c *exr.Certificate) { c.KeyReadable, c.KeyKind = false, key("CryptographicException") }, "ExrCertificateKey", "certificate C919: this account cannot use its key (CryptographicException)", 0},
		"its key's kind is not known":  {func(c *exr.Certificate) { c.KeyReadable, c.KeyKind = false, nil }, "ExrCertificateKey", "certificate C919: this account cannot use its key ()", 0},
		"its key is kept by CNG":       {func(c *exr.Certificate) { c.KeyKind = key("RSACng") }, "ExrCertificateCNG", "certificate C919 has a CNG key", 0},
		"the end is graver than a key": {func(c *exr.Certificate) { c.NotAfter, c.HasKey = "2026-05-31T12:00:00Z", false }, "ExrCertificateEnded", "certificate C919 ended 24h0m0s ago", 0},
	} {
		t.Run(about, func(t *testing.T) {
			c := exr.Certificate{Store: "CurrentUser", Thumbprint: "C919", Subject: "CN=exo-app", NotBefore: "2026-01-01T00:00:00.0000000Z",
				NotAfter: "2028-01-01T00:00:00.0000000Z", HasKey: true, KeyReadable: true, KeyKind: key("RSACryptoServiceProvider")}
			tt.change(&c)
			ev, err := proof().Prove(t.Context(), actiontest.New(t, map[string]actiontest.Answer{"Get-ExrCertificate": actiontest.Gives(c)}))
			if ev.Data == nil || !strings.HasPrefix(ev.Summary, "CN=exo-app in CurrentUser, until ") || len(ev.Warnings) != tt.warnings {
				t.Errorf("evidence %+v, want what was found and %d warnings", ev, tt.warnings)
			}
			e := host.As(err)
			switch {
			case tt.id == "" && err != nil:
				t.Errorf("error %v, want none", err)
			case tt.id != "" && (e == nil || e.ID != tt.id || e.Message != tt.message || e.Class != host.Never || e.Remedy == ""):
				t.Errorf("error %+v, want %s, never: %s", e, tt.id, tt.message)
			}
		})
	}
}

func TestWhatCannotBeJudged(t *testing.T) {
	for about, tt := range map[string]struct {
		answer actiontest.Answer
		want   string
	}{
		"none":           {actiontest.Gives(), "certificate C919 is in neither store (ExrCertificateMissing)"},
		"no end":         {actiontest.Gives(exr.Certificate{Thumbprint: "C919", NotBefore: "2026-01-01T00:00:00Z"}), "certificate C919: end date: "},
		"no beginning":   {actiontest.Gives(exr.Certificate{Thumbprint: "C919", NotAfter: "2026-01-01T00:00:00Z"}), "certificate C919: first date: "},
		"a machine gone": {actiontest.Throws(host.ErrUnreachable), "unreachable"},
	} {
		_, err := proof().Prove(t.Context(), actiontest.New(t, map[string]actiontest.Answer{"Get-ExrCertificate": tt.answer}))
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", about, err, tt.want)
		}
	}
}

func TestTheFilesPasswordIsASecret(t *testing.T) {
	p := proof()
	p.Thumbprint, p.File, p.Password = "", `C:\a.pfx`, "env:A"
	h := actiontest.New(t, map[string]actiontest.Answer{"Get-ExrCertificate": actiontest.Gives()})
	if _, err := p.Prove(t.Context(), h); err == nil {
		t.Error("no error, want that there is none")
	}
	if c := h.Calls[0]; string(c.Secrets["Password"]) != "hunter2-of-the-test" || !cmp.Equal(c.Args, map[string]any{"Path": `C:\a.pfx`}) {
		t.Errorf("arguments %v, want the password among the secrets alone", c.Args)
	}
	p.secrets = vault{errors.New("not set")}
	if _, err := p.Prove(t.Context(), actiontest.New(t, nil)); err == nil || err.Error() != "not set" {
		t.Errorf("error %v, want that of the secret, and no call", err)
	}
}

func TestOnTheRehearsal(t *testing.T) {
	const thumbprint = "C919C4C881CEFF6CDF867FF1FC6A10D45BB02A26"
	for about, tt := range map[string]struct {
		machine, fault, id string
		change             func(*Certificate)
	}{
		"it holds":            {"ce-v2", "", "", nil},
		"a file":              {"ce-v2", "", "", func(p *Certificate) { p.Thumbprint, p.File = "", `C:\ProgramData\exorunner\exo-app.pfx` }},
		"it is missing":       {"ce-v2", "certificate-missing", "ExrCertificateMissing", nil},
		"the account may not": {"ce-service-account", "", "ExrCertificateKey", nil},
		"the file has another word": {"ce-v2", "certificate-password", "ConstructorInvokedThrowException,Microsoft.PowerShell.Commands.NewObjectCommand", func(p *Certificate) {
			p.Thumbprint, p.File, p.Password = "", `C:\ProgramData\exorunner\exo-app.pfx`, "env:A"
		}},
	} {
		o := rehearsal.Options{Machine: tt.machine, Classify: failure.Classify}
		if tt.fault != "" {
			o.Faults = []string{tt.fault}
		}
		h, err := rehearsal.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		p := New(action.Deps{Secrets: h.Secrets()}).(*Certificate)
		p.Thumbprint, p.WarnBefore = thumbprint, 30*24*time.Hour
		if tt.change != nil {
			tt.change(p)
		}
		_, err = p.Prove(t.Context(), h)
		e := host.As(err)
		if (tt.id == "") != (err == nil) || tt.id != "" && (e == nil || e.ID != tt.id || e.Class != host.Never || e.Remedy == "") || h.Writes() != 0 {
			t.Errorf("%s: %+v (%v), %d writes; want %q, never, and none", about, e, err, h.Writes(), tt.id)
		}
	}
}
