<#
.SYNOPSIS
Reads an environment variable of the machine, as new processes will have it.
.EXAMPLE
Get-ExrEnvironmentVariable -Name PSModulePath
#>
function Get-ExrEnvironmentVariable {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string] $Name)
    Assert-ExrWindows -What 'an environment variable of the machine'
    $value = [Environment]::GetEnvironmentVariable($Name, [EnvironmentVariableTarget]::Machine)
    [ordered] @{ name = $Name; exists = $null -ne $value; value = [string] $value }
}
