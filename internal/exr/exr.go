// Package exr is the functions under scripts/ as Go sees them: what each takes and what it gives. Actions call through
// it, the rehearsal answers in its types, and a test holds it against the param() blocks and the recorded transcripts.
package exr

import (
	"time"

	"exorunner/internal/host"
)

type args = map[string]any

// given drops what has no value: a parameter that is bound to "" is not the same as one that is not bound.
func given(a args) args {
	for name, v := range a {
		if v == nil || v == "" || v == false || v == 0 {
			delete(a, name)
		}
	}
	return a
}

// GetFact asks the machine what it says about itself: one Facts.
func GetFact() host.Call { return host.Call{Func: "Get-ExrFact", Timeout: 2 * time.Minute} }

// GetDisk asks for the free space where each path lies: Disks, in order.
func GetDisk(paths ...string) host.Call {
	return host.Call{Func: "Get-ExrDisk", Args: args{"Path": paths}}
}

// A Disk is the volume that holds Path. FreeBytes is what this account may use.
type Disk struct {
	Path      string `json:"path"`
	Exists    bool   `json:"exists"`
	Root      string `json:"root"`
	FreeBytes int64  `json:"freeBytes"`
}

// TestPort tries a TCP connection to each host: Ports, in order.
func TestPort(port int, addresses ...string) host.Call {
	return host.Call{Func: "Test-ExrPort", Args: args{"Address": addresses, "Port": port}, Timeout: 5 * time.Minute}
}

// A Port is the answer of one host.
type Port struct {
	Address string  `json:"address"`
	Port    int     `json:"port"`
	Open    bool    `json:"open"`
	Error   *string `json:"error"`
}

// GetPackageProvider lists the installed versions of a provider: Providers. It fetches nothing.
func GetPackageProvider(name string) host.Call {
	return host.Call{Func: "Get-ExrPackageProvider", Args: args{"Name": name}}
}

// InstallPackageProvider installs at least that version from the network: the Providers that are there then.
func InstallPackageProvider(name, minimum string) host.Call {
	return host.Call{Func: "Install-ExrPackageProvider", Args: args{"Name": name, "MinimumVersion": minimum}, Fresh: true}
}

// InstallPackageProviderFile copies a provider's folder, which holds its DLL, to where PackageManagement looks for it.
func InstallPackageProviderFile(name, version, folder string) host.Call {
	return host.Call{Func: "Install-ExrPackageProviderFile", Args: args{"Name": name, "Version": version, "Folder": folder}, Fresh: true}
}

// A Provider is one of PackageManagement's.
type Provider struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Path    string `json:"path"`
}

// GetRepository looks a repository up for this account: none or one Repository.
func GetRepository(name string) host.Call {
	return host.Call{Func: "Get-ExrRepository", Args: args{"Name": name}}
}

// SetRepository registers a repository or changes it: the Repository as it is then. An empty source keeps what is
// there, and means PowerShell's own default for PSGallery.
func SetRepository(name, source string, trusted bool) host.Call {
	policy := "Untrusted"
	if trusted {
		policy = "Trusted"
	}
	return host.Call{Func: "Set-ExrRepository", Args: given(args{"Name": name, "SourceLocation": source, "InstallationPolicy": policy})}
}

// A Repository is registered per account.
type Repository struct {
	Name               string `json:"name"`
	SourceLocation     string `json:"sourceLocation"`
	InstallationPolicy string `json:"installationPolicy"` // Trusted, Untrusted
}

// GetModule lists every installed version of a module: Modules, in the order of PSModulePath.
func GetModule(name string) host.Call {
	return host.Call{Func: "Get-ExrModule", Args: args{"Name": name}}
}

// A Module is one installed version.
type Module struct {
	Name         string  `json:"name"`
	Version      string  `json:"version"` // of the manifest
	Prerelease   string  `json:"prerelease"`
	Path         string  `json:"path"`
	Scope        string  `json:"scope"` // AllUsers, CurrentUser, System, Other
	Origin       *Origin `json:"origin"`
	InstalledUTC string  `json:"installedUtc,omitempty"` // when its folder was made
}

// An Origin is what PowerShellGet recorded beside a module. Without it Update-Module refuses.
type Origin struct {
	Repository string `json:"repository"`
	Source     string `json:"source"`
}

// InstallModule installs exactly one version: one Installed.
func InstallModule(name, version, repository, scope, method string) host.Call {
	if method == "auto" { // what the function does by itself
		method = ""
	}
	return host.Call{Func: "Install-ExrModule", Fresh: true,
		Args: given(args{"Name": name, "Version": version, "Repository": repository, "Scope": scope, "Method": method})}
}

// InstallModulePackage installs from one package file: one Installed.
func InstallModulePackage(name, version, file, sha256, scope string) host.Call {
	return host.Call{Func: "Install-ExrModulePackage", Fresh: true,
		Args: given(args{"Name": name, "Version": version, "Package": file, "Sha256": sha256, "Scope": scope})}
}

// Installed says which verb did it, and why that one.
type Installed struct {
	Verb      string  `json:"verb"`
	Why       string  `json:"why"`
	Installed *Module `json:"installed"`
}

// UninstallModule removes one version from one scope.
func UninstallModule(name, version, scope string) host.Call {
	return host.Call{Func: "Uninstall-ExrModule", Fresh: true, Args: given(args{"Name": name, "Version": version, "Scope": scope})}
}

// ResolveModule imports a module and says which version that took: one Resolved.
func ResolveModule(name, version string) host.Call {
	return host.Call{Func: "Resolve-ExrModule", Fresh: true, Args: given(args{"Name": name, "Version": version})}
}

// Resolved is what an import took.
type Resolved struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Path    string `json:"path"`
}

// GetCertificate looks for a certificate by thumbprint in the stores, or in a file: Certificates.
func GetCertificate(thumbprint, path string, password []byte) host.Call {
	c := host.Call{Func: "Get-ExrCertificate", Args: given(args{"Thumbprint": thumbprint, "Path": path})}
	if password != nil {
		c.Secrets = map[string][]byte{"Password": password}
	}
	return c
}

// A Certificate as this account sees it.
type Certificate struct {
	Store       string  `json:"store"` // file, CurrentUser, LocalMachine
	Thumbprint  string  `json:"thumbprint"`
	Subject     string  `json:"subject"`
	NotBefore   string  `json:"notBefore"` // UTC, RFC 3339
	NotAfter    string  `json:"notAfter"`
	HasKey      bool    `json:"hasKey"`
	KeyReadable bool    `json:"keyReadable"`
	KeyKind     *string `json:"keyKind"` // RSACng is a CNG key; an exception's name where it cannot be read
}
