# Both registry views can be read from either bitness, which the registry drive cannot.
function Read-ExrRegistry {
    param([string] $Path, [string] $Name, [ValidateSet(32, 64)] [int] $Bits = 64)
    $view = if ($Bits -eq 64) { [Microsoft.Win32.RegistryView]::Registry64 } else { [Microsoft.Win32.RegistryView]::Registry32 }
    $key = [Microsoft.Win32.RegistryKey]::OpenBaseKey([Microsoft.Win32.RegistryHive]::LocalMachine, $view).OpenSubKey($Path)
    if ($null -eq $key) { return $null }
    try { $key.GetValue($Name) } finally { $key.Close() }
}
