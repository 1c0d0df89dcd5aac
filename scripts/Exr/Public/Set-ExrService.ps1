<#
.SYNOPSIS
Sets how a service starts, or starts, stops or restarts it, and waits for that. Puts it out as it is then.
.EXAMPLE
Set-ExrService -Name Spooler -Status restarted -StartType automatic
#>
function Set-ExrService {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Name,
        [ValidateSet('running', 'stopped', 'restarted')] [string] $Status,
        [ValidateSet('automatic', 'delayed', 'manual', 'disabled')] [string] $StartType,
        [int] $TimeoutSeconds = 120
    )
    Assert-ExrWindows -What 'a service'
    $controller = Get-Service -Name ([System.Management.Automation.WildcardPattern]::Escape($Name))
    if ($StartType) { Set-ExrServiceStart -Name $Name -StartType $StartType }
    if ($Status -eq 'stopped' -or $Status -eq 'restarted') { Stop-ExrService -Controller $controller -Seconds $TimeoutSeconds }
    if ($Status -eq 'running' -or $Status -eq 'restarted') {
        if ([string] $controller.Status -eq 'StopPending') { Wait-ExrService -Controller $controller -Status Stopped -Seconds $TimeoutSeconds }
        if ([string] $controller.Status -eq 'Stopped') { $controller.Start() }
        Wait-ExrService -Controller $controller -Status Running -Seconds $TimeoutSeconds
    }
    Get-ExrService -Name $Name
}
