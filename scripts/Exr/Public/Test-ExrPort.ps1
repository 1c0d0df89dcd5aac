<#
.SYNOPSIS
Tries a TCP connection to each address, for up to 10 seconds each, and sends nothing.
.EXAMPLE
Test-ExrPort -Address outlook.office365.com, login.microsoftonline.com -Port 443
#>
function Test-ExrPort {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string[]] $Address,
        [Parameter(Mandatory = $true)] [int] $Port
    )
    foreach ($one in $Address) {
        $result = [ordered] @{ address = $one; port = $Port; open = $false; error = $null }
        $client = New-Object -TypeName System.Net.Sockets.TcpClient
        try {
            if ($client.ConnectAsync($one, $Port).Wait(10000)) { $result.open = $true }
            else { $result.error = 'no answer within 10 seconds' }
        }
        catch { $result.error = [string] (ConvertTo-ExrError $_).rootMessage }
        finally { $client.Close() }
        $result
    }
}
