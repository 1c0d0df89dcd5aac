package main

import (
	"golang.org/x/sys/windows"
	"path/filepath"
)

// machineFolder is where what belongs to the machine, and not to an account, is kept.
func machineFolder() string {
	data, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, 0)
	if err != nil {
		data = `C:\ProgramData`
	}
	return filepath.Join(data, "exorunner")
}

func defaultState() (string, error) { return machineFolder(), nil }
