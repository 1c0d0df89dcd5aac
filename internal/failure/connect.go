package failure

import "exorunner/internal/host"

const (
	seenExO = "seen with ExchangeOnlineManagement 3.5.0 to 3.9.0"
	exoDocs = "Microsoft's documentation of the module"
	connect = "Connect-ExchangeOnline"
)

const loadV3 = "Remote PowerShell was tried, which Microsoft has switched off. An old version of the module was loaded: install 3.1.0 with a ps_module task, " +
	"and look which version a fresh Import-Module takes. Leave the Basic setting of WinRM alone; V3 does not use it."

const cleanProcess = "Another module brought an older sign-in library into the same process: connect in a process of its own, and keep Microsoft.Graph, Az, PnP and Teams out of it."

const useCertificate = "Sign in with a certificate instead: app_id, certificate_thumbprint and organization in the exo_connect task."

// connectRules are the rows about Connect-ExchangeOnline and what follows it.
var connectRules = []Rule{
	{ID: "C06", Class: host.Never, Source: exoDocs, Remedy: loadV3, any: []pattern{
		{Names: []string{"Create Powershell Session is failed"}},
		{ID: "-2144108321,PSSessionOpenFailed"}, // ERROR_WSMAN_CLIENT_BASIC_AUTHENTICATION_DISABLED, 0x803380DF
		{English: "Basic authentication is currently disabled in the client configuration"}}},
	{ID: "C07", Class: host.Never, Source: field, Remedy: loadV3, any: []pattern{
		{ID: "*,PSSessionOpenFailed"}, {Exception: "*.PSRemotingTransportException"}}},
	{ID: "C08", Class: host.Never, Source: field, Remedy: loadV3, any: []pattern{{Names: []string{"'UseRPSSession'"}}}},
	{ID: "C30", Class: host.Never, Source: "PowerShell/PSResourceGet issue 876", any: []pattern{{Names: []string{"'RequireLicenseAcceptance'"}}},
		Remedy: "A beta of PowerShellGet 3 is installed, with which the module cannot connect: uninstall it; PowerShellGet 2.2.5 is right here."},
	{ID: "C01", Class: host.Never, Source: exoDocs, any: []pattern{
		{Exception: "System.Management.Automation.PSSecurityException"}, {English: "running scripts is disabled on this system"}},
		Remedy: "The execution policy forbids scripts, and the module writes an unsigned one to connect: set it to RemoteSigned. A group policy (Get-ExecutionPolicy -List) must be changed by whoever owns it."},
	{ID: "C02", Class: host.OnceMore, Source: exoDocs, any: []pattern{
		{Exception: "*.CommandNotFoundException", Names: []string{"Update-ModuleManifest"}}, {Names: []string{"Update-Manifest"}}},
		Remedy: "PowerShellGet is missing, which the module needs to connect: install PowerShellGet 2.2.5 and PackageManagement with ps_module tasks before this one."},
	{ID: "C03", Class: host.OnceMore, Source: "MicrosoftDocs/office-docs-powershell issue 11092", any: []pattern{
		{Names: []string{"tmpEXO_", "System.Management.Automation.SwitchParameter", "Verbose"}}},
		Remedy: "The module cannot build its commands under a Windows service unless it skips formatting data: use version 3.1.0 or newer, with which exorunner asks for that."},
	{ID: "C04", Class: host.Transient, Source: seenExO, any: []pattern{{Names: []string{"Module could not be correctly formed"}}},
		Remedy: "Exchange Online gave an empty answer, or refused without a word; it is often busy. If it goes on: look at TEMP of this account, at .NET Framework 4.7.2 and at the application's role."},
	{ID: "C05", Class: host.Never, Source: exoDocs, any: []pattern{{Names: []string{"System.Runtime.InteropServices.OSPlatform"}}},
		Remedy: "The .NET Framework is too old for the module: install 4.7.2 or newer and restart the server."},
	{ID: "C09", Class: host.Never, Source: field, any: []pattern{
		{Exception: "*.CmdletAccessDeniedException", Names: []string{"role assigned to application"}},
		{Exception: "System.UnauthorizedAccessException", Names: []string{"role assigned to application"}},
		{English: "The role assigned to application"}},
		Remedy: "The application has no Entra role that Exchange Online accepts: assign Exchange Administrator or a custom role group to its service principal. A new role takes up to an hour to count."},
	{ID: "C11", Class: host.Never, Source: field, any: []pattern{
		{Exception: "*.CmdletAccessDeniedException"}, {Names: []string{"HttpStatusCode=401"}}, {Names: []string{"HttpStatusCode=403"}}, {English: "is not allowed to call"}},
		Remedy: "Signed in, but not allowed to run this command: give the account or application a role that has it, or probe with a command that its role has (probes)."},
	{ID: "C10", Class: host.Never, Source: seenExO, any: []pattern{
		{Exception: "System.UnauthorizedAccessException", Stack: connect}, {Exception: "System.UnauthorizedAccessException", Thrown: true}},
		Remedy: "Exchange Online refused the sign-in: the application needs the permission Exchange.ManageAsApp with an administrator's consent, and organization must be the primary onmicrosoft.com domain. An access token may have expired."},
	{ID: "P04", Class: host.Never, Source: seenExO, any: []pattern{{Names: []string{"A configuration issue is preventing authentication"}}},
		Remedy: "The sign-in service does not know the application, or the certificate is not registered with it: compare app_id, the certificate's thumbprint and organization with the app registration in Entra."},
	{ID: "C13", Class: host.Never, Source: "PowerShell/PowerShell issue 26663", any: []pattern{
		{Exception: "*.MsalUiRequiredException"}, {Names: []string{"Could not acquire token silently, need UI authentication"}}},
		Remedy: "The sign-in service wants a person at a screen. " + useCertificate},
	{ID: "C14", Class: host.Never, Source: field, any: []pattern{
		{HResult: 0x80090016}, // NTE_BAD_KEYSET
		{Exception: "*CryptographicException", English: "Keyset does not exist"}},
		Remedy: "This account cannot read the certificate's private key: grant it read access (certlm.msc, All Tasks, Manage Private Keys), or install the certificate in this account's own store."},
	{ID: "C15", Class: host.Never, Source: exoDocs, any: []pattern{
		{HResult: 0x80090014}, // NTE_BAD_PROV_TYPE
		{Names: []string{"Could not use the certificate for signing"}}, {Exception: "*CryptographicException", English: "Invalid provider type specified"}},
		Remedy: "The certificate's key is kept by CNG, which the module cannot use: make a certificate with a CSP key (New-SelfSignedCertificate -KeySpec KeyExchange) and register it with the application."},
	{ID: "C16", Class: host.Never, Source: field, any: []pattern{{Names: []string{"A window handle must be configured"}}},
		Remedy: "Versions from 3.7.0 on sign in through a window of Windows, which a service has not: use 3.1.0. " + useCertificate},
	{ID: "C17", Class: host.Never, Source: "PowerShell/PowerShell issue 25125", any: []pattern{{Names: []string{"0xffffffff80070520"}}, {Names: []string{"0x21420087"}}},
		Remedy: "The sign-in of Windows (WAM) does not work for a run-as account: use 3.1.0, which has none of it. " + useCertificate},
	{ID: "C18", Class: host.Never, Source: field, any: []pattern{{Names: []string{"0x1e3d43d2"}}, {Names: []string{"Operation did not start in the allotted time"}}},
		Remedy: "The sign-in of Windows (WAM) did not start: use 3.1.0, which has none of it. " + useCertificate},
	{ID: "C19", Class: host.OnceMore, Source: exoDocs, Remedy: cleanProcess, any: []pattern{
		{Exception: "System.IO.File*Exception", Names: []string{"System.IdentityModel.Tokens.Jwt"}}, {Exception: "System.IO.File*Exception", Names: []string{"Microsoft.Identity.Client"}},
		{Exception: "System.MissingMethodException", Names: []string{"Microsoft.Identity.Client"}}, {Names: []string{"PublicClientApplicationBuilder", "WithBroker"}}}},
	{ID: "C20", Class: host.OnceMore, Source: field, Remedy: cleanProcess, any: []pattern{{Names: []string{"IDX12729"}}}},
	{ID: "C21", Class: host.OnceMore, Source: field, any: []pattern{{Exception: "*.DataServiceTransportException"}, {English: "The underlying connection was closed"}},
		Remedy: "The connection was cut: the token had expired, or something in between closes connections. Connect anew in a new process; if it stays so, look at TLS 1.2 and at the proxy or firewall."},
	{ID: "C25", Class: host.Never, Source: field, any: []pattern{{Names: []string{"(407)"}}, {English: "Proxy Authentication Required"}},
		Remedy: "The proxy wants credentials, which this account does not give: let the proxy pass this server, or set the proxy with credentials for the account that runs exorunner and Cloud Extender."},
	{ID: "C22", Class: host.Transient, Source: "MicrosoftDocs/office-docs-powershell issue 10972", any: []pattern{
		{Exception: "Microsoft.*TransientException"}, {Names: []string{"ADTransientException"}}, {English: "The LDAP server is unavailable"}},
		Remedy: "A fault inside Exchange Online, which passes. If it goes on for hours, look at the Microsoft 365 service health page."},
	{ID: "C23", Class: host.Transient, Source: seenExO, any: []pattern{
		{Names: []string{"HttpStatusCode=429"}}, {Names: []string{"HttpStatusCode=502"}}, {Names: []string{"HttpStatusCode=503"}}, {Names: []string{"HttpStatusCode=504"}},
		{Names: []string{"(429)"}}, {Names: []string{"(502)"}}, {Names: []string{"(503)"}}, {Names: []string{"(504)"}},
		{Exception: "Microsoft.Exchange.*OverBudgetException"}, {Exception: "Microsoft.Exchange.*ThrottlingException"},
		{Names: []string{"Service is unavailable to process the request"}}, {English: "too many requests"}, {English: "throttl"}, {English: "server is busy"}},
		Remedy: "The service is busy or throttles this tenant. Spread the runs of several servers, and wait longer between attempts (retry)."},
	{ID: "P05", Class: host.Transient, Source: seenExO, any: []pattern{{Exception: "Newtonsoft.Json.JsonReaderException"}},
		Remedy: "A web page came back where Exchange Online answers with data: a proxy, a gateway or a login page is in between. Let outlook.office365.com and login.microsoftonline.com pass the proxy untouched."},
	{ID: "P06", Class: host.Transient, Source: seenExO, any: []pattern{{ID: "System.ArgumentException,*.GetConnectionInformation"}, {Names: []string{"Error to log cannot be null/empty"}}},
		Remedy: "Exchange Online did not say how the connection is. If it goes on, look at the application's role and at the service's health."},
	{ID: "P07", Class: host.OnceMore, Source: seenExO, any: []pattern{
		{Exception: "*.ActionPreferenceStopException", Stack: connect}, {Exception: "*.ParseException", Stack: connect}},
		Remedy: "The commands that Exchange Online sent could not be loaded: connect anew. If it stays so, something in between changes the answer, or the disk of TEMP is full."},
	{ID: "C28", Class: host.Fine, Source: exoDocs, any: []pattern{{Names: []string{"Get-help cmdlet might not work"}}}, Remedy: "Nothing to do: only the help files are missing."},
	{ID: "C29", Class: host.Fine, Source: field, any: []pattern{{Names: []string{"Failed to fetch banner content"}}}, Remedy: "Nothing to do: only the banner is missing."},
	{ID: "C31", Class: host.Fine, Source: exoDocs, any: []pattern{{Names: []string{"Micro delay applied"}}}, Remedy: "Nothing to do: Exchange Online slows this account down for a moment."},
	{ID: "C32", Class: host.Never, Source: "silence until the timeout; it ends as unreachable, without an error to be known by",
		Remedy: "Somebody was probably asked something that nobody saw: look at the last lines of the log, and sign in with a certificate."},
}
