<#
.SYNOPSIS
Says when a certificate ends, and whether this account can use its key.
.EXAMPLE
Get-ExrCertificate -Thumbprint 0123...
#>
function Get-ExrCertificate {
    [CmdletBinding()]
    param([string] $Thumbprint, [string] $Path, [securestring] $Password)
    $certificates = @()
    if ($Path) {
        $certificates = @(New-Object System.Security.Cryptography.X509Certificates.X509Certificate2 -ArgumentList $Path, $Password)
        $store = 'file'
    }
    else {
        foreach ($store in 'CurrentUser', 'LocalMachine') {
            $certificates = @(Get-ChildItem -LiteralPath ('Cert:\' + $store + '\My') -ErrorAction SilentlyContinue | Where-Object { $_.Thumbprint -eq $Thumbprint })
            if ($certificates.Count -gt 0) { break }
        }
    }
    foreach ($certificate in $certificates) {
        $readable = $false
        $kind = $null
        # A key kept by CNG is one that the module of 3.1.0's time cannot sign with.
        try {
            $key = [System.Security.Cryptography.X509Certificates.RSACertificateExtensions]::GetRSAPrivateKey($certificate)
            if ($null -ne $key) { $readable = $true; $kind = $key.GetType().Name }
        }
        catch { $kind = $_.Exception.GetType().Name + ': ' + $_.Exception.Message }
        [ordered] @{
            store       = $store
            thumbprint  = [string] $certificate.Thumbprint
            subject     = [string] $certificate.Subject
            notBefore   = $certificate.NotBefore.ToUniversalTime().ToString('o')
            notAfter    = $certificate.NotAfter.ToUniversalTime().ToString('o')
            hasKey      = [bool] $certificate.HasPrivateKey
            keyReadable = $readable
            keyKind     = $kind
        }
    }
}
