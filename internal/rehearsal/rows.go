package rehearsal

import (
	"exorunner/internal/host"
)

// A place is where a row of the catalogue shows.
type place int

const (
	thrown    place = iota // the function throws it
	late                   // the function throws it after it has done its work
	atConnect              // Connect-ExchangeOnline throws it, and the function reports that
	atProbe                // a command of the service throws it, and the function reports that
	said                   // somebody says it, and nothing fails
	silence                // the function says it and does not end
)

// A rowError is how a row of the catalogue of errors shows on a machine.
type rowError struct {
	function   string
	at         place
	err        *host.Error
	kind, text string // of what is said
}

const (
	installs   = "Install-ExrModule"
	provides   = "Install-ExrPackageProvider"
	uninstalls = "Uninstall-ExrModule"
	connects   = "Test-ExrConnection"
)

// rowErrors are the rows by id. Where the catalogue has no FullyQualifiedErrorId for one, the id is the text, as
// PowerShell makes it for an exception that was rethrown.
var rowErrors = map[string]rowError{
	"I01": throws(provides, plain("System.Net.WebException", "Unable to download from URI 'https://go.microsoft.com/fwlink/?LinkID=627338&clcid=0x409' to ''. Unable to download the list of available providers. Check your internet connection.")),
	"I02": throws(provides, noProviderFound("NuGet")),
	"I03": throws(provides, recorded("FailedProviderBootstrap,Microsoft.PowerShell.PackageManagement.Cmdlets.InstallPackageProvider", "InvalidOperation", "Failed to bootstrap provider 'https://cdn.oneget.org/providers/nuget-2.8.5.208.package.swidtag'.")),
	"I04": throws(installs, noProvider("Install-Module")),
	"I05": says(installs, "warning", "Unable to resolve package source '"+galleryAddress+"'."),
	"I06": throws(installs, recorded("NoMatchFoundForCriteria,"+installPackage, "ObjectNotFound", "No match was found for the specified search criteria and module name 'ExchangeOnlineManagement'. Try Get-PSRepository to see all available registered module repositories.")),
	"I07": throws(installs, sourceNotFound("PSGallery")),
	"I08": throws(installs, tooOld(exoModule, "2.0")),
	"I09": throws(installs, noRights(`C:\Program Files\WindowsPowerShell\Modules`)),
	"I10": throws(installs, recorded("AdministratorRightsNeededOrSpecifyCurrentUserScope,Update-Module", "PermissionDenied", "Administrator rights are required to install or update. Log on to the computer with an account that has Administrator rights, and then try again.")),
	"I11": throws(installs, notByInstall(exoModule)),
	"I12": throws(installs, notThere(exoModule)),
	"I13": afterwards(installs, recorded("ModuleWithRequiredVersionAlreadyInstalled,Install-Module", "ResourceExists", "Version '3.1.0' of module 'ExchangeOnlineManagement' is already installed at 'C:\\Program Files\\WindowsPowerShell\\Modules\\ExchangeOnlineManagement\\3.1.0'. To reinstall this version, run Install-Module with the -Force parameter.")),
	"I14": says(installs, "verbose", "No updates were found for module 'ExchangeOnlineManagement'."),
	"I15": throws(installs, inUse(exoModule, "3.1.0")),
	"I16": throws(uninstalls, stillInUse(exoModule)),
	"I17": throws(installs, recorded("CommandAlreadyAvailable,Validate-ModuleCommandAlreadyAvailable,"+installPackage, "InvalidOperation", "The following commands are already available on this system:'Connect-ExchangeOnline'. This module 'ExchangeOnlineManagement' may override the existing commands. If you still want to install this module, use -AllowClobber parameter.")),
	"I18": throws(installs, recorded("AuthenticodeIssuerMismatch,ValidateAndGet-AuthenticodeSignature,"+installPackage, "InvalidOperation", "Authenticode issuer 'CN=Somebody' of the new module 'ExchangeOnlineManagement' with version '3.1.0' is not matching with the authenticode issuer 'CN=Microsoft' of the previously-installed module. If you still want to install or update, use -SkipPublisherCheck parameter.")),
	"I19": throws(installs, recorded("ForceAcceptLicense,Install-Module", "InvalidArgument", "License Acceptance is required for module 'ExchangeOnlineManagement'. Please specify '-AcceptLicense' to perform this operation.")),
	// PowerShellGet asks, and where nobody can answer that is the error; the question itself is in no error.
	"I20": throws(installs, method("ShouldContinue", "5", "System.Management.Automation.PSInvalidOperationException", "PowerShell is in NonInteractive mode. Read and Prompt functionality is not available.")),
	"I21": throws("Set-ExrRepository", recorded("InvalidWebUri,Register-PSRepository", "InvalidArgument", `The specified Uri '\\server\gallery' for parameter 'SourceLocation' is an invalid Web Uri. Please ensure that it meets the Web Uri requirements.`)),
	"I22": throws(installs, recorded("UnableToDownloadThePackage,"+installPackage, "InvalidOperation", "The PackageManagement provider 'NuGet' is unable to download the package 'ExchangeOnlineManagement' version '3.1.0'.")),
	"I23": throws(installs, recorded("PowerShellGalleryUnavailable,Install-Module", "InvalidOperation", "PowerShell Gallery is currently unavailable. Please try again later.")),
	"I24": throws(installs, parameterNotFound("Update-Module", "AcceptLicense")),
	"I25": throws(installs, recorded("InvalidAuthenticodeSignature,ValidateAndGet-AuthenticodeSignature,"+installPackage, "InvalidOperation", "The module 'ExchangeOnlineManagement' cannot be installed or updated because the Authenticode signature of the file 'ExchangeOnlineManagement.psd1' is not valid.")),
	"I26": throws(installs, recorded("InvalidManifestModule,Test-ValidManifestModule,"+installPackage, "InvalidOperation", "The module 'ExchangeOnlineManagement' cannot be installed or updated because it is not a properly-formed module.")),
	"I27": throws(installs, recorded("UnableToFindDependencyPackage,"+installPackage, "ObjectNotFound", "PowerShellGet cannot resolve the module dependency 'PackageManagement' of the module 'ExchangeOnlineManagement' on the repository 'Internal'.")),
	"I28": throws(installs, prompted()),

	"C01": connect(unsigned()),
	"C02": connect(noManifestCommand()),
	"C03": connect(plain("System.Management.Automation.RuntimeException", `Cannot update the manifest file 'C:\Windows\Temp\tmpEXO_a54z135k.qgv\tmpEXO_a54z135k.qgv.psd1' because the manifest is not valid. Verify that the manifest file is valid, and then try again. Cannot convert 'System.String' to the type 'System.Management.Automation.SwitchParameter' required by parameter 'Verbose'.`)),
	"C04": connect(malformed()),
	"C05": connect(plain("System.TypeLoadException", "Could not load type 'System.Runtime.InteropServices.OSPlatform'.")),
	"C06": connect(rpsNoBasic()),
	"C07": connect(rpsDenied()),
	"C08": connect(parameterNotFound("Connect-ExchangeOnline", "UseRPSSession")),
	"C09": connect(refused("The role assigned to application 22222222-2222-2222-2222-222222222222 isn't supported in this scenario. Please check online documentation for assigning correct Directory Roles to Azure AD Application for EXO App-Only Authentication.")),
	"C10": connect(refused("UnAuthorized")),
	"C11": probe(rest("", "System.UnauthorizedAccessException", `HttpStatusCode=401 ErrorMessage="User is not allowed to call Get-Mailbox"`)),
	"C12": connect(aadUser(secondFactor)),
	"C13": {function: connects, at: silence, kind: "verbose", text: "Could not acquire token silently, need UI authentication.No account or login hint was passed to the AcquireTokenSilent call."},
	"C14": connect(noKey()),
	"C15": connect(cngKey()),
	"C16": connect(plain("Microsoft.Identity.Client.MsalClientException", "A window handle must be configured. See https://aka.ms/msal-net-wam#parent-window-handles")),
	"C17": connect(plain("Microsoft.Identity.Client.MsalServiceException", "Unknown Status: Unexpected Error: 0xffffffff80070520 Context: (pii) Tag: 0x21420087")),
	"C18": connect(plain("Microsoft.Identity.Client.MsalServiceException", "Operation did not start in the allotted time. Tag: 0x1e3d43d2")),
	"C19": connect(plain("System.IO.FileLoadException", "Could not load file or assembly 'Microsoft.Identity.Client, Version=4.44.0.0, Culture=neutral, PublicKeyToken=0a613f4dd989e8ae' or one of its dependencies.")),
	"C20": connect(plain("System.ArgumentException", "IDX12729: Unable to decode the header")),
	"C21": probe(plain("Microsoft.OData.Client.DataServiceTransportException", "The underlying connection was closed: An unexpected error occurred on a receive.")),
	"C22": probe(rest("Ex00000A", "Microsoft.Exchange.Data.Directory.ADTransientException", "The LDAP server is unavailable.")),
	"C23": probe(rest("", "System.Net.WebException", "HttpStatusCode=503: (503) Server Unavailable")),
	"C24": connect(network("Unable to connect to the remote server")),
	"C25": connect(network("The remote server returned an error: (407) Proxy Authentication Required.")),
	"C26": connect(noRoute(exoHost)),
	"C27": probe(commandNotFound("Get-OrganizationConfig")),
	"C28": says(connects, "warning", "Get-help cmdlet might not work. Please reconnect if you want to access that functionality."),
	"C29": says(connects, "verbose", "Failed to fetch banner content from server."),
	"C30": connect(parameterNotFound("Update-ModuleManifest", "RequireLicenseAcceptance")),
	"C31": says(connects, "warning", "Micro delay applied. Actual delayed: 200 msecs."),
	"C32": {function: connects, at: silence},
}

func throws(function string, e *host.Error) rowError {
	return rowError{function: function, at: thrown, err: e}
}

func afterwards(function string, e *host.Error) rowError {
	return rowError{function: function, at: late, err: e}
}

func connect(e *host.Error) rowError { return rowError{function: connects, at: atConnect, err: e} }

func probe(e *host.Error) rowError { return rowError{function: connects, at: atProbe, err: e} }

func says(function, kind, text string) rowError {
	return rowError{function: function, at: said, kind: kind, text: text}
}

// plain is an exception that was rethrown; recorded is what PowerShellGet throws under an id of its own.
func plain(exception, message string) *host.Error {
	return rethrown(exception, message, hresultException)
}

func recorded(id, category, message string) *host.Error {
	return &host.Error{ID: id, Category: category, Message: message, Exception: "System.Exception", HResult: hresultException}
}

func network(root string) *host.Error {
	e := plain("System.Net.Http.HttpRequestException", "An error occurred while sending the request.")
	e.Root, e.RootMessage = "System.Net.WebException", root
	return e
}
