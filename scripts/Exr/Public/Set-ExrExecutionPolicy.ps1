<#
.SYNOPSIS
Sets the execution policy of one scope, and says what is in force then.
.DESCRIPTION
A group policy or a nearer scope may win over it: then it is set and not in force, which the caller sees in the answer.
.EXAMPLE
Set-ExrExecutionPolicy -Scope LocalMachine -Policy RemoteSigned
#>
function Set-ExrExecutionPolicy {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [ValidateSet('LocalMachine', 'CurrentUser')] [string] $Scope,
        [Parameter(Mandatory = $true)] [ValidateSet('RemoteSigned', 'AllSigned', 'Unrestricted', 'Restricted', 'Bypass', 'Undefined')] [string] $Policy
    )
    Assert-ExrWindows -What 'an execution policy'
    # PowerShell sets it first and then says that another scope wins, as an error.
    try { Set-ExecutionPolicy -Scope $Scope -ExecutionPolicy $Policy -Force }
    catch {
        if ($_.FullyQualifiedErrorId -notlike 'ExecutionPolicyOverride*') { throw }
        Write-Warning $_.Exception.Message
    }
    [ordered] @{
        scope     = $Scope
        policy    = [string] (Get-ExecutionPolicy -Scope $Scope)
        effective = [string] (Get-ExecutionPolicy)
    }
}
