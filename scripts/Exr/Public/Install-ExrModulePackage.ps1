<#
.SYNOPSIS
Installs a module from one package file, whose folder is a repository for the length of the call.
.DESCRIPTION
The module then names a repository that is gone, so a later update is an install again; Install-ExrModule sees to that.
.EXAMPLE
Install-ExrModulePackage -Name ExchangeOnlineManagement -Version 3.1.0 -Package D:\exo.nupkg -Sha256 0123...
#>
function Install-ExrModulePackage {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Name,
        [Parameter(Mandatory = $true)] [string] $Version,
        [Parameter(Mandatory = $true)] [string] $Package,
        [Parameter(Mandatory = $true)] [string] $Sha256,
        [ValidateSet('AllUsers', 'CurrentUser')] [string] $Scope = 'AllUsers'
    )
    $folder = [IO.Path]::Combine([IO.Path]::GetTempPath(), 'exr-' + [guid]::NewGuid().ToString('n'))
    $repository = 'exr-' + [guid]::NewGuid().ToString('n').Substring(0, 8)
    $null = New-Item -ItemType Directory -Path $folder
    try {
        $copy = [IO.Path]::Combine($folder, $Name + '.' + $Version + '.nupkg')
        Copy-Item -LiteralPath $Package -Destination $copy
        # The copy is hashed, and the copy is installed.
        $found = (Get-FileHash -LiteralPath $copy -Algorithm SHA256).Hash
        if ($found -ne $Sha256) {
            $message = $Package + ': SHA-256 is ' + $found.ToLowerInvariant() + ', wanted ' + $Sha256.ToLowerInvariant()
            $PSCmdlet.ThrowTerminatingError((New-Object System.Management.Automation.ErrorRecord -ArgumentList (New-Object System.Security.SecurityException -ArgumentList $message), 'ExrHashMismatch', 'SecurityError', $Package))
        }
        Register-PSRepository -Name $repository -SourceLocation $folder -InstallationPolicy Trusted
        try { Install-ExrModule -Name $Name -Version $Version -Repository $repository -Scope $Scope -Method install }
        finally { Unregister-PSRepository -Name $repository }
    }
    finally { Remove-Item -LiteralPath $folder -Recurse -Force -ErrorAction SilentlyContinue }
}
