package main

import (
	"io"

	"github.com/spf13/cobra"

	"exorunner/internal/secret"
)

// app is what the commands share.
type app struct {
	stdout, stderr io.Writer
	state          string
	format         string
	account        string         // whose service is being installed; "" is the account of this process
	keeper         *secret.Keeper // of the service: it outlives its runs; nil: each run has its own
}

const exitHelp = `
Exit status:
  0     all ok, or a plan was made
  1     a task failed, or a proof was refuted
  2     differences: plan --detailed-exitcode has changes, verify found drift
  3     usage, or the playbook is wrong; nothing was touched
  4     preflight refused (the language mode included); nothing was touched
  5     unreachable, or no PowerShell
  6     another run holds this machine
  7     outside the window
  8     the saved plan is no longer what was approved
  10    waiting: for a person, or for Cloud Extender's own update
  130   interrupted
  3010  done, reboot needed (194 where a status has 8 bits)
Where several apply: 130, 6, 7, 3, 8, 4, 5, 1, 2, 10, 3010, 0, the first of them.
`

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	a := &app{stdout: stdout, stderr: stderr}
	root := &cobra.Command{
		Use:           "exorunner",
		Short:         "Move a Cloud Extender server to Exchange Online PowerShell V3, and keep proving that it holds",
		Long:          "exorunner runs YAML playbooks that drive PowerShell on a MaaS360 Cloud Extender server: it brings\nExchangeOnlineManagement V3, proves that Connect-ExchangeOnline works without Remote PowerShell, and verifies\nlater that it still does.\n" + exitHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if a.format != "text" && a.format != "json" {
				return usage("--format %s: want text or json", a.format)
			}
			return nil
		},
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.PersistentFlags().StringVar(&a.state, "state", "", "folder for what exorunner keeps (default: the platform's)")
	root.PersistentFlags().StringVar(&a.format, "format", "text", "text, or json: one event a line")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newPlan(a), newApply(a), newVerify(a), newValidate(a), newPlaybook(a), newSchema(a), newDoctor(a), newRehearsal(a), newAck(a), newFetch(a), newVersion(a))
	root.AddCommand(newServe(a), newService(a), newStatus(a), newHistory(a), newExport(a), newEvidence(a))
	return root
}
