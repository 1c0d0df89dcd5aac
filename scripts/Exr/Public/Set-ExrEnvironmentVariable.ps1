<#
.SYNOPSIS
Sets an environment variable of the machine; an empty value removes it. Puts it out as it is then.
.EXAMPLE
Set-ExrEnvironmentVariable -Name EXO_HOME -Value D:\exo
#>
function Set-ExrEnvironmentVariable {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Name,
        [Parameter(Mandatory = $true)] [AllowEmptyString()] [string] $Value
    )
    Assert-ExrWindows -What 'an environment variable of the machine'
    # .NET would write it back without its variables: %SystemRoot% in Path, for one, would be gone.
    $kept = Get-ExrRegistryValue -Path 'SYSTEM\CurrentControlSet\Control\Session Manager\Environment' -Name $Name
    if ($kept.type -eq 'ExpandString') {
        $PSCmdlet.ThrowTerminatingError((New-ExrError -Id 'ExrExpandString' -Category 'InvalidOperation' -Message ($Name + ': holds other variables, which would be lost; change it in the registry, as ExpandString') -Target $Name))
    }
    # Only a null removes it on every .NET, and PowerShell makes an empty text of its own $null.
    if ($Value) { [Environment]::SetEnvironmentVariable($Name, $Value, [EnvironmentVariableTarget]::Machine) }
    else { [Environment]::SetEnvironmentVariable($Name, [NullString]::Value, [EnvironmentVariableTarget]::Machine) }
    Get-ExrEnvironmentVariable -Name $Name
}
