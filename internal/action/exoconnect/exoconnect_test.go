package exoconnect_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/action"
	"exorunner/internal/action/actiontest"
	"exorunner/internal/action/exoconnect"
	"exorunner/internal/exr"
	"exorunner/internal/host"
)

const (
	organization = "contoso.onmicrosoft.com"
	app          = "22222222-2222-2222-2222-222222222222"
	thumbprint   = "C919C4C881CEFF6CDF867FF1FC6A10D45BB02A26"
	marker       = "hunter2-of-the-test"
)

// vault gives the same secret for every reference, and counts.
type vault struct {
	asked []action.Secret
	err   error
}

func (v *vault) Resolve(_ context.Context, ref action.Secret) ([]byte, error) {
	v.asked = append(v.asked, ref)
	return []byte(marker), v.err
}

// connect is a good one: an application with a certificate of the store.
func connect(secrets action.Secrets) *exoconnect.Connect {
	p := exoconnect.New(action.Deps{Secrets: secrets}).(*exoconnect.Connect)
	p.Version, p.Organization, p.AppID, p.Thumbprint = "3.1.0", organization, app, thumbprint
	p.Probes = []string{"Get-OrganizationConfig", "Get-AcceptedDomain"}
	return p
}

func TestValidate(t *testing.T) {
	for about, tt := range map[string]struct {
		change func(*exoconnect.Connect)
		want   []action.Problem
	}{
		"an application with a certificate of the store is fine": {func(*exoconnect.Connect) {}, nil},
		"so is one with a file and its password": {func(p *exoconnect.Connect) {
			p.Thumbprint, p.CertificateFile, p.CertificatePassword = "", "a.pfx", "env:A"
		}, nil},
		"so is a managed identity": {func(p *exoconnect.Connect) {
			p.Thumbprint, p.AppID, p.ManagedIdentity, p.IdentityAccount = "", "", true, "id"
		}, nil},
		"so is a token of an organization": {func(p *exoconnect.Connect) { p.Thumbprint, p.AppID, p.AccessToken = "", "", "env:T" }, nil},
		"so is a token of a user": {func(p *exoconnect.Connect) {
			p.Thumbprint, p.AppID, p.Organization, p.User, p.AccessToken = "", "", "", "u", "env:T"
		}, nil},
		"so are a user and a password": {func(p *exoconnect.Connect) {
			p.Thumbprint, p.AppID, p.Organization, p.User, p.Password = "", "", "", "u", "env:P"
		}, nil},
		"no way to sign in": {func(p *exoconnect.Connect) { p.Thumbprint = "" }, []action.Problem{
			{What: "no way to sign in: give app_id with certificate_thumbprint or certificate_file, managed_identity, access_token, or user with password"}}},
		"three ways": {func(p *exoconnect.Connect) { p.ManagedIdentity, p.AccessToken = true, "env:T" }, []action.Problem{
			{What: "access_token and certificate_thumbprint and managed_identity are 3 ways to sign in: give one"}}},
		"a certificate without its application and organization": {func(p *exoconnect.Connect) { p.AppID, p.Organization = "", "" }, []action.Problem{
			{Field: "app_id", What: "a certificate signs in an application: which?"},
			{Field: "organization", What: "needed with a certificate or a managed identity"}}},
		"a password of no file": {func(p *exoconnect.Connect) { p.CertificatePassword = "env:A" }, []action.Problem{
			{Field: "certificate_file", What: "certificate_password is the password of a file: which?"}}},
		"a token for nobody": {func(p *exoconnect.Connect) {
			p.Thumbprint, p.AppID, p.Organization, p.AccessToken = "", "", "", "env:T"
		}, []action.Problem{
			{Field: "organization", What: "needed with an access token"}}},
		"a password of nobody": {func(p *exoconnect.Connect) { p.Thumbprint, p.AppID, p.Password = "", "", "env:P" }, []action.Problem{
			{Field: "user", What: "whose password is it?"}}},
		"a user without a password": {func(p *exoconnect.Connect) { p.User = "ce@contoso.com" }, []action.Problem{
			{Field: "password", What: "needed for a sign-in as ce@contoso.com"}}},
		"an account of no managed identity": {func(p *exoconnect.Connect) { p.IdentityAccount = "id" }, []action.Problem{
			{Field: "managed_identity", What: "managed_identity_account says which one, so this must be true"}}},
		"a tenant id": {func(p *exoconnect.Connect) { p.Organization = "11111111-1111-1111-1111-11111111111F" }, []action.Problem{
			{Field: "organization", What: "11111111-1111-1111-1111-11111111111F is a tenant id: give the primary *.onmicrosoft.com domain"}}},
		"V2": {func(p *exoconnect.Connect) { p.Version = "2.0.5" }, []action.Problem{
			{Field: "version", What: "2.0.5 speaks Remote PowerShell, which Microsoft has switched off: name a version from 3.0.0 on"}}},
		"a preview": {func(p *exoconnect.Connect) { p.Version = "3.1.0-Preview1" }, []action.Problem{
			{Field: "version", What: "3.1.0-Preview1 is a preview: name a release"}}},
		"no version": {func(p *exoconnect.Connect) { p.Version = "newest" }, []action.Problem{
			{Field: "version", What: `version "newest": field 1 is not a number`}}},
		"no probes": {func(p *exoconnect.Connect) { p.Probes = nil }, []action.Problem{
			{Field: "probes", What: "without a command that answers nothing is proven"}}},
		"a probe that writes, one with arguments and one of V2": {func(p *exoconnect.Connect) {
			p.Probes = []string{"Set-Mailbox", "Get-Mailbox -ResultSize 1", "Get-exoMailbox", "Get-AcceptedDomain"}
		}, []action.Problem{
			{Field: "probes", What: `"Set-Mailbox" is not a command that only reads`},
			{Field: "probes", What: `"Get-Mailbox -ResultSize 1" is not a command that only reads`},
			{Field: "probes", What: "Get-exoMailbox spoke REST in V2 already and proves nothing: name a generated command such as Get-AcceptedDomain"}}},
	} {
		t.Run(about, func(t *testing.T) {
			p := connect(nil)
			tt.change(p)
			if diff := cmp.Diff(tt.want, p.Validate()); diff != "" {
				t.Errorf("problems, want(-) got(+):\n%s", diff)
			}
		})
	}
}

// good is a connection as it should be.
func good() exr.Connection {
	return exr.Connection{
		Module:  exr.ModuleInUse{Version: "3.1.0"},
		Account: exr.AccountInUse{Name: "svc-ce", Computer: "CE01"},
		Connections: []exr.ConnectionInfo{{State: "Connected", TokenStatus: "Active", ModuleName: "tmpEXO_abcdefgh.ijk",
			IsEOPSession: "False", ID: "0-1"}},
		Probes: []exr.Probe{
			{Command: "Get-OrganizationConfig", Module: "tmpEXO_abcdefgh.ijk", OK: true, Count: 1},
			{Command: "get-accepteddomain", Module: "tmpEXO_abcdefgh.ijk", OK: true, Count: 2},
		},
	}
}

// machine has 3.1.0 and connects like that.
func machine(t *testing.T, seen any) *actiontest.Host {
	return actiontest.New(t, map[string]actiontest.Answer{
		"Get-ExrModule":      actiontest.Gives(exr.Module{Version: "2.0.5"}, exr.Module{Version: "3.1.0"}),
		"Test-ExrConnection": actiontest.Gives(seen),
	})
}

func thrown(id, exception, message string) *host.Error {
	return &host.Error{ID: id, Exception: exception, Message: message}
}

// verdicts are what a proof keeps as evidence.
func verdicts(t *testing.T, ev action.Evidence) []exoconnect.Verdict {
	t.Helper()
	all, ok := ev.Data.([]exoconnect.Verdict)
	if !ok || len(all) == 0 {
		t.Fatalf("evidence is %T, want verdicts", ev.Data)
	}
	return all
}

// broken are the points that do not hold.
func broken(v exoconnect.Verdict) []string {
	var all []string
	for _, p := range v.Points {
		if !p.Holds {
			all = append(all, p.Point)
		}
	}
	return all
}

func TestEachPointIsNeeded(t *testing.T) {
	for about, tt := range map[string]struct {
		change  func(*exr.Connection)
		verdict string
		broken  []string
		class   host.Class
		id      string
		remedy  string // a part of it
	}{
		"all of them hold":             {func(*exr.Connection) {}, "holds", nil, "", "", ""},
		"another version was imported": {func(c *exr.Connection) { c.Module.Version = "3.9.0" }, "refuted", []string{"module version"}, host.Never, "ExrModuleVersion", "Import-Module"},
		"it is broken":                 {func(c *exr.Connection) { c.Connections[0].State = "Broken" }, "refuted", []string{"state"}, host.Transient, "ExrConnectionState", "connect again"},
		"its token has expired":        {func(c *exr.Connection) { c.Connections[0].TokenStatus = "Expired" }, "refuted", []string{"token"}, host.Transient, "ExrTokenStatus", "connect again"},
		"there is none":                {func(c *exr.Connection) { c.Connections = nil }, "refuted", []string{"one connection"}, host.Transient, "ExrConnectionCount", "connect again"},
		"there are two":                {func(c *exr.Connection) { c.Connections = append(c.Connections, c.Connections[0]) }, "refuted", []string{"one connection"}, host.Transient, "ExrConnectionCount", "connect again"},
		"its module has no name":       {func(c *exr.Connection) { c.Connections[0].ModuleName = "" }, "refuted", []string{"generated module"}, host.Transient, "ExrGeneratedModule", "connect again"},
		"it is one to Security & Compliance": {func(c *exr.Connection) { c.Connections[0].IsEOPSession = "True" }, "refuted",
			[]string{"Exchange Online and not Security & Compliance"}, host.Never, "ExrEopSession", "Connect-ExchangeOnline"},
		"a probe was not called": {func(c *exr.Connection) { c.Probes = c.Probes[:1] }, "refuted", []string{"Get-AcceptedDomain answers"}, host.Never, "ExrProbe", "role"},
		"a probe answers from another module": {func(c *exr.Connection) { c.Probes[1].Module = "SomebodysTools" }, "refuted",
			[]string{"Get-AcceptedDomain answers"}, host.Never, "ExrProbeModule", "other module"},
		"a probe has no module":         {func(c *exr.Connection) { c.Probes[1].Module = "" }, "refuted", []string{"Get-AcceptedDomain answers"}, host.Never, "ExrProbeModule", "other module"},
		"a probe says no and not why":   {func(c *exr.Connection) { c.Probes[1].OK = false }, "refuted", []string{"Get-AcceptedDomain answers"}, host.Never, "ExrProbe", "role"},
		"a probe fails as nobody knows": {func(c *exr.Connection) { c.Probes[1].OK, c.Probes[1].Error = false, thrown("X", "System.Odd", "odd") }, "refuted", []string{"Get-AcceptedDomain answers"}, host.Never, "X", ""},
		"a probe is throttled": {func(c *exr.Connection) {
			c.Probes[1].OK, c.Probes[1].Error = false, thrown("X", "System.Exception", "HttpStatusCode=429")
		}, "refuted", []string{"Get-AcceptedDomain answers"}, host.Transient, "X", "busy"},
		"the state is not told": {func(c *exr.Connection) {
			c.StateError = thrown("X", "System.ArgumentException", "Error to log cannot be null/empty")
		}, "refuted", []string{"Get-ConnectionInformation"}, host.Transient, "X", "health"},
		"what stays is graver than what passes, in whatever order": {func(c *exr.Connection) {
			c.Connections[0].State = "Broken"
			c.Probes[1].OK, c.Probes[1].Error = false, thrown("X", "*.CmdletAccessDeniedException", "no")
		}, "refuted", []string{"state", "Get-AcceptedDomain answers"}, host.Never, "X", "role"},
		"a connect that fails as nobody knows is never tried again": {func(c *exr.Connection) {
			*c = exr.Connection{Module: c.Module, Failure: thrown("Odd", "System.Odd", "odd")}
		}, "refuted", []string{"Connect-ExchangeOnline"}, host.Never, "Odd", ""},
		"nor one that counts as fine elsewhere": {func(c *exr.Connection) {
			*c = exr.Connection{Module: c.Module, Failure: thrown("Odd", "System.Odd", "Failed to fetch banner content")}
		}, "refuted", []string{"Connect-ExchangeOnline"}, host.Never, "Odd", ""},
		"an id that is a whole message is not repeated": {func(c *exr.Connection) {
			long := strings.Repeat("very ", 40) + "long"
			*c = exr.Connection{Module: c.Module, Failure: thrown(long, "System.Odd", long)}
		}, "refuted", []string{"Connect-ExchangeOnline"}, host.Never, "System.Odd", ""},
	} {
		t.Run(about, func(t *testing.T) {
			seen := good()
			tt.change(&seen)
			ev, err := connect(&vault{}).Prove(t.Context(), machine(t, seen))
			v := verdicts(t, ev)[0]
			if v.Verdict != tt.verdict {
				t.Errorf("verdict %q, want %q", v.Verdict, tt.verdict)
			}
			if diff := cmp.Diff(tt.broken, broken(v)); diff != "" {
				t.Errorf("points that do not hold, want(-) got(+):\n%s", diff)
			}
			if tt.verdict == "holds" {
				if want := "connected with 3.1.0 over REST as svc-ce on CE01, 2 commands answered"; err != nil || ev.Summary != want {
					t.Errorf("summary %q, error %v; want %q", ev.Summary, err, want)
				}
				return
			}
			e := host.As(err)
			if e == nil || e.Class != tt.class || e.ID != tt.id || !strings.Contains(e.Remedy, tt.remedy) {
				t.Errorf("error %+v, want class %s, id %s, remedy with %q", e, tt.class, tt.id, tt.remedy)
			}
		})
	}
}

func TestRemotePowerShellIsAVerdictOfItsOwn(t *testing.T) {
	for about, change := range map[string]func(*exr.Connection){
		"a session of it is there":                 func(c *exr.Connection) { c.RPSSessions = []string{"ExchangeOnlineInternalSession_1"} },
		"a module of implicit remoting is":         func(c *exr.Connection) { c.RPSModules = []exr.RPSModule{{Name: "tmp_abc", Description: "d"}} },
		"the connection's module is one":           func(c *exr.Connection) { c.Connections[0].ModuleName = "tmp_abcdefgh.ijk" },
		"a command comes from one":                 func(c *exr.Connection) { c.Probes[0].Module = "tmp_abcdefgh.ijk" },
		"no connection is listed beside a session": func(c *exr.Connection) { c.Connections, c.RPSSessions = nil, []string{"x"} },
		"a transient point stands before it":       func(c *exr.Connection) { c.Connections[0].State, c.RPSSessions = "Broken", []string{"x"} },
		"V2 was told that Basic is off": func(c *exr.Connection) {
			*c = exr.Connection{Module: exr.ModuleInUse{Version: "2.0.5"}, Failure: thrown("-2144108321,PSSessionOpenFailed",
				"System.Management.Automation.Remoting.PSRemotingTransportException", "The WinRM client cannot process the request. Basic authentication is currently disabled in the client configuration.")}
		},
		"V2 was refused": func(c *exr.Connection) {
			*c = exr.Connection{Module: exr.ModuleInUse{Version: "2.0.5"}, Failure: thrown("AccessDenied,PSSessionOpenFailed",
				"System.Management.Automation.Remoting.PSRemotingTransportException", "Access is denied.")}
		},
		"its switch was given to a version without it": func(c *exr.Connection) {
			c.Failure = thrown("NamedParameterNotFound,Connect-ExchangeOnline", "System.Management.Automation.ParameterBindingException",
				"A parameter cannot be found that matches parameter name 'UseRPSSession'.")
		},
	} {
		t.Run(about, func(t *testing.T) {
			seen := good()
			change(&seen)
			ev, err := connect(&vault{}).Prove(t.Context(), machine(t, seen))
			if v := verdicts(t, ev)[0]; v.Verdict != "rps" {
				t.Errorf("verdict %q, want rps", v.Verdict)
			}
			e := host.As(err)
			if e == nil || e.ID != "ExrRPS" || e.Class != host.Never || !strings.HasPrefix(e.Message, "Remote PowerShell was used: ") {
				t.Fatalf("error %+v, want ExrRPS, never", e)
			}
			if want := "enabling Basic authentication is no remedy"; !strings.Contains(e.Remedy, want) || strings.Count(e.Remedy, "Basic") != 1 {
				t.Errorf("remedy %q, want it to say of Basic only: %s", e.Remedy, want)
			}
		})
	}
}

func TestAsksForWhatThePlaybookSays(t *testing.T) {
	p := connect(&vault{})
	p.Thumbprint, p.CertificateFile, p.CertificatePassword = "", `C:\a.pfx`, "env:P"
	p.URI, p.Environment, p.Delegated, p.Bits = "https://x", "O365China", "d.onmicrosoft.com", "32"
	h := machine(t, good())
	if _, err := p.Prove(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	call := h.Calls[len(h.Calls)-1]
	want := map[string]any{
		"Version": "3.1.0", "Organization": organization, "AppId": app, "CertificateFilePath": `C:\a.pfx`,
		"ConnectionUri": "https://x", "ExchangeEnvironmentName": "O365China", "DelegatedOrganization": "d.onmicrosoft.com",
		"Probe": []exr.ProbeCommand{{Command: "Get-OrganizationConfig"}, {Command: "Get-AcceptedDomain"}},
	}
	if diff := cmp.Diff(want, call.Args); diff != "" {
		t.Errorf("arguments, want(-) got(+):\n%s", diff)
	}
	if !call.Fresh || call.Bits != 32 || h.Calls[0].Bits != 32 {
		t.Errorf("fresh %v, bits %d and %d, want a process of its own with 32 bits for both calls", call.Fresh, h.Calls[0].Bits, call.Bits)
	}
	if diff := cmp.Diff(map[string][]byte{"CertificatePassword": []byte(marker)}, call.Secrets); diff != "" {
		t.Errorf("secrets, want(-) got(+):\n%s", diff)
	}
}

func TestATokenOfAUserIsNotSentWithTheName(t *testing.T) {
	p := connect(&vault{})
	p.Thumbprint, p.AppID, p.User, p.AccessToken = "", "", "ce@contoso.com", "env:T"
	h := machine(t, good())
	if _, err := p.Prove(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	// With a user name the function would make a credential of it, and Connect-ExchangeOnline takes one or the other.
	if call := h.Calls[len(h.Calls)-1]; call.Args["UserName"] != nil || string(call.Secrets["AccessToken"]) != marker {
		t.Errorf("arguments %v, secrets %q, want the token alone", call.Args, call.Secrets)
	}
}

func TestEvidenceHoldsNoSecret(t *testing.T) {
	p := connect(&vault{})
	p.Thumbprint, p.AppID, p.User, p.Password = "", "", "ce@contoso.com", "env:P"
	for about, seen := range map[string]exr.Connection{"holds": good(), "refuted": {Failure: thrown("X", "Y", "Z")}} {
		ev, err := p.Prove(t.Context(), machine(t, seen))
		raw, failed := json.Marshal(ev)
		if failed != nil {
			t.Fatal(failed)
		}
		if strings.Contains(string(raw), marker) || err != nil && strings.Contains(err.Error(), marker) {
			t.Errorf("%s: evidence %s, error %v; want no secret in them", about, raw, err)
		}
		if len(ev.Warnings) != 1 || !strings.Contains(ev.Warnings[0], "MC1248389") {
			t.Errorf("%s: warnings %q, want that a sign-in with a password is being retired", about, ev.Warnings)
		}
	}
}

func TestNobodySignsInBeforeTheModuleIsThere(t *testing.T) {
	v := &vault{}
	for about, modules := range map[string][]any{
		"none":            {},
		"V2 alone":        {exr.Module{Version: "2.0.5"}},
		"a preview of it": {exr.Module{Version: "3.1.0", Prerelease: "Preview2"}},
		"a newer one":     {exr.Module{Version: "3.1.1"}},
	} {
		h := actiontest.New(t, map[string]actiontest.Answer{"Get-ExrModule": actiontest.Gives(modules...)})
		ev, err := connect(v).Prove(t.Context(), h)
		if want := "ExchangeOnlineManagement 3.1.0 is not installed"; action.Needed(err) != want || ev.Data != nil {
			t.Errorf("%s: error %v, evidence %v; want a need: %s", about, err, ev.Data, want)
		}
	}
}

func TestBothPowerShellsAndTheFirstRefusalEnds(t *testing.T) {
	p := connect(&vault{})
	p.Bits = "both"
	bad := good()
	bad.Failure = thrown("X", "Y", "AADSTS50053: locked")
	h := machine(t, bad)
	ev, err := p.Prove(t.Context(), h)
	if err == nil || !strings.HasPrefix(err.Error(), "64-bit PowerShell: ") || host.As(err).Class != host.Never {
		t.Errorf("error %v, want one of the 64-bit PowerShell, never", err)
	}
	// A second try would count towards the lock.
	if n := h.Called("Test-ExrConnection"); n != 1 || len(verdicts(t, ev)) != 1 {
		t.Errorf("%d sign-ins after a refused one, want 1", n)
	}
	h = machine(t, good())
	ev, err = p.Prove(t.Context(), h)
	if err != nil || len(verdicts(t, ev)) != 2 || strings.Count(ev.Summary, "connected with") != 2 {
		t.Errorf("summary %q, %d verdicts, error %v; want both", ev.Summary, len(verdicts(t, ev)), err)
	}
}

func TestAFailureOfTheCallItselfIsNotTriedAgainEither(t *testing.T) {
	for class, want := range map[host.Class]host.Class{
		host.Unknown: host.Never, host.Fine: host.Never, host.Never: host.Never, host.Transient: host.Transient, host.OnceMore: host.OnceMore,
	} {
		h := actiontest.New(t, map[string]actiontest.Answer{
			"Get-ExrModule":      actiontest.Gives(exr.Module{Version: "3.1.0"}),
			"Test-ExrConnection": actiontest.Throws(&host.Error{ID: "X", Message: "x", Class: class}),
		})
		if _, err := connect(&vault{}).Prove(t.Context(), h); host.As(err) == nil || host.As(err).Class != want {
			t.Errorf("class %q became %v, want %q", class, err, want)
		}
	}
}

func TestASecretThatIsNotThereEndsItBeforeTheMachineIsAsked(t *testing.T) {
	p := connect(&vault{err: errors.New("the variable is not set")})
	p.Thumbprint, p.CertificateFile, p.CertificatePassword = "", "a", "env:P"
	h := actiontest.New(t, nil)
	if _, err := p.Prove(t.Context(), h); err == nil || len(h.Calls) != 0 {
		t.Errorf("error %v after %d calls, want one after none", err, len(h.Calls))
	}
}
