// Package catalog is the one table of action kinds. The JSON Schema and the reference come from it. It knows what kinds
// there are and how a playbook names them, and nothing of how they work or when they run.
package catalog

//go:generate go run ./generate

import (
	"exorunner/internal/action"
	"exorunner/internal/action/cemodule"
	"exorunner/internal/action/certificate"
	"exorunner/internal/action/closed"
	"exorunner/internal/action/download"
	"exorunner/internal/action/environment"
	"exorunner/internal/action/executionpolicy"
	"exorunner/internal/action/exoconnect"
	"exorunner/internal/action/notice"
	"exorunner/internal/action/preflight"
	"exorunner/internal/action/psmodule"
	"exorunner/internal/action/psprovider"
	"exorunner/internal/action/psrepository"
	"exorunner/internal/action/registry"
	"exorunner/internal/action/script"
	"exorunner/internal/action/service"
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
	// Closed kinds exist to be refused, with the reason.
	Closed bool
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
		Name:  "execution_policy",
		About: "Keeps PowerShell's execution policy of one scope. Where a group policy decides, nothing on the server overrules it: that is said, with who has to change what.",
		New:   executionpolicy.New,
		Example: `name: scripts may run
action: execution_policy
with: {scope: LocalMachine, policy: RemoteSigned}`,
	},
	{
		Name:  "ps_provider",
		About: "Keeps a package provider of PackageManagement at a minimum version. Without NuGet's no gallery can be used. No prompt ever; PowerShell 7 brings the provider with it. With `folder` it is copied from there, without a network.",
		New:   psprovider.New,
		Example: `name: NuGet provider
action: ps_provider
with: {minimum: "2.8.5.201", folder: 'D:\gallery\nuget', version: "2.8.5.208"}`,
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
		About: "Keeps exactly one version of a module installed, beside the others, with `Install-Module` or `Update-Module -RequiredVersion`. \"In place\" means: its files are there, its manifest says that version, and what a fresh `Import-Module` takes is reported when it is another one: the first folder of PSModulePath that has the module wins, whatever its version. With `package` and its SHA-256 it is installed from a file; `state: absent` removes one version.",
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
	{
		Name:  "certificate",
		About: "Proves that a certificate will do for signing in: there for this account, valid for longer than `warn_before`, with a key that this account can use and that is kept by a CSP, for the module cannot sign with a CNG key.",
		New:   certificate.New, Local: true,
		Example: `name: the certificate holds
action: certificate
with: {thumbprint: C919C4C881CEFF6CDF867FF1FC6A10D45BB02A26, warn_before: 30d}`,
	},
	{
		Name:  "download",
		About: "Stages a file from where the site says, and only the file of that SHA-256: resumable, verified while it comes and again before it is used, from the cache where it was fetched before. Without `install` it is staged and nothing more; with it a reviewed .msi or .exe is run unattended, once.",
		New:   download.New,
		Example: `name: the package of the ActiveSync module
action: download
with:
  path: 'C:\ProgramData\exorunner\staged\ActiveSync-3.000.100.exe'
  urls: ["https://files.contoso.com/maas360/ActiveSync-3.000.100.exe", '\\files\maas360\ActiveSync-3.000.100.exe']
  sha256: 4c3d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b
  version: "3.000.100"
  publisher: {subject: "Fiberlink Communications Corporation"}
retry: {attempts: 4, wait: 1m, max_wait: 15m}`,
	},
	{
		Name:  "ce_module",
		About: "Waits for Cloud Extender's ActiveSync module, which Cloud Extender fetches itself. The site says where its version can be read; without a `probe` the task waits and lists candidates. Below the minimum it waits (status 10); a probe that is broken fails.",
		New:   cemodule.New,
		Example: `name: ActiveSync module 3.000.100 or newer
action: ce_module
with:
  minimum: "3.000.100"
  probe: {file_version: 'C:\Program Files (x86)\MaaS360\Cloud Extender\Modules\ActiveSync\ActiveSync.dll'}`,
	},
	{
		Name:  "service",
		About: "Keeps a Windows service running or stopped, and its start type. With `restarted_after` it is restarted if it started before the newest version of a module was installed: that is found by looking, so an interruption cannot lose it.",
		New:   service.New,
		Example: `name: Cloud Extender runs on it
action: service
with: {name: Cloud Extender, state: running, restarted_after: ExchangeOnlineManagement}`,
	},
	{
		Name:  "script",
		About: "Runs a script of the site's own in a process of its own, its `arguments` as data. A `check` ends with `$true` (nothing to do) or `$false`; without one the task is reported `changed (unverified)`. A plan and verify run a check only where `check_reads_only` says that it changes nothing. `once` runs it once, known by its content. A script must not call `exit`.",
		New:   script.New,
		Example: `name: the site's proxy is set
action: script
with:
  check: param($Server) (netsh winhttp show proxy | Out-String).Contains($Server)
  check_reads_only: true
  apply: param($Server) $null | netsh winhttp set proxy $Server
  arguments: {Server: "proxy.contoso.com:8080"}`,
	},
	{
		Name:  "notice",
		About: "Waits for something that a person must do, until `exorunner ack ID --by NAME`. Who and when is kept.",
		New:   notice.New,
		Example: `name: the change board knows
action: notice
with: {id: change-board, text: "tell the change board that Cloud Extender restarts tonight"}`,
	},
	{
		Name:  "registry",
		About: "Keeps a value below HKEY_LOCAL_MACHINE, in either view of a 64-bit Windows or in both.",
		New:   registry.New,
		Example: `name: .NET uses TLS 1.2
action: registry
with: {path: 'HKLM\SOFTWARE\Microsoft\.NETFramework\v4.0.30319', name: SchUseStrongCrypto, type: DWord, value: 1, view: 64}`,
	},
	{
		Name:  "environment",
		About: "Keeps a variable of the machine's environment. Services see it after a restart of Windows.",
		New:   environment.New,
		Example: `name: the modules' temporary folder
action: environment
with: {name: EXO_TEMP, value: 'D:\temp'}`,
	},
	{
		Name:  "rps_optout",
		About: "Is refused when the playbook is read: Microsoft ended the opting out of the end of Remote PowerShell on 2023-10-01. It is named so that a playbook made from IBM's note of June 2023 gets an answer.",
		New:   closed.OptOut, Local: true, Closed: true,
		Example: `name: opt out
action: rps_optout`,
	},
	{
		Name:  "rps_enable",
		About: "Is refused when the playbook is read: Microsoft closed 'Diag: Enable RPS in EXO' on 2023-10-01.",
		New:   closed.Enable, Local: true, Closed: true,
		Example: `name: enable RPS
action: rps_enable`,
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
