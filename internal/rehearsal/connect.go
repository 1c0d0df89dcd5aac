package rehearsal

import (
	"strings"
	"time"

	"exorunner/internal/exr"
	"exorunner/internal/host"
)

const (
	exoModule = "ExchangeOnlineManagement"
	exoHost   = "outlook.office365.com"
	signInAt  = "login.microsoftonline.com"
)

// How long the parts of a connection took where they were recorded, in milliseconds.
const (
	connectMS    = 336
	firstProbeMS = 98
	laterProbeMS = 53
)

// testConnection is Test-ExrConnection against a service of the model's own.
func testConnection(c *call) ([]any, error) {
	if !c.signsIn() {
		return nil, noCredential()
	}
	one, err := c.load(exoModule, c.text("Version"))
	if err != nil {
		return nil, err
	}
	f := c.m.Facts
	seen := exr.Connection{
		StartedUTC: stamp(c.now),
		Module:     exr.ModuleInUse{Version: one.Version, Path: one.path()},
		PowerShell: exr.PowerShellInUse{Version: f.PowerShell.Version, Edition: f.PowerShell.Edition, Bits: c.bits, Home: c.home()},
		Account:    exr.AccountInUse{Name: f.Account.Name, Domain: f.Account.Domain, Computer: f.OS.Computer},
		ConnectMS:  connectMS, Connections: []exr.ConnectionInfo{}, RPSSessions: []string{}, RPSModules: []exr.RPSModule{},
		Probes: []exr.Probe{},
	}
	if uri := c.text("ConnectionUri"); uri != "" {
		c.inform("Using ConnectionUri:'%s', in the environment:'%s'.", uri, c.or("ExchangeEnvironmentName", "O365Default"))
	}
	seen.Failure = c.inner(c.open(one))
	if seen.Failure == nil {
		c.connected(&seen)
	} else {
		seen.Failure.Stack = "at Connect-ExchangeOnline<Process>, rehearsal\n" + seen.Failure.Stack
	}
	if strings.Contains(f.Account.Profile, "$") {
		c.warn("disconnect: %s", malformed().Message)
	} else if compareVersions(one.Version, "3.0.0") >= 0 {
		c.inform("Disconnected successfully !")
	}
	return []any{seen}, nil
}

func (c *call) signsIn() bool {
	_, token := c.secrets["AccessToken"]
	return token || c.text("CertificateThumbprint") != "" || c.text("CertificateFilePath") != "" || c.text("UserName") != "" || c.flag("ManagedIdentity")
}

// open is Connect-ExchangeOnline: what it threw, or nil.
func (c *call) open(one *module) *host.Error {
	if e := c.orderedFailure(); e != nil {
		return e
	}
	if compareVersions(one.Version, "3.0.0") < 0 {
		return c.overRPS()
	}
	if policy := c.policy(); policy == "AllSigned" {
		return unsigned()
	}
	if c.packageGet() == "" {
		return noManifestCommand()
	}
	if strings.Contains(c.m.Facts.Account.Profile, "$") {
		return malformed()
	}
	if e := c.signIn(); e != nil {
		return e
	}
	if !c.m.opens(exoHost) {
		return noRoute(exoHost)
	}
	return nil
}

// overRPS is what V2 gets now that the service takes no RPS: version 2.0.5 knows no other way.
func (c *call) overRPS() *host.Error {
	if !c.m.opens(exoHost) {
		return noRoute(exoHost)
	}
	if !c.m.WinRMBasic {
		return rpsNoBasic()
	}
	return rpsDenied()
}

// signIn gets a token by the way that was asked for.
func (c *call) signIn() *host.Error {
	if token, given := c.secrets["AccessToken"]; given {
		if string(token) == "wrong" {
			return refused("UnAuthorized")
		}
		return nil
	}
	if !c.m.opens(signInAt) {
		return noRoute(signInAt)
	}
	if user := c.text("UserName"); user != "" {
		return c.signInUser(user)
	}
	if c.flag("ManagedIdentity") {
		return noManagedIdentity()
	}
	return c.signInApp()
}

func (c *call) signInUser(user string) *host.Error {
	password, known := c.secrets["Password"], false
	for _, u := range c.m.Tenant.Users {
		known = known || same(u, user)
	}
	switch {
	case !known:
		return c.aadUser("AADSTS50034: The user account does not exist in the directory." + traceID)
	case string(password) == "wrong" || len(password) == 0:
		return c.aadUser(wrongUserPassword)
	}
	return nil
}

func (c *call) signInApp() *host.Error {
	one, e := c.certificate()
	if e != nil {
		return e
	}
	t := c.m.Tenant
	if !same(c.text("Organization"), t.Organization) {
		return c.aadApp("AADSTS90002: Tenant '" + c.text("Organization") + "' not found." + traceID)
	}
	for _, app := range t.Applications {
		if !same(app.ID, c.text("AppId")) {
			continue
		}
		for _, thumbprint := range app.Certificates {
			if same(thumbprint, one.Thumbprint) && one.DaysLeft > 0 {
				return nil
			}
		}
	}
	// 700016 and 700027: MSAL replaces their text.
	return c.aadApp(configurationIssue)
}

// certificate is the one to sign in with, and whether this account can use its key.
func (c *call) certificate() (*certificate, *host.Error) {
	var one *certificate
	if path := c.text("CertificateFilePath"); path != "" {
		for i := range c.m.Certificates {
			if own := &c.m.Certificates[i]; own.Path != "" && same(own.Path, path) {
				one = own
			}
		}
		if password := c.secrets["CertificatePassword"]; one != nil && string(password) == "wrong" {
			return nil, badCertificatePassword()
		}
	}
	if thumbprint := c.text("CertificateThumbprint"); thumbprint != "" {
		for i := range c.m.Certificates {
			if own := &c.m.Certificates[i]; own.Store != "" && same(own.Thumbprint, thumbprint) {
				one = own
			}
		}
	}
	switch {
	case one == nil:
		return nil, noCertificate()
	case !one.KeyReadable:
		return nil, noKey()
	case one.KeyKind == "RSACng":
		return nil, cngKey()
	}
	return one, nil
}

// connected fills in what is seen once a connection stands.
func (c *call) connected(seen *exr.Connection) {
	_, token := c.secrets["AccessToken"]
	name := "tmpEXO_" + c.letters(8) + "." + c.letters(3)
	info := exr.ConnectionInfo{
		State: "Connected", TokenStatus: "Active", TokenExpiresUTC: c.now.Add(time.Hour).Format("01/02/2006 15:04:05 -07:00"),
		URI: c.or("ConnectionUri", "https://"+exoHost), ModuleName: name, Organization: c.m.Tenant.Organization,
		TenantID: c.m.Tenant.ID, AppID: c.text("AppId"), Certificate: "False", IsEOPSession: "False", ID: c.guid(),
	}
	if token {
		info.TokenExpiresUTC = "12/31/9999 23:59:59 +00:00"
	} else if c.text("AppId") != "" {
		info.Certificate = "True"
	}
	seen.Connections = append(seen.Connections, info)
	commands := c.m.Tenant.Commands
	if c.fault("connect-no-commands") {
		c.warn("Get-help cmdlet might not work. Please reconnect if you want to access that functionality.")
		commands = nil
	}
	c.spoil(seen)
	ms, refusal := int64(firstProbeMS), c.orderedProbe()
	for _, p := range c.probes() {
		one := c.probe(p, name, commands, refusal)
		one.MS = ms
		seen.Probes = append(seen.Probes, one)
		ms = laterProbeMS
	}
}

// spoil does what faults were ordered for a connection that stands.
func (c *call) spoil(seen *exr.Connection) {
	if c.fault("connect-broken") {
		seen.Connections[0].State = "Broken"
	}
	if c.fault("token-expired") {
		seen.Connections[0].TokenStatus = "Expired"
	}
	if c.fault("eop-session") {
		seen.Connections[0].IsEOPSession = "True"
	}
	if c.fault("two-connections") {
		second := seen.Connections[0]
		second.ID = c.guid()
		seen.Connections = append(seen.Connections, second)
	}
	if c.fault("connect-state-throws") {
		seen.Connections = []exr.ConnectionInfo{}
		seen.StateError = c.inner(stateThrows())
	}
	if c.fault("rps") {
		seen.RPSSessions = []string{"ExchangeOnlineInternalSession_1"}
		seen.RPSModules = []exr.RPSModule{{Name: "tmp_" + c.letters(8) + "." + c.letters(3), Description: "Implicit remoting for https://" + exoHost + "/PowerShell-LiveId"}}
	}
}

func (c *call) probes() []string {
	if !c.has("Probe") {
		return []string{"Get-OrganizationConfig", "Get-AcceptedDomain"}
	}
	var commands []string
	for _, p := range c.list("Probe") {
		table, _ := p.(map[string]any)
		command, _ := table["command"].(string)
		commands = append(commands, command)
	}
	return commands
}

// probe calls one command of the service. refusal is what the service was ordered to say to any of them.
func (c *call) probe(command, moduleName string, commands map[string]int, refusal *host.Error) exr.Probe {
	p := exr.Probe{Command: command}
	count, known := commands[command]
	if !known || refusal != nil && refusal.ID == "CommandNotFoundException" {
		p.Error = c.inner(commandNotFound(command))
		return p
	}
	p.Module = moduleName
	if strings.HasPrefix(command, "Get-EXO") {
		p.Module = exoModule
	}
	if refusal != nil {
		p.Error = c.inner(refusal)
		return p
	}
	p.OK, p.Count = true, count
	return p
}
