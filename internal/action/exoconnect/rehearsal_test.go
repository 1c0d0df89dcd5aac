package exoconnect_test

import (
	"testing"

	"exorunner/internal/action"
	"exorunner/internal/failure"
	"exorunner/internal/host"
	"exorunner/internal/rehearsal"
)

func TestOnTheRehearsal(t *testing.T) {
	for about, tt := range map[string]struct {
		machine, fault string
		class          host.Class
		rule           string
	}{
		"a good one":                      {"ce-migrated", "", "", ""},
		"a broken one":                    {"ce-migrated", "connect-broken", host.Transient, ""},
		"an expired token":                {"ce-migrated", "token-expired", host.Transient, ""},
		"Security & Compliance":           {"ce-migrated", "eop-session", host.Never, ""},
		"two":                             {"ce-migrated", "two-connections", host.Transient, ""},
		"RPS":                             {"ce-migrated", "rps", host.Never, ""},
		"no commands":                     {"ce-migrated", "connect-no-commands", host.Never, "C27"},
		"no role":                         {"ce-migrated", "connect-role", host.Never, "C09"},
		"nothing formed":                  {"ce-migrated", "connect-malformed", host.Transient, "C04"},
		"a page of a proxy":               {"ce-migrated", "connect-proxy-page", host.Transient, "P05"},
		"refused":                         {"ce-migrated", "connect-refused", host.Never, "C10"},
		"no state":                        {"ce-migrated", "connect-state-throws", host.Transient, "P06"},
		"an unknown tenant":               {"ce-migrated", "sign-in-unknown-app", host.Never, "AADSTS90002"},
		"a second factor":                 {"ce-migrated", "sign-in-mfa", host.Never, "C12"},
		"a lock":                          {"ce-migrated", "sign-in-locked", host.Never, "AADSTS50053"},
		"a wrong certificate's password":  {"ce-migrated", "certificate-password", host.Never, "P35"},
		"a $ in the profile":              {"ce-service-account", "", "", "needs"},
		"the module hidden by an old one": {"ce-hidden-module", "", "", ""},
	} {
		t.Run(about, func(t *testing.T) {
			o := rehearsal.Options{Machine: tt.machine, Classify: failure.Classify}
			if tt.fault != "" {
				o.Faults = []string{tt.fault}
			}
			h, err := rehearsal.Open(o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = connect(h.Secrets()).Prove(t.Context(), h)
			if h.Writes() != 0 {
				t.Errorf("%d writes, want none", h.Writes())
			}
			if tt.rule == "needs" {
				if action.Needed(err) == "" {
					t.Errorf("error %v, want a need", err)
				}
				return
			}
			e := host.As(err)
			if tt.class == "" {
				if err != nil {
					t.Errorf("error %v, want none", err)
				}
				return
			}
			if e == nil || e.Class != tt.class || e.Rule != tt.rule || e.Remedy == "" {
				t.Errorf("error %+v, want class %s and rule %q with a remedy", e, tt.class, tt.rule)
			}
		})
	}
}
