<#
.SYNOPSIS
Looks up a repository that is registered for this account. Puts out nothing if there is none of that name.
.DESCRIPTION
PowerShellGet wants the NuGet provider for this, and asks for it where it is missing: look with Get-ExrPackageProvider first.
.EXAMPLE
Get-ExrRepository -Name PSGallery
#>
function Get-ExrRepository {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string] $Name)
    # Asked for by name, one that is not registered is an error; with none registered at all there is only a warning.
    foreach ($repository in Get-PSRepository -WarningAction SilentlyContinue) {
        if ($repository.Name -eq $Name) {
            [ordered] @{
                name               = [string] $repository.Name
                sourceLocation     = [string] $repository.SourceLocation
                installationPolicy = [string] $repository.InstallationPolicy
            }
        }
    }
}
