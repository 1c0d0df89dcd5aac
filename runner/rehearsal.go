package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"exorunner/internal/engine"
	"exorunner/internal/lock"
	"exorunner/internal/rehearsal"
)

func newRehearsal(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "rehearsal",
		Short: "The modelled machines: list, show, deliver, reset",
		Long:  "A rehearsal machine is a modelled Cloud Extender server. It is kept in the state folder, and nothing on it is real.\n",
	}
	c.AddCommand(
		&cobra.Command{
			Use: "list", Short: "The machines, and the faults that can be ordered", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				fmt.Fprintf(a.stdout, "REHEARSAL   machines, for --host rehearsal:MACHINE\n")
				for _, m := range rehearsal.Machines() {
					fmt.Fprintf(a.stdout, "%-26s%s\n", m.Name, m.About)
				}
				fmt.Fprintf(a.stdout, "\nfaults, for --fault NAME[:ARG][:TIMES]\n")
				for _, f := range rehearsal.Faults() {
					fmt.Fprintf(a.stdout, "%-26s%s\n", strings.TrimSuffix(f.Name+":"+f.Arg, ":"), f.About)
				}
				return nil
			},
		},
		&cobra.Command{
			Use: "show [MACHINE]", Short: "The state of a machine, as JSON", Args: cobra.MaximumNArgs(1),
			RunE: func(_ *cobra.Command, args []string) error {
				dir, err := a.rehearsalDir()
				if err != nil {
					return err
				}
				return asUsage(rehearsal.Show(a.stdout, dir, machineName(args)))
			},
		},
		&cobra.Command{
			Use: "deliver [MACHINE]", Short: "Let everything arrive that a machine still waits for", Args: cobra.MaximumNArgs(1),
			Long: "deliver lets the time pass after which Cloud Extender has fetched its own modules.\n",
			RunE: func(cmd *cobra.Command, args []string) error { return a.deliver(cmd.Context(), machineName(args)) },
		},
		&cobra.Command{
			Use: "reset [MACHINE]", Short: "Forget what was done to a machine", Args: cobra.MaximumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				dir, err := a.rehearsalDir()
				if err != nil {
					return err
				}
				held, err := lock.Take(cmd.Context(), rehearsalLock(dir), 0)
				if err != nil {
					return lockError(err)
				}
				defer held.Free()
				if err := rehearsal.Reset(dir, machineName(args)); err != nil {
					return asUsage(err)
				}
				if err := os.Remove(filepath.Join(dir, machineName(args)+".notes.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return fail(engine.StatusFailed, err)
				}
				fmt.Fprintf(a.stdout, "REHEARSAL   %s is as it was delivered\n", machineName(args))
				return nil
			},
		},
	)
	return c
}

func (a *app) deliver(ctx context.Context, machine string) error {
	dir, err := a.rehearsalDir()
	if err != nil {
		return err
	}
	held, err := lock.Take(ctx, rehearsalLock(dir), 0)
	if err != nil {
		return lockError(err)
	}
	defer held.Free()
	n, err := rehearsal.Deliver(dir, machine, time.Now())
	if err != nil {
		return asUsage(err)
	}
	if n == 0 {
		fmt.Fprintf(a.stdout, "REHEARSAL   %s waits for nothing\n", machine)
		return nil
	}
	fmt.Fprintf(a.stdout, "REHEARSAL   %s has got what it waited for: %d delivered\n", machine, n)
	return nil
}

func machineName(args []string) string {
	if len(args) == 0 {
		return rehearsal.DefaultMachine
	}
	return args[0]
}

func asUsage(err error) error {
	if err == nil {
		return nil
	}
	return fail(engine.StatusUsage, err)
}
