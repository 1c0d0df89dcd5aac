<#
.SYNOPSIS
Says how a service is: its state, how it starts, its process and since when that runs. Puts out nothing if it does not exist.
.EXAMPLE
Get-ExrService -Name Spooler
#>
function Get-ExrService {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string] $Name)
    Assert-ExrWindows -What 'a service'
    $quoted = $Name.Replace('\', '\\').Replace("'", "\'")
    foreach ($service in Get-CimInstance -ClassName Win32_Service -Filter ("Name = '" + $quoted + "'")) {
        $startType = ([string] $service.StartMode).ToLowerInvariant()
        if ($startType -eq 'auto') { $startType = 'automatic' }
        if ($startType -eq 'automatic' -and $service.DelayedAutoStart) { $startType = 'delayed' }
        $started = $null
        if ($service.ProcessId -gt 0) {
            # Of the process: services that share one started no earlier.
            $process = Get-CimInstance -ClassName Win32_Process -Filter ('ProcessId = ' + $service.ProcessId)
            if ($null -ne $process -and $null -ne $process.CreationDate) { $started = $process.CreationDate.ToUniversalTime().ToString('o') }
        }
        [ordered] @{
            name        = [string] $service.Name
            displayName = [string] $service.DisplayName
            status      = ([string] $service.State).ToLowerInvariant()
            startType   = $startType
            processId   = [int] $service.ProcessId
            startedUtc  = $started
            account     = [string] $service.StartName
        }
    }
}
