<#
.SYNOPSIS
Starts an installer without a window or a keyboard, waits for it, and puts out its exit code and what it said.
.DESCRIPTION
Arguments is one command line, as the installer wants it: installers quote in ways of their own.
.EXAMPLE
Start-ExrInstaller -Path C:\Windows\System32\msiexec.exe -Arguments '/i "D:\ce.msi" /qn /norestart'
#>
function Start-ExrInstaller {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string] $Path, [string] $Arguments = '')
    $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo
    $start.FileName = $Path
    $start.Arguments = $Arguments
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    # Its own pipes: this process reads requests from its stdin, and answers on its stdout.
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $process = [System.Diagnostics.Process]::Start($start)
    $process.StandardInput.Close()
    $texts = @($process.StandardOutput.ReadToEndAsync(), $process.StandardError.ReadToEndAsync())
    $process.WaitForExit()
    # What it left running may hold the pipes open for good.
    $said = @(foreach ($text in $texts) { if ($text.Wait(2000)) { $text.Result } })
    [ordered] @{ path = $Path; exit = $process.ExitCode; said = (($said -join "`n").Trim()) }
}
