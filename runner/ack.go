package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"exorunner/internal/action"
	"exorunner/internal/action/notice"
	"exorunner/internal/engine"
	"exorunner/internal/journal"
	"exorunner/internal/notes"
	"exorunner/playbooks"
)

func newAck(a *app) *cobra.Command {
	var by, text, spec string
	c := &cobra.Command{
		Use:   "ack ID --by NAME",
		Short: "Acknowledge a notice: what a person had to do is done",
		Long:  "ack keeps in the state folder who acknowledged a notice and when. The task that waits for it is ok from then on.\n",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if strings.TrimSpace(by) == "" {
				return hinted(usage("ack %s: who acknowledges it?", args[0]), "exorunner ack %s --by NAME", args[0])
			}
			t, err := a.open(spec, nil, nil) // a machine that there is not would wait for ever
			if err != nil {
				return err
			}
			defer t.close()
			book, err := a.notes(spec, false)
			if err != nil {
				return err
			}
			if err := book.Keep(args[0], action.Note{By: by, At: time.Now().UTC(), Text: text}); err != nil {
				return fail(engine.StatusFailed, err)
			}
			if !a.asked(c.Context(), t.rehearsal, args[0]) {
				fmt.Fprintf(a.stderr, "warning: no run on record waits for %s, and no shipped playbook has such a notice: is that its id?\n", args[0])
			}
			if t.rehearsal {
				fmt.Fprint(a.stdout, "REHEARSAL   ")
			}
			fmt.Fprintf(a.stdout, "%s: acknowledged by %s\n", args[0], by)
			return nil
		},
	}
	c.Flags().StringVar(&by, "by", "", "who acknowledges it")
	c.Flags().StringVar(&text, "text", "", "what there is to say about it")
	c.Flags().StringVar(&spec, "host", "auto", "rehearsal[:MACHINE] for a modelled machine's notice")
	return c
}

// asked says whether somebody may have been asked for this acknowledgement: by one of the last runs, or by a playbook that
// is shipped. It may be given before that; a slip of the pen would otherwise be found at the next run only.
func (a *app) asked(ctx context.Context, rehearsal bool, id string) bool {
	for _, name := range playbooks.Names() {
		if text, _ := playbooks.Get(name); bytes.Contains(text, []byte("id: "+id+"\n")) {
			return true
		}
	}
	dir, err := a.journalDir(rehearsal)
	if err != nil {
		return false
	}
	r, err := journal.OpenReader(ctx, dir)
	if err != nil {
		return false
	}
	defer r.Close()
	runs, _ := r.Runs(ctx, journal.Filter{})
	for _, run := range runs {
		events, _ := r.Events(ctx, run.ID, 0, 0)
		if slices.ContainsFunc(events, func(e journal.Event) bool { return bytes.Contains(e.Line, []byte(notice.Acknowledge(id))) }) {
			return true
		}
	}
	return false
}

// notes are kept beside the machine's other state.
func (a *app) notes(spec string, readOnly bool) (notes.Book, error) {
	if name, machine, _ := strings.Cut(spec, ":"); name == rehearsalName {
		dir, err := a.rehearsalDir()
		if machine == "" {
			machine = machineName(nil)
		}
		return notes.Book{Path: filepath.Join(dir, machine+".notes.json"), Mark: "REHEARSAL: a modelled machine, not a real one", ReadOnly: readOnly}, err
	}
	dir, err := a.stateDir()
	return notes.Book{Path: filepath.Join(dir, "notes.json"), ReadOnly: readOnly}, err
}
