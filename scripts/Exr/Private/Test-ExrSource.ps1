# Whether a folder is there, or a web address answers anything at all.
function Test-ExrSource {
    param([string] $Source)
    if ($Source -notmatch '^https?://') { return [bool] (Test-Path -LiteralPath $Source) }
    try { $null = Invoke-WebRequest -UseBasicParsing -Uri $Source -TimeoutSec 20; $true }
    catch { $null -ne $_.Exception.Response }
}
