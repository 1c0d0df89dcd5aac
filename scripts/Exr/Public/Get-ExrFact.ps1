<#
.SYNOPSIS
Says what the machine says about itself: plain strings, numbers and booleans, $null where a thing does not exist here.
.EXAMPLE
Get-ExrFact
#>
function Get-ExrFact {
    [CmdletBinding()]
    param()
    $core = $PSVersionTable.PSEdition -eq 'Core'
    $windows = (-not $core) -or $IsWindows      # 5.1 has no $IsWindows
    $facts = [ordered] @{
        powershell = [ordered] @{
            version      = [string] $PSVersionTable.PSVersion
            edition      = if ($core) { 'Core' } else { 'Desktop' }
            bits         = [IntPtr]::Size * 8
            home         = [string] $PSHOME
            languageMode = [string] $ExecutionContext.SessionState.LanguageMode
            culture      = [string] (Get-Culture).Name
            uiCulture    = [string] (Get-UICulture).Name
            codePage     = [Console]::OutputEncoding.CodePage
            modulePath   = @($env:PSModulePath -split [IO.Path]::PathSeparator | Where-Object { $_ })
        }
        os         = [ordered] @{
            windows  = [bool] $windows
            version  = [string] [Environment]::OSVersion.Version
            name     = [string] [Environment]::OSVersion.VersionString
            build    = $null
            computer = [string] [Environment]::MachineName
            bits     = if ([Environment]::Is64BitOperatingSystem) { 64 } else { 32 }
            timeZone = [string] [TimeZoneInfo]::Local.Id
        }
        account    = [ordered] @{
            name     = [string] [Environment]::UserName
            domain   = [string] [Environment]::UserDomainName
            elevated = $false
            profile  = [string] [Environment]::GetFolderPath('UserProfile')
            temp     = [string] [IO.Path]::GetTempPath()
        }
        policy     = [ordered] @{ effective = [string] (Get-ExecutionPolicy) }
        tls        = [ordered] @{ protocols = [string] [Net.ServicePointManager]::SecurityProtocol; strongCrypto64 = $null; strongCrypto32 = $null }
        logging    = [ordered] @{ scriptBlock = $null; module = $null; moduleNames = @(); transcription = $null }
        dotnet     = [ordered] @{ release = $null; version = [string] [Environment]::Version }
        packages   = [ordered] @{ powerShellGet = @(); packageManagement = @(); psResourceGet = @() }
    }
    foreach ($entry in Get-ExecutionPolicy -List) {
        $scope = [string] $entry.Scope
        $facts.policy[$scope.Substring(0, 1).ToLowerInvariant() + $scope.Substring(1)] = [string] $entry.ExecutionPolicy
    }
    if ($windows) {
        $principal = New-Object Security.Principal.WindowsPrincipal -ArgumentList ([Security.Principal.WindowsIdentity]::GetCurrent())
        $facts.account.elevated = $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
        $current = 'SOFTWARE\Microsoft\Windows NT\CurrentVersion'
        $facts.os.name = [string] (Read-ExrRegistry $current 'ProductName')
        $facts.os.build = [string] (Read-ExrRegistry $current 'CurrentBuildNumber')
        $facts.dotnet.release = Read-ExrRegistry 'SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full' 'Release'
        $facts.tls.strongCrypto64 = Read-ExrRegistry 'SOFTWARE\Microsoft\.NETFramework\v4.0.30319' 'SchUseStrongCrypto'
        $facts.tls.strongCrypto32 = Read-ExrRegistry 'SOFTWARE\Microsoft\.NETFramework\v4.0.30319' 'SchUseStrongCrypto' 32
        $policies = if ($core) { 'SOFTWARE\Policies\Microsoft\PowerShellCore' } else { 'SOFTWARE\Policies\Microsoft\Windows\PowerShell' }
        $facts.logging.scriptBlock = Read-ExrRegistry "$policies\ScriptBlockLogging" 'EnableScriptBlockLogging'
        $facts.logging.module = Read-ExrRegistry "$policies\ModuleLogging" 'EnableModuleLogging'
        $facts.logging.transcription = Read-ExrRegistry "$policies\Transcription" 'EnableTranscripting'
        $names = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey("$policies\ModuleLogging\ModuleNames")
        if ($null -ne $names) { $facts.logging.moduleNames = @($names.GetValueNames()); $names.Close() }
    }
    else { $facts.account.elevated = ([string] (& id -u)) -eq '0' }
    $known = @{ PowerShellGet = 'powerShellGet'; PackageManagement = 'packageManagement'; 'Microsoft.PowerShell.PSResourceGet' = 'psResourceGet' }
    foreach ($module in Get-Module -ListAvailable -Name @($known.Keys) -ErrorAction SilentlyContinue) {
        $version = [string] $module.Version
        $label = [string] $module.PrivateData.PSData.Prerelease
        if ($label) { $version += '-' + $label }
        $facts.packages[$known[$module.Name]] += $version
    }
    $facts
}
