// Command generate writes what is made from the table of kinds: playbooks/schema.json and playbooks/REFERENCE.md.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"exorunner/internal/catalog"
)

func main() {
	if err := generate(filepath.Join("..", "..", "playbooks")); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(folder string) error {
	schema, err := catalog.Schema(catalog.All())
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "schema.json"), schema, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "REFERENCE.md"), catalog.Reference(catalog.All()), 0o644)
}
