package rehearsal

import (
	"fmt"
	"strings"

	"exorunner/internal/host"
	"exorunner/scripts"
)

// HRESULTs as .NET gives them to the exceptions below.
const (
	hresultException = -2146233088 // System.Exception
	hresultRuntime   = -2146233087 // RuntimeException and what derives from it
	hresultInvalid   = -2146233079 // InvalidOperationException
	hresultArgument  = -2147024809 // ArgumentException: E_INVALIDARG
	hresultNotFound  = -2147024894 // FileNotFoundException: ERROR_FILE_NOT_FOUND
	hresultDenied    = -2147024891 // UnauthorizedAccessException: E_ACCESSDENIED
	hresultPassword  = -2147024810 // ERROR_INVALID_PASSWORD
	hresultDiskFull  = -2147024784 // ERROR_DISK_FULL
	hresultSharing   = -2147024864 // ERROR_SHARING_VIOLATION
	hresultKeyset    = -2146893802 // NTE_BAD_KEYSET
	hresultSecurity  = -2146233078 // SecurityException
)

const (
	bindingException = "System.Management.Automation.ParameterBindingException"
	installPackage   = "Microsoft.PowerShell.PackageManagement.Cmdlets.InstallPackage"
	uninstallPackage = "Microsoft.PowerShell.PackageManagement.Cmdlets.UninstallPackage"
)

func commandNotFound(name string) *host.Error {
	return &host.Error{
		ID: "CommandNotFoundException", Category: "ObjectNotFound", HResult: hresultRuntime, Target: name,
		Message: "The term '" + name + "' is not recognized as a name of a cmdlet, function, script file, or executable program.\n" +
			"Check the spelling of the name, or if a path was included, verify that the path is correct and try again.",
		Exception: "System.Management.Automation.CommandNotFoundException",
	}
}

func parameterNotFound(function, name string) *host.Error {
	return &host.Error{
		ID: "NamedParameterNotFound," + function, Category: "InvalidArgument", HResult: hresultRuntime,
		Message:   "A parameter cannot be found that matches parameter name '" + name + "'.",
		Exception: bindingException,
	}
}

// emptyArgument is about a mandatory parameter; what is Null, EmptyString or EmptyArray.
func emptyArgument(function, name, what string) *host.Error {
	words := map[string]string{"Null": "null", "EmptyString": "an empty string", "EmptyArray": "an empty array"}
	return &host.Error{
		ID: "ParameterArgumentValidationError" + what + "NotAllowed," + function, Category: "InvalidData", HResult: hresultRuntime,
		Message:   "Cannot bind argument to parameter '" + name + "' because it is " + words[what] + ".",
		Exception: "System.Management.Automation.ParameterBindingValidationException",
	}
}

func notInSet(function string, p scripts.Param, text string) *host.Error {
	message := fmt.Sprintf(`The argument "%s" does not belong to the set "%s" specified by the ValidateSet attribute. `+
		`Supply an argument that is in the set and then try the command again.`, text, strings.Join(p.Values, ","))
	return &host.Error{
		ID: "ParameterArgumentValidationError," + function, Category: "InvalidData", HResult: hresultRuntime,
		Message:   "Cannot validate argument on parameter '" + p.Name + "'. " + message,
		Exception: "System.Management.Automation.ParameterBindingValidationException",
		Root:      "System.Management.Automation.ValidationMetadataException", RootMessage: message,
	}
}

// notConvertible never quotes the value, which PowerShell does: it could be a secret.
func notConvertible(function, name, from, to string) *host.Error {
	message := fmt.Sprintf(`Cannot convert the value of type "%s" to type "%s".`, from, to)
	return &host.Error{
		ID: "ParameterArgumentTransformationError," + function, Category: "InvalidData", HResult: hresultRuntime,
		Message:   "Cannot process argument transformation on parameter '" + name + "'. " + message,
		Exception: "System.Management.Automation.ParameterBindingArgumentTransformationException",
		Root:      "System.Management.Automation.PSInvalidCastException", RootMessage: message,
	}
}

func badNumber(function, name string, v any) *host.Error {
	e := notConvertible(function, name, "System.String", "System.Int32")
	e.Root, e.RootMessage = "System.FormatException", "Input string was not in a correct format."
	e.Message = fmt.Sprintf("Cannot process argument transformation on parameter '%s'. Cannot convert value \"%v\" to type \"System.Int32\". Error: \"%s\"", name, v, e.RootMessage)
	return e
}

// exrError is an error that a function of scripts/ makes itself.
func exrError(id, function, category, message, target string) *host.Error {
	return &host.Error{
		ID: id + "," + function, Category: category, Message: message, Exception: "System.Exception",
		HResult: hresultException, Target: target,
	}
}

// invalid is an error that New-ExrError makes.
func invalid(id, function, category, message, target string) *host.Error {
	e := exrError(id, function, category, message, target)
	e.Exception, e.HResult = "System.InvalidOperationException", hresultInvalid
	return e
}

// method is what PowerShell throws when a method of .NET did.
func method(name, arguments, root, message string) *host.Error {
	short := root[strings.LastIndex(root, ".")+1:]
	return &host.Error{
		ID: short, Category: "NotSpecified", HResult: hresultRuntime,
		Message:   fmt.Sprintf(`Exception calling "%s" with "%s" argument(s): "%s"`, name, arguments, message),
		Exception: "System.Management.Automation.MethodInvocationException", Root: root, RootMessage: message,
	}
}

const noMatch = "No match was found for the specified search criteria and module name '%s'. Try Get-PSRepository to see all available registered module repositories."

func noMatchFound(e *host.Error, module string) *host.Error {
	e.Root, e.RootMessage = "System.Exception", fmt.Sprintf(noMatch, module)
	return e
}

func sourceNotFound(name string) *host.Error {
	return &host.Error{
		ID: "SourceNotFound,Microsoft.PowerShell.PackageManagement.Cmdlets.GetPackageSource", Category: "ObjectNotFound",
		Message:   "Unable to find repository '" + name + "'. Use Get-PSRepository to see all available repositories.",
		Exception: "System.Exception", HResult: hresultException,
		Target: "Microsoft.PowerShell.PackageManagement.Cmdlets.GetPackageSource",
	}
}

// noProvider is what PowerShellGet says when it would have to ask a person whether to fetch the NuGet provider.
// https://learn.microsoft.com/powershell/gallery/powershellget/how-to/getting-support/bootstrapping-nuget
func noProvider(command string) *host.Error {
	return &host.Error{
		ID: "CouldNotInstallNuGetProvider," + command, Category: "InvalidOperation", HResult: hresultInvalid,
		Message:   "NuGet provider is required to interact with NuGet-based repositories. Please ensure that '" + minimumNuGet + "' or newer version of NuGet provider is installed.",
		Exception: "System.InvalidOperationException",
	}
}

func noRights(folder string) *host.Error {
	return &host.Error{
		ID: "InstallModuleAdminPrivilegeRequiredForAllUsersScope,Install-Module", Category: "InvalidArgument", HResult: hresultArgument,
		Message: "Administrator rights are required to install modules in '" + folder + "'. Log on to the computer with an account that has " +
			"Administrator rights, and then try again, or add \"-Scope CurrentUser\" to your command. You can also try running the Windows " +
			"PowerShell session with elevated rights (Run as Administrator).",
		Exception: "System.ArgumentException",
	}
}

func inUse(name, version string) *host.Error {
	return &host.Error{
		ID: "ModuleIsInUse," + installPackage, Category: "InvalidOperation", HResult: hresultException,
		Message:   "The version '" + version + "' of module '" + name + "' is currently in use. Retry the operation after closing the applications.",
		Exception: "System.Exception", Target: installPackage,
	}
}

// diskFull was not recorded: its type and HRESULT are .NET's, its id is that of an exception which nobody caught.
func diskFull(root string) *host.Error {
	return &host.Error{
		ID: "System.IO.IOException," + installPackage, Category: "WriteError", HResult: hresultDiskFull,
		Message:   "There is not enough space on the disk.",
		Exception: "System.IO.IOException", Target: root,
	}
}

func accessDenied(path, cmdlet string) *host.Error {
	return &host.Error{
		ID: "UnauthorizedAccess," + cmdlet, Category: "PermissionDenied", HResult: hresultDenied,
		Message:   "Access to the path '" + path + "' is denied.",
		Exception: "System.UnauthorizedAccessException", Target: path,
	}
}

func moduleNotFound(name, version string) *host.Error {
	id, message := "Modules_ModuleNotFound", "The specified module '"+name+"' was not loaded because no valid module file was found in any module directory."
	if version != "" {
		id = "Modules_ModuleWithVersionNotFound"
		message = "The specified module '" + name + "' with version '" + version + "' was not loaded because no valid module file was found in any module directory."
	}
	return &host.Error{
		ID: id + ",Microsoft.PowerShell.Commands.ImportModuleCommand", Category: "ResourceUnavailable", HResult: hresultNotFound,
		Message: message, Exception: "System.IO.FileNotFoundException", Target: name,
	}
}

func pathNotFound(path, cmdlet string) *host.Error {
	return &host.Error{
		ID: "PathNotFound," + cmdlet, Category: "ObjectNotFound", HResult: hresultRuntime,
		Message:   "Cannot find path '" + path + "' because it does not exist.",
		Exception: "System.Management.Automation.ItemNotFoundException", Target: path,
	}
}

// prompted is any question to a person under -NonInteractive.
func prompted() *host.Error {
	return &host.Error{
		ID: "InvalidOperation,Microsoft.PowerShell.Commands.ReadHostCommand", Category: "InvalidOperation", HResult: hresultInvalid,
		Message:   "PowerShell is in NonInteractive mode. Read and Prompt functionality is not available.",
		Exception: "System.Management.Automation.PSInvalidOperationException",
	}
}

func notUpdatable(id, message string) *host.Error {
	return &host.Error{
		ID: id + ",Update-Module", Category: "InvalidOperation", Message: message,
		Exception: "System.Exception", HResult: hresultException,
	}
}

func notThere(name string) *host.Error {
	return notUpdatable("ModuleNotInstalledOnThisMachine", "Module '"+name+"' was not updated because no valid module was found "+
		"in the module directory. Verify that the module is located in the folder specified by $env:PSModulePath.")
}

func notByInstall(name string) *host.Error {
	return notUpdatable("ModuleNotInstalledUsingInstallModuleCmdlet", "Module '"+name+"' was not installed by using Install-Module, so it cannot be updated.")
}

func noDependency(by, name string) *host.Error {
	return &host.Error{
		ID: "UnableToFindDependencyPackage," + installPackage, Category: "ObjectNotFound", HResult: hresultException,
		Message:   "Unable to find dependent module(s) (" + name + ") of '" + by + "'.",
		Exception: "System.Exception", Target: installPackage,
	}
}

func tooOld(name, format string) *host.Error {
	return &host.Error{
		ID: "NotSupportedPowerShellGetFormatVersion,Install-Module", Category: "InvalidOperation", HResult: hresultException,
		Message: "The specified module '" + name + "' with PowerShellGetFormatVersion '" + format + "' is not supported by the current " +
			"version of PowerShellGet. Get the latest version of the PowerShellGet module to install this module, '" + name + "'.",
		Exception: "System.Exception",
	}
}

func stillInUse(name string) *host.Error {
	return &host.Error{
		ID: "ModuleIsInUse,Uninstall-Package," + uninstallPackage, Category: "InvalidOperation", HResult: hresultException,
		Message:   "Module '" + name + "' is in currently in use or you don't have the required permissions.",
		Exception: "System.Exception", Target: uninstallPackage,
	}
}

func scriptsDisabled() *host.Error {
	return &host.Error{
		ID: "UnauthorizedAccess,Microsoft.PowerShell.Commands.ImportModuleCommand", Category: "SecurityError", HResult: hresultRuntime,
		Message: "File cannot be loaded because running scripts is disabled on this system. For more information, see " +
			"about_Execution_Policies at https:/go.microsoft.com/fwlink/?LinkID=135170.",
		Exception: "System.Management.Automation.PSSecurityException",
	}
}
