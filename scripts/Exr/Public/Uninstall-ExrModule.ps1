<#
.SYNOPSIS
Removes one version of a module from one scope. Does nothing if it is not there.
.DESCRIPTION
By Uninstall-Module where PowerShellGet knows that very folder. Otherwise the folder goes, if it is one version's folder.
.EXAMPLE
Uninstall-ExrModule -Name ExchangeOnlineManagement -Version 3.0.0 -Scope CurrentUser
#>
function Uninstall-ExrModule {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Name,
        [Parameter(Mandatory = $true)] [string] $Version,
        [ValidateSet('AllUsers', 'CurrentUser')] [string] $Scope = 'AllUsers'
    )
    $found = Get-ExrModule -Name $Name | Where-Object { [version] $_.version -eq [version] $Version -and $_.scope -eq $Scope } | Select-Object -First 1
    if ($null -eq $found) { return }
    # Uninstall-Module takes no scope, and one version may be in both.
    if ($null -ne $found.origin) {
        $record = Get-InstalledModule -Name $Name -RequiredVersion $Version -ErrorAction SilentlyContinue | Select-Object -First 1
        if ($null -ne $record -and [string] $record.InstalledLocation -eq $found.path) {
            Uninstall-Module -Name $Name -RequiredVersion $Version -Force -ErrorAction Stop
            return
        }
    }
    $leaf = [IO.Path]::GetFileName($found.path)
    if ($leaf -ne $Version) {
        $PSCmdlet.ThrowTerminatingError((New-ExrError -Id 'ExrNotVersionFolder' -Category 'InvalidOperation' -Message ($found.path + ': not a folder of version ' + $Version + ' alone; remove it by hand') -Target $found.path))
    }
    # A folder in which a file is open cannot be renamed: either the whole version goes or none of it.
    $away = $found.path + '.' + [guid]::NewGuid().ToString('n') + '.removed'
    Move-Item -LiteralPath $found.path -Destination $away
    Remove-Item -LiteralPath $away -Recurse -Force
}
