package failure

import "exorunner/internal/host"

const (
	psget  = "PowerShellGet 2.2.5, its source"
	seen   = "seen on PowerShell 7.6 with PowerShellGet 2.2.5"
	inDocs = "Microsoft's documentation of PowerShellGet"
	field  = "reported from the field"
)

const offlineProvider = "Install the NuGet provider before this task: a ps_provider task, or on a server without egress the provider's folder " +
	"copied from another machine to %ProgramFiles%\\PackageManagement\\ProviderAssemblies\\nuget."

// installRules are the rows about providers, repositories and modules.
var installRules = []Rule{
	{ID: "I02", Class: host.Never, Source: "PowerShell/PowerShellGet issues 77 and 78",
		any: []pattern{{ID: "NoMatchFoundForProvider,*"}, {ID: "NoMatchFoundForCriteria,*InstallPackageProvider"}, {English: "requires 'PackageManagement' and 'Provider' tags"}},
		Remedy: "The provider's download site is out of reach or its certificate has expired. Install the NuGet provider from a folder: " +
			"copy it from another machine to %ProgramFiles%\\PackageManagement\\ProviderAssemblies\\nuget."},
	{ID: "I03", Class: host.Transient, Source: psget,
		any:    []pattern{{ID: "FailedProviderBootstrap"}, {English: "Failed to bootstrap provider"}},
		Remedy: "The provider's download site did not answer. If it goes on: " + offlineProvider},
	{ID: "I01", Class: host.OnceMore, Source: inDocs,
		any: []pattern{
			{Names: []string{"LinkID=627338"}}, {English: "Unable to download the list of available providers"}, {English: "Unable to download from URI"}},
		Remedy: "The list of providers could not be downloaded: open https to go.microsoft.com, cdn.oneget.org and onegetcdn.azureedge.net, with TLS 1.2. Without egress: " + offlineProvider},
	{ID: "I04", Class: host.Never, Source: psget,
		any: []pattern{{ID: "CouldNotInstallNuGetProvider"}, {English: "NuGet provider is required to interact with NuGet-based repositories"}}, Remedy: offlineProvider},
	{ID: "I05", Class: host.Transient, Source: psget, any: []pattern{{English: "Unable to resolve package source"}},
		Remedy: "The repository's address does not answer: look at proxy, DNS and TLS 1.2 of this account, or name a repository inside the network with repository."},
	{ID: "I06", Class: host.OnceMore, Source: seen + ": a repository out of reach and a missing version look alike",
		any:    []pattern{{ID: "NoMatchFoundForCriteria,*FindPackage"}, {ID: "NoMatchFoundForCriteria,*InstallPackage"}, {English: "No match was found for the specified search criteria and module name"}},
		Remedy: "Either the repository has no such module and version, or it is out of reach: look at the warnings, then at repository and version in the playbook."},
	{ID: "I07", Class: host.Never, Source: seen, any: []pattern{{ID: "SourceNotFound"}, {ID: "PSGalleryNotFound"}, {English: "Use Get-PSRepository to see all available repositories"}},
		Remedy: "The repository is not registered for this account, and registration is per account: put a ps_repository task before this one."},
	{ID: "I08", Class: host.OnceMore, Source: psget, any: []pattern{{ID: "NotSupportedPowerShellGetFormatVersion"}, {Names: []string{"PowerShellGetFormatVersion"}}},
		Remedy: "PowerShellGet 1.0.0.1, the one in the box, cannot read this package: install PowerShellGet 2.2.5 with a ps_module task before this one."},
	{ID: "I09", Class: host.Never, Source: psget, any: []pattern{{ID: "InstallModuleAdminPrivilegeRequiredForAllUsersScope"}},
		Remedy: "Run exorunner elevated (Run as administrator, or as a service): scope AllUsers needs that."},
	{ID: "I10", Class: host.OnceMore, Source: "PowerShell/PowerShellGetv2 issue 324",
		any:    []pattern{{ID: "AdministratorRightsNeededOrSpecifyCurrentUserScope"}, {English: "Administrator rights are required to install or update"}},
		Remedy: "Either this process is not elevated, or a file of that version is open: run elevated, and stop Cloud Extender and other PowerShells that have the module loaded."},
	{ID: "I11", Class: host.Never, Source: psget, any: []pattern{{ID: "ModuleNotInstalledUsingInstallModuleCmdlet"}},
		Remedy: "The module was copied here, so Update-Module refuses it: use method: install, which puts the new version beside it."},
	{ID: "I12", Class: host.Never, Source: seen, any: []pattern{{ID: "ModuleNotInstalledOnThisMachine"}},
		Remedy: "The module is not installed for this account's paths, so there is nothing to update: use method: install, or leave method at auto."},
	{ID: "I13", Class: host.Fine, Source: psget, any: []pattern{{ID: "ModuleWithRequiredVersionAlreadyInstalled"}},
		Remedy: "Nothing to do: that version is installed."},
	{ID: "I14", Class: host.Fine, Source: psget, any: []pattern{{English: "No updates were found for module"}},
		Remedy: "Nothing to do: there is nothing newer."},
	{ID: "I16", Class: host.OnceMore, Source: psget, any: []pattern{{ID: "ModuleIsInUse,Uninstall-Package*"}, {English: "is in currently in use or you don't have the required permissions"}},
		Remedy: "A process has the module loaded: stop Cloud Extender and other PowerShells, then run again. Otherwise this account may not delete its folder."},
	{ID: "I15", Class: host.OnceMore, Source: psget, any: []pattern{{ID: "ModuleIsInUse"}, {English: "is currently in use. Retry the operation after closing the applications"}},
		Remedy: "A process has that version of the module loaded: stop Cloud Extender and other PowerShells, then run again."},
	{ID: "I17", Class: host.Never, Source: psget, any: []pattern{{ID: "CommandAlreadyAvailable"}, {Names: []string{"-AllowClobber"}}},
		Remedy: "Another module has commands of the same names: remove that module from this server, or install this one by hand with -AllowClobber once it is clear which shall win."},
	{ID: "I18", Class: host.Never, Source: psget, any: []pattern{{ID: "AuthenticodeIssuerMismatch"}, {ID: "PublishersMismatch"}, {Names: []string{"-SkipPublisherCheck"}}},
		Remedy: "The new version was signed by somebody else than the installed one. Find out why before anybody installs it with -SkipPublisherCheck."},
	{ID: "I19", Class: host.Never, Source: psget, any: []pattern{{ID: "ForceAcceptLicense"}, {English: "License Acceptance is required for module"}},
		Remedy: "The module wants its licence accepted, and this PowerShellGet cannot: install PowerShellGet 2.2.5 with a ps_module task before this one."},
	{ID: "I20", Class: host.Never, Source: psget, any: []pattern{{English: "You are installing the modules from an untrusted repository"}},
		Remedy: "PowerShellGet asks whether the repository is trusted, and nobody answers: put a ps_repository task with trusted: true before this one."},
	{ID: "I21", Class: host.Transient, Source: psget, any: []pattern{{ID: "InvalidWebUri", Names: []string{`\\`}}, {ID: "PathNotFound,Register-PSRepository", Names: []string{`\\`}}},
		Remedy: "The share does not answer: look at the network, and whether this account may read it (a service account is the computer's own there). A folder on this server is safer."},
	{ID: "I21", Class: host.Never, Source: psget, any: []pattern{{ID: "InvalidWebUri"}, {ID: "PathNotFound,Register-PSRepository"}},
		Remedy: "The repository's folder or address does not exist for this account: correct source in the ps_repository task."},
	{ID: "I22", Class: host.Transient, Source: psget, any: []pattern{{ID: "UnableToDownloadThePackage"}, {English: "is unable to download the package"}},
		Remedy: "The package's download broke off. If it goes on: look at free space, at the virus scanner's log and at the proxy."},
	{ID: "I23", Class: host.Transient, Source: psget, any: []pattern{{ID: "PowerShellGalleryUnavailable"}, {English: "PowerShell Gallery is currently unavailable"}},
		Remedy: "The PowerShell Gallery is out of order; it says when it will be back on its status page in GitHub. A package file or a repository of your own does not depend on it."},
	{ID: "I24", Class: host.Never, Source: inDocs, any: []pattern{
		{ID: "NamedParameterNotFound", Names: []string{"'AcceptLicense'"}}, {ID: "NamedParameterNotFound", Names: []string{"'AllowPrerelease'"}},
		{ID: "NamedParameterNotFound", Names: []string{"'PassThru'"}}, {ID: "NamedParameterNotFound,*-Module", Names: []string{"'Scope'"}}},
		Remedy: "PowerShellGet 1.0.0.1, the one in the box, lacks that parameter: install PowerShellGet 2.2.5 with a ps_module task before this one."},
	{ID: "I25", Class: host.OnceMore, Source: psget + "; " + seen, any: []pattern{{ID: "InvalidAuthenticodeSignature"}, {ID: "InvalidCatalogSignature"}},
		Remedy: "A file of the package is not what its publisher signed: throw the package away, fetch it anew and compare its hash. If it stays so, the root certificates of this server may be too old."},
	{ID: "I26", Class: host.Never, Source: psget + "; " + seen, any: []pattern{{ID: "InvalidManifestModule"}},
		Remedy: "The package's manifest cannot be read: take the package from the PowerShell Gallery again."},
	{ID: "I27", Class: host.Never, Source: psget + "; " + seen, any: []pattern{{ID: "UnableToFindDependencyPackage"}, {English: "cannot resolve the module dependency"}},
		Remedy: "The repository lacks a package that this one needs: put it there too. ExchangeOnlineManagement 3.5.0 and newer need PowerShellGet and PackageManagement, 3.1.0 does not."},
	{ID: "P01", Class: host.Fine, Source: seen, any: []pattern{{ID: "NoMatchFound,*UninstallPackage"}},
		Remedy: "Nothing to do: that version is not there."},
	{ID: "P02", Class: host.Never, Source: seen, any: []pattern{{ID: "RepositoryAlreadyRegistered"}},
		Remedy: "That folder or address is registered under another name: use that name, or unregister it with Unregister-PSRepository."},
	{ID: "P03", Class: host.Never, Source: seen, any: []pattern{{ID: "PackageSourceExists"}},
		Remedy: "A package source of that name exists already: look with Get-PackageSource, and remove it with Unregister-PackageSource or use another name."},
}
