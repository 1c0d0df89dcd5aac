<#
.SYNOPSIS
Lists the installed versions of a package provider as PackageManagement sees them; asks for nothing to be fetched.
.EXAMPLE
Get-ExrPackageProvider -Name NuGet
#>
function Get-ExrPackageProvider {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string] $Name)
    foreach ($provider in Get-PackageProvider -ListAvailable -Name $Name -ErrorAction SilentlyContinue) {
        [ordered] @{ name = [string] $provider.Name; version = [string] $provider.Version; path = [string] $provider.ProviderPath }
    }
}
