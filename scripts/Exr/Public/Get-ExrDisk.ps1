<#
.SYNOPSIS
Says how much room this account has on the volume where each path lies or would lie.
.EXAMPLE
Get-ExrDisk -Path 'C:\Program Files', 'C:\Windows\Temp'
#>
function Get-ExrDisk {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string[]] $Path)
    foreach ($one in $Path) {
        $full = [IO.Path]::GetFullPath($one)
        $root = [string] [IO.Path]::GetPathRoot($full)
        if ($root.StartsWith('\\')) {
            $PSCmdlet.ThrowTerminatingError((New-ExrError -Id 'ExrNotLocal' -Category 'InvalidArgument' -Message ($one + ': not on a drive of this machine') -Target $one))
        }
        # Away from Windows anything can be mounted below the root: ask where the path, or what there is of it, lies.
        $at = $root
        if (-not (Test-ExrWindows)) {
            $at = $full
            while (-not (Test-Path -LiteralPath $at)) { $at = [IO.Path]::GetDirectoryName($at) }
        }
        $drive = New-Object -TypeName System.IO.DriveInfo -ArgumentList $at
        $free = 0
        if ($drive.IsReady) { $free = $drive.AvailableFreeSpace }
        [ordered] @{
            path      = $one
            exists    = [bool] (Test-Path -LiteralPath $full)
            root      = $root
            freeBytes = $free
        }
    }
}
