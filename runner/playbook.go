package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"exorunner/internal/action"
	"exorunner/internal/catalog"
	"exorunner/internal/exr"
	"exorunner/internal/playbook"
	"exorunner/playbooks"
)

func newPlaybook(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "playbook [NAME]",
		Short: "List the shipped playbooks, or print one, to read and to copy",
		Long: "playbook lists the shipped playbooks with what each is for. With a name it prints that playbook as it is run: its head\n" +
			"says how it is called, vars what it can be told, and what stands there without a value has to be given.\n" +
			"A copy of it in a file of your own is run by its path.\n",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.shipped()
			}
			if looksLikePath(args[0]) {
				return usage("playbook %s: prints shipped playbooks alone", args[0])
			}
			f, err := openPlaybook(args[0])
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(f.Data)
			return err
		},
	}
}

// shipped lists the shipped playbooks: one a line, and in JSON with the variables that want a value.
func (a *app) shipped() error {
	e := json.NewEncoder(a.stdout)
	for _, name := range playbooks.Names() {
		text, _ := playbooks.Get(name)
		book, err := playbook.Load(playbook.File{Name: name + ".yaml", Data: text}, playbook.Options{
			Kinds: catalog.ForPlaybook(action.Deps{}), Facts: exr.Facts{}, Run: runInfo{}, Open: openImport, AllowMissing: true,
		})
		if err != nil {
			return err
		}
		if a.format == "json" {
			err = e.Encode(map[string]any{"name": name, "about": book.About, "needs": wanted(book)})
		} else {
			_, err = fmt.Fprintf(a.stdout, "%-24s%s\n", name, book.About)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
