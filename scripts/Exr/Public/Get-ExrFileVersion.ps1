<#
.SYNOPSIS
Reads the version that a program or library carries in itself.
.DESCRIPTION
fileVersion is the text that a person sees in the file's properties, numeric the four numbers that Windows compares.
.EXAMPLE
Get-ExrFileVersion -Path 'C:\Windows\System32\notepad.exe'
#>
function Get-ExrFileVersion {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string] $Path)
    $result = [ordered] @{ path = $Path; exists = $false; fileVersion = ''; productVersion = ''; numeric = '' }
    if (Test-Path -LiteralPath $Path -PathType Leaf) {
        $info = [System.Diagnostics.FileVersionInfo]::GetVersionInfo($Path)
        $result.exists = $true
        $result.fileVersion = [string] $info.FileVersion
        $result.productVersion = [string] $info.ProductVersion
        $result.numeric = '{0}.{1}.{2}.{3}' -f $info.FileMajorPart, $info.FileMinorPart, $info.FileBuildPart, $info.FilePrivatePart
    }
    $result
}
