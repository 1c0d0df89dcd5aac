package rehearsal

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"exorunner/internal/exr"
	"exorunner/internal/host"
)

func TestStateSurvives(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "yet")
	first := open(t, Options{Dir: dir})
	do[[]exr.Provider](t, first, exr.InstallPackageProvider("NuGet", minimumNuGet))
	do[exr.Installed](t, first, installExO("3.1.0"))
	if first.Writes() != 2 {
		t.Errorf("%d writes, want 2", first.Writes())
	}

	second := open(t, Options{Dir: dir})
	modules := ask[[]exr.Module](t, second, exr.GetModule(exoModule))
	if len(modules) != 2 || modules[0].Version != "3.1.0" || modules[1].Version != "2.0.5" {
		t.Errorf("modules after opening again: %+v, want 3.1.0 and 2.0.5", modules)
	}
	before := readState(t, dir)
	do[exr.Installed](t, second, installExO("3.1.0"))
	if second.Writes() != 0 || !bytes.Equal(before, readState(t, dir)) {
		t.Errorf("the same again: %d writes, want none: it was there", second.Writes())
	}

	if err := Reset(dir, "ce-v2"); err != nil {
		t.Fatal(err)
	}
	if again := ask[[]exr.Module](t, open(t, Options{Dir: dir}), exr.GetModule(exoModule)); len(again) != 1 {
		t.Errorf("modules after a reset: %+v, want the 2.0.5 that was there at first", again)
	}
	if err := Reset(dir, "ce-v2"); err != nil {
		t.Errorf("a second reset: %v, want nothing to do", err)
	}
}

func readState(t *testing.T, dir string) []byte {
	t.Helper()
	text, err := os.ReadFile(statePath(dir, "ce-v2"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAStateFileSaysFirstWhatItIs(t *testing.T) {
	dir := t.TempDir()
	do[[]exr.Provider](t, open(t, Options{Dir: dir}), exr.InstallPackageProvider("NuGet", minimumNuGet))
	text := string(readState(t, dir))
	if want := "{\n  \"rehearsal\": \"REHEARSAL: a modelled machine, not a real one\","; !strings.HasPrefix(text, want) {
		t.Errorf("begins with %.60q, want %q", text, want)
	}
	var shown strings.Builder
	if err := Show(&shown, dir, "ce-v2"); err != nil || !strings.Contains(shown.String(), `"2.8.5.208"`) {
		t.Errorf("Show: %v, and without the provider that was installed", err)
	}
	for what, s := range map[string]string{"the state file": text, "Show": shown.String()} {
		if strings.Contains(s, SecretMarker) {
			t.Errorf("%s has a secret in it", what)
		}
	}
}

func TestAStateThatCannotBeReadIsNamedWithItsCure(t *testing.T) {
	good := func(t *testing.T) string {
		dir := t.TempDir()
		do[[]exr.Provider](t, open(t, Options{Dir: dir}), exr.InstallPackageProvider("NuGet", minimumNuGet))
		return string(readState(t, dir))
	}(t)
	for name, text := range map[string]string{
		"it is empty":               "",
		"it was cut off":            good[:len(good)/2],
		"something follows its end": good + "{}",
		"it has an unknown field":   strings.Replace(good, `"format"`, `"other": 1, "format"`, 1),
		"it is another machine's":   strings.Replace(good, `"name": "ce-v2"`, `"name": "ce-ja"`, 1),
		"it is of another format":   strings.Replace(good, `"format": 1`, `"format": 2`, 1),
		"it is no rehearsal's":      strings.Replace(good, "REHEARSAL", "REAL", 1),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(statePath(dir, "ce-v2"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(Options{Dir: dir})
			if err == nil || !strings.Contains(err.Error(), statePath(dir, "ce-v2")) || !strings.Contains(err.Error(), "exorunner rehearsal reset ce-v2") {
				t.Fatalf("got %v, want the file and the command that begins anew", err)
			}
			if err := Reset(dir, "ce-v2"); err != nil {
				t.Fatal(err)
			}
			open(t, Options{Dir: dir})
		})
	}
}

func TestAKillBetweenWritingAndRenamingLeavesTheOldState(t *testing.T) {
	dir := t.TempDir()
	do[[]exr.Provider](t, open(t, Options{Dir: dir}), exr.InstallPackageProvider("NuGet", minimumNuGet))
	if err := os.WriteFile(statePath(dir, "ce-v2")+".tmp", []byte(`{"rehearsal": "REH`), 0o600); err != nil {
		t.Fatal(err)
	}
	h := open(t, Options{Dir: dir})
	if got := ask[[]exr.Provider](t, h, exr.GetPackageProvider("NuGet")); len(got) != 1 {
		t.Errorf("providers %v, want the one of the last whole state", got)
	}
	do[exr.Installed](t, h, installExO("3.1.0"))
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left %v, want one file", entries)
	}
}

func TestAChangeThatCannotBeKeptHasNotHappened(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h := open(t, Options{})
	h.dir = dir
	err := h.Invoke(t.Context(), exr.InstallPackageProvider("NuGet", minimumNuGet), nil)
	if err == nil || host.As(err) != nil || !strings.Contains(err.Error(), "state cannot be written") {
		t.Errorf("got %v, want that the state cannot be written", err)
	}
	if got := ask[[]exr.Provider](t, h, exr.GetPackageProvider("NuGet")); len(got) != 0 || h.Writes() != 0 {
		t.Errorf("providers %v after %d writes, want none", got, h.Writes())
	}
}

func FuzzState(f *testing.F) {
	d, err := define("ce-v2")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encode(state{Rehearsal: marker, Name: "ce-v2", Format: stateFormat, Machine: d.Model}))
	f.Add([]byte("{}"))
	f.Add([]byte(`{"rehearsal": "` + marker + `", "name": "ce-v2", "format": 1, "machine": {}}`))
	f.Add([]byte(`{"rehearsal": "` + marker + `", "name": "ce-v2", "format": 1, "machine": {"modules": [{"name": "PowerShellGet"}], "registry": null}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(statePath(dir, "ce-v2"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := Open(Options{Dir: dir})
		if err != nil {
			if !strings.Contains(err.Error(), statePath(dir, "ce-v2")) {
				t.Errorf("%v does not name the file", err)
			}
			return
		}
		for _, c := range everyQuery() {
			h.Query(t.Context(), c, nil) // whatever it is, it must not panic
		}
		if now, err := os.ReadFile(statePath(dir, "ce-v2")); err != nil || !bytes.Equal(now, text) {
			t.Errorf("reading has changed the file: %v", err)
		}
	})
}
