package main

import (
	"github.com/spf13/cobra"

	"exorunner/internal/catalog"
)

func newSchema(a *app) *cobra.Command {
	reference := false
	c := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of playbooks, for editors",
		Long:  "schema prints the JSON Schema of a playbook. With --reference it prints the fields of playbooks and actions for people.\n",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text := catalog.Reference(catalog.All())
			if !reference {
				var err error
				if text, err = catalog.Schema(catalog.All()); err != nil {
					return err
				}
			}
			_, err := a.stdout.Write(text)
			return err
		},
	}
	c.Flags().BoolVar(&reference, "reference", false, "the reference in Markdown instead")
	return c
}
