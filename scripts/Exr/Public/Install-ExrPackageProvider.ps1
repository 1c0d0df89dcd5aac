<#
.SYNOPSIS
Installs a package provider from the network, and lists the versions that are there then.
.DESCRIPTION
For all users where this process is elevated: a service sees nothing that was installed for an administrator alone.
.EXAMPLE
Install-ExrPackageProvider -Name NuGet -MinimumVersion 2.8.5.201
#>
function Install-ExrPackageProvider {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Name,
        [Parameter(Mandatory = $true)] [string] $MinimumVersion
    )
    $scope = 'CurrentUser'
    if (Test-ExrElevated) { $scope = 'AllUsers' }
    $null = Install-PackageProvider -Name $Name -MinimumVersion $MinimumVersion -Scope $scope -Force -ForceBootstrap -ErrorAction Stop
    Get-ExrPackageProvider -Name $Name
}
