package exoconnect_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"exorunner/internal/action/actiontest"
	"exorunner/internal/exr"
	"exorunner/internal/host"
)

// recorded are what a proof has to make of each recorded connection.
var recorded = map[string]struct {
	verdict string
	class   host.Class
	rule    string
	message string // a part of the error
	remedy  string // a part of it
}{
	"connect-ok":                      {verdict: "holds"},
	"connect-ok-3.9.0":                {verdict: "holds"},
	"connect-certificate":             {verdict: "holds"},
	"windows/connect-ok":              {verdict: "holds"},
	"connect-broken":                  {"refuted", host.Transient, "", "state: Broken", "service's health"},
	"connect-no-commands":             {"refuted", host.Never, "C27", "Get-OrganizationConfig answers: The term", "role"},
	"connect-role":                    {"refuted", host.Never, "C09", "isn't supported in this scenario", "Entra role"},
	"connect-refused":                 {"refuted", host.Never, "C10", "access token is not accepted", "Exchange.ManageAsApp"},
	"connect-malformed":               {"refuted", host.Transient, "C04", "Module could not be correctly formed", "TEMP"},
	"connect-proxy-page":              {"refuted", host.Transient, "P05", "Unexpected character", "proxy"},
	"connect-password-mfa":            {"refuted", host.Never, "C12", "AADSTS50076", "certificate"},
	"connect-certificate-unknown-app": {"refuted", host.Never, "AADSTS90002", "AADSTS90002: Tenant", "organization"},
	"connect-certificate-password":    {"refuted", host.Never, "P35", "password may be incorrect", "certificate_password"},
	"connect-state-throws":            {"refuted", host.Transient, "P06", "Error to log cannot be null", "service's health"},
}

func TestRecordedConnections(t *testing.T) {
	const folder = "../../pwsh/testdata/transcripts"
	for _, pattern := range []string{"connect-*.json", "windows/connect-*.json"} {
		files, err := filepath.Glob(filepath.Join(folder, filepath.FromSlash(pattern)))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d recordings, %v", pattern, len(files), err)
		}
		for _, file := range files {
			name, _ := filepath.Rel(folder, file)
			name = strings.TrimSuffix(filepath.ToSlash(name), ".json")
			t.Run(name, func(t *testing.T) { replay(t, name, connectionIn(t, file)) })
		}
	}
}

func replay(t *testing.T, name string, seen json.RawMessage) {
	want, known := recorded[name]
	if !known {
		t.Fatal("a recording that this test says nothing about")
	}
	var c exr.Connection
	if err := json.Unmarshal(seen, &c); err != nil {
		t.Fatal(err)
	}
	p := connect(&vault{})
	p.Version = c.Module.Version
	h := actiontest.New(t, map[string]actiontest.Answer{
		"Get-ExrModule":      actiontest.Gives(exr.Module{Version: p.Version}),
		"Test-ExrConnection": actiontest.Gives(seen),
	})
	ev, err := p.Prove(t.Context(), h)
	if v := verdicts(t, ev)[0]; v.Verdict != want.verdict {
		t.Errorf("verdict %q, want %q", v.Verdict, want.verdict)
	}
	if want.verdict == "holds" {
		if err != nil {
			t.Errorf("error %v, want none", err)
		}
		return
	}
	e := host.As(err)
	if e == nil || e.Class != want.class || e.Rule != want.rule || !strings.Contains(e.Message, want.message) || !strings.Contains(e.Remedy, want.remedy) {
		t.Errorf("error %+v, want %+v", e, want)
	}
	// The module says so of every token that it does not get, whatever the reason.
	if raw, _ := json.Marshal(ev); strings.Contains(string(raw), "70011") || strings.Contains(err.Error(), "70011") {
		t.Errorf("error %v, want it and the evidence without the misleading AADSTS70011", err)
	}
}

var outputFrame = regexp.MustCompile(`\x1e\S+ \d+ \d+ (\d+)/(\d+) output \d+ (\S+)`)

// connectionIn is what Test-ExrConnection put out in a recording.
func connectionIn(t *testing.T, file string) json.RawMessage {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r struct{ Exchanges []struct{ Stdout string } }
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	parts := ""
	for _, x := range r.Exchanges {
		for _, m := range outputFrame.FindAllStringSubmatch(x.Stdout, -1) {
			if parts += m[3]; m[1] != m[2] {
				continue
			}
			raw, err := base64.StdEncoding.DecodeString(parts)
			if err != nil {
				t.Fatal(err)
			}
			var frame struct{ V json.RawMessage }
			if err := json.Unmarshal(raw, &frame); err != nil {
				t.Fatal(err)
			}
			return frame.V
		}
	}
	t.Fatal("no output in the recording")
	return nil
}
