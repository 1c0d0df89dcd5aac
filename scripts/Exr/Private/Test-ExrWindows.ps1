# Windows PowerShell 5.1 has no $IsWindows, and runs nowhere else.
function Test-ExrWindows {
    [CmdletBinding()]
    param()
    $PSVersionTable.PSEdition -ne 'Core' -or $IsWindows
}
