package rehearsal

import (
	"exorunner/internal/host"
)

// traceID ends what the sign-in service says.
const traceID = " Trace ID: 0 Correlation ID: 0 Timestamp: 2026-01-01 00:00:00Z"

const (
	wrongUserPassword = "AADSTS50126: Error validating credentials due to invalid username or password." + traceID
	secondFactor      = "AADSTS50076: Due to a configuration change made by your administrator, you must use multi-factor authentication." + traceID
	locked            = "AADSTS50053: The account is locked, you've tried to sign in too many times with an incorrect user ID or password." + traceID
	unknownTenant     = "AADSTS90002: Tenant 'nope' not found." + traceID
	// The text that MSAL has in place of the service's own for AADSTS700016 and 700027.
	configurationIssue = "A configuration issue is preventing authentication - check the error message from the server for details."
	// The module puts these words in front of every failure to get a token with a certificate.
	misleading = `Case when Message contains:AADSTS70011 Invalid scope. The scope has to be of the form "https://resourceUrl/.default"Mitigation: change the scope to be as expected`
)

// rethrown is what Connect-ExchangeOnline does with most exceptions: their text becomes the id.
func rethrown(exception, message string, hresult int64) *host.Error {
	return &host.Error{ID: message, Category: "OperationStopped", Message: message, Exception: exception, HResult: hresult}
}

func noCredential() *host.Error {
	return &host.Error{
		ID: "ExrNoCredential,Test-ExrConnection", Category: "InvalidArgument", HResult: hresultArgument,
		Message: "no way to sign in was given", Exception: "System.ArgumentException",
	}
}

// aadApp is a token that was refused to a certificate, aadUser one that was refused to a user.
func (c *call) aadApp(message string) *host.Error {
	e := aadApp(message)
	c.write("Error Acquiring Token:")
	c.write("System.Exception: " + e.Message)
	return e
}

func aadApp(message string) *host.Error {
	e := rethrown("System.Exception", misleading+message, hresultException)
	e.Root, e.RootMessage = "Microsoft.Identity.Client.MsalServiceException", message
	return e
}

func (c *call) aadUser(message string) *host.Error {
	c.write("Error Acquiring Token:")
	c.write(message)
	return aadUser(message)
}

func aadUser(message string) *host.Error {
	return rethrown("Microsoft.Identity.Client.MsalUiRequiredException", message, hresultException)
}

func refused(message string) *host.Error {
	return rethrown("System.UnauthorizedAccessException", message, hresultDenied)
}

func malformed() *host.Error {
	return &host.Error{
		ID: "RuntimeException", Category: "NotSpecified", HResult: hresultRuntime,
		Message:   "Module could not be correctly formed. Please run Connect-ExchangeOnline again.",
		Exception: "System.Management.Automation.RuntimeException",
	}
}

func proxyPage() *host.Error {
	return rethrown("Newtonsoft.Json.JsonReaderException", "Unexpected character encountered while parsing value: <. Path '', line 0, position 0.", hresultException)
}

func badCertificatePassword() *host.Error {
	return rethrown("System.Security.Cryptography.CryptographicException", wrongPassword, hresultPassword)
}

func noCertificate() *host.Error {
	return rethrown("System.ArgumentException", "Certificate is not accessible to the current user.", hresultArgument)
}

func noKey() *host.Error {
	return rethrown("System.Security.Cryptography.CryptographicException", "Keyset does not exist", hresultKeyset)
}

func cngKey() *host.Error {
	return rethrown("Microsoft.Identity.Client.MsalClientException", "Could not use the certificate for signing. See inner exception for details.", hresultException)
}

func noManagedIdentity() *host.Error {
	e := rethrown("Microsoft.Identity.Client.MsalServiceException", "The managed identity endpoint cannot be reached: this machine is not one of Azure.", hresultException)
	e.Root, e.RootMessage = "System.Net.Http.HttpRequestException", "An error occurred while sending the request."
	return e
}

func noRoute(name string) *host.Error {
	e := rethrown("System.Net.Http.HttpRequestException", "An error occurred while sending the request.", hresultException)
	e.Root, e.RootMessage = "System.Net.WebException", "The remote name could not be resolved: '"+name+"'"
	return e
}

// unsigned is C01: the module that a connect makes bears no signature.
func unsigned() *host.Error {
	return rethrown("System.Management.Automation.PSSecurityException",
		"Files cannot be loaded because running scripts is disabled on this system. Provide a valid certificate with which to sign the files.", hresultRuntime)
}

func noManifestCommand() *host.Error { return commandNotFound("Update-ModuleManifest") }

func rpsDenied() *host.Error {
	return &host.Error{
		ID: "AccessDenied,PSSessionOpenFailed", Category: "OpenError", HResult: hresultRuntime, Target: exoHost,
		Message:   "Connecting to remote server " + exoHost + " failed with the following error message : Access is denied. For more information, see the about_Remote_Troubleshooting Help topic.",
		Exception: "System.Management.Automation.Remoting.PSRemotingTransportException",
	}
}

func rpsNoBasic() *host.Error {
	return &host.Error{
		ID: "-2144108321,PSSessionOpenFailed", Category: "OpenError", HResult: hresultRuntime, Target: exoHost,
		Message: "Connecting to remote server " + exoHost + " failed with the following error message : The WinRM client cannot process the request. " +
			"Basic authentication is currently disabled in the client configuration. Change the client configuration and try the request again.",
		Exception: "System.Management.Automation.Remoting.PSRemotingTransportException",
	}
}

func stateThrows() *host.Error {
	return &host.Error{
		ID:       "System.ArgumentException,Microsoft.Exchange.Management.ExoPowershellSnapin.GetConnectionInformation",
		Category: "NotSpecified", Message: "Error to log cannot be null/empty", Exception: "System.ArgumentException", HResult: hresultArgument,
	}
}

// rest is an error that the service gave to a command.
func rest(code, exception, message string) *host.Error {
	return &host.Error{
		ID:       "[Server=REHEARSAL,RequestId=00000000-0000-4000-8000-000000000000,TimeStamp=Thu, 01 Jan 2026 00:00:00 GMT],Write-ErrorMessage",
		Category: "NotSpecified", Message: code + "|" + exception + "|" + message, Exception: "System.Exception", HResult: hresultException,
	}
}

func roleMissing(app string) *host.Error {
	return rest("", "Microsoft.Exchange.Configuration.Authorization.CmdletAccessDeniedException",
		"The role assigned to application "+app+" isn't supported in this scenario.")
}
