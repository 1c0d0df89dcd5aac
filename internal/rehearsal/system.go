package rehearsal

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"exorunner/internal/exr"
	"exorunner/internal/host"
)

func (m *model) value(path, name string, bits int) *registryValue {
	for i := range m.Registry {
		if r := &m.Registry[i]; same(r.Path, path) && same(r.Name, name) && r.Bits == bits {
			return r
		}
	}
	return nil
}

func (m *model) putValue(v registryValue) {
	if old := m.value(v.Path, v.Name, v.Bits); old != nil {
		*old = v
		return
	}
	m.Registry = append(m.Registry, v)
}

// number is a DWORD of the registry; nil if there is none.
func (m *model) number(path, name string, bits int) *int {
	r := m.value(path, name, bits)
	if r == nil {
		return nil
	}
	if v, ok := r.Value.(float64); ok {
		n := int(v)
		return &n
	}
	return nil
}

func getRegistryValue(c *call) ([]any, error) {
	bits := 64
	if c.has("Bits") {
		bits = c.number("Bits")
	}
	shown := exr.RegistryValue{Path: c.text("Path"), Name: c.text("Name"), Bits: bits}
	if r := c.m.value(shown.Path, shown.Name, bits); r != nil {
		shown.Exists, shown.Type, shown.Value = true, r.Kind, r.Value
	}
	return []any{shown}, nil
}

func setRegistryValue(c *call) ([]any, error) {
	path, name, bits := c.text("Path"), c.text("Name"), 64
	if c.has("Bits") {
		bits = c.number("Bits")
	}
	value, err := c.registryData()
	if err != nil {
		return nil, err
	}
	if !c.m.Facts.Account.Elevated || c.fault("access-denied") {
		return nil, method("CreateSubKey", "1", "System.UnauthorizedAccessException", `Access to the registry key 'HKEY_LOCAL_MACHINE\`+path+`' is denied.`)
	}
	c.m.putValue(registryValue{Path: path, Name: name, Kind: c.text("Type"), Value: value, Bits: bits})
	return getRegistryValue(c)
}

// registryData is -Value as the registry keeps it. It has no sign where .NET has one: 4294967295 is kept as -1.
func (c *call) registryData() (any, error) {
	text := c.text("Value")
	switch lower(c.text("Type")) {
	case "dword":
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return nil, badInteger(text, "System.UInt32")
		}
		return float64(int32(uint32(n))), nil
	case "qword":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, badInteger(text, "System.Int64")
		}
		return float64(n), nil
	case "multistring":
		var all []any
		for _, v := range c.list("Value") {
			all = append(all, fmt.Sprint(v))
		}
		return all, nil
	}
	return text, nil
}

func badInteger(text, kind string) *host.Error {
	return &host.Error{
		ID: "InvalidCastFromStringToInteger", Category: "InvalidArgument", HResult: hresultRuntime,
		Message:   `Cannot convert value "` + text + `" to type "` + kind + `". Error: "Input string was not in a correct format."`,
		Exception: "System.Management.Automation.PSInvalidCastException",
		Root:      "System.FormatException", RootMessage: "Input string was not in a correct format.",
	}
}

func getEnvironmentVariable(c *call) ([]any, error) {
	name := c.text("Name")
	for known, value := range c.m.Environment {
		if same(known, name) {
			return []any{exr.Variable{Name: name, Exists: true, Value: value}}, nil
		}
	}
	return []any{exr.Variable{Name: name}}, nil
}

func setEnvironmentVariable(c *call) ([]any, error) {
	name, value := c.text("Name"), c.text("Value")
	if kept := c.m.value(`SYSTEM\CurrentControlSet\Control\Session Manager\Environment`, name, 64); kept != nil && kept.Kind == "ExpandString" {
		return nil, invalid("ExrExpandString", c.name, "InvalidOperation", name+": holds other variables, which would be lost; change it in the registry, as ExpandString", name)
	}
	if !c.m.Facts.Account.Elevated || c.fault("access-denied") {
		return nil, method("SetEnvironmentVariable", "3", "System.Security.SecurityException", "Requested registry access is not allowed.")
	}
	for known := range c.m.Environment {
		if same(known, name) {
			delete(c.m.Environment, known)
		}
	}
	if value != "" {
		if c.m.Environment == nil {
			c.m.Environment = map[string]string{}
		}
		c.m.Environment[name] = value
	}
	return getEnvironmentVariable(c)
}

func setExecutionPolicy(c *call) ([]any, error) {
	scope, policy, p := c.text("Scope"), c.text("Policy"), &c.m.Facts.Policy
	if same(scope, "LocalMachine") {
		if !c.m.Facts.Account.Elevated {
			return nil, &host.Error{
				ID:       "System.UnauthorizedAccessException,Microsoft.PowerShell.Commands.SetExecutionPolicyCommand",
				Category: "PermissionDenied", HResult: hresultDenied, Exception: "System.UnauthorizedAccessException",
				Message: `Access to the registry key 'HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\PowerShell\1\ShellIds\Microsoft.PowerShell' is denied.`,
			}
		}
		p.LocalMachine = policy
	} else {
		p.CurrentUser = policy
	}
	effective := effectivePolicy(&c.m.Facts)
	if effective != policy && policy != "Undefined" {
		c.warn("Windows PowerShell updated your execution policy successfully, but the setting is overridden by a policy defined at a more specific scope.")
	}
	return []any{exr.Policy{Scope: scope, Policy: policy, Effective: effective}}, nil
}

func getFileVersion(c *call) ([]any, error) {
	return []any{versionOf(c.m.file(c.text("Path")), c.text("Path"))}, nil
}

// versionOf is a file as Get-ExrFileVersion puts it out; nil is one that is not there.
func versionOf(f *file, path string) exr.FileVersion {
	shown := exr.FileVersion{Path: path}
	if f == nil {
		return shown
	}
	fields := strings.Split(f.Version, ".")
	shown.Exists, shown.FileVersion, shown.ProductVersion = true, f.Version, f.Version
	shown.Numeric = fmt.Sprintf("%d.%d.%d.%d", number(fields, 0), number(fields, 1), number(fields, 2), number(fields, 3))
	return shown
}

// notRun is all that is known of a script's answer: nothing here can run one.
const notRun = "REHEARSAL: the script was not run"

// testScript answers as a check does: there is something to do, until a script was run after this check had asked for it.
func testScript(c *call) ([]any, error) {
	c.h.asked = c.script()
	answer := "False"
	if slices.Contains(c.m.Checks, c.h.asked) {
		answer = "True"
	}
	return scriptSaid(notRun, answer)
}

func invokeScript(c *call) ([]any, error) {
	c.m.Scripts = append(c.m.Scripts, c.script())
	if c.h.asked != "" && !slices.Contains(c.m.Checks, c.h.asked) {
		c.m.Checks = append(c.m.Checks, c.h.asked)
	}
	return scriptSaid(notRun)
}

func scriptSaid(lines ...string) ([]any, error) {
	return []any{exr.ScriptResult{Lines: lines, Errors: []host.Error{}}}, nil
}

// script is what a script is known by: its text and its arguments.
func (c *call) script() string {
	sum := sha256.Sum256(encode([]any{c.text("Script"), c.values["Arguments"]}))
	return hex.EncodeToString(sum[:])
}

// startInstaller leaves behind what the installer's entry among the machine's files says. An MSI is looked for in the
// arguments of msiexec.
func startInstaller(c *call) ([]any, error) {
	path, run := c.text("Path"), c.m.file(c.text("Path"))
	if strings.HasSuffix(lower(path), `\msiexec.exe`) {
		for i := range c.m.Files {
			if strings.Contains(lower(c.text("Arguments")), lower(c.m.Files[i].Path)) {
				run = &c.m.Files[i]
			}
		}
	}
	if run == nil {
		return nil, method("Start", "1", "System.ComponentModel.Win32Exception", "The system cannot find the file specified")
	}
	if !c.m.Facts.Account.Elevated {
		return nil, method("Start", "1", "System.ComponentModel.Win32Exception", "The requested operation requires elevation")
	}
	exit := run.Exit
	for _, f := range append([]file(nil), run.Brings...) {
		c.m.putFile(f)
		if exit == 3010 || exit == 1641 {
			c.inUse(f.Path)
		}
	}
	return []any{exr.InstallerResult{Path: path, Exit: exit}}, nil
}
