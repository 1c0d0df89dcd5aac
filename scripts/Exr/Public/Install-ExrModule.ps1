<#
.SYNOPSIS
Installs exactly one version of a module, beside whatever is there, and says which verb did it and why.
.DESCRIPTION
Update-Module is never called without -RequiredVersion: it would go to the newest in the repository.
.EXAMPLE
Install-ExrModule -Name ExchangeOnlineManagement -Version 3.1.0 -Repository PSGallery
#>
function Install-ExrModule {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Name,
        [Parameter(Mandatory = $true)] [string] $Version,
        [Parameter(Mandatory = $true)] [string] $Repository,
        [ValidateSet('AllUsers', 'CurrentUser')] [string] $Scope = 'AllUsers',
        [ValidateSet('auto', 'install', 'update')] [string] $Method = 'auto'
    )
    $why = 'asked for'
    if ($Method -eq 'auto') {
        $Method = 'install'
        $why = 'not installed by PowerShellGet'
        # Update-Module goes by the newest that PowerShellGet installed, and by the repository recorded for it.
        $newest = Get-ExrModule -Name $Name | Where-Object { $_.scope -eq $Scope -and $null -ne $_.origin } | Sort-Object -Property { [version] $_.version } -Descending | Select-Object -First 1
        if ($null -ne $newest) {
            $why = $newest.version + ' came from ' + $newest.origin.repository
            if ([version] $newest.version -lt [version] $Version -and $newest.origin.repository -eq $Repository) { $Method = 'update' }
        }
    }

    $verb = if ($Method -eq 'update') { 'Update-Module' } else { 'Install-Module' }
    $known = (Get-Command -Name $verb).Parameters
    $arguments = @{ Name = $Name; RequiredVersion = $Version; Force = $true; ErrorAction = 'Stop' }
    if ($verb -eq 'Install-Module') { $arguments['Repository'] = $Repository }
    # PowerShellGet 1.0.0.1, the one in the box with 5.1, knows neither of these.
    if ($known.ContainsKey('Scope')) { $arguments['Scope'] = $Scope }
    if ($known.ContainsKey('AcceptLicense')) { $arguments['AcceptLicense'] = $true }
    try { & $verb @arguments }
    catch {
        # "No match" is also what a repository out of reach looks like.
        if ($_.FullyQualifiedErrorId -notlike 'NoMatchFoundForCriteria*') { throw }
        $source = [string] (Get-PSRepository -Name $Repository).SourceLocation
        $id = 'ExrVersionNotInRepository'
        $category = 'ObjectNotFound'
        $message = $Repository + ' (' + $source + '): no ' + $Name + ' ' + $Version
        if (-not (Test-ExrSource -Source $source)) {
            $id = 'ExrRepositoryUnreachable'
            $category = 'ResourceUnavailable'
            $message = $Repository + ' (' + $source + '): out of reach'
        }
        $wrapped = New-Object System.Exception -ArgumentList $message, $_.Exception
        $PSCmdlet.ThrowTerminatingError((New-Object System.Management.Automation.ErrorRecord -ArgumentList $wrapped, $id, $category, $Repository))
    }

    $installed = Get-ExrModule -Name $Name | Where-Object { [version] $_.version -eq [version] $Version -and $_.scope -eq $Scope } | Select-Object -First 1
    [ordered] @{ verb = $verb; why = $why; installed = $installed }
}
