<#
.SYNOPSIS
Restarts Windows after a delay. That a restart is on its way already is no error.
.DESCRIPTION
By shutdown.exe, which returns at once, warns who works there and writes the reason to the event log as a planned one
(p:4:2, an application's installation).
.EXAMPLE
Restart-ExrComputer -Reason 'exorunner: an installer asked for it' -DelaySeconds 60
#>
function Restart-ExrComputer {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Reason,
        [int] $DelaySeconds = 60
    )
    Assert-ExrWindows -What 'a restart of Windows'
    $ErrorActionPreference = 'Continue'
    $program = [IO.Path]::Combine([Environment]::SystemDirectory, 'shutdown.exe')
    $text = $Reason.Replace('"', "'")
    $said = $null | & $program /r /t $DelaySeconds /c $text /d 'p:4:2' 2>&1
    $underWay = @(1115, 1190) # ERROR_SHUTDOWN_IN_PROGRESS, ERROR_SHUTDOWN_IS_SCHEDULED
    if ($LASTEXITCODE -ne 0 -and $underWay -notcontains $LASTEXITCODE) {
        $message = 'shutdown.exe /r: exit code ' + $LASTEXITCODE + ': ' + ($said -join ' ')
        $PSCmdlet.ThrowTerminatingError((New-ExrError -Id 'ExrRestart' -Category 'InvalidResult' -Message $message -Target 'Windows'))
    }
}
