<#
.SYNOPSIS
Runs a script that is given as text, with named arguments, and puts out its lines, its errors and its exit code.
.EXAMPLE
Invoke-ExrScript -Script 'param($Name) Get-Service -Name $Name' -Arguments @{ Name = 'Spooler' }
#>
function Invoke-ExrScript {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string] $Script, [hashtable] $Arguments = @{})
    Invoke-ExrScriptText -Script $Script -Arguments $Arguments
}
