package rehearsal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"exorunner/internal/action"
	"exorunner/internal/exr"
	"exorunner/internal/host"
	"exorunner/internal/host/hosttest"
	"exorunner/scripts"
)

// today is the clock of every test that does not set its own.
var today = time.Date(2026, 3, 2, 18, 30, 0, 0, time.UTC)

func open(t testing.TB, o Options) *Host {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return today }
	}
	h, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// ask and do are Query and Invoke where nothing may go wrong.
func ask[T any](t testing.TB, h *Host, c host.Call) T {
	t.Helper()
	var out T
	if err := h.Query(t.Context(), c, &out); err != nil {
		t.Fatalf("%s: %v", c.Func, err)
	}
	return out
}

func do[T any](t testing.TB, h *Host, c host.Call) T {
	t.Helper()
	var out T
	if err := h.Invoke(t.Context(), c, &out); err != nil {
		t.Fatalf("%s: %v", c.Func, err)
	}
	return out
}

// thrownBy is the error that a call ends with, which must be the machine's own.
func thrownBy(t testing.TB, h *Host, c host.Call) *host.Error {
	t.Helper()
	err := h.Invoke(t.Context(), c, nil)
	e := host.As(err)
	if e == nil {
		t.Fatalf("%s: got %v, want an error of the machine", c.Func, err)
	}
	return e
}

func installExO(version string) host.Call {
	return exr.InstallModule(exoModule, version, "PSGallery", "AllUsers", "auto")
}

func signIn(version string) host.Call {
	return exr.TestConnection(exr.SignIn{
		Version: version, Organization: "contoso.onmicrosoft.com", AppID: "22222222-2222-2222-2222-222222222222",
		CertificateThumbprint: "C919C4C881CEFF6CDF867FF1FC6A10D45BB02A26",
	})
}

func TestConforms(t *testing.T) {
	for _, machine := range Machines() {
		if machine.Name == "ce-constrained-language" {
			continue // it answers nothing; TestMachines holds it to that
		}
		t.Run(machine.Name, func(t *testing.T) {
			hosttest.Run(t, func(t testing.TB) host.Host {
				return open(t, Options{Machine: machine.Name, Dir: t.TempDir()})
			})
		})
	}
}

func TestEveryFunctionHasItsScriptAndEveryScriptItsFunction(t *testing.T) {
	params, err := scripts.Params()
	if err != nil {
		t.Fatal(err)
	}
	for name := range params {
		if functions[name] == nil {
			t.Errorf("%s: a script that the rehearsal cannot answer", name)
		}
	}
	for name := range functions {
		if _, ok := params[name]; !ok {
			t.Errorf("%s: no script has its parameters", name)
		}
	}
}

func TestUnknownMachineIsRefusedWithTheNearestName(t *testing.T) {
	_, err := Open(Options{Machine: "ce-v3"})
	if err == nil || !strings.Contains(err.Error(), `did you mean "ce-v2"?`) || !strings.Contains(err.Error(), "ce-offline") {
		t.Errorf("got %v, want the nearest name and the list", err)
	}
}

// everyQuery asks each function that only reads.
func everyQuery() []host.Call {
	return []host.Call{
		exr.GetFact(), exr.GetDisk(`C:\Windows`, `D:\`, `Q:\`), exr.TestPort(443, "outlook.office365.com"),
		exr.GetPackageProvider("NuGet"), exr.GetRepository("PSGallery"), exr.GetModule(exoModule),
		exr.ResolveModule(exoModule, ""), exr.GetCertificate("C919C4C881CEFF6CDF867FF1FC6A10D45BB02A26", "", nil),
		signIn("3.1.0"), exr.GetService("Cloud Extender"), exr.FindService("cloud"), exr.GetFileVersion(`C:\nothing.dll`),
		exr.GetRegistryValue(`SOFTWARE\Fiberlink\V360`, "ActiveSyncVersion", 32), exr.GetEnvironmentVariable("path"),
		exr.GetPendingReboot(), exr.TestScript("$true", nil), exr.FindCandidate([]string{"maas360"}, []string{`SOFTWARE\Fiberlink`}),
	}
}

func TestAQueryWritesNothing(t *testing.T) {
	for _, machine := range Machines() {
		t.Run(machine.Name, func(t *testing.T) {
			dir := t.TempDir()
			h := open(t, Options{Machine: machine.Name, Dir: dir})
			before := encode(h.model)
			for _, c := range everyQuery() {
				h.Query(t.Context(), c, nil) // what it answers is not the matter here
			}
			if h.Writes() != 0 || !bytes.Equal(before, encode(h.model)) {
				t.Errorf("%d writes, want none and the same machine", h.Writes())
			}
			if entries, _ := os.ReadDir(dir); len(entries) != 0 {
				t.Errorf("made %v, want nothing on disk", entries)
			}
		})
	}
}

func TestAFunctionThatWritesCannotBeQueried(t *testing.T) {
	h := open(t, Options{})
	for name := range functions {
		if host.Reads(name) {
			continue
		}
		if err := h.Query(t.Context(), host.Call{Func: name}, nil); err == nil || host.As(err) != nil {
			t.Errorf("Query of %s: got %v, want it refused", name, err)
		}
	}
}

func TestAnEndedContextDoesNothing(t *testing.T) {
	h := open(t, Options{Faults: []string{"host-dies:Install-ExrPackageProvider"}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := h.Invoke(ctx, exr.InstallPackageProvider("NuGet", minimumNuGet), nil)
	if !errors.Is(err, context.Canceled) || errors.Is(err, host.ErrUnreachable) || h.Writes() != 0 {
		t.Errorf("got %v after %d writes, want %v and nothing done", err, h.Writes(), context.Canceled)
	}
}

func TestCallsAtTheSameTimeChangeOneAfterTheOther(t *testing.T) {
	h := open(t, Options{Dir: t.TempDir()})
	var all sync.WaitGroup
	names := []string{"A", "B", "C", "D", "E", "F"}
	for _, name := range names {
		all.Go(func() {
			if err := h.Invoke(t.Context(), exr.SetEnvironmentVariable(name, "1"), nil); err != nil {
				t.Error(err)
			}
			if err := h.Query(t.Context(), exr.GetFact(), nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, name := range names {
		if got := ask[exr.Variable](t, h, exr.GetEnvironmentVariable(name)); got.Value != "1" {
			t.Errorf("%s is %q, want what was set", name, got.Value)
		}
	}
	if h.Writes() != len(names) {
		t.Errorf("%d writes, want %d", h.Writes(), len(names))
	}
}

func TestMachineFiles(t *testing.T) {
	for _, machine := range Machines() {
		t.Run(machine.Name, func(t *testing.T) {
			d, err := define(machine.Name)
			if err != nil {
				t.Fatal(err)
			}
			if machine.About == "" || d.Vars["organization"] == nil || d.Vars["ce_service"] == nil {
				t.Errorf("about %q with vars %v, want words and the vars that a playbook needs", machine.About, d.Vars)
			}
			for ref, text := range d.Secrets {
				if !strings.HasPrefix(text, SecretMarker) {
					t.Errorf("the secret of %s does not begin with %s", ref, SecretMarker)
				}
			}
			if !slices.ContainsFunc(d.Model.Services, func(s service) bool { return s.Name == d.Vars["ce_service"] }) {
				t.Errorf("no service is called %v", d.Vars["ce_service"])
			}
			if f := d.Model.file(d.Vars["ce_probe_file"].(string)); f == nil || f.Version == "" {
				t.Errorf("%v has no version", d.Vars["ce_probe_file"])
			}
			var again model
			if err := json.Unmarshal(encode(d.Model), &again); err != nil || !bytes.Equal(encode(again), encode(d.Model)) {
				t.Errorf("it does not survive being written and read: %v", err)
			}
		})
	}
}

func TestVarsAreTheCallersToChange(t *testing.T) {
	h := open(t, Options{})
	h.Vars()["organization"] = "other"
	if got := h.Vars()["organization"]; got != "contoso.onmicrosoft.com" {
		t.Errorf("organization is %v, want the machine's own", got)
	}
}

func TestEveryReferenceNamesASecret(t *testing.T) {
	s := open(t, Options{}).Secrets()
	seen := map[string]action.Secret{}
	for _, ref := range []action.Secret{"env:EXO_CERTIFICATE_PASSWORD", "env:OTHER", `file:C:\token`, "wincred:exo", `dpapi:C:\p`} {
		text, err := s.Resolve(t.Context(), ref)
		again, _ := s.Resolve(t.Context(), ref)
		if err != nil || !strings.HasPrefix(string(text), SecretMarker) || !bytes.Equal(text, again) {
			t.Errorf("%s: %v, want a marked secret, the same twice", ref, err)
		}
		if other, twice := seen[string(text)]; twice {
			t.Errorf("%s and %s have the same secret", ref, other)
		}
		seen[string(text)] = ref
	}
}

func TestVersionsCompareAsNumbers(t *testing.T) {
	sorted := []string{"2.0.5", "2.0.6-Preview3", "2.0.6", "3.000.100", "3.1.0", "3.10.0"}
	shuffled := []string{"3.10.0", "2.0.6", "3.1.0", "2.0.6-Preview3", "3.000.100", "2.0.5"}
	slices.SortFunc(shuffled, compareVersions)
	if !reflect.DeepEqual(sorted, shuffled) {
		t.Errorf("got %v, want %v", shuffled, sorted)
	}
	if compareVersions("3.000.100", "3.0.100") != 0 || compareVersions("3.1", "3.1.0") != 0 {
		t.Error("zeros make a difference, want none")
	}
}
