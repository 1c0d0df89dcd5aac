package pwsh

import (
	"debug/pe"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/windows"
)

func findAuto(bits int) (string, error) { return findWindowsPowerShell(bits) }

// findWindowsPowerShell asks the system for its folder: %SystemRoot% is only a variable. In a 32-bit process on 64-bit
// Windows System32 is another name of SysWOW64, and the real one is Sysnative.
// https://learn.microsoft.com/windows/win32/winprog64/file-system-redirector
func findWindowsPowerShell(bits int) (string, error) {
	root, err := windows.GetSystemWindowsDirectory()
	if err != nil {
		return "", fmt.Errorf("the Windows folder: %w", err)
	}
	path := filepath.Join(root, systemFolder(bits, strconv.IntSize, systemBits()), `WindowsPowerShell\v1.0\powershell.exe`)
	return path, checkExecutable(path, bits)
}

// systemBits is 32 only on a 32-bit Windows.
func systemBits() int {
	var wow bool
	if strconv.IntSize == 64 || windows.IsWow64Process(windows.CurrentProcess(), &wow) == nil && wow {
		return 64
	}
	return 32
}

// findCore prefers the folder that only an administrator can write.
func findCore(bits int) (string, error) {
	for _, variable := range []string{"ProgramW6432", "ProgramFiles", "ProgramFiles(x86)"} {
		if folder := os.Getenv(variable); filepath.IsAbs(folder) {
			path := filepath.Join(folder, `PowerShell\7\pwsh.exe`)
			if checkExecutable(path, bits) == nil {
				return path, nil
			}
		}
	}
	return onPath("pwsh.exe", bits)
}

// executableBits reads them from the file; 0 where it is of another form.
func executableBits(path string) int {
	f, err := pe.Open(path)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	switch f.Machine {
	case pe.IMAGE_FILE_MACHINE_I386, pe.IMAGE_FILE_MACHINE_ARMNT:
		return 32
	case pe.IMAGE_FILE_MACHINE_AMD64, pe.IMAGE_FILE_MACHINE_ARM64:
		return 64
	}
	return 0
}
