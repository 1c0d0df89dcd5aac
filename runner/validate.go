package main

import (
	"encoding/json"
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
		Long:  "validate reads playbooks as apply would, asks no machine and writes nothing. A variable without a value is listed\nand is no error; in exorunner.yaml it is one, as serve would have it. --format json prints a line for each file that is right\nand one for each thing that is wrong.\n" + exitHelp,
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
			if len(all) == 0 {
				return nil
			}
			if a.format == "json" {
				if err := a.wrong(all); err != nil {
					return err
				}
			}
			return fail(engine.StatusUsage, all)
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
	if a.format == "json" {
		return nil, a.right(map[string]any{
			"file": filepath.ToSlash(name), "playbook": book.Name, "tasks": len(book.Tasks), "handlers": len(book.Handlers), "needs": wanted(book),
		})
	}
	fmt.Fprintf(a.stdout, "ok          %s: %s, %d tasks, %d handlers\n", filepath.ToSlash(name), book.Name, len(book.Tasks), len(book.Handlers))
	if needs := wanted(book); len(needs) > 0 {
		fmt.Fprintf(a.stdout, "            needs a value with --var or --vars: %s\n", strings.Join(needs, ", "))
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
	if a.format == "json" {
		var all []map[string]any
		for i, one := range s.Schedules {
			line := map[string]any{"name": one.Name, "command": one.Command, "playbook": one.Playbook}
			if slot, ok := s.Compiled[i].Next(time.Now()); ok {
				line["next"] = slot
			}
			all = append(all, line)
		}
		return nil, a.right(map[string]any{"file": filepath.ToSlash(f.Name), "schedules": all, "notify": len(s.Notify)})
	}
	fmt.Fprintf(a.stdout, "ok          %s: %d schedules, %d targets of notices\n", filepath.ToSlash(f.Name), len(s.Schedules), len(s.Notify))
	for i, one := range s.Schedules {
		fmt.Fprintf(a.stdout, "            %s: %s %s, %s\n", one.Name, one.Command, one.Playbook, comes(s.Compiled[i], time.Now()))
	}
	return nil, nil
}

// right prints a file that is right, as a line of JSON.
func (a *app) right(line map[string]any) error {
	line["ok"] = true
	return json.NewEncoder(a.stdout).Encode(line)
}

// wrong prints what is wrong, a line of JSON each: an editor goes there.
func (a *app) wrong(all playbook.Errors) error {
	e := json.NewEncoder(a.stdout)
	for _, one := range all {
		if err := e.Encode(map[string]any{"ok": false, "file": filepath.ToSlash(one.File), "line": one.Line, "column": one.Column, "what": one.What}); err != nil {
			return err
		}
	}
	return nil
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
