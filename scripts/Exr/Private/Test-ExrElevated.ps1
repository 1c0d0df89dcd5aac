# Whether this process may write for all users.
function Test-ExrElevated {
    [CmdletBinding()]
    param()
    if (Test-ExrWindows) {
        $principal = New-Object -TypeName Security.Principal.WindowsPrincipal -ArgumentList ([Security.Principal.WindowsIdentity]::GetCurrent())
        return $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
    }
    [Environment]::UserName -eq 'root'
}
