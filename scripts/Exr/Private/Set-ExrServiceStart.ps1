# By sc.exe: the Set-Service of Windows PowerShell 5.1 knows no delayed start.
function Set-ExrServiceStart {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Name,
        [Parameter(Mandatory = $true)] [string] $StartType
    )
    $ErrorActionPreference = 'Continue'
    $words = @{ automatic = 'auto'; delayed = 'delayed-auto'; manual = 'demand'; disabled = 'disabled' }
    $program = [IO.Path]::Combine([Environment]::SystemDirectory, 'sc.exe')
    $said = $null | & $program config $Name 'start=' $words[$StartType]
    if ($LASTEXITCODE -ne 0) {
        $message = $Name + ': sc.exe config start= ' + $words[$StartType] + ': exit code ' + $LASTEXITCODE + ': ' + ($said -join ' ')
        $PSCmdlet.ThrowTerminatingError((New-ExrError -Id 'ExrServiceStart' -Category 'InvalidResult' -Message $message -Target $Name))
    }
}
