<#
.SYNOPSIS
Looks for a product on this machine, in its services, its installed programs, its registry values and its files.
.DESCRIPTION
Changes nothing. Of registry values only those that look like a version are shown, and of a service's command line only
the folder: the rest may be secret.
.EXAMPLE
Find-ExrCandidate -Like 'cloud extender', maas360, fiberlink -RegistryPath SOFTWARE\Fiberlink
#>
function Find-ExrCandidate {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string[]] $Like,
        [string[]] $RegistryPath = @(),
        # The most of each kind.
        [int] $Limit = 200
    )
    Assert-ExrWindows -What 'the services and the registry'
    $services = @(Get-CimInstance -ClassName Win32_Service | Where-Object { Test-ExrText -Text $_.Name, $_.DisplayName, $_.PathName -Like $Like } | Select-Object -First $Limit)
    $programs = @(foreach ($bits in 64, 32) { Find-ExrProgram -Like $Like -Bits $bits })
    $values = @(foreach ($bits in 64, 32) { foreach ($path in $RegistryPath) { Find-ExrRegistryValue -Path $path -Bits $bits -Depth 6 } })
    $folders = @(foreach ($service in $services) { Get-ExrServiceFolder -PathName $service.PathName })
    $files = @(foreach ($folder in @($folders | Where-Object { $_ } | Sort-Object -Unique)) { Find-ExrVersionedFile -Folder $folder -Limit $Limit })
    [ordered] @{
        services = @($services | ForEach-Object { [ordered] @{ name = [string] $_.Name; displayName = [string] $_.DisplayName; folder = [string] (Get-ExrServiceFolder -PathName $_.PathName) } })
        programs = @($programs | Select-Object -First $Limit)
        values   = @($values | Select-Object -First $Limit)
        files    = @($files | Select-Object -First $Limit)
    }
}
