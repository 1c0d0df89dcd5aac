// Package scripts is the PowerShell side of exorunner, as text inside the program: the host that answers requests, and
// the functions that it calls. It knows their sources and their parameters, and nothing of how they get to a PowerShell
// or what Go makes of their answers; that is package pwsh and package exr.
package scripts

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
)

//go:embed host.ps1 Exr/Public/*.ps1 Exr/Private/*.ps1
var files embed.FS

const (
	publicFolder  = "Exr/Public"  // one function a file, named as the function; these are called from Go
	privateFolder = "Exr/Private" // what those call
)

// Host is the source of the PowerShell end of the wire. It goes first into a new session.
func Host() string { return mustRead("host.ps1") }

// Functions are the sources of all functions, in an order that never changes: the private ones, then the public ones,
// each by name. Each defines one function and does nothing else.
func Functions() []string {
	var all []string
	for _, folder := range []string{privateFolder, publicFolder} {
		for _, name := range names(folder) {
			all = append(all, mustRead(path.Join(folder, name+".ps1")))
		}
	}
	return all
}

// Params are the parameters of every public function, in the order of its param() block.
func Params() (map[string][]Param, error) {
	all := map[string][]Param{}
	for _, name := range names(publicFolder) {
		params, err := ParseParams(mustRead(path.Join(publicFolder, name+".ps1")))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all[name] = params
	}
	return all, nil
}

// names are the functions of a folder.
func names(folder string) []string {
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		panic(err) // the folders are part of the program
	}
	var all []string
	for _, e := range entries {
		all = append(all, strings.TrimSuffix(e.Name(), ".ps1"))
	}
	sort.Strings(all)
	return all
}

func mustRead(name string) string {
	text, err := files.ReadFile(name)
	if err != nil {
		panic(err) // the files are part of the program
	}
	return string(text)
}
