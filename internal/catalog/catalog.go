// Package catalog is the one table of action kinds. The JSON Schema and the reference come from it. It knows what kinds
// there are and how a playbook names them, and nothing of how they work or when they run.
package catalog

//go:generate go run ./generate

import (
	"exorunner/internal/action"
	"exorunner/internal/action/exoconnect"
	"exorunner/internal/action/preflight"
	"exorunner/internal/action/psmodule"
	"exorunner/internal/action/psprovider"
	"exorunner/internal/action/psrepository"
	"exorunner/internal/playbook"
)

// A Kind is one kind of work.
type Kind struct {
	Name string // what the playbook says: ps_module
	// About is some sentences of Markdown for the reference.
	About string
	// New makes an empty one: exactly one of action.Action and action.Proof, a pointer to a struct with yaml and doc tags.
	New func(action.Deps) any
	// Local is a proof that asks nothing outside the machine: a plan runs it.
	Local bool
	// Example is a task that uses it: validated by a test, printed in the reference.
	Example string
}

// kinds is in the order in which a reader of the reference needs them.
var kinds = []Kind{
	{
		Name:  "preflight",
		About: "Proves that the machine can run ExO V3 before anything is touched: all findings at once, each with its remedy. A requirement refuses (status 4) or warns; `refuse` and `warn` change which. What does not apply, as .NET Framework on PowerShell 7, says so.",
		New:   preflight.New, Local: true,
		Example: `name: the server can run ExO V3
action: preflight
with:
  powershell: ">=5.1"
  dotnet_framework: ">=4.7.2"
  module_version: "3.1.0"
  disk: 1GiB
  hosts: [outlook.office365.com, login.microsoftonline.com, www.powershellgallery.com]
  warn: [elevation]`,
	},
	{
		Name:  "ps_provider",
		About: "Keeps a package provider of PackageManagement at a minimum version. Without NuGet's no gallery can be used. No prompt ever; PowerShell 7 brings the provider with it.",
		New:   psprovider.New,
		Example: `name: NuGet provider
action: ps_provider
with: {minimum: "2.8.5.201"}`,
	},
	{
		Name:  "ps_repository",
		About: "Keeps a repository registered for the account that runs exorunner, at its source and trusted or not. Registration is per account: one that an administrator made is not seen by a service's account.",
		New:   psrepository.New,
		Example: `name: the folder with the packages
action: ps_repository
with: {name: Local, source: 'D:\gallery', trusted: true}`,
	},
	{
		Name:  "ps_module",
		About: "Keeps exactly one version of a module installed, beside the others, with `Install-Module` or `Update-Module -RequiredVersion`. \"In place\" means: its files are there, its manifest says that version, and what a fresh `Import-Module` takes is reported when it is another one: the first folder of PSModulePath that has the module wins, whatever its version.",
		New:   psmodule.New,
		Example: `name: ExchangeOnlineManagement 3.1.0
action: ps_module
with: {name: ExchangeOnlineManagement, version: "3.1.0", scope: AllUsers, older: keep, effective: warn}
retry: {attempts: 4, wait: 30s, max_wait: 10m}
timeout: 20m`,
	},
	{
		Name:  "exo_connect",
		About: "Proves that `Connect-ExchangeOnline` works without Remote PowerShell, in a fresh process: one connection, Connected, its token Active, from a generated `tmpEXO_` module, not of Security & Compliance, no RPS session or module, and every probe answered. RPS is a verdict of its own; enabling Basic authentication is never the remedy. The evidence is hashed and dated, also when the proof is refuted. A plan does not sign in unless `--prove` says so, and a failed sign-in is never tried again: it counts towards the lock of the account.",
		New:   exoconnect.New,
		Example: `name: Connect-ExchangeOnline works without RPS
action: exo_connect
with:
  version: "3.1.0"
  organization: contoso.onmicrosoft.com
  app_id: 22222222-2222-2222-2222-222222222222
  certificate_file: 'C:\ProgramData\exorunner\app.pfx'
  certificate_password: env:EXO_PFX_PASSWORD
  probes: [Get-OrganizationConfig, Get-MobileDevice]
timeout: 10m`,
	},
}

// All is every kind there is.
func All() []Kind { return kinds }

// ForPlaybook is the table as the reader of playbooks wants it.
func ForPlaybook(deps action.Deps) map[string]playbook.Kind {
	all := make(map[string]playbook.Kind, len(kinds))
	for _, k := range kinds {
		all[k.Name] = playbook.Kind{New: func() any { return k.New(deps) }, Validate: validate}
	}
	return all
}

// Local says whether a plan may run the proof of that name.
func Local(name string) bool {
	for _, k := range kinds {
		if k.Name == name {
			return k.Local
		}
	}
	return false
}

func validate(do any) []playbook.Problem {
	v, ok := do.(action.Validator)
	if !ok {
		return nil
	}
	var all []playbook.Problem
	for _, p := range v.Validate() {
		all = append(all, playbook.Problem{Field: p.Field, What: p.What})
	}
	return all
}
