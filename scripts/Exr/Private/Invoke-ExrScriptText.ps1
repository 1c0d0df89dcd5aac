# Runs a script that came as data, in a scope of its own, and puts out what it wrote, what went wrong and its exit code.
# What it throws ends the call; its other errors are listed, and the caller decides.
function Invoke-ExrScriptText {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string] $Script, [hashtable] $Arguments = @{})
    $block = [scriptblock]::Create($Script)
    # In a script block "exit" ends the whole process, and with it the answer.
    $exits = $block.Ast.Find({ $args[0] -is [System.Management.Automation.Language.ExitStatementAst] }, $true)
    if ($null -ne $exits) {
        $message = 'line ' + $exits.Extent.StartLineNumber + ': exit would end the session; use throw, or set $global:LASTEXITCODE and return'
        $PSCmdlet.ThrowTerminatingError((New-ExrError -Id 'ExrScriptExits' -Category 'InvalidArgument' -Message $message))
    }
    $output = New-Object -TypeName System.Collections.ArrayList
    $errors = New-Object -TypeName System.Collections.ArrayList
    # As a script has it that is run by hand; with Stop, whatever a native program writes to stderr would end it on 5.1.
    $ErrorActionPreference = 'Continue'
    $global:LASTEXITCODE = $null
    & $block @Arguments *>&1 | ForEach-Object {
        if ($_ -isnot [System.Management.Automation.ErrorRecord]) { $null = $output.Add($_) }
        elseif ($_.FullyQualifiedErrorId -like 'NativeCommandError*') { $null = $output.Add([string] $_.Exception.Message) }
        else { $null = $errors.Add((ConvertTo-ExrError $_)) }
    }
    [ordered] @{
        lines  = @($output | Out-String -Stream -Width 4096 | ForEach-Object { $_.TrimEnd() })
        errors = @($errors)
        exit   = $global:LASTEXITCODE
    }
}
