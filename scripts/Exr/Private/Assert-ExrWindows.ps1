# Ends a call that has no meaning away from Windows, before it half works.
function Assert-ExrWindows {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string] $What)
    if (-not (Test-ExrWindows)) {
        $PSCmdlet.ThrowTerminatingError((New-ExrError -Id 'ExrWindowsOnly' -Category 'NotImplemented' -Message ($What + ': only Windows has that') -Target $What))
    }
}
