package pwsh

import (
	"testing"
	"time"

	"exorunner/internal/host"
	"exorunner/internal/host/hosttest"
	"exorunner/scripts"
)

// realConfig is the PowerShell of this machine, with the functions of the program.
func realConfig(t testing.TB) Config {
	t.Helper()
	for _, spec := range []string{"auto", "pwsh"} {
		if _, err := Find(spec, 0); err == nil {
			return Config{
				Path:       func(bits int) (string, error) { return Find(spec, bits) },
				HostScript: scripts.Host(), Scripts: scripts.Functions(),
			}
		}
	}
	t.Skip("SKIPPED: NO POWERSHELL ON THIS MACHINE; the transcripts of a real one stand in")
	return Config{}
}

func TestARealPowerShellIsAHost(t *testing.T) {
	cfg := realConfig(t)
	hosttest.Run(t, func(t testing.TB) host.Host { return newHost(t, cfg) })
}

// Each source alone: a mistake in one is named.
func TestARealPowerShellReadsEverySource(t *testing.T) {
	cfg := realConfig(t)
	path, err := cfg.Path(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range scripts.Functions() {
		cfg.Scripts = []string{source}
		s, err := Open(within(t, time.Minute), path, cfg)
		if err != nil {
			t.Errorf("%.80s: %v", source, err)
			continue
		}
		_ = s.Close()
	}
}
