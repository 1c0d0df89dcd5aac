package exr

import (
	"time"

	"exorunner/internal/host"
)

// A SignIn is how and where to connect. The empty fields are not bound.
type SignIn struct {
	Version                  string // of the module that is imported
	Organization             string
	AppID                    string
	CertificateThumbprint    string
	CertificateFilePath      string
	UserName                 string
	ManagedIdentity          bool
	ManagedIdentityAccountID string
	DelegatedOrganization    string
	ConnectionURI            string
	Environment              string // O365Default, O365China, O365USGovGCCHigh, O365USGovDoD
	Probes                   []ProbeCommand
	Bits                     int
	// Secrets by parameter: CertificatePassword, AccessToken, Password.
	Secrets map[string][]byte
}

// A ProbeCommand is a command of the service that proves something by answering.
type ProbeCommand struct {
	Command string         `json:"command"`
	Args    map[string]any `json:"args,omitempty"`
}

// TestConnection connects, looks, probes and disconnects in a process of its own: one Connection, also when
// Connect-ExchangeOnline threw. Silence of the service lasts up to 5 minutes in Microsoft's module (powershell.md).
func TestConnection(s SignIn) host.Call {
	a := given(args{
		"Version": s.Version, "Organization": s.Organization, "AppId": s.AppID,
		"CertificateThumbprint": s.CertificateThumbprint, "CertificateFilePath": s.CertificateFilePath,
		"UserName": s.UserName, "ManagedIdentity": s.ManagedIdentity, "ManagedIdentityAccountId": s.ManagedIdentityAccountID,
		"DelegatedOrganization": s.DelegatedOrganization, "ConnectionUri": s.ConnectionURI, "ExchangeEnvironmentName": s.Environment,
	})
	if len(s.Probes) > 0 {
		a["Probe"] = s.Probes
	}
	return host.Call{Func: "Test-ExrConnection", Args: a, Secrets: s.Secrets, Fresh: true, Bits: s.Bits, Timeout: 15 * time.Minute}
}

// A Connection is what was seen. The verdict is the caller's.
type Connection struct {
	StartedUTC  string           `json:"startedUtc"`
	Module      ModuleInUse      `json:"module"`
	PowerShell  PowerShellInUse  `json:"powershell"`
	Account     AccountInUse     `json:"account"`
	ConnectMS   int64            `json:"connectMs"`
	Failure     *host.Error      `json:"failure"`
	Connections []ConnectionInfo `json:"connections"`
	StateError  *host.Error      `json:"stateError"`
	RPSSessions []string         `json:"rpsSessions"`
	RPSModules  []RPSModule      `json:"rpsModules"`
	Probes      []Probe          `json:"probes"`
}

// ModuleInUse is the version that was imported.
type ModuleInUse struct {
	Version string `json:"version"`
	Path    string `json:"path"`
}

// PowerShellInUse is the process that connected.
type PowerShellInUse struct {
	Version string `json:"version"`
	Edition string `json:"edition"`
	Bits    int    `json:"bits"`
	Home    string `json:"home"`
}

// AccountInUse is who connected: certificate store, proxy and modules are per account.
type AccountInUse struct {
	Name     string `json:"name"`
	Domain   string `json:"domain"`
	Computer string `json:"computer"`
}

// ConnectionInfo is one object of Get-ConnectionInformation, as text.
type ConnectionInfo struct {
	State           string `json:"state"`       // Connected, Broken
	TokenStatus     string `json:"tokenStatus"` // Active, Expired
	TokenExpiresUTC string `json:"tokenExpiresUtc"`
	URI             string `json:"uri"`
	ModuleName      string `json:"moduleName"` // tmpEXO_...
	Organization    string `json:"organization"`
	TenantID        string `json:"tenantId"`
	AppID           string `json:"appId"`
	Certificate     string `json:"certificate"`
	IsEOPSession    string `json:"isEopSession"`
	ID              string `json:"id"`
}

// An RPSModule is one of implicit remoting: its presence says that RPS was used.
type RPSModule struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// A Probe is the answer of one command.
type Probe struct {
	Command string      `json:"command"`
	Module  string      `json:"module"`
	OK      bool        `json:"ok"`
	Count   int         `json:"count"`
	MS      int64       `json:"ms"`
	Error   *host.Error `json:"error"`
}
