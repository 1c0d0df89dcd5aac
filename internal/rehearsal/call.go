package rehearsal

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"exorunner/internal/host"
)

// functions are those of scripts/, by name. Each puts out its values, or throws: a *host.Error.
var functions map[string]func(*call) ([]any, error)

// In an init, because faults name functions and functions look at faults.
func init() {
	functions = map[string]func(*call) ([]any, error){
		"Get-ExrFact":                    getFact,
		"Get-ExrDisk":                    getDisk,
		"Test-ExrPort":                   testPort,
		"Get-ExrPackageProvider":         getPackageProvider,
		"Install-ExrPackageProvider":     installPackageProvider,
		"Install-ExrPackageProviderFile": installPackageProviderFile,
		"Get-ExrRepository":              getRepository,
		"Set-ExrRepository":              setRepository,
		"Get-ExrModule":                  getModule,
		"Install-ExrModule":              installModule,
		"Install-ExrModulePackage":       installModulePackage,
		"Uninstall-ExrModule":            uninstallModule,
		"Resolve-ExrModule":              resolveModule,
		"Get-ExrCertificate":             getCertificate,
		"Test-ExrConnection":             testConnection,
		"Get-ExrService":                 getService,
		"Find-ExrService":                findService,
		"Set-ExrService":                 setService,
		"Find-ExrCandidate":              findCandidate,
		"Get-ExrFileVersion":             getFileVersion,
		"Get-ExrRegistryValue":           getRegistryValue,
		"Set-ExrRegistryValue":           setRegistryValue,
		"Get-ExrEnvironmentVariable":     getEnvironmentVariable,
		"Set-ExrEnvironmentVariable":     setEnvironmentVariable,
		"Set-ExrExecutionPolicy":         setExecutionPolicy,
		"Test-ExrScript":                 testScript,
		"Invoke-ExrScript":               invokeScript,
		"Start-ExrInstaller":             startInstaller,
		"Get-ExrPendingReboot":           getPendingReboot,
		"Restart-ExrComputer":            restartComputer,
	}
}

// A call is a function at work on a copy of the machine.
type call struct {
	arguments
	h       *Host
	m       *model
	name    string
	process *process
	bits    int
	now     time.Time
}

// answer runs f and encodes what it put out, as the wire does.
func (c *call) answer(f func(*call) ([]any, error)) ([]json.RawMessage, error) {
	if err := c.ordered(); err != nil {
		return nil, err
	}
	out, err := f(c)
	if err != nil {
		return nil, err
	}
	if row := c.row(late); row != nil {
		return nil, row.err
	}
	if !host.Reads(c.name) && c.fault("files-in-use") {
		c.inUse(`C:\Program Files\in use by ` + c.name + ".dll")
	}
	values := make([]json.RawMessage, 0, len(out))
	for _, v := range out {
		values = append(values, encode(v))
	}
	return values, nil
}

// fault says whether a fault of that name was ordered and is to happen now.
func (c *call) fault(name string) bool { return c.h.faults.take(name, c.name) }

func (c *call) warn(format string, a ...any) {
	c.h.say(c.name, "warning", fmt.Sprintf(format, a...))
}

func (c *call) inform(format string, a ...any) {
	c.h.say(c.name, "information", fmt.Sprintf(format, a...))
}

// write is a line that some program wrote beside PowerShell's streams.
func (c *call) write(text string) { c.h.say(c.name, "text", text) }

// inner completes an error that travels inside a result; whoever reads the result classifies it.
func (c *call) inner(e *host.Error) *host.Error {
	if e == nil {
		return nil
	}
	return c.h.dress(e, c.name)
}

// guid makes one up.
func (c *call) guid() string {
	b := make([]byte, 16)
	for i := range b {
		b[i] = byte(c.h.dice.Uint32())
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// letters makes a name up, as Path.GetRandomFileName does.
func (c *call) letters(n int) string {
	const from = "abcdefghijklmnopqrstuvwxyz012345"
	var b strings.Builder
	for range n {
		b.WriteByte(from[c.h.dice.IntN(len(from))])
	}
	return b.String()
}
