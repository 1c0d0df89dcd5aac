package main

import (
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"

	"exorunner/internal/access"
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

// prepareState: every user may make files in %ProgramData%, and what lies in this folder is obeyed and believed.
func prepareState(dir, account string) error {
	return access.Prepare(dir, filepath.Join(dir, journalName), account, strings.EqualFold(dir, machineFolder()))
}
