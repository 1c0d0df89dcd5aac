<#
.SYNOPSIS
Connects to Exchange Online, looks whether that went without Remote PowerShell (RPS), probes, and disconnects again.
.DESCRIPTION
Ask for it in a fresh process: a module version that is loaded cannot be replaced, and connecting often leaks memory.
Always returns the evidence, with "failure" set when the connect threw: what was seen matters most when it fails.
The verdict is the caller's: one connection, Connected and Active, from a tmpEXO_ module, no RPS session or module, and
every probe answered.
.EXAMPLE
Test-ExrConnection -Version 3.1.0 -Organization contoso.onmicrosoft.com -AppId 2222... -CertificateThumbprint 0123...
#>
function Test-ExrConnection {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Version,
        [string] $Organization,
        [string] $AppId,
        [string] $CertificateThumbprint,
        [string] $CertificateFilePath,
        [securestring] $CertificatePassword,
        [securestring] $AccessToken,
        [string] $UserName,
        [securestring] $Password,
        [switch] $ManagedIdentity,
        [string] $ManagedIdentityAccountId,
        [string] $DelegatedOrganization,
        [string] $ConnectionUri,
        [string] $ExchangeEnvironmentName,
        # Each a table with "command" and, if need be, "args".
        [object[]] $Probe = @(@{ command = 'Get-OrganizationConfig' }, @{ command = 'Get-AcceptedDomain' })
    )
    if (-not ($CertificateThumbprint -or $CertificateFilePath -or $AccessToken -or $UserName -or $ManagedIdentity)) {
        # The module would open a browser and wait for a person.
        $PSCmdlet.ThrowTerminatingError((New-Object System.Management.Automation.ErrorRecord -ArgumentList (New-Object System.ArgumentException -ArgumentList 'no way to sign in was given'), 'ExrNoCredential', 'InvalidArgument', $null))
    }

    Import-Module -Name ExchangeOnlineManagement -RequiredVersion $Version
    $module = Get-Module -Name ExchangeOnlineManagement
    $evidence = [ordered] @{
        startedUtc  = [DateTime]::UtcNow.ToString('o')
        module      = [ordered] @{ version = [string] $module.Version; path = [string] $module.ModuleBase }
        powershell  = [ordered] @{ version = [string] $PSVersionTable.PSVersion; edition = [string] $PSVersionTable.PSEdition; bits = [IntPtr]::Size * 8; home = [string] $PSHOME }
        account     = [ordered] @{ name = [string] [Environment]::UserName; domain = [string] [Environment]::UserDomainName; computer = [string] [Environment]::MachineName }
        connectMs   = 0
        failure     = $null
        connections = @()
        stateError  = $null
        rpsSessions = @()
        rpsModules  = @()
        probes      = @()
    }

    $connect = @{ ShowBanner = $false; ErrorAction = 'Stop' }
    $known = (Get-Command -Name Connect-ExchangeOnline).Parameters
    foreach ($name in 'Organization', 'AppId', 'CertificateThumbprint', 'CertificateFilePath', 'CertificatePassword', 'ManagedIdentity', 'ManagedIdentityAccountId', 'DelegatedOrganization', 'ConnectionUri', 'ExchangeEnvironmentName') {
        if ($PSBoundParameters.ContainsKey($name)) { $connect[$name] = $PSBoundParameters[$name] }
    }
    # The only secret that Microsoft's command takes as plain text; with module logging on, the event log has it.
    if ($AccessToken) { $connect['AccessToken'] = (New-Object System.Net.NetworkCredential -ArgumentList '', $AccessToken).Password }
    if ($UserName) { $connect['Credential'] = New-Object System.Management.Automation.PSCredential -ArgumentList $UserName, $Password }
    # Needed where there is no interactive host (a service). Old versions lack these, and a wrong name is a binding error.
    if ($known.ContainsKey('SkipLoadingFormatData')) { $connect['SkipLoadingFormatData'] = $true }
    if ($known.ContainsKey('CommandName')) { $connect['CommandName'] = @($Probe | ForEach-Object { $_.command }) }

    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    try {
        try { Connect-ExchangeOnline @connect }
        catch { $evidence.failure = ConvertTo-ExrError $_ }
        $evidence.connectMs = $watch.ElapsedMilliseconds
        # It asks the service for the state of each connection, and was seen to throw when that answer is odd.
        try {
            if (Get-Command -Name Get-ConnectionInformation -ErrorAction SilentlyContinue) {
                $evidence.connections = @(Get-ConnectionInformation | ForEach-Object {
                        [ordered] @{
                            state           = [string] $_.State
                            tokenStatus     = [string] $_.TokenStatus
                            tokenExpiresUtc = [string] $_.TokenExpiryTimeUTC
                            uri             = [string] $_.ConnectionUri
                            moduleName      = [System.IO.Path]::GetFileName([string] $_.ModuleName)
                            organization    = [string] $_.Organization
                            tenantId        = [string] $_.TenantID
                            appId           = [string] $_.AppId
                            certificate     = [string] $_.CertificateAuthentication
                            isEopSession    = [string] $_.IsEopSession
                            id              = [string] $_.ConnectionId
                        }
                    })
            }
        }
        catch { $evidence.stateError = ConvertTo-ExrError $_ }
        $evidence.rpsSessions = @(Get-PSSession -ErrorAction SilentlyContinue | Where-Object { $_.ConfigurationName -eq 'Microsoft.Exchange' -or $_.Name -like 'ExchangeOnlineInternalSession*' } | ForEach-Object { [string] $_.Name })
        # tmp_ is implicit remoting and its description is the remote address; tmpEXO_ is REST.
        $evidence.rpsModules = @(Get-Module -Name 'tmp_*' | ForEach-Object { [ordered] @{ name = [string] $_.Name; description = [string] $_.Description } })
        if ($null -eq $evidence.failure) {
            $evidence.probes = @(foreach ($one in $Probe) {
                    $found = Get-Command -Name $one.command -ErrorAction SilentlyContinue
                    $result = [ordered] @{ command = [string] $one.command; module = [string] $found.ModuleName; ok = $false; count = 0; ms = 0; error = $null }
                    $arguments = @{ ErrorAction = 'Stop' }
                    if ($one.args) { foreach ($key in $one.args.Keys) { $arguments[$key] = $one.args[$key] } }
                    $watch.Restart()
                    try { $result.count = @(& $one.command @arguments).Count; $result.ok = $true }
                    catch { $result.error = ConvertTo-ExrError $_ }
                    $result.ms = $watch.ElapsedMilliseconds
                    $result
                })
        }
    }
    finally {
        # -Confirm:$false, or it asks a question that nobody answers.
        try { Disconnect-ExchangeOnline -Confirm:$false }
        catch { Write-Warning ('disconnect: ' + $_.Exception.Message) }
    }
    $evidence
}
