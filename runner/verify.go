package main

import (
	"github.com/spf13/cobra"

	"exorunner/internal/engine"
)

func newVerify(a *app) *cobra.Command {
	o := &runOptions{command: engine.Verify}
	c := &cobra.Command{
		Use:   "verify [PLAYBOOK]",
		Short: "Ask whether everything still holds; a difference is drift, and nothing is changed",
		Long:  "verify checks each task and runs every proof. It changes nothing: what differs is reported as drift.\n" + exitHelp,
		Args:  cobra.MaximumNArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return a.run(cmd.Context(), o, args) },
	}
	o.flags(c)
	durationFlag(c.Flags(), &o.wait, "wait", "wait that long for another run on this machine to end")
	return c
}
