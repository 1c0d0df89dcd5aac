package main

import (
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"exorunner/internal/exr"
	"exorunner/internal/host"
	"exorunner/internal/pwsh/pwshtest"
)

// While a call with a secret is under way, the secret is in no process list and in no environment.
func TestASecretIsInNoProcessList(t *testing.T) {
	begun := make(chan struct{})
	cfg := pwshtest.Script(t, pwshtest.Answer{Func: "Test-ExrConnection", Hang: true, Say: []pwshtest.Saying{{Kind: "warning", Value: "begun"}}})
	cfg.Said = func(s host.Said) {
		if s.Text == "begun" {
			close(begun)
		}
	}
	h := pwshtest.Open(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error)
	go func() {
		ended <- h.Query(ctx, exr.TestConnection(exr.SignIn{Version: "3.1.0", Secrets: map[string][]byte{"AccessToken": []byte(marker)}}), nil)
	}()
	select {
	case <-begun:
	case err := <-ended:
		t.Fatalf("it ended before it was looked at: %v", err)
	}
	seen := 0
	for _, name := range []string{"cmdline", "environ"} {
		files, _ := filepath.Glob("/proc/[0-9]*/" + name)
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				continue // it has ended, or is another's
			}
			seen++
			for _, form := range []string{marker, base64.StdEncoding.EncodeToString([]byte(marker))} {
				if strings.Contains(string(raw), form) {
					t.Errorf("%s holds the secret", file)
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no process was looked at")
	}
	cancel()
	<-ended
}
