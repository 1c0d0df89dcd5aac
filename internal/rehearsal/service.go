package rehearsal

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"exorunner/internal/exr"
	"exorunner/internal/host"
)

const (
	running = "running"
	stopped = "stopped"
)

func (m *model) service(name string) *service {
	for i := range m.Services {
		if same(m.Services[i].Name, name) {
			return &m.Services[i]
		}
	}
	return nil
}

// start gives a service a new process.
func (m *model) start(s *service, now time.Time) {
	s.Status, s.Started = running, now
	// Windows hands out multiples of four, and rarely the same one soon again.
	s.ProcessID, m.LastProcess = m.LastProcess+4, m.LastProcess+4
}

func getService(c *call) ([]any, error) {
	s := c.m.service(c.text("Name"))
	if s == nil {
		return nil, nil
	}
	return []any{exr.Service{
		Name: s.Name, DisplayName: s.DisplayName, Status: s.Status, StartType: s.StartType,
		ProcessID: s.ProcessID, StartedUTC: stamp(s.Started), Account: s.Account,
	}}, nil
}

func findService(c *call) ([]any, error) {
	var out []any
	for _, s := range c.m.Services {
		if c.likes(s.Name, s.DisplayName) {
			out = append(out, exr.ServiceName{Name: s.Name, DisplayName: s.DisplayName})
		}
	}
	return out, nil
}

// likes says whether any text contains any word of -Like, without case.
func (c *call) likes(texts ...string) bool {
	for _, v := range c.list("Like") {
		word, _ := v.(string)
		if word != "" && slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(lower(t), lower(word)) }) {
			return true
		}
	}
	return false
}

func setService(c *call) ([]any, error) {
	name := c.text("Name")
	s := c.m.service(name)
	if s == nil {
		return nil, &host.Error{
			ID: "NoServiceFoundForGivenName,Microsoft.PowerShell.Commands.GetServiceCommand", Category: "ObjectNotFound",
			Message:   "Cannot find any service with service name '" + name + "'.",
			Exception: "Microsoft.PowerShell.Commands.ServiceCommandException", HResult: hresultRuntime, Target: name,
		}
	}
	if kind := lower(c.text("StartType")); kind != "" {
		if !c.m.Facts.Account.Elevated {
			return nil, invalid("ExrServiceStart", "Set-ExrServiceStart", "InvalidResult", name+": sc.exe config: exit code 5: [SC] OpenService FAILED 5: Access is denied.", name)
		}
		s.StartType = kind
	}
	status := lower(c.text("Status"))
	if status == "" || status == s.Status {
		return getService(c)
	}
	if !c.m.Facts.Account.Elevated {
		return nil, method("Start", "0", "System.InvalidOperationException", "Cannot open "+name+" service on computer '.'.")
	}
	if err := c.turn(s, status); err != nil {
		return nil, err
	}
	return getService(c)
}

// turn stops and starts a service. One that hangs is left as it hangs.
func (c *call) turn(s *service, status string) error {
	stuck := c.fault("service-stuck")
	if status != running && s.Status == running {
		if stuck {
			return c.timeout(s, "stopped", "StopPending")
		}
		s.Status, s.ProcessID, s.Started = stopped, 0, time.Time{}
	}
	if status == stopped {
		return nil
	}
	if s.StartType == "disabled" {
		return method("Start", "0", "System.InvalidOperationException", "Cannot start service "+s.Name+" on computer '.'.")
	}
	if stuck {
		return c.timeout(s, "running", "StartPending")
	}
	c.m.start(s, c.now)
	return nil
}

// restartComputer is over when it answers: services that start by themselves have a new process, and no PowerShell
// holds on to a module.
func restartComputer(c *call) ([]any, error) {
	if !c.m.Facts.Account.Elevated {
		return nil, invalid("ExrRestart", c.name, "InvalidResult", "shutdown.exe /r: exit code 5: Access is denied.(5)", "Windows")
	}
	for i := range c.m.Services {
		s := &c.m.Services[i]
		s.Status, s.ProcessID, s.Started = stopped, 0, time.Time{}
		if s.StartType == "automatic" || s.StartType == "delayed" {
			c.m.start(s, c.now)
		}
	}
	clear(c.h.shared)
	c.m.Pending, c.m.Booted, c.m.Restarts = exr.PendingReboot{}, c.now, c.m.Restarts+1
	return nil, nil
}

func getPendingReboot(c *call) ([]any, error) {
	p := c.m.Pending
	p.Files = append([]string{}, p.Files...) // a list that is empty is not nothing
	return []any{p}, nil
}

// inUse is what is left of a file that a program held while it was to be replaced.
func (c *call) inUse(path string) {
	c.m.Pending.Files = append(c.m.Pending.Files, `\??\`+path+".new", `!\??\`+path)
}

func (c *call) timeout(s *service, wanted, is string) error {
	return invalid("ExrServiceTimeout", "Wait-ExrService", "OperationTimeout",
		fmt.Sprintf("%s: not %s after %s seconds, but %s", s.Name, wanted, c.or("TimeoutSeconds", "120"), is), s.Name)
}

// program is the path of a service's executable: it may be quoted, and may carry arguments.
func program(command string) string {
	if rest, ok := strings.CutPrefix(command, `"`); ok {
		path, _, _ := strings.Cut(rest, `"`)
		return path
	}
	if at := strings.Index(lower(command), ".exe"); at >= 0 {
		return command[:at+len(".exe")]
	}
	return command
}

// versionLike is what of the registry Find-ExrCandidate shows.
var versionLike = regexp.MustCompile(`^[0-9]+([.][0-9]+){1,3}$`)

const uninstallKey = `SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall`

func findCandidate(c *call) ([]any, error) {
	found := exr.Candidates{
		Services: []exr.CandidateService{}, Programs: c.programs(), Values: []exr.CandidateValue{}, Files: []exr.FileVersion{},
	}
	for _, s := range c.m.Services {
		if !c.likes(s.Name, s.DisplayName, s.Path) {
			continue
		}
		folder := c.folder(s)
		found.Services = append(found.Services, exr.CandidateService{Name: s.Name, DisplayName: s.DisplayName, Folder: folder})
		for _, f := range c.m.Files {
			if ext := path.Ext(lower(f.Path)); within(f.Path, folder) && (ext == ".exe" || ext == ".dll") {
				found.Files = append(found.Files, versionOf(&f, f.Path))
			}
		}
	}
	for _, v := range c.list("RegistryPath") {
		below, _ := v.(string)
		for _, r := range c.m.Registry {
			if text := fmt.Sprint(r.Value); within(r.Path, below) && versionLike.MatchString(text) {
				found.Values = append(found.Values, exr.CandidateValue{Path: r.Path, Name: r.Name, Value: text, Bits: r.Bits})
			}
		}
	}
	return []any{found}, nil
}

// folder is that of a service's program; "" where it belongs to Windows.
func (c *call) folder(s service) string {
	at := program(s.Path)
	if within(at, `C:\Windows`) {
		return ""
	}
	return at[:max(0, strings.LastIndex(at, `\`))]
}

// programs are the installed ones that the registry lists.
func (c *call) programs() []exr.CandidateProgram {
	out := []exr.CandidateProgram{}
	for _, r := range c.m.Registry {
		if !within(r.Path, uninstallKey) || !same(r.Name, "DisplayName") {
			continue
		}
		text := func(name string) string {
			if v := c.m.value(r.Path, name, r.Bits); v != nil {
				return fmt.Sprint(v.Value)
			}
			return ""
		}
		if name := text("DisplayName"); c.likes(name, text("Publisher")) {
			out = append(out, exr.CandidateProgram{Name: name, Version: text("DisplayVersion"), Folder: text("InstallLocation"), Bits: r.Bits})
		}
	}
	return out
}

// within says whether a path is a folder or key, or lies below it.
func within(path, folder string) bool {
	folder = strings.TrimSuffix(folder, `\`)
	return folder != "" && (same(path, folder) || len(path) > len(folder) && same(path[:len(folder)+1], folder+`\`))
}
