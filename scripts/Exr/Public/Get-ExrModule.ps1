<#
.SYNOPSIS
Lists every installed version of a module, where it is, and who put it there.
.EXAMPLE
Get-ExrModule -Name ExchangeOnlineManagement
#>
function Get-ExrModule {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string] $Name)
    $folders = [ordered] @{ AllUsers = (Get-ExrModulePath AllUsers); CurrentUser = (Get-ExrModulePath CurrentUser); System = [string] $PSHOME }
    foreach ($module in Get-Module -ListAvailable -Name $Name -ErrorAction SilentlyContinue) {
        $base = [string] $module.ModuleBase
        $scope = 'Other'
        foreach ($key in $folders.Keys) {
            if ($folders[$key] -and $base.StartsWith($folders[$key], [StringComparison]::OrdinalIgnoreCase)) { $scope = $key; break }
        }
        $origin = $null
        # Written by PowerShellGet and PSResourceGet beside the module; without it Update-Module refuses.
        $record = [IO.Path]::Combine($base, 'PSGetModuleInfo.xml')
        if (Test-Path -LiteralPath $record) {
            try {
                $info = Import-Clixml -LiteralPath $record
                $origin = [ordered] @{ repository = [string] $info.Repository; source = [string] $info.RepositorySourceLocation }
            }
            catch { Write-Warning ($record + ': ' + $_.Exception.Message) }
        }
        [ordered] @{
            name         = [string] $module.Name
            version      = [string] $module.Version
            prerelease   = [string] $module.PrivateData.PSData.Prerelease
            path         = $base
            scope        = $scope
            origin       = $origin
            installedUtc = (Get-Item -LiteralPath $base).CreationTimeUtc.ToString('o')
        }
    }
}
