package closed_test

import (
	"strings"
	"testing"

	"exorunner/internal/action"
	"exorunner/internal/action/closed"
)

func TestBothRemediesAreRefusedWithTheDateAndTheWayOut(t *testing.T) {
	for name, make := range map[string]func(action.Deps) any{"rps_optout": closed.OptOut, "rps_enable": closed.Enable} {
		r := make(action.Deps{}).(*closed.Remedy)
		problems := r.Validate()
		if len(problems) != 1 || problems[0].Field != "" {
			t.Fatalf("%s: problems %q, want one of the whole", name, problems)
		}
		_, err := r.Prove(t.Context(), nil)
		if err == nil || err.Error() != problems[0].What {
			t.Errorf("%s: Prove said %v, want what Validate says", name, err)
		}
		for _, want := range []string{"2023-10-01", "ps_module", "exo_connect"} {
			if !strings.Contains(problems[0].What, want) {
				t.Errorf("%s: %q, want %q in it", name, problems[0].What, want)
			}
		}
	}
}
