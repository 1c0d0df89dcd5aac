package failure

import "exorunner/internal/host"

const ours = "our own functions"

// ownRules are the errors that our own functions make.
var ownRules = []Rule{
	{ID: "P10", Class: host.Never, Source: ours, any: []pattern{{ID: "ExrVersionNotInRepository"}},
		Remedy: "The repository answers and has no such version: correct version or repository in the ps_module task, or put the package there."},
	{ID: "P11", Class: host.Transient, Source: ours, any: []pattern{{ID: "ExrRepositoryUnreachable"}},
		Remedy: "The repository does not answer: look at proxy, DNS and TLS 1.2 of this account. On a server without egress name a folder with a ps_repository task."},
	{ID: "P12", Class: host.Never, Source: ours, any: []pattern{{ID: "ExrHashMismatch"}},
		Remedy: "The file is not the one that was approved: fetch it anew, and compare its SHA-256 with what its publisher says before anybody changes the playbook."},
	{ID: "P13", Class: host.Never, Source: ours, any: []pattern{{ID: "ExrNoCredential"}},
		Remedy: "Without a credential the module would open a browser and wait: give the exo_connect task app_id with certificate_thumbprint, or managed_identity, access_token, or user with password."},
	{ID: "P14", Class: host.OnceMore, Source: ours, any: []pattern{{ID: "ExrUnfinished"}},
		Remedy: "Something was begun and did not come to its end: run the playbook again, which looks first and goes on from what it finds."},
	{ID: "P15", Class: host.Never, Source: ours, any: []pattern{{ID: "ExrNotLocal"}},
		Remedy: "Free space can be read for drives of this machine only: name a path on one of them."},
	{ID: "P16", Class: host.Never, Source: ours, any: []pattern{{ID: "ExrReservedRepository"}},
		Remedy: "Give the ps_repository task another name: PSGallery cannot point elsewhere."},
	{ID: "P17", Class: host.Never, Source: ours, any: []pattern{{ID: "ExrNoSource"}},
		Remedy: "Give the ps_repository task a source: a folder, a share or an address."},
	{ID: "P18", Class: host.Never, Source: ours, any: []pattern{{ID: "ExrNotVersionFolder"}},
		Remedy: "The module lies in a folder without versions, so removing it would remove more than was asked for: look at the folder and remove it by hand."},
	{ID: "P19", Class: host.Never, Source: ours, any: []pattern{{ID: "ExrNoProviderFile"}},
		Remedy: "Name the folder that has the provider's DLL in it: on a machine with the provider it is below %ProgramFiles%\\PackageManagement\\ProviderAssemblies\\nuget."},
	{ID: "P20", Class: host.Never, Source: ours, any: []pattern{{ID: "ExrWindowsOnly"}},
		Remedy: "Run this on the Cloud Extender server itself, or rehearse it with --host rehearsal."},
	{ID: "P21", Class: host.OnceMore, Source: ours, any: []pattern{{ID: "ExrServiceTimeout"}},
		Remedy: "The service did not get there in time: look at its own log and at the System event log, and give it longer if it is slow."},
	{ID: "P22", Class: host.Never, Source: ours, any: []pattern{{ID: "ExrServiceNeeded"}},
		Remedy: "Other services depend on it and run: stop them first with a service task each, and start them again afterwards."},
	{ID: "P23", Class: host.Never, Source: ours, any: []pattern{{ID: "ExrServiceStart"}},
		Remedy: "Windows refused to change how the service starts: run elevated, and look at the exit code (5 is access denied, 1060 no such service)."},
	{ID: "P24", Class: host.Never, Source: ours, any: []pattern{{ID: "ExrExpandString"}},
		Remedy: "Write it as a registry value of type ExpandString below SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment, with its variables kept."},
	{ID: "P45", Class: host.Never, Source: ours, any: []pattern{{ID: "ExrRestart"}},
		Remedy: "Windows refused to restart: the account needs the right to shut down the system. Restart the server by hand, then run the playbook again."},
	{ID: "P25", Class: host.Never, Source: ours, any: []pattern{{ID: "ExrScriptExits"}},
		Remedy: "Write throw instead of exit where the script fails, and return where it ends."},
}

const (
	moduleGone = "The module or its version is not installed for this account and this PowerShell: put a ps_module task with scope AllUsers before this one."
	dotnet     = ".NET and Windows: the type or HRESULT says it"
	seenHost   = "seen on PowerShell 7.6"
)

// generalRules are what .NET, Windows and PowerShell say in every matter. They come last.
var generalRules = []Rule{
	{ID: "I28", Class: host.Never, Source: seenHost, any: []pattern{
		{ID: "*,*.ReadHostCommand", Exception: "*.PSInvalidOperationException"}, {ID: "PSInvalidOperationException", Exception: "*.PSInvalidOperationException"},
		{English: "NonInteractive mode"}},
		Remedy: "PowerShell wanted to ask somebody something. Look in the log what: a missing NuGet provider (ps_provider), an untrusted repository (ps_repository with trusted: true), or a script that asks."},
	{ID: "P30", Class: host.Never, Source: seenHost, Remedy: moduleGone, any: []pattern{
		{ID: "Modules_ModuleNotFound"}, {ID: "Modules_ModuleWithVersionNotFound"}}},
	{ID: "P31", Class: host.Never, Source: seenHost, any: []pattern{
		{Exception: "*.CommandNotFoundException", Names: []string{"'" + connect + "'"}}, {Exception: "*.CommandNotFoundException", Names: []string{"'Disconnect-ExchangeOnline'"}}}, Remedy: moduleGone},
	{ID: "P32", Class: host.Never, Source: seenHost, any: []pattern{
		{Exception: "*.CommandNotFoundException", Names: []string{"-PSRepository'"}}, {Exception: "*.CommandNotFoundException", Names: []string{"-PackageProvider'"}},
		{Exception: "*.CommandNotFoundException", Names: []string{"-Module'"}}, {Exception: "*.CommandNotFoundException", Names: []string{"-InstalledModule'"}}},
		Remedy: "PowerShellGet or PackageManagement is missing in this PowerShell, or its folder is not in PSModulePath: repair PSModulePath of the machine, or copy both modules from another server."},
	{ID: "C27", Class: host.Never, Source: seenExO, any: exchangeCommands("Get-OrganizationConfig", "Get-AcceptedDomain", "Get-Mailbox", "Get-MobileDevice",
		"Get-CASMailbox", "Get-ActiveSyncMailboxPolicy", "Get-MobileDeviceMailboxPolicy"),
		Remedy: "Connected, but Exchange Online gave no such command: the account or application lacks a role that has it, or the consent to it. Otherwise correct probes."},
	{ID: "P33", Class: host.Never, Source: seenHost, any: []pattern{{ID: "CommandNotFoundException"}, {Exception: "*.CommandNotFoundException"}},
		Remedy: "There is no such command on this machine: correct its name, or install the module that has it."},
	{ID: "P34", Class: host.Never, Source: seenHost, any: []pattern{{Exception: "System.Management.Automation.ParameterBinding*Exception"}},
		Remedy: "The command does not take what it was given: correct the value that the message names. If it comes from exorunner itself, the module's version is one that it does not know."},
	{ID: "P35", Class: host.Never, Source: seenExO, any: []pattern{
		{HResult: 0x80070056}, // ERROR_INVALID_PASSWORD, of a .pfx file
		{Exception: "*CryptographicException"}, {Names: []string{"Certificate is not accessible to the current user"}}},
		Remedy: "The certificate cannot be read: look whether certificate_file exists for this account, and whether the secret behind certificate_password is its password."},
	{ID: "P36", Class: host.Never, Source: dotnet, any: []pattern{
		{HResult: 0x80070070}, // ERROR_DISK_FULL
		{HResult: 0x80070027}, // ERROR_HANDLE_DISK_FULL
		{English: "There is not enough space on the disk"}},
		Remedy: "The disk is full: make room where TEMP and the modules lie (preflight names how much is wanted)."},
	{ID: "P37", Class: host.OnceMore, Source: dotnet, any: []pattern{
		{HResult: 0x80070020}, // ERROR_SHARING_VIOLATION
		{HResult: 0x80070021}, // ERROR_LOCK_VIOLATION
		{English: "because it is being used by another process"}},
		Remedy: "Another process has the file open: stop Cloud Extender and other PowerShells, and look at the virus scanner."},
	{ID: "P38", Class: host.Never, Source: dotnet, any: []pattern{{HResult: 0x8007052E}}, // ERROR_LOGON_FAILURE
		Remedy: "Windows refused the user name or password: correct them. Each try counts towards the lock."},
	{ID: "P39", Class: host.Transient, Source: dotnet, any: []pattern{
		{HResult: 0x80070035}, // ERROR_BAD_NETPATH
		{HResult: 0x80070040}, // ERROR_NETNAME_DELETED
		{HResult: 0x8007003B}, // ERROR_UNEXP_NET_ERR
		{HResult: 0x80070079}, // ERROR_SEM_TIMEOUT
	}, Remedy: "The file share does not answer: look at the network and the file server. A folder on this server is safer."},
	{ID: "P40", Class: host.Never, Source: dotnet, any: []pattern{
		{Exception: "System.Security.Authentication.AuthenticationException"},
		{HResult: 0x80072F8F}, // ERROR_WINHTTP_SECURE_FAILURE
		{HResult: 0x800B0109}, // CERT_E_UNTRUSTEDROOT
		{HResult: 0x800B0101}, // CERT_E_EXPIRED
	}, Remedy: "The other end's certificate was not accepted, or TLS does not match: look at this server's clock, at TLS 1.2, and whether a proxy opens the traffic with a root certificate that this server lacks."},
	{ID: "C26", Class: host.Transient, Source: dotnet, any: []pattern{
		{HResult: 0x80072EE7}, // ERROR_WINHTTP_NAME_NOT_RESOLVED
		// Of these only the one about a name has a host in quotes.
		{Exception: "System.Net.WebException", Names: []string{"'outlook.office365.com'"}}, {Exception: "System.Net.WebException", Names: []string{"'login.microsoftonline.com'"}},
		{Exception: "System.Net.WebException", Names: []string{"'www.powershellgallery.com'"}},
		{Exception: "System.Net.*Exception", English: "The remote name could not be resolved"}, {Exception: "System.Net.*Exception", English: "No such host is known"},
		{English: "The remote name could not be resolved"}},
		Remedy: "DNS does not know the name: look at this server's DNS servers, and whether it reaches the internet only through a proxy."},
	{ID: "C24", Class: host.Transient, Source: seenExO, any: []pattern{{Exception: "System.Net.Http.HttpRequestException"}},
		Remedy: "The network or the service did not answer: look at DNS, at the proxy of this account and at TLS 1.2; port 443 of outlook.office365.com and login.microsoftonline.com must be open."},
	{ID: "P41", Class: host.Transient, Source: dotnet, any: []pattern{
		{Exception: "System.Net.WebException"}, {Exception: "System.Net.Sockets.SocketException"},
		{HResult: 0x80072EE2}, // ERROR_WINHTTP_TIMEOUT
		{HResult: 0x80072EFD}, // ERROR_WINHTTP_CANNOT_CONNECT
		{HResult: 0x80072EFE}, // ERROR_WINHTTP_CONNECTION_ERROR
	}, Remedy: "The network did not answer: look at DNS, at the proxy of this account, at TLS 1.2 and at the firewall."},
	{ID: "P42", Class: host.Transient, Source: seenExO, any: []pattern{
		{Exception: "System.Threading.Tasks.TaskCanceledException"}, {Exception: "System.OperationCanceledException"}, {Exception: "System.TimeoutException"}},
		Remedy: "No answer in time: Exchange Online is slow, or a firewall swallows the traffic. If it goes on, look at the way to outlook.office365.com."},
	{ID: "P43", Class: host.Never, Source: dotnet, any: []pattern{
		{HResult: 0x80070005}, // E_ACCESSDENIED
		{Exception: "System.UnauthorizedAccessException"}},
		Remedy: "This account may not do that: run exorunner elevated, and look at the rights of the file or key that the message names."},
	{ID: "P44", Class: host.Never, Source: "PowerShell's source", any: []pattern{{ID: "NoServiceFoundForGivenName"}},
		Remedy: "There is no such service: correct its name; exorunner lists those that sound alike."},
}

// exchangeCommands know a command that Exchange Online should have given: it was missing while a connection was probed, or it
// is one of these, which come from nowhere else.
func exchangeCommands(names ...string) []pattern {
	const missing = "*.CommandNotFoundException"
	all := []pattern{{Exception: missing, Stack: "Test-ExrConnection"}}
	for _, name := range names {
		all = append(all, pattern{Exception: missing, Names: []string{"'" + name + "'"}})
	}
	return all
}
