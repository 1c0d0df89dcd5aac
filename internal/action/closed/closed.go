// Package closed is the first two remedies of IBM's note of June 2023, which Microsoft has closed. A playbook that asks
// for one is refused when it is read, with the date, so that nobody waits for it at night.
package closed

import (
	"context"
	"errors"

	"exorunner/internal/action"
	"exorunner/internal/host"
)

// Remedy is one of the actions rps_optout and rps_enable.
type Remedy struct {
	what string
}

// OptOut was the opting out of the end of Remote PowerShell.
func OptOut(action.Deps) any {
	return &Remedy{what: "opting out of the end of Remote PowerShell ended on 2023-10-01: Microsoft has switched it off for all tenants. Move to ExO V3 with ps_module and exo_connect"}
}

// Enable was the diagnosis "Enable RPS in EXO" of the admin center.
func Enable(action.Deps) any {
	return &Remedy{what: "'Diag: Enable RPS in EXO' was closed on 2023-10-01: Microsoft has switched Remote PowerShell off for all tenants. Move to ExO V3 with ps_module and exo_connect"}
}

// Validate implements action.Validator, and always refuses.
func (r *Remedy) Validate() []action.Problem { return []action.Problem{{What: r.what}} }

// Prove implements action.Proof for a caller that did not validate.
func (r *Remedy) Prove(context.Context, host.Reader) (action.Evidence, error) {
	return action.Evidence{}, errors.New(r.what)
}
