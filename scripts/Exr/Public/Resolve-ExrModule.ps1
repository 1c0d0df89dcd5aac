<#
.SYNOPSIS
Imports a module and says which version that took. Ask for it in a fresh process.
.DESCRIPTION
The first folder of PSModulePath that has the module wins, with its highest version there: an older version in the
account's own folder hides a newer one for all users.
.EXAMPLE
Resolve-ExrModule -Name ExchangeOnlineManagement
#>
function Resolve-ExrModule {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string] $Name, [string] $Version)
    if ($Version) { Import-Module -Name $Name -RequiredVersion $Version }
    else { Import-Module -Name $Name }
    $module = Get-Module -Name $Name
    [ordered] @{ name = [string] $module.Name; version = [string] $module.Version; path = [string] $module.ModuleBase }
}
