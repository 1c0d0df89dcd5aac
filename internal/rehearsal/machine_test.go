package rehearsal

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/exr"
	"exorunner/internal/failure"
	"exorunner/internal/host"
)

// on opens a machine and keeps its state, as a run of the program does.
func on(t testing.TB, machine string) *Host {
	t.Helper()
	return open(t, Options{Machine: machine, Dir: t.TempDir(), Classify: failure.Classify})
}

// works says whether a connection with that version stands and every probe answers.
func works(t testing.TB, h *Host, version string) bool {
	t.Helper()
	seen := ask[exr.Connection](t, h, signIn(version))
	if seen.Failure != nil || len(seen.Connections) != 1 {
		return false
	}
	for _, p := range seen.Probes {
		if !p.OK {
			return false
		}
	}
	return len(seen.Probes) > 0
}

// wants is the rule of the catalogue that an error falls under.
func wants(t testing.TB, e *host.Error, rule string) {
	t.Helper()
	if e == nil || e.Rule != rule {
		t.Errorf("got %+v, want rule %s", e, rule)
	}
}

func TestCEV2IsMigratedStepByStep(t *testing.T) {
	h := on(t, "ce-v2")
	failed := ask[exr.Connection](t, h, signIn("2.0.5")).Failure
	failure.Classify(failed)
	wants(t, failed, "C07")
	wants(t, thrownBy(t, h, signIn("3.1.0")), "P30")
	wants(t, thrownBy(t, h, installExO("3.1.0")), "I04")
	wants(t, thrownBy(t, h, exr.GetRepository("PSGallery")), "I04")

	do[[]exr.Provider](t, h, exr.InstallPackageProvider("NuGet", minimumNuGet))
	repository := do[exr.Repository](t, h, exr.SetRepository("PSGallery", "", true))
	if repository.InstallationPolicy != "Trusted" || repository.SourceLocation != galleryAddress {
		t.Errorf("repository %+v, want it trusted where it was", repository)
	}
	done := do[exr.Installed](t, h, installExO("3.1.0"))
	if done.Verb != "Update-Module" || done.Why != "2.0.5 came from PSGallery" || done.Installed.InstalledUTC != "2026-03-02T18:30:00.0000000Z" {
		t.Errorf("installed by %+v, want an update, now", done)
	}
	if got := ask[exr.Resolved](t, h, exr.ResolveModule(exoModule, "")); got.Version != "3.1.0" {
		t.Errorf("an import takes %s, want 3.1.0", got.Version)
	}
	if !works(t, h, "3.1.0") {
		t.Error("the connection does not stand")
	}
	before := ask[exr.Service](t, h, exr.GetService("Cloud Extender"))
	after := do[exr.Service](t, h, exr.SetService("Cloud Extender", exr.ServiceChange{Status: "restarted"}))
	if after.Status != "running" || after.StartedUTC <= before.StartedUTC || after.StartedUTC < done.Installed.InstalledUTC || after.ProcessID == before.ProcessID {
		t.Errorf("restarted from %+v to %+v, want a new process, later than the module", before, after)
	}
}

func TestMachines(t *testing.T) {
	for name, story := range map[string]func(*testing.T){
		"ce-migrated has nothing left to do": func(t *testing.T) {
			h := on(t, "ce-migrated")
			if !works(t, h, "3.1.0") {
				t.Error("the connection does not stand")
			}
			do[exr.Installed](t, h, installExO("3.1.0"))
			if h.Writes() != 0 {
				t.Errorf("%d writes, want none", h.Writes())
			}
			f := ask[exr.Facts](t, h, exr.GetFact())
			if diff := cmp.Diff([]string{"2.2.5", "1.0.0.1"}, f.Packages.PowerShellGet); diff != "" || f.TLS.StrongCrypto32 == nil || *f.TLS.StrongCrypto32 != 1 {
				t.Errorf("PowerShellGet -want +got\n%s strong crypto %v", diff, f.TLS.StrongCrypto32)
			}
		},
		"ce-hidden-module: the old version goes, and 3.1.0 is what an import takes": func(t *testing.T) {
			h := on(t, "ce-hidden-module")
			if got := ask[exr.Resolved](t, h, exr.ResolveModule(exoModule, "")); got.Version != "3.0.0" {
				t.Errorf("an import takes %s, want the hiding 3.0.0", got.Version)
			}
			if err := h.Invoke(t.Context(), exr.UninstallModule(exoModule, "3.0.0", "CurrentUser"), nil); err != nil {
				t.Fatal(err)
			}
			if got := ask[exr.Resolved](t, h, exr.ResolveModule(exoModule, "")); got.Version != "3.1.0" {
				t.Errorf("an import takes %s, want 3.1.0", got.Version)
			}
		},
		"ce-group-policy: a policy of the account does not help, and no connection stands": func(t *testing.T) {
			h := on(t, "ce-group-policy")
			do[[]exr.Provider](t, h, exr.InstallPackageProvider("NuGet", minimumNuGet))
			do[exr.Installed](t, h, installExO("3.1.0"))
			policy := do[exr.Policy](t, h, exr.SetExecutionPolicy("LocalMachine", "Unrestricted"))
			if diff := cmp.Diff(exr.Policy{Scope: "LocalMachine", Policy: "Unrestricted", Effective: "AllSigned"}, policy); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			failed := ask[exr.Connection](t, h, signIn("3.1.0")).Failure
			failure.Classify(failed)
			wants(t, failed, "C01")
		},
		"ce-offline: everything comes from a folder": func(t *testing.T) {
			h := on(t, "ce-offline")
			wants(t, thrownBy(t, h, exr.InstallPackageProvider("NuGet", minimumNuGet)), "I02")
			wants(t, thrownBy(t, h, exr.InstallPackageProviderFile("NuGet", "2.8.5.208", `D:\gallery`)), "P19")
			do[[]exr.Provider](t, h, exr.InstallPackageProviderFile("NuGet", "2.8.5.208", h.Vars()["provider"].(string)))
			wants(t, thrownBy(t, h, installExO("3.1.0")), "P11")
			wants(t, thrownBy(t, h, exr.SetRepository("Internal", `D:\nothing`, true)), "I21")
			do[exr.Repository](t, h, exr.SetRepository("Internal", `D:\gallery`, true))
			wants(t, thrownBy(t, h, exr.SetRepository("Second", `D:\gallery`, true)), "P02")
			get := do[exr.Installed](t, h, exr.InstallModule("PowerShellGet", "2.2.5", "Internal", "AllUsers", "auto"))
			if get.Verb != "Install-Module" || len(ask[[]exr.Module](t, h, exr.GetModule("PackageManagement"))) != 2 {
				t.Errorf("PowerShellGet came by %s, want Install-Module with the PackageManagement that it needs", get.Verb)
			}
			done := do[exr.Installed](t, h, exr.InstallModulePackage(exoModule, "3.1.0", h.Vars()["package_file"].(string), h.Vars()["package_sha256"].(string), "AllUsers"))
			if done.Installed == nil || !strings.HasPrefix(done.Installed.Origin.Repository, "exr-") {
				t.Errorf("from the package file: %+v, want 3.1.0 from a repository of that moment", done.Installed)
			}
			for _, port := range ask[[]exr.Port](t, h, exr.TestPort(443, "www.powershellgallery.com")) {
				if port.Open || port.Error == nil {
					t.Errorf("%+v, want it out of reach", port)
				}
			}
			if !works(t, h, "3.1.0") {
				t.Error("the connection does not stand")
			}
		},
		"ce-old-powershellget: the new PowerShellGet counts in a new process": func(t *testing.T) {
			h := on(t, "ce-old-powershellget")
			wants(t, thrownBy(t, h, installExO("3.1.0")), "I08")
			old := installExO("3.1.0")
			old.Fresh = false
			wants(t, thrownBy(t, h, old), "I08")
			do[exr.Installed](t, h, exr.InstallModule("PowerShellGet", "2.2.5", "PSGallery", "AllUsers", "auto"))
			wants(t, thrownBy(t, h, old), "I08") // in the process that has loaded 1.0.0.1
			do[exr.Installed](t, h, installExO("3.1.0"))
		},
		"ce-newer-module: 3.9.0 shadows 3.1.0": func(t *testing.T) {
			h := on(t, "ce-newer-module")
			if got := ask[exr.Resolved](t, h, exr.ResolveModule(exoModule, "")); got.Version != "3.9.0" {
				t.Errorf("an import takes %s, want 3.9.0", got.Version)
			}
			if got := ask[exr.Resolved](t, h, exr.ResolveModule(exoModule, "3.1.0")); got.Version != "3.1.0" {
				t.Errorf("an import of 3.1.0 takes %s", got.Version)
			}
		},
		"ce-waiting: Cloud Extender brings its module a day later": ceWaiting,
		"ce-waiting: the staged installer brings it now": func(t *testing.T) {
			h := on(t, "ce-waiting")
			got := do[exr.InstallerResult](t, h, exr.StartInstaller(h.Vars()["ce_installer"].(string), "/quiet"))
			if v := activeSync(t, h); got.Exit != 0 || v != "3.000.100" {
				t.Errorf("exit %d and version %s, want 0 and 3.000.100", got.Exit, v)
			}
		},
		"ce-ja: errors keep their ids and speak Japanese": ceJapanese,
		"ce-32bit: the two PowerShells have modules of their own": func(t *testing.T) {
			h := on(t, "ce-32bit")
			for bits, want := range map[int]string{0: "3.1.0", 64: "3.1.0", 32: "2.0.5"} {
				c := exr.ResolveModule(exoModule, "")
				c.Bits = bits
				if got := ask[exr.Resolved](t, h, c); got.Version != want {
					t.Errorf("%d bits: an import takes %s, want %s", bits, got.Version, want)
				}
			}
			c := exr.InstallPackageProvider("NuGet", minimumNuGet)
			c.Bits = 32
			if got := do[[]exr.Provider](t, h, c); len(got) != 1 || !strings.Contains(got[0].Path, "(x86)") {
				t.Errorf("providers %v, want one in the 32 bit Program Files", got)
			}
			f := exr.GetFact()
			f.Bits = 32
			if got := ask[exr.Facts](t, h, f); got.PowerShell.Bits != 32 || !strings.Contains(got.PowerShell.Home, "SysWOW64") {
				t.Errorf("%d bits in %s, want the 32 bit PowerShell", got.PowerShell.Bits, got.PowerShell.Home)
			}
		},
		"ce-service-account: no rights, and a $ in the way of a connection": func(t *testing.T) {
			h := on(t, "ce-service-account")
			do[[]exr.Provider](t, h, exr.InstallPackageProvider("NuGet", minimumNuGet))
			wants(t, thrownBy(t, h, exr.SetRepository("Internal", "", true)), "P17")
			do[exr.Repository](t, h, exr.SetRepository("PSGallery", "", true))
			wants(t, thrownBy(t, h, exr.InstallModule(exoModule, "3.1.0", "PSGallery", "AllUsers", "install")), "I09")
			got := ask[[]exr.Certificate](t, h, exr.GetCertificate("C919C4C881CEFF6CDF867FF1FC6A10D45BB02A26", "", nil))
			if len(got) != 1 || got[0].KeyReadable || got[0].Store != "LocalMachine" {
				t.Errorf("certificates %+v, want one whose key this account cannot read", got)
			}
		},
		"ce-constrained-language: nothing can run": func(t *testing.T) {
			h := on(t, "ce-constrained-language")
			if err := h.Query(t.Context(), exr.GetFact(), nil); !errors.Is(err, host.ErrConstrained) {
				t.Errorf("got %v, want %v", err, host.ErrConstrained)
			}
		},
		"ce-copied-module: Update-Module refuses, Install-Module does it": func(t *testing.T) {
			h := on(t, "ce-copied-module")
			do[[]exr.Provider](t, h, exr.InstallPackageProvider("NuGet", minimumNuGet))
			wants(t, thrownBy(t, h, exr.InstallModule(exoModule, "3.1.0", "PSGallery", "AllUsers", "update")), "I11")
			done := do[exr.Installed](t, h, installExO("3.1.0"))
			if done.Verb != "Install-Module" || done.Why != "not installed by PowerShellGet" {
				t.Errorf("installed by %+v, want Install-Module", done)
			}
		},
		"ce-locked-dll: the module cannot go while Cloud Extender runs": func(t *testing.T) {
			h := on(t, "ce-locked-dll")
			wants(t, thrownBy(t, h, exr.UninstallModule(exoModule, "3.0.0", "CurrentUser")), "I16")
			do[exr.Service](t, h, exr.SetService("Cloud Extender", exr.ServiceChange{Status: "stopped"}))
			if err := h.Invoke(t.Context(), exr.UninstallModule(exoModule, "3.0.0", "CurrentUser"), nil); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, story)
	}
}

func activeSync(t *testing.T, h *Host) string {
	t.Helper()
	return ask[exr.FileVersion](t, h, exr.GetFileVersion(h.Vars()["ce_probe_file"].(string))).FileVersion
}

func ceWaiting(t *testing.T) {
	dir, now := t.TempDir(), today
	again := func() *Host {
		return open(t, Options{Machine: "ce-waiting", Dir: dir, Now: func() time.Time { return now }})
	}
	h := again()
	now = now.Add(1000 * time.Hour)
	if v := activeSync(t, h); v != "2.106.500.016" {
		t.Errorf("version %s before anything was done, want the old one", v)
	}
	do[[]exr.Provider](t, h, exr.InstallPackageProvider("NuGet", minimumNuGet))
	now = now.Add(24*time.Hour - time.Second)
	if v := activeSync(t, again()); v != "2.106.500.016" {
		t.Errorf("version %s a second early, want the old one", v)
	}
	now = now.Add(time.Second)
	h = again()
	service := ask[exr.Service](t, h, exr.GetService("Cloud Extender"))
	if v := activeSync(t, h); v != "3.000.100" || service.StartedUTC != stamp(now) || h.Writes() != 0 {
		t.Errorf("version %s, started %s, %d writes; want 3.000.100, just now, and none of them ours", v, service.StartedUTC, h.Writes())
	}

	impatient := t.TempDir()
	if n, err := Deliver(impatient, "ce-waiting", today); n != 1 || err != nil {
		t.Errorf("delivered %d with %v, want one thing", n, err)
	}
	if v := activeSync(t, open(t, Options{Machine: "ce-waiting", Dir: impatient})); v != "3.000.100" {
		t.Errorf("version %s after the delivery, want 3.000.100", v)
	}
	if n, err := Deliver(impatient, "ce-waiting", today); n != 0 || err != nil {
		t.Errorf("delivered %d more with %v, want nothing left", n, err)
	}
}

func ceJapanese(t *testing.T) {
	for id, row := range rowErrors {
		if row.err == nil || row.at != thrown {
			continue
		}
		english := open(t, Options{Faults: []string{"error:" + id}})
		japanese := open(t, Options{Machine: "ce-ja", Faults: []string{"error:" + id}})
		for _, h := range []*Host{english, japanese} {
			recordedOn(&h.model)
		}
		want, got := thrownBy(t, english, callOf(row.function)), thrownBy(t, japanese, callOf(row.function))
		if !strings.ContainsFunc(got.Message, func(r rune) bool { return unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han) }) {
			t.Errorf("%s: %q, want Japanese", id, got.Message)
		}
		sameID := want.ID == got.ID || want.ID == want.Message && got.ID == got.Message
		if !sameID || want.Exception != got.Exception || want.Root != got.Root || want.HResult != got.HResult || want.Category != got.Category {
			t.Errorf("%s: got %+v, want all but the words of %+v", id, got, want)
		}
	}
	h := open(t, Options{Machine: "ce-ja", Faults: []string{"sign-in-mfa", "error:C24"}})
	recordedOn(&h.model)
	if e := connection(t, h).Failure; !strings.HasPrefix(e.Message, "AADSTS50076: Due to") {
		t.Errorf("the sign-in service says %q, want English: it is not this machine that speaks", e.Message)
	}
}

func TestBindingRefusesWhatDoesNotFit(t *testing.T) {
	h := open(t, Options{})
	for name, tt := range map[string]struct {
		call host.Call
		id   string
	}{
		"a value outside the set":        {host.Call{Func: "Install-ExrModule", Args: map[string]any{"Name": "a", "Version": "1", "Repository": "b", "Scope": "Everyone"}}, "ParameterArgumentValidationError,Install-ExrModule"},
		"a number outside the set":       {exr.GetRegistryValue("a", "b", 16), "ParameterArgumentValidationError,Get-ExrRegistryValue"},
		"an empty name":                  {host.Call{Func: "Get-ExrModule", Args: map[string]any{"Name": ""}}, "ParameterArgumentValidationErrorEmptyStringNotAllowed,"},
		"no name":                        {host.Call{Func: "Get-ExrModule", Args: map[string]any{"Name": nil}}, "ParameterArgumentValidationErrorNullNotAllowed,"},
		"a word for a number":            {host.Call{Func: "Test-ExrPort", Args: map[string]any{"Address": "a", "Port": "https"}}, "ParameterArgumentTransformationError,"},
		"a list for a name":              {host.Call{Func: "Get-ExrModule", Args: map[string]any{"Name": []string{"a", "b"}}}, "ParameterArgumentTransformationError,"},
		"a text for a secret":            {host.Call{Func: "Get-ExrCertificate", Args: map[string]any{"Path": "a", "Password": "b"}}, "ParameterArgumentTransformationError,"},
		"a secret for a text":            {host.Call{Func: "Get-ExrCertificate", Secrets: map[string][]byte{"Path": []byte("b")}}, "ParameterArgumentTransformationError,"},
		"a secret that nobody asked for": {host.Call{Func: "Get-ExrFact", Secrets: map[string][]byte{"Password": []byte("b")}}, "NamedParameterNotFound,"},
	} {
		t.Run(name, func(t *testing.T) {
			if e := thrownBy(t, h, tt.call); !strings.HasPrefix(e.ID, tt.id) {
				t.Errorf("got %v, want %s", e, tt.id)
			}
		})
	}
	for name, c := range map[string]host.Call{
		"names are compared without case": {Func: "Get-ExrModule", Args: map[string]any{"name": exoModule}},
		"so are the values of a set":      {Func: "Set-ExrRepository", Args: map[string]any{"Name": "x", "SourceLocation": `C:\Windows`, "InstallationPolicy": "trusted"}},
		"a single value is a list":        {Func: "Get-ExrDisk", Args: map[string]any{"Path": `C:\`}},
		"an empty value can be set":       exr.SetEnvironmentVariable("EXO_HOME", ""),
	} {
		t.Run(name, func(t *testing.T) {
			do[[]exr.Provider](t, h, exr.InstallPackageProvider("NuGet", minimumNuGet))
			if err := h.Invoke(t.Context(), c, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSecretsAreInNothingThatComesBack(t *testing.T) {
	for _, fault := range append([]string{"", "babble:Test-ExrConnection", "connect-role"}, "sign-in-refused", "connect-proxy-page", "certificate-password") {
		var faults []string
		if fault != "" {
			faults = append(faults, fault)
		}
		var heard strings.Builder
		h := open(t, Options{Dir: t.TempDir(), Faults: faults, Said: func(s host.Said) { heard.WriteString(s.Text + "\n") }})
		recordedOn(&h.model)
		for _, c := range []host.Call{
			{Func: "Test-ExrConnection", Args: map[string]any{"Version": "3.5.0", "CertificateFilePath": "/opt/ce/app.pfx"}, Secrets: map[string][]byte{"CertificatePassword": []byte(SecretMarker + "1")}},
			{Func: "Test-ExrConnection", Args: map[string]any{"Version": "3.5.0", "UserName": "ce@contoso.onmicrosoft.com"}, Secrets: map[string][]byte{"Password": []byte(SecretMarker + "2")}},
			{Func: "Test-ExrConnection", Args: map[string]any{"Version": "3.5.0"}, Secrets: map[string][]byte{"AccessToken": []byte(SecretMarker + "3")}},
			{Func: "Get-ExrCertificate", Args: map[string]any{"Path": "/nothing"}, Secrets: map[string][]byte{"Password": []byte(SecretMarker + "4")}},
			{Func: "Get-ExrModule", Args: map[string]any{"Name": "a"}, Secrets: map[string][]byte{"Name": []byte(SecretMarker + "5")}},
		} {
			var out []json.RawMessage
			err := h.Query(t.Context(), c, &out)
			for _, v := range out {
				heard.Write(v)
			}
			if e := host.As(err); e != nil {
				heard.Write(encode(e))
			}
		}
		if strings.Contains(heard.String(), SecretMarker) {
			t.Errorf("fault %q: a secret is in %s", fault, heard.String())
		}
	}
}

// A check of a script asks for it until it was run, also in the next process.
func TestAScriptWithACheckCanBeRehearsed(t *testing.T) {
	dir := t.TempDir()
	last := func(h *Host, check string) string {
		lines := ask[exr.ScriptResult](t, h, exr.TestScript(check, nil)).Lines
		return lines[len(lines)-1]
	}
	h := open(t, Options{Dir: dir})
	if got := last(h, "one"); got != "False" || h.Writes() != 0 {
		t.Errorf("before: %s with %d writes, want False and none", got, h.Writes())
	}
	do[exr.ScriptResult](t, h, exr.InvokeScript("does one", nil))
	for about, h := range map[string]*Host{"in this process": h, "in the next": open(t, Options{Dir: dir})} {
		if one, other := last(h, "one"), last(h, "another"); one != "True" || other != "False" {
			t.Errorf("%s: %s, and of another one %s; want True and False", about, one, other)
		}
	}
}
