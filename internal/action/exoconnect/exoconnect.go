// Package exoconnect proves that Connect-ExchangeOnline works without Remote PowerShell (RPS): in a fresh process, with
// the version of the module that is named, and with a command of the service answering. An object of
// Get-ConnectionInformation proves nothing by itself, nor does any Get-EXO* command: those spoke REST in V2 already.
package exoconnect

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strings"

	"exorunner/internal/action"
	"exorunner/internal/action/psmodule"
	"exorunner/internal/exr"
	"exorunner/internal/host"
	"exorunner/internal/version"
)

// module is Microsoft's name of ExO.
const module = "ExchangeOnlineManagement"

// Connect is the proof exo_connect.
type Connect struct {
	Version             string        `yaml:"version" default:"3.1.0" doc:"the version of ExchangeOnlineManagement that is imported, in quotes"`
	Organization        string        `yaml:"organization" doc:"the primary *.onmicrosoft.com domain; a tenant id is not accepted by Microsoft's command"`
	AppID               string        `yaml:"app_id" doc:"the application that signs in with a certificate"`
	Thumbprint          string        `yaml:"certificate_thumbprint" doc:"certificate in the store of this account or of the machine; Windows alone"`
	CertificateFile     string        `yaml:"certificate_file" doc:"certificate in a .pfx file on the machine"`
	CertificatePassword action.Secret `yaml:"certificate_password" doc:"reference to the password of that file"`
	ManagedIdentity     bool          `yaml:"managed_identity" doc:"sign in as the managed identity of an Azure machine"`
	IdentityAccount     string        `yaml:"managed_identity_account" doc:"which one, if it is user-assigned"`
	AccessToken         action.Secret `yaml:"access_token" doc:"reference to an access token; refreshing it is the site's job"`
	User                string        `yaml:"user" doc:"user name, for a sign-in with a password; Microsoft is retiring it"`
	Password            action.Secret `yaml:"password" doc:"reference to that user's password"`
	Delegated           string        `yaml:"delegated_organization" doc:"the customer's domain, for a partner"`
	Environment         string        `yaml:"environment" enum:"O365Default|O365China|O365USGovGCCHigh|O365USGovDoD" doc:"a sovereign cloud"`
	URI                 string        `yaml:"connection_uri" doc:"another address of the service"`
	Probes              []string      `yaml:"probes" default:"[Get-OrganizationConfig, Get-AcceptedDomain]" doc:"generated commands that must answer; Get-EXO* proves nothing"`
	Bits                string        `yaml:"bits" default:"own" enum:"own|64|32|both" doc:"which PowerShell of a 64-bit Windows; own is the one that the session runs in"`

	secrets action.Secrets
}

// New makes an empty one.
func New(d action.Deps) any { return &Connect{secrets: d.Secrets} }

var (
	tenantID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	// Set- and Remove- commands have no place in a proof.
	probeName = regexp.MustCompile(`^(Get|Test|Find)-[A-Za-z]+$`)
)

// Validate implements action.Validator. Without a credential Microsoft's module opens a browser and waits for a person.
func (p *Connect) Validate() []action.Problem {
	var all []action.Problem
	bad := func(field, format string, args ...any) {
		all = append(all, action.Problem{Field: field, What: fmt.Sprintf(format, args...)})
	}
	if v, err := version.Parse(p.Version); err != nil {
		bad("version", "%v", err)
	} else if v.Preview() {
		bad("version", "%s is a preview: name a release", p.Version)
	} else if version.Compare(p.Version, "3.0.0") < 0 {
		bad("version", "%s speaks Remote PowerShell, which Microsoft has switched off: name a version from 3.0.0 on", p.Version)
	}
	switch ways := p.ways(); {
	case len(ways) == 0:
		bad("", "no way to sign in: give app_id with certificate_thumbprint or certificate_file, managed_identity, access_token, or user with password")
	case len(ways) > 1:
		bad("", "%s are %d ways to sign in: give one", strings.Join(ways, " and "), len(ways))
	}
	for _, n := range []struct {
		has, needs bool
		field      string
		what       string
	}{
		{p.Thumbprint != "" || p.CertificateFile != "", p.AppID != "", "app_id", "a certificate signs in an application: which?"},
		{p.Thumbprint != "" || p.CertificateFile != "" || p.ManagedIdentity, p.Organization != "", "organization", "needed with a certificate or a managed identity"},
		{p.CertificatePassword != "", p.CertificateFile != "", "certificate_file", "certificate_password is the password of a file: which?"},
		{p.AccessToken != "", p.Organization != "" || p.Delegated != "" || p.User != "", "organization", "needed with an access token"},
		{p.Password != "", p.User != "", "user", "whose password is it?"},
		{p.IdentityAccount != "", p.ManagedIdentity, "managed_identity", "managed_identity_account says which one, so this must be true"},
		{p.User != "" && p.AccessToken == "", p.Password != "", "password", "needed for a sign-in as " + p.User},
	} {
		if n.has && !n.needs {
			bad(n.field, "%s", n.what)
		}
	}
	if p.Thumbprint != "" && !action.IsThumbprint(p.Thumbprint) {
		bad("certificate_thumbprint", action.NoThumbprint)
	}
	if _, err := version.Parse(p.Version); err == nil && strings.Count(p.Version, ".") != 2 {
		bad("version", "%s: write all three fields, as in 3.1.0: PowerShell takes 3.1 for another version", p.Version)
	}
	if tenantID.MatchString(p.Organization) {
		bad("organization", "%s is a tenant id: give the primary *.onmicrosoft.com domain", p.Organization)
	}
	if len(p.Probes) == 0 {
		bad("probes", "without a command that answers nothing is proven")
	}
	for _, c := range p.Probes {
		switch {
		case !probeName.MatchString(c):
			bad("probes", "%q is not a command that only reads", c)
		case strings.HasPrefix(strings.ToLower(c), "get-exo"):
			bad("probes", "%s spoke REST in V2 already and proves nothing: name a generated command such as Get-AcceptedDomain", c)
		}
	}
	return all
}

// ways are the fields that ask for a sign-in.
func (p *Connect) ways() []string {
	var ways []string
	for name, given := range map[string]bool{
		"certificate_thumbprint": p.Thumbprint != "", "certificate_file": p.CertificateFile != "",
		"managed_identity": p.ManagedIdentity, "access_token": p.AccessToken != "", "password": p.Password != "",
	} {
		if given {
			ways = append(ways, name)
		}
	}
	sort.Strings(ways)
	return ways
}

// Prove implements action.Proof.
func (p *Connect) Prove(ctx context.Context, r host.Reader) (action.Evidence, error) {
	var ev action.Evidence
	if p.Password != "" {
		ev.Warnings = append(ev.Warnings, "signing in with user and password is being retired by Microsoft (MC1248389): change Cloud Extender and this task to a certificate")
	}
	secrets, err := p.resolve(ctx)
	if err != nil {
		return ev, err
	}
	var verdicts []Verdict
	var said []string
	for _, bits := range psmodule.Bits(p.Bits) {
		v, err := p.prove(ctx, r, bits, secrets)
		if v.Connection != nil {
			verdicts = append(verdicts, v)
			ev.Data = verdicts
		}
		if err != nil {
			if bits != 0 {
				err = fmt.Errorf("%d-bit PowerShell: %w", bits, err)
			}
			return ev, err
		}
		said = append(said, v.Summary)
	}
	ev.Summary = strings.Join(said, "; ")
	return ev, nil
}

func (p *Connect) prove(ctx context.Context, r host.Reader, bits int, secrets map[string][]byte) (Verdict, error) {
	if err := p.installed(ctx, r, bits); err != nil {
		return Verdict{}, err
	}
	var seen exr.Connection
	if err := r.Query(ctx, exr.TestConnection(p.signIn(bits, secrets)), &seen); err != nil {
		return Verdict{}, p.notAgain(err)
	}
	v := judge(p.Version, p.Probes, seen)
	return v, v.err
}

// notAgain: nobody knows whether an error outside the catalogue was a sign-in, and a failed sign-in counts towards a
// lock. That holds for a PowerShell that fell silent as well, where a user signs in.
func (p *Connect) notAgain(err error) error {
	if e := host.As(err); e != nil {
		e.Class = known(e.Class)
		return err
	}
	if p.Password != "" && errors.Is(err, host.ErrUnreachable) {
		return fmt.Errorf("%w: %w", err, &host.Error{ID: "ExrSignInUnknown", Class: host.Never, Message: "whether the user was signed in is not known",
			Remedy: "look at the user's sign-ins in Entra before another attempt: each failed one counts towards the account's lock"})
	}
	return err
}

// installed looks before it imports: that the version is missing is no failure of a connection.
func (p *Connect) installed(ctx context.Context, r host.Reader, bits int) error {
	call := exr.GetModule(module)
	call.Bits = bits
	var all []exr.Module
	if err := r.Query(ctx, call, &all); err != nil {
		return err
	}
	for _, m := range all {
		if version.Compare(m.Version, p.Version) == 0 && m.Prerelease == "" {
			return nil
		}
	}
	return action.Needs(fmt.Sprintf("%s %s is not installed", module, p.Version))
}

func (p *Connect) signIn(bits int, secrets map[string][]byte) exr.SignIn {
	s := exr.SignIn{
		Version: p.Version, Organization: p.Organization, AppID: p.AppID, CertificateThumbprint: p.Thumbprint,
		CertificateFilePath: p.CertificateFile, ManagedIdentity: p.ManagedIdentity, ManagedIdentityAccountID: p.IdentityAccount,
		DelegatedOrganization: p.Delegated, ConnectionURI: p.URI, Environment: p.Environment, Bits: bits, Secrets: secrets,
	}
	if p.AccessToken == "" {
		s.UserName = p.User
	}
	for _, command := range p.Probes {
		s.Probes = append(s.Probes, exr.ProbeCommand{Command: command})
	}
	return s
}

// resolve gets the secrets at the last moment.
func (p *Connect) resolve(ctx context.Context) (map[string][]byte, error) {
	secrets := map[string][]byte{}
	for name, ref := range map[string]action.Secret{"CertificatePassword": p.CertificatePassword, "AccessToken": p.AccessToken, "Password": p.Password} {
		if ref == "" {
			continue
		}
		text, err := p.secrets.Resolve(ctx, ref)
		if err != nil {
			return nil, err
		}
		secrets[name] = text
	}
	return secrets, nil
}
