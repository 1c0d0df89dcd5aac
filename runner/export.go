package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"exorunner/internal/engine"
	"exorunner/internal/files"
	"exorunner/internal/journal"
)

func newExport(a *app) *cobra.Command {
	var host, to, check string
	var lines bool
	c := &cobra.Command{
		Use:   "export",
		Short: "Everything on record as lines of JSON, each with a hash of the one before",
		Long: "export writes all records of the journal, for an archive or a SIEM, and prints the last hash: whoever keeps it can\n" +
			"tell later, with export --verify FILE, that nothing was changed.\n" + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if check != "" {
				return a.verifyExport(check)
			}
			return a.export(cmd.Context(), host, to)
		},
	}
	hostFlag(c, &host)
	c.Flags().BoolVar(&lines, "jsonl", true, "lines of JSON, the only form there is")
	c.Flags().StringVarP(&to, "output", "o", "-", "file to write; - is the standard output")
	c.Flags().StringVar(&check, "verify", "", "read an export and say whether it is as it was written")
	return c
}

func (a *app) export(ctx context.Context, host, to string) error {
	r, err := a.reader(ctx, host)
	if err != nil {
		return err
	}
	if r == nil {
		return hinted(usage("export: nothing was run here yet"), "what was rehearsed is shown with --host rehearsal")
	}
	defer r.Close()
	if to == "-" {
		head, err := r.Export(ctx, a.stdout)
		if err == nil {
			fmt.Fprintf(a.stderr, "last hash   %s\n", head)
		}
		return asFailed(err)
	}
	head, err := exportTo(ctx, r, to)
	if err == nil {
		_, err = fmt.Fprintf(a.stdout, "exported    %s\nlast hash   %s\n", to, head)
	}
	return asFailed(err)
}

// exportTo leaves no half file under the name that was asked for.
func exportTo(ctx context.Context, r *journal.Reader, to string) (head string, err error) {
	f, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+".part-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name()) // gone already once it was renamed
	head, err = r.Export(ctx, f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return "", err
	}
	return head, files.Replace(ctx, f.Name(), to)
}

func (a *app) verifyExport(path string) error {
	var in io.Reader = os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return asUsage(err)
		}
		defer f.Close()
		in = f
	}
	buffered := bufio.NewReader(in)
	if err := rewritten(buffered); err != nil {
		return err
	}
	head, err := journal.VerifyExport(buffered)
	if err != nil {
		return asFailed(err)
	}
	fmt.Fprintf(a.stdout, "unchanged   %s\nlast hash   %s\n", path, head)
	return nil
}

// rewritten refuses what Windows PowerShell's > and Out-File have made of an export: another encoding, and letters beyond
// ASCII read by the console's code page. Its hashes cannot be right any more.
func rewritten(r *bufio.Reader) error {
	mark, _ := r.Peek(3)
	if bytes.HasPrefix(mark, []byte{0xff, 0xfe}) || bytes.HasPrefix(mark, []byte{0xef, 0xbb, 0xbf}) {
		return hinted(fail(engine.StatusFailed, errors.New("export: the file was written anew in another encoding, by > of PowerShell it seems")), "exorunner export -o FILE writes the file itself")
	}
	return nil
}

func asFailed(err error) error {
	if err == nil {
		return nil
	}
	return fail(engine.StatusFailed, err)
}

func newEvidence(a *app) *cobra.Command {
	var host string
	c := &cobra.Command{
		Use:   "evidence [RUN]",
		Short: "What the proofs saw, and whether it is as it was written",
		Long: "evidence looks at the whole chain of evidence: a piece that was changed, taken out or slipped in later shows, and is\n" +
			"status 1. With a run's id it prints that run's evidence.\n" + exitHelp,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.reader(cmd.Context(), host)
			if err != nil {
				return err
			}
			if r == nil {
				return hinted(usage("evidence: nothing was run here yet"), "what was rehearsed is shown with --host rehearsal")
			}
			defer r.Close()
			if len(args) > 0 {
				return a.evidenceOf(cmd.Context(), r, args[0])
			}
			return a.chain(cmd.Context(), r)
		},
	}
	hostFlag(c, &host)
	return c
}

func (a *app) evidenceOf(ctx context.Context, r *journal.Reader, id string) error {
	run, err := find(ctx, r, id)
	if err != nil {
		return err
	}
	all, err := r.Evidence(ctx, run.ID)
	if err != nil {
		return asFailed(err)
	}
	if a.format == "json" {
		return jsonLines(a, all)
	}
	for _, e := range all {
		data, err := json.MarshalIndent(e.Data, "            ", "  ")
		if err != nil {
			return asFailed(err)
		}
		fmt.Fprintf(a.stdout, "%-12s%s\n%-12s%s\n%-12s%s\n%-12s%s\n", fmt.Sprint(e.N), e.Task, "", local(e.Time), "", "hash "+e.Hash, "", data)
	}
	return nil
}

func (a *app) chain(ctx context.Context, r *journal.Reader) error {
	c, err := r.VerifyChain(ctx)
	if err != nil {
		return asFailed(err)
	}
	if a.format == "json" {
		if err := json.NewEncoder(a.stdout).Encode(map[string]any{"pieces": c.Pieces, "head": c.Head, "breaks": append([]journal.Break{}, c.Breaks...)}); err != nil {
			return err
		}
	} else {
		for _, b := range c.Breaks {
			fmt.Fprintf(a.stdout, "broken      piece %d %s\n", b.N, b.What)
		}
		fmt.Fprintf(a.stdout, "%-12s%d\n%-12s%s\n", "pieces", c.Pieces, "last hash", c.Head)
	}
	if len(c.Breaks) > 0 {
		return fail(engine.StatusFailed, fmt.Errorf("the chain of evidence is broken in %d places", len(c.Breaks)))
	}
	if a.format != "json" {
		fmt.Fprintln(a.stdout, "unchanged   every piece is as it was written")
	}
	return nil
}
