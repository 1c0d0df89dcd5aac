# The programs and libraries below a folder, with the versions that they carry.
function Find-ExrVersionedFile {
    [CmdletBinding()]
    param([string] $Folder, [int] $Limit = 200)
    Get-ChildItem -LiteralPath $Folder -Recurse -ErrorAction SilentlyContinue |
        Where-Object { $_.Extension -eq '.exe' -or $_.Extension -eq '.dll' } |
        Select-Object -First $Limit |
        ForEach-Object { Get-ExrFileVersion -Path $_.FullName }
}
