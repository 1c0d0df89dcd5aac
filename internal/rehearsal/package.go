package rehearsal

import (
	"path"
	"strings"

	"exorunner/internal/exr"
	"exorunner/internal/host"
)

// minimumNuGet is the oldest NuGet provider that PowerShellGet works with.
// https://learn.microsoft.com/powershell/gallery/powershellget/how-to/getting-support/bootstrapping-nuget
const minimumNuGet = "2.8.5.201"

const (
	providerHost   = "onegetcdn.azureedge.net" // the list of providers comes from there
	newestNuGet    = "2.8.5.208"               // and this is the newest in it
	galleryAddress = "https://www.powershellgallery.com/api/v2"
)

// provides says whether at least that version of a provider is installed for that bitness.
func (m *model) provides(name, minimum string, bits int) bool {
	for _, p := range m.Providers {
		if same(p.Name, name) && p.Bits == bits && compareVersions(p.Version, minimum) >= 0 {
			return true
		}
	}
	return false
}

func getPackageProvider(c *call) ([]any, error) {
	return c.providers(c.text("Name")), nil
}

func (c *call) providers(name string) []any {
	var out []any
	for _, p := range c.m.Providers {
		if same(p.Name, name) && p.Bits == c.bits {
			out = append(out, p.Provider)
		}
	}
	return out
}

func installPackageProvider(c *call) ([]any, error) {
	name, minimum := c.text("Name"), c.text("MinimumVersion")
	if c.m.provides(name, minimum, c.bits) {
		return c.providers(name), nil
	}
	if !c.m.opens(providerHost) || c.fault("provider-away") {
		c.warn("Unable to download from URI 'https://go.microsoft.com/fwlink/?LinkID=627338&clcid=0x409' to ''.")
		c.warn("Unable to download the list of available providers. Check your internet connection.")
		return nil, noProviderFound(name)
	}
	if !same(name, "NuGet") || compareVersions(newestNuGet, minimum) < 0 {
		return nil, noProviderFound(name)
	}
	c.addProvider(name, newestNuGet)
	return c.providers(name), nil
}

func installPackageProviderFile(c *call) ([]any, error) {
	name, version, folder := c.text("Name"), c.text("Version"), strings.TrimSuffix(c.text("Folder"), `\`)
	if !c.m.exists(folder) {
		return nil, pathNotFound(folder, "Microsoft.PowerShell.Commands.GetChildItemCommand")
	}
	if library := "Microsoft.PackageManagement." + name + "Provider.dll"; c.m.file(folder+`\`+library) == nil {
		return nil, invalid("ExrNoProviderFile", c.name, "ObjectNotFound", c.text("Folder")+": no "+library+" in it", c.text("Folder"))
	}
	if !c.m.Facts.Account.Elevated || c.fault("access-denied") {
		return nil, accessDenied(c.providerFolder()+lower(name)+`\`+version, "Microsoft.PowerShell.Commands.NewItemCommand")
	}
	c.addProvider(name, version)
	return c.providers(name), nil
}

func (c *call) addProvider(name, version string) {
	for _, p := range c.m.Providers {
		if same(p.Name, name) && p.Bits == c.bits && compareVersions(p.Version, version) == 0 {
			return
		}
	}
	at := c.providerFolder() + lower(name) + `\` + version + `\Microsoft.PackageManagement.` + name + "Provider.dll"
	c.m.Providers = append(c.m.Providers, provider{Provider: exr.Provider{Name: name, Version: version, Path: at}, Bits: c.bits})
}

// providerFolder is where PackageManagement of this bitness looks, for all users.
func (c *call) providerFolder() string {
	if c.bits == 32 && c.m.Facts.OS.Bits == 64 {
		return `C:\Program Files (x86)\PackageManagement\ProviderAssemblies\`
	}
	return `C:\Program Files\PackageManagement\ProviderAssemblies\`
}

func noProviderFound(name string) *host.Error {
	const install = "Microsoft.PowerShell.PackageManagement.Cmdlets.InstallPackageProvider"
	return &host.Error{
		ID: "NoMatchFoundForProvider," + install, Category: "InvalidArgument", HResult: hresultException,
		Message: "No match was found for the specified search criteria for the provider '" + name + "'. The package provider requires " +
			"'PackageManagement' and 'Provider' tags. Please check if the specified package has the tags.",
		Exception: "System.Exception", Target: install,
	}
}

func getRepository(c *call) ([]any, error) {
	if !c.m.provides("NuGet", minimumNuGet, c.bits) {
		return nil, noProvider("Get-PSRepository")
	}
	if r := c.m.repository(c.text("Name")); r != nil {
		return []any{*r}, nil
	}
	return nil, nil
}

func setRepository(c *call) ([]any, error) {
	name, address, policy := c.text("Name"), c.text("SourceLocation"), c.or("InstallationPolicy", "Untrusted")
	if !c.m.provides("NuGet", minimumNuGet, c.bits) {
		return nil, noProvider("Get-PSRepository")
	}
	old, verb, gallery := c.m.repository(name), "Set-PSRepository", same(name, "PSGallery")
	switch {
	case gallery && address != "":
		return nil, invalid("ExrReservedRepository", c.name, "InvalidArgument", "PSGallery: PowerShellGet keeps that name for its own source; give this one another name", name)
	case gallery:
		address = galleryAddress
	case old == nil && address == "":
		return nil, invalid("ExrNoSource", c.name, "InvalidArgument", name+": not registered, and no source was given", name)
	case address == "":
		address = old.SourceLocation
	}
	if old == nil {
		verb = "Register-PSRepository"
	}
	if err := c.admissible(verb, name, address); err != nil {
		return nil, err
	}
	if old == nil {
		c.m.Repositories = append(c.m.Repositories, exr.Repository{Name: name})
		old = c.m.repository(name)
	}
	old.SourceLocation, old.InstallationPolicy = address, policy
	return []any{*old}, nil
}

// admissible refuses a source as Register-PSRepository does: a folder that is not there, one that another name has.
func (c *call) admissible(verb, name, address string) error {
	if !isWeb(address) && !c.m.exists(address) {
		return &host.Error{
			ID: "PathNotFound," + verb, Category: "InvalidArgument", HResult: hresultArgument,
			Message:   "The specified path '" + address + "' for parameter 'SourceLocation' does not exist. Verify that the path is correct.",
			Exception: "System.ArgumentException", Target: address,
		}
	}
	for _, r := range c.m.Repositories {
		if !same(r.Name, name) && same(strings.TrimSuffix(r.SourceLocation, "/"), strings.TrimSuffix(address, "/")) {
			const register = "Microsoft.PowerShell.PackageManagement.Cmdlets.RegisterPackageSource"
			return &host.Error{
				ID: "RepositoryAlreadyRegistered,Add-PackageSource," + register, Category: "InvalidArgument", HResult: hresultException,
				Message:   "The repository could not be registered because there exists a registered repository with Name '" + r.Name + "' and SourceLocation '" + r.SourceLocation + "'.",
				Exception: "System.Exception", Target: register,
			}
		}
	}
	return nil
}

func isWeb(address string) bool {
	return strings.HasPrefix(lower(address), "http://") || strings.HasPrefix(lower(address), "https://")
}

// reaches says whether the machine gets an answer from a source.
func (m *model) reaches(address string) bool {
	if !isWeb(address) {
		return m.exists(address)
	}
	_, rest, _ := strings.Cut(address, "://")
	name, _, _ := strings.Cut(rest, "/")
	return m.opens(name)
}

// opens says whether a host is in reach.
func (m *model) opens(name string) bool {
	for _, pattern := range m.Open {
		if ok, _ := path.Match(lower(pattern), lower(name)); ok {
			return true
		}
	}
	return false
}

func lower(s string) string { return strings.ToLower(s) }
