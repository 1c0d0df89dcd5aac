package main

import (
	"github.com/spf13/cobra"

	"exorunner/internal/engine"
)

func newPlan(a *app) *cobra.Command {
	o := &runOptions{command: engine.Plan}
	c := &cobra.Command{
		Use:   "plan [PLAYBOOK]",
		Short: "Say what apply would change; nothing is written anywhere",
		Long: "plan checks each task: ok, change, or later with the reason why it cannot be told yet. It writes nothing,\n" +
			"on the machine or beside it, and does not sign in anywhere unless --prove says so.\n" + exitHelp,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.run(cmd.Context(), o, args) },
	}
	o.flags(c)
	c.Flags().BoolVar(&o.prove, "prove", false, "run the proofs that ask outside this machine as well")
	c.Flags().BoolVar(&o.detailed, "detailed-exitcode", false, "status 2 if there is something to change")
	return c
}
