package pwsh

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"exorunner/internal/host"
)

// Find gives the absolute path of the PowerShell that spec names, for 32 or 64 bits, or for 0, the system's own:
//
//   - auto, or nothing: Windows PowerShell 5.1 on Windows, pwsh elsewhere;
//   - powershell: Windows PowerShell 5.1, from the system's folder and never from PATH;
//   - pwsh: PowerShell 7, on Windows from its folder under Program Files, else from PATH;
//   - an absolute path.
//
// Its error wraps host.ErrNoPowerShell.
func Find(spec string, bits int) (string, error) {
	path, err := find(spec, bits)
	if err != nil {
		return "", fmt.Errorf("%w: %w; --host rehearsal shows everything without one", host.ErrNoPowerShell, err)
	}
	return path, nil
}

func find(spec string, bits int) (string, error) {
	if bits != 0 && bits != 32 && bits != 64 {
		return "", fmt.Errorf("%d bits: want 32 or 64", bits)
	}
	switch spec {
	case "", "auto":
		return findAuto(bits)
	case "powershell":
		return findWindowsPowerShell(bits)
	case "pwsh":
		return findCore(bits)
	}
	if !filepath.IsAbs(spec) {
		return "", fmt.Errorf("%s: want auto, powershell, pwsh or an absolute path", spec)
	}
	return spec, checkExecutable(spec, bits)
}

// checkExecutable refuses what cannot be started, and a file of the other bits where that can be told.
func checkExecutable(path string, bits int) error {
	info, err := os.Stat(path)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return fmt.Errorf("%s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a file", path)
	}
	if has := executableBits(path); bits != 0 && has != 0 && has != bits {
		return fmt.Errorf("%s: has %d bits, want %d", path, has, bits)
	}
	return nil
}

// onPath looks name up in the absolute folders of PATH: what lies in the working directory may have been planted.
func onPath(name string, bits int) (string, error) {
	for _, folder := range filepath.SplitList(os.Getenv("PATH")) {
		if !filepath.IsAbs(folder) {
			continue
		}
		path, err := exec.LookPath(filepath.Join(folder, name))
		if err == nil && checkExecutable(path, bits) == nil {
			return path, nil
		}
	}
	if bits != 0 && bits != strconv.IntSize {
		return "", fmt.Errorf("%s: not on PATH with %d bits", name, bits)
	}
	return "", fmt.Errorf("%s: not on PATH", name)
}

// systemFolder is where Windows keeps the programs of that many bits, as a process of ours many bits has to name it.
// Bits 0 are the system's own.
func systemFolder(bits, ours, system int) string {
	switch {
	case system == 32:
		return "System32" // there is no other
	case bits == 32:
		return "SysWOW64"
	case ours == 32:
		return "Sysnative"
	}
	return "System32"
}
