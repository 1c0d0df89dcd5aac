// Package playbooks holds the playbooks that are shipped. They are usable by name.
package playbooks

import (
	"embed"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// vars marks the examples of a site's variables, which are no playbooks.
const varsSuffix = ".vars.yaml"

// Names are the shipped playbooks, in the order of the alphabet.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // embedded
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".yaml"); ok && !strings.HasSuffix(e.Name(), varsSuffix) {
			names = append(names, name)
		}
	}
	return names
}

// Get is the text of a shipped playbook.
func Get(name string) ([]byte, bool) {
	text, err := files.ReadFile(name + ".yaml")
	return text, err == nil && !strings.HasSuffix(name+".yaml", varsSuffix)
}
