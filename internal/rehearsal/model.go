package rehearsal

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"exorunner/internal/exr"
)

// A model is everything that the functions can see or change of a machine. It is what a machine's file describes and
// what a state file keeps. Secrets are no part of it.
type model struct {
	// Begun is when the first change was made: what arrives later counts from here.
	Begun time.Time `json:"begun,omitzero"`
	// Booted is when it was last restarted by a call.
	Booted   time.Time `json:"booted,omitzero"`
	Restarts int       `json:"restarts,omitempty"` // how often it was

	Facts        exr.Facts         `json:"facts"`
	WinRMBasic   bool              `json:"winrmBasic"` // what a connect over RPS needs, and a REST one does not
	Folders      []folder          `json:"folders"`    // PSModulePath, in order
	Modules      []module          `json:"modules"`
	Repositories []exr.Repository  `json:"repositories"` // registered for this account
	Providers    []provider        `json:"providers"`
	Sources      []source          `json:"sources"` // galleries and folders of packages, registered or not
	Open         []string          `json:"open"`    // hosts in reach, as patterns: *.example.com
	Disks        []disk            `json:"disks"`
	Files        []file            `json:"files"`
	Registry     []registryValue   `json:"registry"`
	Environment  map[string]string `json:"environment"` // of the machine
	Services     []service         `json:"services"`
	Certificates []certificate     `json:"certificates"`
	Tenant       tenant            `json:"tenant"`
	LastProcess  int               `json:"lastProcess"` // id of the newest one
	Pending      exr.PendingReboot `json:"pending"`     // what a restart is wanted for
	Arrivals     []arrival         `json:"arrivals"`
	Downloads    []download        `json:"downloads,omitempty"` // what there is to be fetched from outside
	Parts        map[string]int64  `json:"parts,omitempty"`     // bytes of unfinished downloads, by path
	// Scripts are those that were run, by SHA-256: what they did is unknown, that they ran is not.
	Scripts []string `json:"scripts,omitempty"`
	// Checks are the scripts that asked whether there is something to do, before one of those was run.
	Checks []string `json:"checks,omitempty"`
}

// A folder of PSModulePath as one bitness sees it; 0 is both.
type folder struct {
	Path  string `json:"path"`
	Scope string `json:"scope"` // AllUsers, CurrentUser, System, Other
	Bits  int    `json:"bits,omitempty"`
}

// A module is one installed version.
type module struct {
	Name       string      `json:"name"`
	Version    string      `json:"version"`
	Prerelease string      `json:"prerelease,omitempty"`
	Folder     string      `json:"folder"` // of modules: Folder\Name\Version holds it
	Origin     *exr.Origin `json:"origin,omitempty"`
	Installed  time.Time   `json:"installed,omitzero"`
	// HeldBy is the service that has a DLL of it loaded while it runs.
	HeldBy string `json:"heldBy,omitempty"`
}

func (m module) path() string { return m.Folder + `\` + m.Name + `\` + m.Version }

// A provider is one of PackageManagement's, for one bitness.
type provider struct {
	exr.Provider
	Bits int `json:"bits"`
}

// A source is a place that packages come from: a web address, or a folder of the machine.
type source struct {
	Address  string `json:"address"`
	Packages []pkg  `json:"packages"`
}

func (s *source) find(name, version string) *pkg {
	for i, p := range s.Packages {
		if same(p.Name, name) && compareVersions(p.Version, version) == 0 {
			return &s.Packages[i]
		}
	}
	return nil
}

// newest is the highest version of a package that is at least minimum; nil if there is none.
func (s *source) newest(name, minimum string) *pkg {
	var best *pkg
	for i, p := range s.Packages {
		if !same(p.Name, name) || compareVersions(p.Version, minimum) < 0 {
			continue
		}
		if best == nil || compareVersions(best.Version, p.Version) < 0 {
			best = &s.Packages[i]
		}
	}
	return best
}

// A pkg is one version of a package.
type pkg struct {
	Name     string    `json:"name"`
	Version  string    `json:"version"`
	Bytes    int64     `json:"bytes"`
	Requires []require `json:"requires,omitempty"`
	// PowerShellGet is the oldest that can install it; "" is any.
	PowerShellGet string `json:"powerShellGet,omitempty"`
}

type require struct {
	Name    string `json:"name"`
	Minimum string `json:"minimum"`
}

type disk struct {
	Root      string `json:"root"` // C:\
	FreeBytes int64  `json:"freeBytes"`
}

type file struct {
	Path    string `json:"path"`
	Version string `json:"version,omitempty"` // of its version resource
	Product string `json:"product,omitempty"`
	SHA256  string `json:"sha256,omitempty"`
	// Package is what a package file holds.
	Package *pkg `json:"package,omitempty"`
	// Exit is how it ends where it is an installer, and Brings what it then leaves behind.
	Exit   int    `json:"exit,omitempty"`
	Brings []file `json:"brings,omitempty"`
}

type registryValue struct {
	Path  string `json:"path"` // below HKEY_LOCAL_MACHINE
	Name  string `json:"name"`
	Kind  string `json:"kind"` // String, ExpandString, MultiString, DWord, QWord
	Value any    `json:"value"`
	Bits  int    `json:"bits"` // of the view
}

type service struct {
	Name        string    `json:"name"`
	DisplayName string    `json:"displayName"`
	Status      string    `json:"status"`    // running, stopped
	StartType   string    `json:"startType"` // automatic, delayed, manual, disabled
	ProcessID   int       `json:"processId"`
	Started     time.Time `json:"started,omitzero"`
	Account     string    `json:"account"`
	Path        string    `json:"path"`
}

// A certificate's days are relative to today: a machine does not go stale in its file.
type certificate struct {
	Store       string `json:"store"` // CurrentUser, LocalMachine
	Path        string `json:"path,omitempty"`
	Thumbprint  string `json:"thumbprint"`
	Subject     string `json:"subject"`
	DaysOld     int    `json:"daysOld"`
	DaysLeft    int    `json:"daysLeft"`
	KeyKind     string `json:"keyKind"` // RSACryptoServiceProvider; RSACng is a CNG key
	KeyReadable bool   `json:"keyReadable"`
}

// A tenant is the part of Exchange Online that this machine meets.
type tenant struct {
	Organization string         `json:"organization"`
	ID           string         `json:"id"`
	Applications []application  `json:"applications"`
	Users        []string       `json:"users"`
	Commands     map[string]int `json:"commands"` // which there are, and how many objects each answers with
}

type application struct {
	ID           string   `json:"id"`
	Certificates []string `json:"certificates"` // thumbprints that were uploaded
}

// An arrival is what somebody else brings some time after the first change: Cloud Extender fetches its own updates.
type arrival struct {
	AfterHours int    `json:"afterHours"`
	Service    string `json:"service,omitempty"` // restarted by it
	Files      []file `json:"files"`
	// Registry values replace those of the same name.
	Registry []registryValue `json:"registry"`
}

// arrive lets everything happen that is due at now; all lets everything happen.
func (m *model) arrive(now time.Time, all bool) (n int) {
	m.Arrivals = slices.DeleteFunc(m.Arrivals, func(a arrival) bool {
		due := all || !m.Begun.IsZero() && !now.Before(m.Begun.Add(time.Duration(a.AfterHours)*time.Hour))
		if !due {
			return false
		}
		n++
		for _, f := range a.Files {
			m.putFile(f)
		}
		for _, v := range a.Registry {
			m.putValue(v)
		}
		if s := m.service(a.Service); s != nil && s.Status == running {
			m.start(s, now)
		}
		return true
	})
	return n
}

// folders is PSModulePath of one bitness.
func (m *model) folders(bits int) []folder {
	var all []folder
	for _, f := range m.Folders {
		if f.Bits == 0 || f.Bits == bits {
			all = append(all, f)
		}
	}
	return all
}

// installed lists a module's versions as Get-Module -ListAvailable does: by folder, and the highest first within one.
func (m *model) installed(name string, bits int) []module {
	var all []module
	for _, f := range m.folders(bits) {
		var here []module
		for _, one := range m.Modules {
			if same(one.Name, name) && same(one.Folder, f.Path) {
				here = append(here, one)
			}
		}
		slices.SortStableFunc(here, func(a, b module) int { return compareVersions(b.Version, a.Version) })
		all = append(all, here...)
	}
	return all
}

// find is the installed version that an import takes: that version, or with "" the first that is listed.
func (m *model) find(name, version string, bits int) *module {
	for _, one := range m.installed(name, bits) {
		if version == "" || compareVersions(one.Version, version) == 0 {
			return &one
		}
	}
	return nil
}

// scope is whose folder a module is in.
func (m *model) scope(one module) string {
	for _, f := range m.Folders {
		if same(f.Path, one.Folder) {
			return f.Scope
		}
	}
	return "Other"
}

func (m *model) source(address string) *source {
	for i := range m.Sources {
		if same(strings.TrimSuffix(m.Sources[i].Address, "/"), strings.TrimSuffix(address, "/")) {
			return &m.Sources[i]
		}
	}
	return nil
}

func (m *model) repository(name string) *exr.Repository {
	for i := range m.Repositories {
		if same(m.Repositories[i].Name, name) {
			return &m.Repositories[i]
		}
	}
	return nil
}

func (m *model) file(path string) *file {
	for i := range m.Files {
		if same(m.Files[i].Path, path) {
			return &m.Files[i]
		}
	}
	return nil
}

func (m *model) putFile(f file) {
	if old := m.file(f.Path); old != nil {
		*old = f
		return
	}
	m.Files = append(m.Files, f)
}

// exists says whether a path is a file, or the folder of anything that the model knows.
func (m *model) exists(path string) bool {
	path = strings.TrimSuffix(path, `\`)
	known := []string{m.Facts.Account.Profile, strings.TrimSuffix(m.Facts.Account.Temp, `\`), m.Facts.PowerShell.Home}
	for _, f := range m.Files {
		known = append(known, f.Path)
	}
	for _, s := range m.Services {
		known = append(known, program(s.Path))
	}
	for _, s := range m.Sources {
		known = append(known, s.Address)
	}
	for _, f := range m.Folders {
		known = append(known, f.Path)
	}
	for _, one := range m.Modules {
		known = append(known, one.path())
	}
	for _, d := range m.Disks {
		known = append(known, strings.TrimSuffix(d.Root, `\`))
	}
	return path != "" && slices.ContainsFunc(known, func(k string) bool {
		return same(k, path) || len(k) > len(path) && same(k[:len(path)+1], path+`\`)
	})
}

// disk is the volume that a path lies on.
func (m *model) disk(path string) *disk {
	for i := range m.Disks {
		if root := m.Disks[i].Root; len(path) >= 2 && same(path[:2], strings.TrimSuffix(root, `\`)) {
			return &m.Disks[i]
		}
	}
	return nil
}

// Windows compares names and paths without case.
func same(a, b string) bool { return strings.EqualFold(a, b) }

// compareVersions compares field by field as numbers; a field that is missing is 0. A label behind "-" sorts before
// the version without one.
func compareVersions(a, b string) int {
	a, labelA, _ := strings.Cut(a, "-")
	b, labelB, _ := strings.Cut(b, "-")
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		if c := cmp.Compare(number(x, i), number(y, i)); c != 0 {
			return c
		}
	}
	switch {
	case labelA == labelB:
		return 0
	case labelA == "":
		return 1
	case labelB == "":
		return -1
	}
	return strings.Compare(labelA, labelB)
}

func number(fields []string, i int) int {
	if i >= len(fields) {
		return 0
	}
	n, _ := strconv.Atoi(fields[i])
	return n
}

// stamp writes a time as .NET's round-trip format "o" does.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.0000000Z")
}
