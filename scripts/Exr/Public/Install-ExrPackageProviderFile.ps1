<#
.SYNOPSIS
Copies a package provider from a folder to where PackageManagement looks for it, for all users, and loads it.
.EXAMPLE
Install-ExrPackageProviderFile -Name NuGet -Version 2.8.5.208 -Folder D:\offline\nuget\2.8.5.208
#>
function Install-ExrPackageProviderFile {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Name,
        [Parameter(Mandatory = $true)] [string] $Version,
        [Parameter(Mandatory = $true)] [string] $Folder
    )
    Assert-ExrWindows -What 'a package provider for all users'
    $files = @(Get-ChildItem -LiteralPath $Folder | Where-Object { -not $_.PSIsContainer })
    $library = 'Microsoft.PackageManagement.' + $Name + 'Provider.dll'
    if (@($files | Where-Object { $_.Name -eq $library }).Count -eq 0) {
        $PSCmdlet.ThrowTerminatingError((New-ExrError -Id 'ExrNoProviderFile' -Category 'ObjectNotFound' -Message ($Folder + ': no ' + $library + ' in it') -Target $Folder))
    }
    $target = [IO.Path]::Combine($env:ProgramFiles, 'PackageManagement\ProviderAssemblies', $Name.ToLowerInvariant(), $Version)
    $null = New-Item -ItemType Directory -Path $target -Force
    foreach ($file in $files) {
        $copy = [IO.Path]::Combine($target, $file.Name)
        Copy-Item -LiteralPath $file.FullName -Destination $copy -Force
        # .NET does not load a library that carries the mark of a download.
        Unblock-File -LiteralPath $copy
    }
    $null = Import-PackageProvider -Name $Name -RequiredVersion $Version -Force
    Get-ExrPackageProvider -Name $Name
}
