<#
.SYNOPSIS
Registers a repository for this account, or changes the one of that name. Puts it out as it is then.
.EXAMPLE
Set-ExrRepository -Name Internal -SourceLocation D:\gallery -InstallationPolicy Trusted
#>
function Set-ExrRepository {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Name,
        [string] $SourceLocation,
        [ValidateSet('Trusted', 'Untrusted')] [string] $InstallationPolicy = 'Untrusted'
    )
    $gallery = $Name -eq 'PSGallery'
    $known = $null -ne (Get-ExrRepository -Name $Name)
    if ($gallery -and $SourceLocation) {
        $PSCmdlet.ThrowTerminatingError((New-ExrError -Id 'ExrReservedRepository' -Category 'InvalidArgument' -Message 'PSGallery: PowerShellGet keeps that name for its own source; give this one another name' -Target $Name))
    }
    if (-not $known -and -not $gallery -and -not $SourceLocation) {
        $PSCmdlet.ThrowTerminatingError((New-ExrError -Id 'ExrNoSource' -Category 'InvalidArgument' -Message ($Name + ': not registered, and no source was given') -Target $Name))
    }
    if ($known) {
        $change = @{ Name = $Name; InstallationPolicy = $InstallationPolicy }
        if ($SourceLocation) { $change['SourceLocation'] = $SourceLocation }
        Set-PSRepository @change
    }
    elseif ($gallery) {
        Register-PSRepository -Default
        Set-PSRepository -Name $Name -InstallationPolicy $InstallationPolicy
    }
    else { Register-PSRepository -Name $Name -SourceLocation $SourceLocation -InstallationPolicy $InstallationPolicy }
    Get-ExrRepository -Name $Name
}
