package preflight_test

import (
	"strings"
	"testing"

	"exorunner/internal/action/preflight"
	"exorunner/internal/version"
)

// pairs are both sides of every edge of the table.
var pairs = map[string]map[string]bool{
	"Desktop 5.1.14393.5582": {"3.1.0": true, "3.10.1": true, "2.0.5": true, "1.0.1": true, "0.9.9": false},
	"Desktop 5.0":            {"3.1.0": false},
	"Core 7.0.2":             {"2.0.4": false, "2.0.5": false},
	"Core 7.0.3":             {"2.0.3": false, "2.0.4": true, "2.0.5": true, "3.0.0": false},
	"Core 7.1.9":             {"3.0.0": false, "3.1.0": false},
	"Core 7.2.0":             {"2.0.5": true, "3.0.0": true, "3.1.0": true, "3.4.0": true, "3.4.9": true, "3.5.0": false},
	"Core 7.3.7":             {"3.0.0": true, "3.1.0": true, "3.4.0": true, "3.5.0": false},
	"Core 7.3.8":             {"3.0.0": false, "3.1.0": false, "3.4.0": false, "2.0.5": true},
	"Core 7.4.0":             {"3.1.0": false, "3.4.0": false, "3.5.0": true, "3.9.2": true, "3.10.0": false},
	"Core 7.4.0-preview.3":   {"3.5.0": false},
	"Core 7.5.9":             {"3.9.9": true, "3.10.0": false},
	"Core 7.6.0":             {"3.9.2": true, "3.10.0": true, "3.11.0": true, "3.1.0": false},
}

func TestPairs(t *testing.T) {
	for ps, modules := range pairs {
		for module, want := range modules {
			s := hold()
			s.facts.PowerShell.Edition, s.facts.PowerShell.Version, _ = strings.Cut(ps, " ")
			p := s.preflight()
			p.Module = module
			report, err := p.Look(t.Context(), s.machine(t))
			if err != nil {
				t.Fatal(err)
			}
			if got := found(report, "pair")[0]; (got.Verdict == preflight.OK) != want {
				t.Errorf("ExO %s on %s: %s (wanted %s), want supported %v", module, ps, got.Verdict, got.Wanted, want)
			}
		}
	}
}

func TestTableOfPairsCanBeRead(t *testing.T) {
	if len(preflight.Pairs()) == 0 {
		t.Fatal("no pairs")
	}
	for _, p := range preflight.Pairs() {
		if _, err := version.ParseRange(p.Module); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
		if _, err := version.ParseRange(p.PowerShell); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
		if p.Edition != "Core" && p.Edition != "Desktop" {
			t.Errorf("%+v: edition %q, want Core or Desktop", p, p.Edition)
		}
	}
}

func TestNumbersOfTheDotNetFramework(t *testing.T) {
	for release, want := range map[int]string{
		378388: "release 378388", 378389: "4.5", 378675: "4.5.1", 379893: "4.5.2", 393295: "4.6", 394254: "4.6.1", 394802: "4.6.2",
		460797: "4.6.2", 460798: "4.7", 461307: "4.7", 461308: "4.7.1", 461807: "4.7.1", 461808: "4.7.2", 461814: "4.7.2", 528039: "4.7.2",
		528040: "4.8", 528372: "4.8", 533319: "4.8", 533320: "4.8.1", 999999: "4.8.1",
	} {
		s := hold()
		s.facts.DotNet.Release = ptr(release)
		report, err := s.preflight().Look(t.Context(), s.machine(t))
		if err != nil {
			t.Fatal(err)
		}
		got := found(report, "dotnet_framework")[0]
		if got.Found != want || (got.Verdict == preflight.OK) != (release >= 461808) {
			t.Errorf("release %d: %s, %s; want %s, and ok from 461808 on", release, got.Found, got.Verdict, want)
		}
	}
}
