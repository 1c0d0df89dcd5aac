<#
.SYNOPSIS
Writes one value below HKEY_LOCAL_MACHINE, in the 64 or the 32 bit view, and makes its key. Puts it out as it is then.
.EXAMPLE
Set-ExrRegistryValue -Path SOFTWARE\Microsoft\.NETFramework\v4.0.30319 -Name SchUseStrongCrypto -Type DWord -Value 1
#>
function Set-ExrRegistryValue {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Path,
        [Parameter(Mandatory = $true)] [string] $Name,
        [Parameter(Mandatory = $true)] [ValidateSet('String', 'ExpandString', 'MultiString', 'DWord', 'QWord')] [string] $Type,
        [Parameter(Mandatory = $true)] [AllowEmptyString()] [AllowEmptyCollection()] [object] $Value,
        [ValidateSet(32, 64)] [int] $Bits = 64
    )
    Assert-ExrWindows -What 'the registry'
    $view = [Microsoft.Win32.RegistryView]::Registry64
    if ($Bits -eq 32) { $view = [Microsoft.Win32.RegistryView]::Registry32 }
    if ($Type -eq 'DWord') {
        # The registry has no sign, .NET has: 4294967295 goes in as -1.
        $data = [BitConverter]::ToInt32([BitConverter]::GetBytes([uint32] $Value), 0)
    }
    elseif ($Type -eq 'QWord') { $data = [long] $Value }
    elseif ($Type -eq 'MultiString') { $data = [string[]] @($Value) }
    else { $data = [string] $Value }
    $key = [Microsoft.Win32.RegistryKey]::OpenBaseKey([Microsoft.Win32.RegistryHive]::LocalMachine, $view).CreateSubKey($Path)
    try { $key.SetValue($Name, $data, [Microsoft.Win32.RegistryValueKind] $Type) }
    finally { $key.Close() }
    Get-ExrRegistryValue -Path $Path -Name $Name -Bits $Bits
}
