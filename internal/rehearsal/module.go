package rehearsal

import (
	"slices"

	"exorunner/internal/exr"
	"exorunner/internal/host"
)

// shown is a module as Get-ExrModule puts it out.
func (c *call) shown(one module) exr.Module {
	return exr.Module{
		Name: one.Name, Version: one.Version, Prerelease: one.Prerelease, Path: one.path(),
		Scope: c.m.scope(one), Origin: one.Origin, InstalledUTC: stamp(one.Installed),
	}
}

func getModule(c *call) ([]any, error) {
	var out []any
	for _, one := range c.m.installed(c.text("Name"), c.bits) {
		out = append(out, c.shown(one))
	}
	return out, nil
}

func resolveModule(c *call) ([]any, error) {
	one, err := c.load(c.text("Name"), c.text("Version"))
	if err != nil {
		return nil, err
	}
	return []any{exr.Resolved{Name: one.Name, Version: one.Version, Path: one.path()}}, nil
}

// load is Import-Module: a module that the process has loaded stays the one it is.
func (c *call) load(name, version string) (*module, error) {
	if one, ok := c.process.loaded[name]; ok && (version == "" || compareVersions(one.Version, version) == 0) {
		return &one, nil
	}
	if c.fault("version-missing") {
		return nil, moduleNotFound(name, version)
	}
	if c.policy() == "Restricted" {
		return nil, scriptsDisabled()
	}
	one := c.m.find(name, version, c.bits)
	if one == nil {
		return nil, moduleNotFound(name, version)
	}
	c.process.loaded[name] = *one
	return one, nil
}

// packageGet is the PowerShellGet that this process works with: "" if there is none.
func (c *call) packageGet() string {
	one, ok := c.process.loaded["PowerShellGet"]
	if !ok {
		found := c.m.find("PowerShellGet", "", c.bits)
		if found == nil {
			return ""
		}
		one = *found
		c.process.loaded["PowerShellGet"] = one
	}
	return one.Version
}

func installModule(c *call) ([]any, error) {
	method, why := c.or("Method", "auto"), "asked for"
	scope := c.or("Scope", "AllUsers")
	if same(method, "auto") {
		method, why = c.method(scope)
	}
	done, err := c.install(method, why, scope, c.text("Repository"))
	if err != nil {
		return nil, err
	}
	return []any{done}, nil
}

// method chooses between the two verbs as Install-ExrModule does.
func (c *call) method(scope string) (method, why string) {
	var newest *module
	for _, one := range c.m.installed(c.text("Name"), c.bits) {
		if !same(c.m.scope(one), scope) || one.Origin == nil {
			continue
		}
		if newest == nil || compareVersions(newest.Version, one.Version) < 0 {
			newest = &one
		}
	}
	if newest == nil {
		return "install", "not installed by PowerShellGet"
	}
	method, why = "install", newest.Version+" came from "+newest.Origin.Repository
	if compareVersions(newest.Version, c.text("Version")) < 0 && same(newest.Origin.Repository, c.text("Repository")) {
		method = "update"
	}
	return method, why
}

// install is what follows in Install-ExrModule once the verb is chosen.
func (c *call) install(method, why, scope, repository string) (exr.Installed, error) {
	name, version := c.text("Name"), c.text("Version")
	verb := "Install-Module"
	if same(method, "update") {
		verb = "Update-Module"
	}
	done := exr.Installed{Verb: verb, Why: why}
	into, err := c.destination(verb, scope)
	if err != nil {
		return done, err
	}
	if same(method, "update") {
		origin, err := c.recorded(name)
		if err != nil {
			return done, err
		}
		repository = origin.Repository
	}
	found, from, err := c.fetch(repository, name, version)
	if err != nil {
		return done, err
	}
	if err := c.place(*found, exr.Origin{Repository: from.Name, Source: from.SourceLocation}, into); err != nil {
		return done, err
	}
	for _, one := range c.m.installed(name, c.bits) {
		if compareVersions(one.Version, version) == 0 && same(c.m.scope(one), scope) {
			shown := c.shown(one)
			done.Installed = &shown
			break
		}
	}
	return done, nil
}

// destination is the folder that a verb installs into. Update-Module of PowerShellGet 1.0.0.1 has no -Scope: what was
// for all users stays so for an account with the rights, and anything else goes to the account's own folder.
func (c *call) destination(verb, scope string) (string, error) {
	get := c.packageGet()
	if get == "" {
		return "", commandNotFound(verb)
	}
	if !c.m.provides("NuGet", minimumNuGet, c.bits) {
		return "", noProvider(verb)
	}
	elevated := c.m.Facts.Account.Elevated
	if verb == "Update-Module" && compareVersions(get, "1.6.0") < 0 && !elevated {
		scope = "CurrentUser"
	}
	for _, f := range c.m.folders(c.bits) {
		if !same(f.Scope, scope) {
			continue
		}
		if f.Scope == "AllUsers" && !elevated {
			return "", noRights(f.Path)
		}
		return f.Path, nil
	}
	return "", exrError("ExrNoModuleFolder", c.name, "ObjectNotFound", "PSModulePath has no folder for "+scope, scope)
}

// recorded is where PowerShellGet had a module from; without it Update-Module refuses.
func (c *call) recorded(name string) (*exr.Origin, error) {
	all := c.m.installed(name, c.bits)
	for _, one := range all {
		if one.Origin != nil {
			return one.Origin, nil
		}
	}
	if len(all) == 0 {
		return nil, notThere(name)
	}
	return nil, notByInstall(name)
}

// fetch finds a version in a registered repository, and says as Install-ExrModule does what is in the way.
func (c *call) fetch(repository, name, version string) (*pkg, *exr.Repository, error) {
	from := c.m.repository(repository)
	if from == nil {
		return nil, nil, sourceNotFound(repository)
	}
	where := from.Name + " (" + from.SourceLocation + "): "
	src := c.m.source(from.SourceLocation)
	if src == nil || !c.m.reaches(from.SourceLocation) || c.fault("gallery-away") {
		c.warn("Unable to resolve package source '%s'.", from.SourceLocation)
		away := exrError("ExrRepositoryUnreachable", "Install-ExrModule", "ResourceUnavailable", where+"out of reach", from.Name)
		return nil, nil, noMatchFound(away, name)
	}
	found := src.find(name, version)
	if found == nil || c.fault("version-not-in-repository") {
		lacks := exrError("ExrVersionNotInRepository", "Install-ExrModule", "ObjectNotFound", where+"no "+name+" "+version, from.Name)
		return nil, nil, noMatchFound(lacks, name)
	}
	return found, from, nil
}

// place puts a package and what it needs into a folder of modules.
func (c *call) place(p pkg, origin exr.Origin, into string) error {
	if get := c.packageGet(); compareVersions(get, p.PowerShellGet) < 0 {
		return tooOld(p.Name, p.PowerShellGet)
	}
	for _, need := range p.Requires {
		if err := c.need(p, need, origin, into); err != nil {
			return err
		}
	}
	if c.fault("module-in-use") {
		return inUse(p.Name, p.Version)
	}
	if c.fault("access-denied") {
		return accessDenied(into+`\`+p.Name, installPackage)
	}
	at := slices.IndexFunc(c.m.Modules, func(one module) bool {
		return same(one.Name, p.Name) && same(one.Folder, into) && compareVersions(one.Version, p.Version) == 0
	})
	if at >= 0 {
		// The same version again, with -Force: its files are replaced, which a loaded DLL does not allow.
		if c.held(c.m.Modules[at]) {
			return inUse(p.Name, p.Version)
		}
		c.m.Modules[at].Origin = &origin
		return nil
	}
	if disk := c.m.disk(into); disk != nil {
		if disk.FreeBytes < p.Bytes || c.fault("disk-full") {
			return diskFull(disk.Root)
		}
		disk.FreeBytes -= p.Bytes
	}
	c.m.Modules = append(c.m.Modules, module{Name: p.Name, Version: p.Version, Folder: into, Origin: &origin, Installed: c.now})
	return nil
}

// need sees to one package that another one needs: there already, or from the same repository.
func (c *call) need(by pkg, need require, origin exr.Origin, into string) error {
	for _, one := range c.m.installed(need.Name, c.bits) {
		if compareVersions(one.Version, need.Minimum) >= 0 {
			return nil
		}
	}
	var best *pkg
	if src := c.m.source(origin.Source); src != nil {
		best = src.newest(need.Name, need.Minimum)
	}
	if best == nil {
		return noDependency(by.Name, need.Name)
	}
	return c.place(*best, origin, into)
}

// held says whether a running service keeps a module's DLL open.
func (c *call) held(one module) bool {
	s := c.m.service(one.HeldBy)
	return s != nil && s.Status == running
}

func installModulePackage(c *call) ([]any, error) {
	file := c.text("Package")
	folder := c.m.Facts.Account.Temp + "exr-" + c.letters(32)
	f := c.m.file(file)
	if f == nil {
		return nil, pathNotFound(file, "Microsoft.PowerShell.Commands.CopyItemCommand")
	}
	found, wanted := f.SHA256, c.text("Sha256")
	if c.fault("hash-mismatch") {
		found = "00000000000000000000000000000000000000000000000000000000bad0bad0"
	}
	if !same(found, wanted) {
		return nil, hashMismatch(file, found, wanted)
	}
	if !c.m.provides("NuGet", minimumNuGet, c.bits) {
		return nil, noProvider("Register-PSRepository")
	}
	var packages []pkg
	if f.Package != nil {
		packages = append(packages, *f.Package)
	}
	// For the length of the call only: both are gone when it ends, as in the script.
	repositories, sources := c.m.Repositories, c.m.Sources
	only := exr.Repository{Name: "exr-" + c.letters(8), SourceLocation: folder, InstallationPolicy: "Trusted"}
	c.m.Sources = append(slices.Clip(sources), source{Address: folder, Packages: packages})
	c.m.Repositories = append(slices.Clip(repositories), only)
	done, err := c.install("install", "asked for", c.or("Scope", "AllUsers"), only.Name)
	c.m.Repositories, c.m.Sources = repositories, sources
	if err != nil {
		return nil, err
	}
	return []any{done}, nil
}

func uninstallModule(c *call) ([]any, error) {
	name, version, scope := c.text("Name"), c.text("Version"), c.or("Scope", "AllUsers")
	for _, one := range c.m.installed(name, c.bits) {
		if compareVersions(one.Version, version) != 0 || !same(c.m.scope(one), scope) {
			continue
		}
		if c.held(one) || c.fault("module-in-use") {
			return nil, c.stillHeld(one)
		}
		if c.fault("access-denied") || c.m.scope(one) == "AllUsers" && !c.m.Facts.Account.Elevated {
			return nil, accessDenied(one.path(), uninstallPackage)
		}
		c.m.Modules = slices.DeleteFunc(c.m.Modules, func(m module) bool { return same(m.path(), one.path()) })
		return nil, nil
	}
	return nil, nil
}

// stillHeld is what stops the removal of a module with an open file: by PowerShellGet, or where that does not know it,
// by renaming its folder.
func (c *call) stillHeld(one module) *host.Error {
	if one.Origin != nil {
		return stillInUse(one.Name)
	}
	e := accessDenied(one.path(), "Microsoft.PowerShell.Commands.MoveItemCommand")
	e.ID, e.Category = "MoveDirectoryItemIOError,Microsoft.PowerShell.Commands.MoveItemCommand", "WriteError"
	e.Exception, e.HResult = "System.IO.IOException", hresultSharing
	return e
}

func (c *call) policy() string { return effectivePolicy(&c.m.Facts) }

func hashMismatch(file, found, wanted string) *host.Error {
	e := exrError("ExrHashMismatch", "Install-ExrModulePackage", "SecurityError", file+": SHA-256 is "+lower(found)+", wanted "+lower(wanted), file)
	e.Exception, e.HResult = "System.Security.SecurityException", hresultSecurity
	return e
}
