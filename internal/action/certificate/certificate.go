// Package certificate proves that the certificate with which Cloud Extender and the proofs sign in will do: that it is
// there for this account, has not ended and does not end soon, and has a key that this account can sign with.
package certificate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"exorunner/internal/action"
	"exorunner/internal/exr"
	"exorunner/internal/host"
)

// Certificate is the proof certificate.
type Certificate struct {
	Thumbprint string        `yaml:"thumbprint" doc:"looked for in the store of this account, then of the machine"`
	File       string        `yaml:"file" doc:"a .pfx file on the machine"`
	Password   action.Secret `yaml:"password" doc:"reference to the password of that file"`
	WarnBefore time.Duration `yaml:"warn_before" default:"30d" doc:"warn that long before its end"`

	secrets action.Secrets
	now     func() time.Time
}

// New makes an empty one.
func New(d action.Deps) any { return &Certificate{secrets: d.Secrets, now: time.Now} }

// Validate implements action.Validator.
func (p *Certificate) Validate() []action.Problem {
	switch {
	case p.Thumbprint == "" && p.File == "":
		return []action.Problem{{What: "which certificate? give thumbprint or file"}}
	case p.Thumbprint != "" && p.File != "":
		return []action.Problem{{Field: "file", What: "thumbprint and file name two certificates: give one"}}
	case p.Thumbprint != "" && !action.IsThumbprint(p.Thumbprint):
		return []action.Problem{{Field: "thumbprint", What: action.NoThumbprint}}
	case p.Password != "" && p.File == "":
		return []action.Problem{{Field: "password", What: "is of a file, and none is given"}}
	}
	return nil
}

func never(id, message, remedy string) error {
	return &host.Error{ID: id, Message: message, Class: host.Never, Remedy: remedy}
}

// Prove implements action.Proof.
func (p *Certificate) Prove(ctx context.Context, r host.Reader) (action.Evidence, error) {
	var ev action.Evidence
	var password []byte
	if p.Password != "" {
		var err error
		if password, err = p.secrets.Resolve(ctx, p.Password); err != nil {
			return ev, err
		}
	}
	var found []exr.Certificate
	if err := r.Query(ctx, exr.GetCertificate(p.Thumbprint, p.File, password), &found); err != nil {
		return ev, err
	}
	if len(found) == 0 {
		return ev, never("ExrCertificateMissing", fmt.Sprintf("certificate %s is in neither store", p.Thumbprint),
			"install it with its key into the store of the account that runs this, or of the machine")
	}
	c := found[0]
	ev.Data = c
	end, err := time.Parse(time.RFC3339Nano, c.NotAfter)
	if err != nil {
		return ev, fmt.Errorf("certificate %s: end date: %w", c.Thumbprint, err)
	}
	start, err := time.Parse(time.RFC3339Nano, c.NotBefore)
	if err != nil {
		return ev, fmt.Errorf("certificate %s: first date: %w", c.Thumbprint, err)
	}
	left := end.Sub(p.now())
	ev.Summary = fmt.Sprintf("%s in %s, until %s (%d days)", c.Subject, c.Store, end.UTC().Format("2006-01-02"), int(left.Hours()/24))
	if left > 0 && left < p.WarnBefore {
		ev.Warnings = append(ev.Warnings, fmt.Sprintf("certificate %s ends in %d days: make its successor known to the application and to Cloud Extender now", c.Thumbprint, int(left.Hours()/24)))
	}
	return ev, p.judge(c, start, left)
}

// judge says the first thing that a person has to cure.
func (p *Certificate) judge(c exr.Certificate, start time.Time, left time.Duration) error {
	kind := ""
	if c.KeyKind != nil {
		kind = *c.KeyKind
	}
	switch {
	case left <= 0:
		return never("ExrCertificateEnded", fmt.Sprintf("certificate %s ended %s ago", c.Thumbprint, (-left).Round(time.Hour)),
			"make a new one, give its public part to the application, and its thumbprint to Cloud Extender and the vars file")
	case p.now().Before(start):
		return never("ExrCertificateEarly", fmt.Sprintf("certificate %s is valid from %s on", c.Thumbprint, start.UTC().Format(time.RFC3339)),
			"look at the clock of this server")
	case !c.HasKey:
		return never("ExrCertificateKey", fmt.Sprintf("certificate %s has no private key here", c.Thumbprint), "import the .pfx and not the .cer")
	case !c.KeyReadable:
		return never("ExrCertificateKey", fmt.Sprintf("certificate %s: this account cannot use its key (%s)", c.Thumbprint, kind),
			"let the account read the private key (certlm.msc, All Tasks, Manage Private Keys), or install the certificate in that account's own store")
	case strings.EqualFold(kind, "RSACng"):
		return never("ExrCertificateCNG", fmt.Sprintf("certificate %s has a CNG key", c.Thumbprint),
			"the module signs with keys of a CSP alone: make the certificate with New-SelfSignedCertificate -KeySpec KeyExchange")
	}
	return nil
}
