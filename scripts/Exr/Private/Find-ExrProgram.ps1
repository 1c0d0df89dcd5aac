# The installed programs of one registry view whose name or publisher contains any of some words.
function Find-ExrProgram {
    [CmdletBinding()]
    param([string[]] $Like, [int] $Bits = 64)
    $uninstall = 'SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall'
    $key = Open-ExrRegistry -Path $uninstall -Bits $Bits
    if ($null -eq $key) { return }
    $names = @($key.GetSubKeyNames())
    $key.Close()
    foreach ($name in $names) {
        $path = $uninstall + '\' + $name
        $title = [string] (Read-ExrRegistry $path 'DisplayName' $Bits)
        if (Test-ExrText -Text $title, ([string] (Read-ExrRegistry $path 'Publisher' $Bits)) -Like $Like) {
            [ordered] @{
                name    = $title
                version = [string] (Read-ExrRegistry $path 'DisplayVersion' $Bits)
                folder  = [string] (Read-ExrRegistry $path 'InstallLocation' $Bits)
                bits    = $Bits
            }
        }
    }
}
