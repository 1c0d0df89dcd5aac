//go:build !windows

package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"exorunner/internal/pwsh"
)

// standIn is a small module of our own: the real one is Microsoft's.
const standIn = "ExrStandIn"

// pack makes a package as PowerShellGet takes one: a zip with a nuspec and the module's files at its root.
func pack(t *testing.T, folder, version string) {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, text := range map[string]string{
		standIn + ".nuspec": fmt.Sprintf(`<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2011/08/nuspec.xsd"><metadata>
<id>%s</id><version>%s</version><description>a stand-in</description><authors>exorunner</authors><owners>exorunner</owners>
<releaseNotes></releaseNotes><requireLicenseAcceptance>false</requireLicenseAcceptance><copyright></copyright><tags>PSModule</tags>
</metadata></package>`, standIn, version),
		standIn + ".psd1": fmt.Sprintf("@{ RootModule = '%s.psm1'; ModuleVersion = '%s'; GUID = 'b7e0d0c4-3a53-4c8e-9a55-2f1f4f6b7a01'; Author = 'exorunner'; Description = 'a stand-in'; FunctionsToExport = @('Get-StandIn') }", standIn, version),
		standIn + ".psm1": "function Get-StandIn { '" + version + "' }\n",
	} {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, standIn+"."+version+".nupkg"), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A real PowerShell, a folder as repository: installed, updated beside, in place the second time, an older one as well.
func TestARealPowerShellInstallsFromAFolder(t *testing.T) {
	if _, err := pwsh.Find("pwsh", 0); err != nil {
		t.Skip("SKIPPED: NO POWERSHELL ON THIS MACHINE: nothing was installed by a real one")
	}
	gallery, home := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home) // PowerShell keeps modules and repositories of the account below it
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("XDG_DATA_HOME", "")
	for _, version := range []string{"2.0.5", "3.0.0", "3.1.0", "3.9.0"} {
		pack(t, gallery, version)
	}
	book := filepath.Join(t.TempDir(), "real.yaml")
	text := `playbook: real
vars: {version: "2.0.5", gallery: ""}
tasks:
  - {name: provider, action: ps_provider}
  - {name: repository, action: ps_repository, with: {name: ExrTest, source: "${vars.gallery}"}}
  - {name: module, action: ps_module, with: {name: ` + standIn + `, version: "${vars.version}", repository: ExrTest, scope: CurrentUser, effective: warn}}
`
	if err := os.WriteFile(book, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct{ version, want string }{
		{"2.0.5", "changed     module: Install-Module installed 2.0.5"},
		{"2.0.5", "ok          module: 2.0.5 is installed"},
		{"3.1.0", "changed     module: Update-Module installed 3.1.0"},
		{"3.1.0", "ok          module: 3.1.0 is installed"},
		{"3.0.0", "changed     module: Install-Module installed 3.0.0"},
		{"3.3.3", "failed      module: "},
	} {
		var out bytes.Buffer
		execute([]string{"apply", book, "--host", "pwsh", "--state", t.TempDir(), "--var", "version=" + step.version, "--var", "gallery=" + gallery}, &out, &out)
		if !strings.Contains(out.String(), step.want) {
			t.Fatalf("step %d: want %q in\n%s", i, step.want, out.String())
		}
	}
}
