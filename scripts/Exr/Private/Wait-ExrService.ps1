# Windows lets a service take as long as it likes to start or stop; nobody waits that long at night.
function Wait-ExrService {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [object] $Controller,
        [Parameter(Mandatory = $true)] [ValidateSet('Running', 'Stopped')] [string] $Status,
        [Parameter(Mandatory = $true)] [int] $Seconds
    )
    $until = [DateTime]::UtcNow.AddSeconds($Seconds)
    $Controller.Refresh()
    while ([string] $Controller.Status -ne $Status) {
        if ([DateTime]::UtcNow -gt $until) {
            $message = $Controller.ServiceName + ': not ' + $Status.ToLowerInvariant() + ' after ' + $Seconds + ' seconds, but ' + $Controller.Status
            $PSCmdlet.ThrowTerminatingError((New-ExrError -Id 'ExrServiceTimeout' -Category 'OperationTimeout' -Message $message -Target $Controller.ServiceName))
        }
        Start-Sleep -Milliseconds 250
        $Controller.Refresh()
    }
}
