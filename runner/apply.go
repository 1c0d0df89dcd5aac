package main

import (
	"github.com/spf13/cobra"

	"exorunner/internal/engine"
)

func newApply(a *app) *cobra.Command {
	o := &runOptions{}
	var dry [3]bool
	c := &cobra.Command{
		Use:   "apply [PLAYBOOK]",
		Short: "Do what the playbook says, checking before and after every change",
		Long: "apply checks each task, changes what differs and checks again. Proofs are run. Run it again after anything: what\n" +
			"is done is ok.\n" + exitHelp,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.command = engine.Apply
			if dry[0] || dry[1] || dry[2] {
				o.command = engine.Plan
			} else if o.prove || o.detailed {
				return hinted(usage("--prove and --detailed-exitcode are of a plan"), "add --dry-run, or leave them out")
			}
			return a.run(cmd.Context(), o, args)
		},
	}
	o.flags(c)
	for i, name := range []string{"dry-run", "what-if", "check"} {
		c.Flags().BoolVar(&dry[i], name, false, "only plan: say what would change, and write nothing")
	}
	c.Flags().BoolVar(&o.prove, "prove", false, "with --dry-run: run the proofs that ask outside this machine")
	c.Flags().BoolVar(&o.detailed, "detailed-exitcode", false, "with --dry-run: status 2 if there is something to change")
	durationFlag(c.Flags(), &o.wait, "wait", "wait that long for another run on this machine to end")
	return c
}
