package main

import (
	"github.com/spf13/cobra"

	"exorunner/playbooks"
)

func newSchema(a *app) *cobra.Command {
	reference, ofSite := false, false
	c := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of playbooks, for editors",
		Long: "schema prints the JSON Schema of a playbook, or with --site that of exorunner.yaml. With --reference it prints the fields\n" +
			"for people.\n",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			name := "schema.json"
			switch {
			case reference && ofSite:
				name = "SITE.md"
			case reference:
				name = "REFERENCE.md"
			case ofSite:
				name = "exorunner.schema.json"
			}
			_, err := a.stdout.Write(playbooks.Generated(name))
			return err
		},
	}
	c.Flags().BoolVar(&ofSite, "site", false, "of a site's configuration, exorunner.yaml")
	c.Flags().BoolVar(&reference, "reference", false, "the reference in Markdown instead")
	return c
}
