//go:build !windows

package pwsh

import (
	"debug/elf"
	"errors"
)

func findAuto(bits int) (string, error) { return findCore(bits) }

func findWindowsPowerShell(int) (string, error) {
	return "", errors.New("powershell: Windows PowerShell runs on Windows alone")
}

func findCore(bits int) (string, error) { return onPath("pwsh", bits) }

// executableBits reads them from the file; 0 where it is of another form.
func executableBits(path string) int {
	f, err := elf.Open(path)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	switch f.Class {
	case elf.ELFCLASS32:
		return 32
	case elf.ELFCLASS64:
		return 64
	}
	return 0
}
