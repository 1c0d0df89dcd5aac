# Whether any of some texts contains any of some words, without case.
function Test-ExrText {
    [CmdletBinding()]
    param([string[]] $Text, [string[]] $Like)
    foreach ($one in $Text) {
        foreach ($word in $Like) {
            if ($one -and $word -and $one.IndexOf($word, [StringComparison]::OrdinalIgnoreCase) -ge 0) { return $true }
        }
    }
    $false
}
