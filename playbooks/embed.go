// Package playbooks holds the playbooks that are shipped. They are usable by name.
package playbooks

import (
	"embed"
	"strings"
)

//go:embed *.yaml *.json *.md
var files embed.FS

// Examples of a site's variables and of its configuration are no playbooks.
const (
	varsSuffix = ".vars.yaml"
	siteSuffix = ".site.yaml"
)

func isPlaybook(file string) bool {
	return strings.HasSuffix(file, ".yaml") && !strings.HasSuffix(file, varsSuffix) && !strings.HasSuffix(file, siteSuffix)
}

// Names are the shipped playbooks, in the order of the alphabet.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // embedded
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".yaml"); ok && isPlaybook(e.Name()) {
			names = append(names, name)
		}
	}
	return names
}

// Get is the text of a shipped playbook.
func Get(name string) ([]byte, bool) {
	text, err := files.ReadFile(name + ".yaml")
	return text, err == nil && isPlaybook(name+".yaml")
}

// Site is an example of exorunner.yaml.
func Site() []byte {
	text, err := files.ReadFile("exorunner" + siteSuffix)
	if err != nil {
		panic(err) // embedded
	}
	return text
}

// Generated is the text of a schema or a reference beside the playbooks, by its file name.
func Generated(name string) []byte {
	text, err := files.ReadFile(name)
	if err != nil {
		panic(err) // embedded, and a test asks for each
	}
	return text
}
