package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"exorunner/internal/action"
	"exorunner/internal/catalog"
	"exorunner/internal/engine"
	"exorunner/internal/exr"
	"exorunner/internal/playbook"
	"exorunner/internal/rehearsal"
	"exorunner/internal/site"
)

// siteName is what the site's configuration is called in the state folder.
const siteName = "exorunner.yaml"

// siteFields are those of a configuration that no playbook has, and one that is often misspelt.
var siteFields = []string{"schedules", "schedule", "vars_files", "reboot", "retention", "sign_ins", "secrets"}

// isSite tells the configuration of a site from a playbook.
func isSite(f playbook.File) bool {
	return slices.ContainsFunc(playbook.TopLevel(f), func(name string) bool { return slices.Contains(siteFields, name) })
}

// configPath is what --config says, or where the configuration lies if nobody says it.
func (a *app) configPath(given string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	dir, err := a.stateDir()
	return filepath.Join(dir, siteName), err
}

// loadSite reads a configuration and every playbook that it names. Strict wants a value for each variable, as a run
// does.
func (a *app) loadSite(path string, strict bool) (*site.Site, error) {
	f, err := readLimited(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hinted(fail(engine.StatusUsage, err), "exorunner serve --example > %s makes one to begin with", path)
	}
	if err != nil {
		return nil, fail(engine.StatusUsage, err)
	}
	s, err := a.parseSite(f, strict)
	if err == nil && strict && !isRehearsal(s.Host) {
		for _, file := range append([]string{path}, names(s.Files)...) {
			if err := trusted(file, a.account); err != nil {
				return nil, fail(engine.StatusUsage, err)
			}
		}
	}
	return s, err
}

func names(files []playbook.File) (all []string) {
	for _, f := range files {
		all = append(all, f.Name)
	}
	return all
}

func (a *app) parseSite(f playbook.File, strict bool) (*site.Site, error) {
	type answer struct {
		declares []string
		err      error
	}
	known := map[string]answer{} // many schedules run the same playbook
	s, err := site.Load(f, site.Options{Machine: machineID(), Now: time.Now(), Open: readLimited, Check: func(s *site.Site, one site.Schedule) ([]string, error) {
		is, seen := known[one.Playbook]
		if !seen || len(one.Vars.Names()) > 0 {
			is.declares, is.err = a.checkSchedule(s, one, strict)
		}
		if len(one.Vars.Names()) == 0 {
			known[one.Playbook] = is
		}
		return is.declares, is.err
	}})
	if err != nil {
		return nil, fail(engine.StatusUsage, err)
	}
	return s, nil
}

// machineID spreads machines out, and no more: a name is enough.
func machineID() string {
	name, _ := os.Hostname() // without one every machine gets the same part of a splay
	return name
}

// checkSchedule reads a schedule's playbook with the schedule's variables, and says which it declares.
func (a *app) checkSchedule(s *site.Site, one site.Schedule, strict bool) ([]string, error) {
	base := map[string]any{}
	if isRehearsal(s.Host) {
		_, machine, _ := strings.Cut(s.Host, ":")
		h, err := rehearsal.Open(rehearsal.Options{Machine: machine})
		if err != nil {
			return nil, fmt.Errorf("host %s: %w", s.Host, err)
		}
		base = h.Vars()
	}
	opt := playbook.Options{Base: base, Kinds: catalog.ForPlaybook(action.Deps{}), Facts: exr.Facts{}, Run: runInfo{}, Open: openImport, AllowMissing: true}
	book, err := a.loadWith(playbookOf(s, one), &runOptions{given: s.Given(one)}, opt)
	if err != nil {
		var e *exit
		if errors.As(err, &e) && e.err != nil {
			err = e.err
		}
		return nil, err
	}
	missing := wanted(book)
	if len(missing) > 0 {
		return nil, fmt.Errorf("%s wants a value under vars, or in a file of vars_files, for %s", one.Playbook, strings.Join(missing, ", "))
	}
	if strict && !isRehearsal(s.Host) {
		if err := trustedFiles(book, a.account); err != nil {
			return nil, err
		}
	}
	return book.Declares(), knownTags(book, one)
}

// trustedFiles refuses a playbook that others can change: a service does what it says. The shipped ones are in the program.
func trustedFiles(book *playbook.Playbook, account string) error {
	for _, f := range book.Files {
		if filepath.IsAbs(f.Name) {
			if err := trusted(f.Name, account); err != nil {
				return err
			}
		}
	}
	return nil
}

// knownTags: with a tag that is misspelt nothing would be done, night after night.
func knownTags(book *playbook.Playbook, one site.Schedule) error {
	var known []string
	for _, t := range append(slices.Clone(book.Tasks), book.Handlers...) {
		known = append(known, t.Tags...)
	}
	for field, tags := range map[string][]string{"tags": one.Tags, "skip_tags": one.SkipTags} {
		for i, tag := range tags {
			if !slices.Contains(known, tag) {
				return &site.Wrong{Field: fmt.Sprintf("%s[%d]", field, i), What: fmt.Sprintf("no task of %s has the tag %q", one.Playbook, tag)}
			}
		}
	}
	return nil
}

// playbookOf is what a schedule runs, as the command line would name it.
func playbookOf(s *site.Site, one site.Schedule) string {
	if looksLikePath(one.Playbook) {
		return s.Beside(one.Playbook)
	}
	return one.Playbook
}
