# The folder of a service's program; $null for one that belongs to Windows. PathName may be quoted, and may carry arguments.
function Get-ExrServiceFolder {
    [CmdletBinding()]
    param([string] $PathName)
    $program = $PathName
    if ($PathName -match '^"([^"]+)"') { $program = $Matches[1] }
    elseif ($PathName -match '^(.+?[.]exe)') { $program = $Matches[1] }
    if (-not $program -or $program.StartsWith($env:SystemRoot, [StringComparison]::OrdinalIgnoreCase)) { return $null }
    [IO.Path]::GetDirectoryName($program)
}
