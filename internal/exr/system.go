package exr

import (
	"time"

	"exorunner/internal/host"
)

// SetExecutionPolicy sets the policy of one scope, LocalMachine or CurrentUser: one Policy.
func SetExecutionPolicy(scope, policy string) host.Call {
	return host.Call{Func: "Set-ExrExecutionPolicy", Args: args{"Scope": scope, "Policy": policy}}
}

// A Policy is an execution policy as it is after it was set. Where Effective is another, a nearer scope or a group policy
// wins.
type Policy struct {
	Scope     string `json:"scope"`
	Policy    string `json:"policy"`
	Effective string `json:"effective"`
}

// GetService asks how a service is: none or one Service.
func GetService(name string) host.Call {
	return host.Call{Func: "Get-ExrService", Args: args{"Name": name}}
}

// FindService looks for services whose name or display name contains any of the words: ServiceNames.
func FindService(words ...string) host.Call {
	return host.Call{Func: "Find-ExrService", Args: args{"Like": words}}
}

// A ServiceChange is what SetService is to do. The empty fields stay as they are.
type ServiceChange struct {
	Status    string        // running, stopped, restarted
	StartType string        // automatic, delayed, manual, disabled
	Wait      time.Duration // for each of stopping and starting, in whole seconds; 0 is two minutes
}

// SetService changes a service and waits for it: the Service as it is then.
func SetService(name string, c ServiceChange) host.Call {
	return host.Call{Func: "Set-ExrService",
		Args: given(args{"Name": name, "Status": c.Status, "StartType": c.StartType, "TimeoutSeconds": int(c.Wait / time.Second)})}
}

// A Service of Windows.
type Service struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
	Status      string `json:"status"`    // running, stopped, start pending, stop pending, paused, ...
	StartType   string `json:"startType"` // automatic, delayed, manual, disabled, boot, system
	ProcessID   int    `json:"processId"` // 0 while it does not run
	// StartedUTC is when its process began, RFC 3339; "" while it does not run. Services may share a process: it began no
	// later than the service.
	StartedUTC string `json:"startedUtc"`
	Account    string `json:"account"`
}

// A ServiceName is what a person may have meant.
type ServiceName struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}

// GetFileVersion reads the version inside a program or library: one FileVersion, also where there is no such file.
func GetFileVersion(path string) host.Call {
	return host.Call{Func: "Get-ExrFileVersion", Args: args{"Path": path}}
}

// A FileVersion is what a file says about itself. The texts are as their maker wrote them: 3.000.100.
type FileVersion struct {
	Path           string `json:"path"`
	Exists         bool   `json:"exists"`
	FileVersion    string `json:"fileVersion"`
	ProductVersion string `json:"productVersion"`
	Numeric        string `json:"numeric"` // four numbers, the ones that Windows compares
}

// GetRegistryValue reads a value below HKEY_LOCAL_MACHINE: one RegistryValue, also where there is none. The path is
// without the hive; bits is the view, 32 or 64, and 0 is 64.
func GetRegistryValue(path, name string, bits int) host.Call {
	return host.Call{Func: "Get-ExrRegistryValue", Args: given(args{"Path": path, "Name": name, "Bits": bits})}
}

// SetRegistryValue writes a value below HKEY_LOCAL_MACHINE and makes its key: the RegistryValue as it is then. The type
// is String, ExpandString, MultiString ([]string), DWord or QWord (numbers, without sign).
func SetRegistryValue(path, name, kind string, value any, bits int) host.Call {
	a := given(args{"Path": path, "Name": name, "Type": kind, "Bits": bits})
	a["Value"] = value // "" and 0 are values
	return host.Call{Func: "Set-ExrRegistryValue", Args: a}
}

// A RegistryValue as the registry has it, with the variables in it as they are. A DWord above 2147483647 reads negative.
type RegistryValue struct {
	Path   string `json:"path"`
	Name   string `json:"name"`
	Bits   int    `json:"bits"`
	Exists bool   `json:"exists"`
	Type   string `json:"type"` // Binary and None are read, and not written
	Value  any    `json:"value"`
}

// GetEnvironmentVariable reads a variable of the machine: one Variable, also where there is none.
func GetEnvironmentVariable(name string) host.Call {
	return host.Call{Func: "Get-ExrEnvironmentVariable", Args: args{"Name": name}}
}

// SetEnvironmentVariable sets a variable of the machine, or removes it where the value is empty: the Variable as it is
// then. Services see it after a restart of Windows.
func SetEnvironmentVariable(name, value string) host.Call {
	return host.Call{Func: "Set-ExrEnvironmentVariable", Args: args{"Name": name, "Value": value}}
}

// A Variable is one of the machine's environment.
type Variable struct {
	Name   string `json:"name"`
	Exists bool   `json:"exists"`
	Value  string `json:"value"`
}

// InvokeScript runs a script of a user in a process of its own: one ScriptResult.
func InvokeScript(script string, arguments map[string]any) host.Call {
	return host.Call{Func: "Invoke-ExrScript", Fresh: true, Args: scriptArgs(script, arguments)}
}

// TestScript is InvokeScript for a script that its author says changes nothing: a plan may run it.
func TestScript(script string, arguments map[string]any) host.Call {
	return host.Call{Func: "Test-ExrScript", Fresh: true, Args: scriptArgs(script, arguments)}
}

func scriptArgs(script string, arguments map[string]any) args {
	a := args{"Script": script}
	if len(arguments) > 0 {
		a["Arguments"] = arguments
	}
	return a
}

// A ScriptResult is what a script wrote and how it ended. What it threw is the error of the call instead.
type ScriptResult struct {
	Lines  []string     `json:"lines"`
	Errors []host.Error `json:"errors"` // after which it went on
	Exit   *int         `json:"exit"`   // of the last native program; nil if there was none
}

// StartInstaller runs an installer and waits for it: one InstallerResult. The arguments are one command line, quoted as
// that installer wants it; everybody on the machine can read them while it runs.
func StartInstaller(path, arguments string) host.Call {
	return host.Call{Func: "Start-ExrInstaller", Args: given(args{"Path": path, "Arguments": arguments})}
}

// RestartComputer restarts Windows after a delay of whole seconds, and answers before that. Nothing comes back.
func RestartComputer(reason string, delay time.Duration) host.Call {
	return host.Call{Func: "Restart-ExrComputer", Args: given(args{"Reason": reason, "DelaySeconds": int(delay / time.Second)}), Timeout: 2 * time.Minute}
}

// An InstallerResult is how an installer ended: 0 is done, 3010 done with a restart to follow, for most of them.
type InstallerResult struct {
	Path string `json:"path"`
	Exit int    `json:"exit"`
	Said string `json:"said"`
}

// FindCandidate looks for a product by words, in services, installed programs, registry values and files: one Candidates.
// The registry paths are below HKEY_LOCAL_MACHINE, and are read in both views.
func FindCandidate(words, registryPaths []string) host.Call {
	a := args{"Like": words}
	if len(registryPaths) > 0 {
		a["RegistryPath"] = registryPaths
	}
	return host.Call{Func: "Find-ExrCandidate", Args: a, Timeout: 10 * time.Minute}
}

// Candidates are places where a product's version may be read; which of them is the right one, a person says.
type Candidates struct {
	Services []CandidateService `json:"services"`
	Programs []CandidateProgram `json:"programs"`
	Values   []CandidateValue   `json:"values"`
	Files    []FileVersion      `json:"files"`
}

// A CandidateService is one that names the product.
type CandidateService struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
	Folder      string `json:"folder"` // of its program; "" where that belongs to Windows
}

// A CandidateProgram is an entry of Windows' list of installed programs.
type CandidateProgram struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Folder  string `json:"folder"`
	Bits    int    `json:"bits"`
}

// A CandidateValue is a registry value that looks like a version.
type CandidateValue struct {
	Path  string `json:"path"`
	Name  string `json:"name"`
	Value string `json:"value"`
	Bits  int    `json:"bits"`
}
