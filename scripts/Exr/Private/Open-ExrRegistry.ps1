# A key below HKEY_LOCAL_MACHINE in one view; $null if there is none. Close it.
function Open-ExrRegistry {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string] $Path, [int] $Bits = 64)
    Assert-ExrWindows -What 'the registry'
    $view = [Microsoft.Win32.RegistryView]::Registry64
    if ($Bits -eq 32) { $view = [Microsoft.Win32.RegistryView]::Registry32 }
    [Microsoft.Win32.RegistryKey]::OpenBaseKey([Microsoft.Win32.RegistryHive]::LocalMachine, $view).OpenSubKey($Path)
}
