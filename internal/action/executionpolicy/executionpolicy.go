// Package executionpolicy keeps PowerShell's execution policy of one scope. Connect-ExchangeOnline writes a temporary
// module without a signature and imports it, so Restricted and AllSigned stop it. Where a group policy decides, nothing
// on the machine can.
package executionpolicy

import (
	"context"
	"fmt"
	"strings"

	"exorunner/internal/action"
	"exorunner/internal/exr"
	"exorunner/internal/host"
)

// Policy is the action execution_policy.
type Policy struct {
	Scope  string `yaml:"scope" default:"LocalMachine" enum:"LocalMachine|CurrentUser" doc:"for everybody or for this account"`
	Policy string `yaml:"policy" default:"RemoteSigned" enum:"RemoteSigned|Unrestricted|Bypass" doc:"the policy of that scope"`
}

// New makes an empty one.
func New(action.Deps) any { return &Policy{} }

// Check implements action.Action.
func (p *Policy) Check(ctx context.Context, r host.Reader) (action.Finding, error) {
	var f exr.Facts
	if err := r.Query(ctx, exr.GetFact(), &f); err != nil {
		return action.Finding{}, err
	}
	if !f.OS.Windows {
		return action.Finding{Summary: "there is none away from Windows"}, nil
	}
	for _, group := range []struct{ scope, value string }{{"MachinePolicy", f.Policy.MachinePolicy}, {"UserPolicy", f.Policy.UserPolicy}} {
		switch {
		case group.value == "" || strings.EqualFold(group.value, "Undefined"):
		case strict(group.value):
			return action.Finding{}, &host.Error{
				ID: "ExrGroupPolicy", Class: host.Never, Message: fmt.Sprintf("a group policy (%s) says %s, and nothing on this server overrules it", group.scope, group.value),
				Remedy: "the owner of that group policy has to set Computer (or User) Configuration, Administrative Templates, Windows Components, Windows PowerShell, 'Turn on Script Execution' to 'Allow local scripts and remote signed scripts' for this server",
			}
		default:
			return action.Finding{Summary: fmt.Sprintf("a group policy (%s) says %s, which will do", group.scope, group.value)}, nil
		}
	}
	now := map[string]string{"LocalMachine": f.Policy.LocalMachine, "CurrentUser": f.Policy.CurrentUser}[p.Scope]
	finding := action.Finding{Before: now, After: p.Policy, Summary: p.Scope + " is " + now}
	if !strings.EqualFold(now, p.Policy) {
		finding.State = action.Differs
	} else if strict(f.Policy.Effective) {
		finding.Warnings = []string{fmt.Sprintf("in force is %s: a nearer scope decides (Get-ExecutionPolicy -List)", f.Policy.Effective)}
	}
	return finding, nil
}

func strict(policy string) bool {
	return strings.EqualFold(policy, "Restricted") || strings.EqualFold(policy, "AllSigned")
}

// Apply implements action.Action.
func (p *Policy) Apply(ctx context.Context, h host.Host) (action.Result, error) {
	var now exr.Policy
	if err := h.Invoke(ctx, exr.SetExecutionPolicy(p.Scope, p.Policy), &now); err != nil {
		return action.Result{}, err
	}
	res := action.Result{Summary: fmt.Sprintf("%s is %s now", p.Scope, now.Policy)}
	if !strings.EqualFold(now.Effective, p.Policy) {
		res.Warnings = []string{fmt.Sprintf("in force is %s: a nearer scope decides", now.Effective)}
	}
	return res, nil
}
