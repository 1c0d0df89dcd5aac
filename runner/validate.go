package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"exorunner/internal/action"
	"exorunner/internal/catalog"
	"exorunner/internal/engine"
	"exorunner/internal/exr"
	"exorunner/internal/playbook"
)

func newValidate(a *app) *cobra.Command {
	o := &runOptions{}
	c := &cobra.Command{
		Use:   "validate PLAYBOOK...",
		Short: "Read playbooks and report everything that is wrong with them, with its place",
		Long:  "validate reads playbooks as apply would, asks no machine and writes nothing. A variable without a value is listed\nand is no error.\n" + exitHelp,
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var all playbook.Errors
			for _, name := range args {
				errs, err := a.validate(name, o)
				if err != nil {
					return err
				}
				all = append(all, errs...)
			}
			if len(all) > 0 {
				return fail(engine.StatusUsage, all)
			}
			return nil
		},
	}
	c.Flags().StringArrayVar(&o.sets, "var", nil, "NAME=VALUE of a playbook's variable; may be repeated")
	c.Flags().StringArrayVar(&o.files, "vars", nil, "YAML file of variables; may be repeated, later ones win")
	return c
}

func (a *app) validate(name string, o *runOptions) (playbook.Errors, error) {
	opt := playbook.Options{
		Sets: o.sets, Kinds: catalog.ForPlaybook(action.Deps{}), Facts: exr.Facts{}, Run: runInfo{}, Open: openImport, AllowMissing: true,
	}
	book, err := a.loadWith(name, o, opt)
	if errs, ok := asErrors(err); ok {
		return errs, nil
	}
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(a.stdout, "ok          %s: %s, %d tasks, %d handlers\n", filepath.ToSlash(name), book.Name, len(book.Tasks), len(book.Handlers))
	if len(book.Missing) > 0 {
		fmt.Fprintf(a.stdout, "            needs a value with --var or --vars: %s\n", strings.Join(book.Missing, ", "))
	}
	return nil, nil
}
