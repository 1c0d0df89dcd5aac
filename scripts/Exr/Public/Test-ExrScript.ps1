<#
.SYNOPSIS
Runs a script that is given as text and was declared to change nothing. Nobody holds it to that.
.EXAMPLE
Test-ExrScript -Script 'param($Path) Test-Path -LiteralPath $Path' -Arguments @{ Path = 'D:\exo' }
#>
function Test-ExrScript {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string] $Script, [hashtable] $Arguments = @{})
    Invoke-ExrScriptText -Script $Script -Arguments $Arguments
}
