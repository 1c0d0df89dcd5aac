# Stops one service. What depends on it and runs is named and left alone: nobody would start it again.
function Stop-ExrService {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [object] $Controller,
        [Parameter(Mandatory = $true)] [int] $Seconds
    )
    if ([string] $Controller.Status -eq 'StartPending') { Wait-ExrService -Controller $Controller -Status Running -Seconds $Seconds }
    $running = @($Controller.DependentServices | Where-Object { [string] $_.Status -ne 'Stopped' } | ForEach-Object { $_.ServiceName })
    if ($running.Count -gt 0) {
        $message = $Controller.ServiceName + ': still needed by ' + ($running -join ', ')
        $PSCmdlet.ThrowTerminatingError((New-ExrError -Id 'ExrServiceNeeded' -Category 'ResourceBusy' -Message $message -Target $Controller.ServiceName))
    }
    if ([string] $Controller.Status -ne 'Stopped' -and [string] $Controller.Status -ne 'StopPending') { $Controller.Stop() }
    Wait-ExrService -Controller $Controller -Status Stopped -Seconds $Seconds
}
