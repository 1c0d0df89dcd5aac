# Where PowerShell looks for the modules of a scope. It says so itself only in PSModulePath, which anybody may have changed.
function Get-ExrModulePath {
    param([string] $Scope)
    $core = $PSVersionTable.PSEdition -eq 'Core'
    if ($core -and -not $IsWindows) {
        if ($Scope -eq 'AllUsers') { return '/usr/local/share/powershell/Modules' }
        return [IO.Path]::Combine($HOME, '.local/share/powershell/Modules')
    }
    $folder = if ($core) { 'PowerShell' } else { 'WindowsPowerShell' }
    $root = $env:ProgramFiles
    if ($Scope -ne 'AllUsers') {
        $root = [Environment]::GetFolderPath('MyDocuments')
        # Empty for some service accounts; PowerShell then looks in the profile.
        if (-not $root) { $root = [IO.Path]::Combine([Environment]::GetFolderPath('UserProfile'), 'Documents') }
    }
    [IO.Path]::Combine($root, $folder, 'Modules')
}
