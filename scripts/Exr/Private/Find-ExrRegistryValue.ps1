# The values below a key that look like a version: 3.000.100. No other value leaves the machine, for it may be a secret.
function Find-ExrRegistryValue {
    [CmdletBinding()]
    param([string] $Path, [int] $Bits = 64, [int] $Depth = 6)
    $key = $null
    try { $key = Open-ExrRegistry -Path $Path -Bits $Bits }
    catch { Write-Warning ($Path + ': ' + $_.Exception.Message) }
    if ($null -eq $key) { return }
    try {
        foreach ($name in $key.GetValueNames()) {
            $value = [string] $key.GetValue($name)
            if ($value -match '^[0-9]+([.][0-9]+){1,3}$') { [ordered] @{ path = $Path; name = $name; value = $value; bits = $Bits } }
        }
        $below = @($key.GetSubKeyNames())
    }
    finally { $key.Close() }
    if ($Depth -gt 1) { foreach ($name in $below) { Find-ExrRegistryValue -Path ($Path + '\' + $name) -Bits $Bits -Depth ($Depth - 1) } }
}
