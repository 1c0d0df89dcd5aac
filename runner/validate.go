package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"exorunner/internal/action"
	"exorunner/internal/catalog"
	"exorunner/internal/engine"
	"exorunner/internal/exr"
	"exorunner/internal/playbook"
	"exorunner/internal/schedule"
)

func newValidate(a *app) *cobra.Command {
	o := &runOptions{}
	c := &cobra.Command{
		Use:   "validate PLAYBOOK|exorunner.yaml...",
		Short: "Read playbooks, or a site's exorunner.yaml, and report everything that is wrong, with its place",
		Long:  "validate reads playbooks as apply would, asks no machine and writes nothing. A variable without a value is listed\nand is no error; in exorunner.yaml it is one, as serve would have it.\n" + exitHelp,
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
	if f, err := readLimited(name); err == nil && looksLikePath(name) && isSite(f) {
		return a.validateSite(f)
	}
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

// validateSite reads the configuration of the service as serve would, its playbooks included.
func (a *app) validateSite(f playbook.File) (playbook.Errors, error) {
	s, err := a.parseSite(f, false)
	if errs, ok := asErrors(err); ok {
		return errs, nil
	}
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(a.stdout, "ok          %s: %d schedules, %d targets of notices\n", filepath.ToSlash(f.Name), len(s.Schedules), len(s.Notify))
	for i, one := range s.Schedules {
		fmt.Fprintf(a.stdout, "            %s: %s %s, %s\n", one.Name, one.Command, one.Playbook, comes(s.Compiled[i], time.Now()))
	}
	return nil, nil
}

// comes says when a schedule begins next, in its own zone.
func comes(s *schedule.Schedule, now time.Time) string {
	at := func(t time.Time) string { return t.In(s.Zone()).Format("2006-01-02 15:04:05 MST") }
	slot, ok := s.Next(now)
	text := "next " + at(slot)
	if late, still := s.Late(now); !ok && still {
		slot, text = now, at(late)+" has passed, begins once the service runs"
	} else if !ok {
		return "no slot ahead: its time has passed"
	}
	if opens, ok := s.NextOpen(slot); ok && opens.After(slot) {
		text += ", in the window of " + at(opens)
	}
	return text
}
