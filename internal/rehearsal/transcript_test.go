package rehearsal

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"exorunner/internal/exr"
	"exorunner/internal/host"
)

// transcripts are exact exchanges with a real PowerShell.
const transcripts = "../pwsh/testdata/transcripts"

// A recording is one exchange: what was asked, and the frames that came back.
type recording struct {
	call   host.Call
	frames map[string][]json.RawMessage // by kind
}

var request = regexp.MustCompile(`^Invoke-ExrRequest '([^']*)'`)

// record reads exchange number n of a transcript.
func record(t *testing.T, name string, n int) recording {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(transcripts, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Exchanges []struct {
			Sent   []string `json:"sent"`
			Stdout string   `json:"stdout"`
		} `json:"exchanges"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	one := file.Exchanges[n]
	return recording{call: asked(t, one.Sent[0]), frames: framesOf(t, one.Stdout)}
}

func asked(t *testing.T, line string) host.Call {
	t.Helper()
	text, err := base64.StdEncoding.DecodeString(request.FindStringSubmatch(line)[1])
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Func    string         `json:"func"`
		Args    map[string]any `json:"args"`
		Secrets []string       `json:"secrets"`
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	c := host.Call{Func: r.Func, Args: map[string]any{}, Secrets: map[string][]byte{}}
	for name, v := range r.Args {
		if s, ok := v.(string); ok {
			v = strings.TrimPrefix(s, "=")
		}
		c.Args[name] = v
	}
	for _, name := range r.Secrets {
		c.Secrets[name] = []byte(SecretMarker + name)
	}
	return c
}

func framesOf(t *testing.T, stdout string) map[string][]json.RawMessage {
	t.Helper()
	all, parts := map[string][]json.RawMessage{}, ""
	for line := range strings.SplitSeq(stdout, "\n") {
		_, frame, ok := strings.Cut(line, "\x1e")
		if !ok {
			continue
		}
		f := strings.Fields(frame) // nonce id seq part/parts kind length base64
		parts += f[6]
		if part, of, _ := strings.Cut(f[3], "/"); part != of {
			continue
		}
		text, err := base64.StdEncoding.DecodeString(parts)
		if err != nil {
			t.Fatal(err)
		}
		var v struct{ V json.RawMessage }
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		all[f[4]], parts = append(all[f[4]], v.V), ""
	}
	return all
}

func decode[T any](t *testing.T, values []json.RawMessage) T {
	t.Helper()
	var out T
	if len(values) != 1 {
		t.Fatalf("recorded %d values, want one", len(values))
	}
	if err := json.Unmarshal(values[0], &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// exceptStack: line numbers of real files are the one thing that a model has not got.
var exceptStack = cmpopts.IgnoreFields(host.Error{}, "Stack")

// recordedOn gives a machine the folders, files and modules that the transcripts were recorded with.
func recordedOn(m *model) {
	gallery := source{Address: "/srv/gallery", Packages: []pkg{{Name: exoModule, Version: "2.0.5"}, {Name: exoModule, Version: "3.1.0"}}}
	m.Sources = append(m.Sources, gallery)
	m.Modules = m.Modules[1:] // without the 2.0.5 of ce-v2
	m.Providers = append(m.Providers, provider{Provider: exr.Provider{Name: "NuGet", Version: "2.8.5.208"}, Bits: 64})
	m.Repositories = append(m.Repositories, exr.Repository{Name: "Local", SourceLocation: "/srv/gallery"})
	m.Files = append(m.Files, file{
		Path: "/srv/gallery/ExchangeOnlineManagement.3.0.0.nupkg", SHA256: "d55e9d66f9799a3f550d1da4d1696f30a4024db3bb4d982ceccfa5e9cafe679c",
		Package: &pkg{Name: exoModule, Version: "3.0.0"},
	})
	m.Certificates = append(m.Certificates, certificate{
		Path: "/opt/ce/app.pfx", Thumbprint: m.Certificates[0].Thumbprint, DaysLeft: 30, KeyKind: "RSACryptoServiceProvider", KeyReadable: true,
	})
	for _, version := range []string{"3.5.0", "3.9.0"} {
		m.Modules = append(m.Modules, module{Name: exoModule, Version: version, Folder: `C:\Program Files\WindowsPowerShell\Modules`})
	}
}

func TestErrorsAreThoseThatWereRecorded(t *testing.T) {
	for name, tt := range map[string]struct {
		transcript string
		exchange   int
		change     func(*host.Call)
		fault      string
		away       string
	}{
		"an unknown function":               {transcript: "failure-unknown-function"},
		"a version that is not there":       {transcript: "module-failures", exchange: 0},
		"a repository nobody registered":    {transcript: "module-failures", exchange: 1},
		"a package with another hash":       {transcript: "module-failures", exchange: 2},
		"a repository out of reach":         {transcript: "module-repository-away", away: "/srv/gallery"},
		"gallery-away":                      {transcript: "module-repository-away", fault: "gallery-away"},
		"version-not-in-repository":         {transcript: "module-failures", exchange: 0, fault: "version-not-in-repository"},
		"a certificate with a wrong secret": {transcript: "certificate", exchange: 1, change: func(c *host.Call) { c.Args["Path"] = "/opt/ce/app.pfx"; c.Secrets["Password"] = []byte("wrong") }},
		"prompt":                            {transcript: "failure-prompts", fault: "prompt:Get-ExrFact", change: func(c *host.Call) { c.Func = "Get-ExrFact" }},
	} {
		t.Run(name, func(t *testing.T) {
			was := record(t, tt.transcript, tt.exchange)
			if tt.change != nil {
				tt.change(&was.call)
			}
			o := Options{}
			if tt.fault != "" {
				o.Faults = []string{tt.fault}
			}
			var heard []string
			o.Said = func(s host.Said) {
				if s.Kind == "warning" {
					heard = append(heard, s.Text)
				}
			}
			h := open(t, o)
			recordedOn(&h.model)
			if tt.away != "" {
				h.model.Sources = h.model.Sources[:len(h.model.Sources)-1]
			}
			want := decode[host.Error](t, was.frames["failure"])
			got := thrownBy(t, h, was.call)
			if diff := cmp.Diff(want, *got, exceptStack); diff != "" {
				t.Errorf("-recorded +got\n%s", diff)
			}
			if diff := cmp.Diff(texts(t, was.frames["warning"]), heard, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("warnings: -recorded +got\n%s", diff)
			}
		})
	}
}

func texts(t *testing.T, values []json.RawMessage) []string {
	t.Helper()
	var all []string
	for _, v := range values {
		var s string
		if err := json.Unmarshal(v, &s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// The recorded commands were cmdlets, whose id has the class behind the comma; a function has its name there.
func TestBindingErrorsAreThoseThatWereRecorded(t *testing.T) {
	h := open(t, Options{})
	for name, tt := range map[string]struct {
		exchange int
		call     host.Call
		swap     [2]string
	}{
		"an unknown parameter": {exchange: 0, call: host.Call{Func: "Get-ExrFact", Args: map[string]any{"NoSuch": 1}}},
		"a missing one":        {exchange: 1, call: host.Call{Func: "Get-ExrModule"}, swap: [2]string{"Path", "Name"}},
	} {
		t.Run(name, func(t *testing.T) {
			want := decode[host.Error](t, record(t, "failure-binding", tt.exchange).frames["failure"])
			got := *thrownBy(t, h, tt.call)
			id, _, _ := strings.Cut(want.ID, ",")
			want.ID = id + "," + tt.call.Func
			if tt.swap[0] != "" {
				want.Message = strings.ReplaceAll(want.Message, tt.swap[0], tt.swap[1])
				want.RootMessage = strings.ReplaceAll(want.RootMessage, tt.swap[0], tt.swap[1])
			}
			if diff := cmp.Diff(want, got, exceptStack); diff != "" {
				t.Errorf("-recorded +got\n%s", diff)
			}
		})
	}
}

func TestConnectionsAreThoseThatWereRecorded(t *testing.T) {
	for transcript, faults := range map[string][]string{
		"connect-ok":                      nil,
		"connect-ok-3.9.0":                nil,
		"connect-certificate":             nil,
		"connect-no-commands":             {"connect-no-commands"},
		"connect-broken":                  {"connect-broken"},
		"connect-state-throws":            {"connect-state-throws"},
		"connect-malformed":               {"connect-malformed"},
		"connect-proxy-page":              {"connect-proxy-page"},
		"connect-refused":                 {"connect-refused"},
		"connect-role":                    {"connect-role"},
		"connect-password-mfa":            {"sign-in-mfa"},
		"connect-certificate-unknown-app": {"sign-in-unknown-app"},
		"connect-certificate-password":    {"certificate-password"},
	} {
		t.Run(transcript, func(t *testing.T) {
			was := record(t, transcript, 0)
			heard := map[string][]string{}
			h := open(t, Options{Faults: faults, Said: func(s host.Said) { heard[s.Kind] = append(heard[s.Kind], s.Text) }})
			recordedOn(&h.model)
			got := ask[exr.Connection](t, h, was.call)
			want := decode[exr.Connection](t, was.frames["output"])
			if diff := cmp.Diff(want, got, exceptStack, madeUp, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-recorded +got\n%s", diff)
			}
			for _, kind := range []string{"information", "warning"} {
				if diff := cmp.Diff(texts(t, was.frames[kind]), heard[kind], cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("%s: -recorded +got\n%s", kind, diff)
				}
			}
		})
	}
}

// madeUp is what differs from one connection to the next, or from one machine to another: times, random names, places.
var madeUp = cmp.Options{
	cmpopts.IgnoreFields(exr.Connection{}, "StartedUTC", "PowerShell", "Account", "ConnectMS"),
	cmpopts.IgnoreFields(exr.ModuleInUse{}, "Path"),
	cmpopts.IgnoreFields(exr.ConnectionInfo{}, "TokenExpiresUTC", "ID"),
	cmpopts.IgnoreFields(exr.Probe{}, "MS"),
	cmp.FilterPath(func(p cmp.Path) bool {
		name := p.Last().String()
		return name == ".ModuleName" || name == ".Module"
	}, cmp.Comparer(func(a, b string) bool { return strings.HasPrefix(a, "tmpEXO_") == strings.HasPrefix(b, "tmpEXO_") })),
	// [Server=...,RequestId=...,TimeStamp=...],Write-ErrorMessage
	cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".ID" }, cmp.Comparer(func(a, b string) bool {
		return a == b || strings.HasPrefix(a, "[Server=") && strings.HasPrefix(b, "[Server=") && a[strings.Index(a, "]"):] == b[strings.Index(b, "]"):]
	})),
}

func TestInstallingTakesTheVerbsThatWereRecorded(t *testing.T) {
	h := open(t, Options{})
	recordedOn(&h.model)
	h.model.Modules = h.model.Modules[:len(h.model.Modules)-2] // without 3.5.0 and 3.9.0
	for _, exchange := range []int{2, 3} {
		was := record(t, "module-install", exchange)
		want := decode[exr.Installed](t, was.frames["output"])
		got := do[exr.Installed](t, h, was.call)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(exr.Module{}, "Path", "InstalledUTC")); diff != "" {
			t.Errorf("exchange %d: -recorded +got\n%s", exchange, diff)
		}
	}
	was := record(t, "module-install", 4)
	var want []exr.Module
	if err := host.Decode(was.frames["output"], &want); err != nil {
		t.Fatal(err)
	}
	got := ask[[]exr.Module](t, h, was.call)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(exr.Module{}, "Path", "InstalledUTC")); diff != "" {
		t.Errorf("the list then: -recorded +got\n%s", diff)
	}

	was = record(t, "module-package", 0)
	packaged := do[exr.Installed](t, h, was.call)
	wanted := decode[exr.Installed](t, was.frames["output"])
	wanted.Installed.Origin, packaged.Installed.Origin = nil, nil // a repository of that moment
	if diff := cmp.Diff(wanted, packaged, cmpopts.IgnoreFields(exr.Module{}, "Path", "InstalledUTC")); diff != "" {
		t.Errorf("from a package: -recorded +got\n%s", diff)
	}
	hidden := ask[exr.Resolved](t, h, record(t, "module-hidden", 0).call)
	if hidden.Version != "3.0.0" {
		t.Errorf("an import takes %s, want 3.0.0: the account's own folder comes first", hidden.Version)
	}
}
