<#
.SYNOPSIS
Says what Windows wants a restart for: its own components, its updates, and files that change at the next start.
.DESCRIPTION
The two keys are there for as long as a restart is wanted ("Determine Pending Reboot Status", Microsoft's Scripting Blog).
The files come in pairs, a name and the one it gets at the next start, which is empty where the file is removed (MoveFileEx
with MOVEFILE_DELAY_UNTIL_REBOOT, Windows API).
.EXAMPLE
Get-ExrPendingReboot
#>
function Get-ExrPendingReboot {
    [CmdletBinding()]
    param()
    $result = [ordered] @{ components = $false; updates = $false; files = @() }
    if (-not (Test-ExrWindows)) { return $result }
    $key = Open-ExrRegistry -Path 'SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending'
    if ($null -ne $key) { $result.components = $true; $key.Close() }
    $key = Open-ExrRegistry -Path 'SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired'
    if ($null -ne $key) { $result.updates = $true; $key.Close() }
    $files = @()
    foreach ($name in 'PendingFileRenameOperations', 'PendingFileRenameOperations2') {
        foreach ($file in Read-ExrRegistry 'SYSTEM\CurrentControlSet\Control\Session Manager' $name) { $files += [string] $file }
    }
    $result.files = $files
    $result
}
