<#
.SYNOPSIS
Reads one value below HKEY_LOCAL_MACHINE, in the 64 or the 32 bit view, with its type. Variables in it stay as they are.
.EXAMPLE
Get-ExrRegistryValue -Path SOFTWARE\Microsoft\.NETFramework\v4.0.30319 -Name SchUseStrongCrypto -Bits 32
#>
function Get-ExrRegistryValue {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Path,
        [Parameter(Mandatory = $true)] [string] $Name,
        [ValidateSet(32, 64)] [int] $Bits = 64
    )
    $result = [ordered] @{ path = $Path; name = $Name; bits = $Bits; exists = $false; type = ''; value = $null }
    $key = Open-ExrRegistry -Path $Path -Bits $Bits
    if ($null -eq $key) { return $result }
    try {
        if (@($key.GetValueNames()) -contains $Name) {
            $result.exists = $true
            $result.type = [string] $key.GetValueKind($Name)
            $result.value = $key.GetValue($Name, $null, [Microsoft.Win32.RegistryValueOptions]::DoNotExpandEnvironmentNames)
        }
    }
    finally { $key.Close() }
    $result
}
