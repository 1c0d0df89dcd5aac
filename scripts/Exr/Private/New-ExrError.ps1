# An error of ours: the id says in every language what happened, the message says it to a person.
function New-ExrError {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Id,
        [Parameter(Mandatory = $true)] [string] $Category,
        [Parameter(Mandatory = $true)] [string] $Message,
        [string] $Target
    )
    $exception = New-Object -TypeName System.InvalidOperationException -ArgumentList $Message
    New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList $exception, $Id, $Category, $Target
}
