package pwsh

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"exorunner/internal/host"
)

func TestWhatCannotBeFoundIsNoPowerShell(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("PATH", folder)
	for _, variable := range []string{"ProgramW6432", "ProgramFiles", "ProgramFiles(x86)"} {
		t.Setenv(variable, folder)
	}
	for name, spec := range map[string]string{
		"a bare name":           "powershell.exe",
		"a path that is not":    filepath.Join(folder, "pwsh"),
		"a folder":              folder,
		"not on PATH":           "pwsh",
		"below us, no absolute": filepath.Join(".", "pwsh"),
	} {
		t.Run(name, func(t *testing.T) {
			path, err := Find(spec, 0)
			if !errors.Is(err, host.ErrNoPowerShell) || !strings.Contains(err.Error(), "--host rehearsal") {
				t.Errorf("got %q, %v; want %v and a hint to rehearse", path, err, host.ErrNoPowerShell)
			}
		})
	}
	if _, err := Find("auto", 16); !errors.Is(err, host.ErrNoPowerShell) {
		t.Errorf("16 bits: got %v, want %v", err, host.ErrNoPowerShell)
	}
}

func TestAnAbsolutePathIsTakenAsItIs(t *testing.T) {
	if got, err := Find(self(t), 0); err != nil || got != self(t) {
		t.Errorf("got %q, %v; want %s", got, err, self(t))
	}
	bits := map[bool]int{true: 64, false: 32}
	if got, err := Find(self(t), bits[wide]); err != nil || got != self(t) {
		t.Errorf("of our bits: got %q, %v; want %s", got, err, self(t))
	}
	if got, err := Find(self(t), bits[!wide]); err == nil || !strings.Contains(err.Error(), "bits, want") {
		t.Errorf("of the other bits: got %q, %v; want it refused", got, err)
	}
}

const wide = strconv.IntSize == 64 // this program

// A pwsh in the working directory may have been planted: PATH counts, and of it the absolute folders alone.
func TestPwshComesFromAnAbsoluteFolderOfPath(t *testing.T) {
	name := "pwsh"
	if runtime.GOOS == "windows" {
		name = "pwsh.exe"
		for _, variable := range []string{"ProgramW6432", "ProgramFiles", "ProgramFiles(x86)"} {
			t.Setenv(variable, "")
		}
	}
	planted, right := t.TempDir(), t.TempDir()
	for _, folder := range []string{planted, right} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(planted)
	list := string(filepath.ListSeparator)
	t.Setenv("PATH", "."+list+list+right)
	if got, err := Find("pwsh", 0); err != nil || got != filepath.Join(right, name) {
		t.Errorf("got %q, %v; want it from %s", got, err, right)
	}
	t.Setenv("PATH", ".")
	if got, err := Find("pwsh", 0); err == nil {
		t.Errorf("got %q from the working directory", got)
	}
}

func TestAutoIsWindowsPowerShellOnWindowsAndPwshElsewhere(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("PATH", folder)
	pwsh := filepath.Join(folder, "pwsh")
	if err := os.WriteFile(pwsh, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := Find("auto", 0)
	if runtime.GOOS != "windows" {
		if err != nil || got != pwsh {
			t.Errorf("got %q, %v; want %s", got, err, pwsh)
		}
		if got, err := Find("powershell", 0); err == nil {
			t.Errorf("powershell: got %q; it runs on Windows alone", got)
		}
		return
	}
	if err == nil && !strings.HasSuffix(got, `WindowsPowerShell\v1.0\powershell.exe`) || !filepath.IsAbs(got) && err == nil {
		t.Errorf("got %q, %v; want Windows PowerShell in the system's folder", got, err)
	}
}

func TestTheFolderOfWindowsPowerShellDependsOnBits(t *testing.T) {
	for name, tt := range map[string]struct {
		bits, ours, system int
		want               string
	}{
		"64-bit Windows, 64-bit program, its own":  {0, 64, 64, "System32"},
		"64-bit Windows, 64-bit program, 64 bits":  {64, 64, 64, "System32"},
		"64-bit Windows, 64-bit program, 32 bits":  {32, 64, 64, "SysWOW64"},
		"64-bit Windows, 32-bit program, its own":  {0, 32, 64, "Sysnative"},
		"64-bit Windows, 32-bit program, 64 bits":  {64, 32, 64, "Sysnative"},
		"64-bit Windows, 32-bit program, 32 bits":  {32, 32, 64, "SysWOW64"},
		"32-bit Windows, whatever is asked for: 0": {0, 32, 32, "System32"},
		"32-bit Windows, 32 bits":                  {32, 32, 32, "System32"},
	} {
		if got := systemFolder(tt.bits, tt.ours, tt.system); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	got := environment([]string{"HOME=/h", "TERM=xterm", "TMP=/old", "PSModulePath=x", "NO_COLOR=", "=C:=C:\\x"}, "/new")
	for _, want := range []string{"HOME=/h", "TERM=dumb", "NO_COLOR=1", "POWERSHELL_TELEMETRY_OPTOUT=1", "POWERSHELL_UPDATECHECK=Off", "TMP=/new", "TEMP=/new", "=C:=C:\\x"} {
		if !slices.Contains(got, want) {
			t.Errorf("got %q; want %s in it", got, want)
		}
	}
	for _, not := range []string{"TERM=xterm", "TMP=/old", "NO_COLOR="} {
		if slices.Contains(got, not) {
			t.Errorf("got %q; want no %s in it", got, not)
		}
	}
	if lent := slices.Contains(got, "PSModulePath=x"); lent != (runtime.GOOS != "windows") {
		t.Errorf("PSModulePath is lent: %v; want it dropped on Windows alone", lent)
	}
	if got := environment([]string{"TMP=/old"}, ""); !slices.Contains(got, "TMP=/old") {
		t.Errorf("got %q; want TMP as it was", got)
	}
	t.Setenv("EXORUNNER_TEST_MARK", fmt.Sprint(t.Name()))
	if got := environment(nil, ""); !slices.Contains(got, "EXORUNNER_TEST_MARK="+t.Name()) {
		t.Error("nil is not our own environment")
	}
}
