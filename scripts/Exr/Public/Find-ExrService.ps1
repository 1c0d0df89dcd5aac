<#
.SYNOPSIS
Lists the services whose name or display name contains any of some words.
.EXAMPLE
Find-ExrService -Like 'cloud extender', maas360
#>
function Find-ExrService {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string[]] $Like)
    Assert-ExrWindows -What 'a service'
    foreach ($service in Get-CimInstance -ClassName Win32_Service) {
        if (Test-ExrText -Text $service.Name, $service.DisplayName -Like $Like) {
            [ordered] @{ name = [string] $service.Name; displayName = [string] $service.DisplayName }
        }
    }
}
