package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"exorunner/internal/action"
	"exorunner/internal/action/exoconnect"
	"exorunner/internal/action/psmodule"
	"exorunner/internal/engine"
	"exorunner/internal/failure"
	"exorunner/internal/pwsh"
	"exorunner/internal/pwsh/pwshtest"
	"exorunner/internal/report"
)

// marker is the secret of every sign-in here.
const marker = "marker-Geheimnis-7731"

type fixedSecret struct{}

func (fixedSecret) Resolve(context.Context, action.Secret) ([]byte, error) {
	return []byte(marker), nil
}

type tape struct{ events []report.Event }

func (t *tape) Report(e report.Event) { t.events = append(t.events, e) }

func (t *tape) finished() report.Event {
	for _, e := range t.events {
		if e.Kind == report.TaskFinished {
			return e
		}
	}
	return report.Event{}
}

// runOver runs one task through the real engine, action and session against a PowerShell that replays.
func runOver(t *testing.T, cfg pwsh.Config, command engine.Command, task engine.Task) report.Event {
	t.Helper()
	cfg.Classify = failure.Classify
	h := pwshtest.Open(t, cfg)
	out := &tape{}
	e := &engine.Engine{Reporter: out, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
	task.Name = "t"
	e.Run(t.Context(), engine.Job{Command: command, Host: h, Tasks: []engine.Task{task}})
	return out.finished()
}

func exo(version, repository string) *psmodule.Module {
	return &psmodule.Module{Module: "ExchangeOnlineManagement", Version: version, Repository: repository, Scope: "AllUsers",
		Method: "auto", Newer: "keep", Older: "keep", Effective: "warn", State: "present"}
}

func TestRecordedModulesThroughTheSession(t *testing.T) {
	install := func(m *psmodule.Module, method string) *psmodule.Module { m.Method = method; return m }
	for name, tt := range map[string]struct {
		transcripts []string
		do          *psmodule.Module
		retry       engine.Retry
		want        string // outcome, class, attempts, summary
	}{
		"installed, and taken by an import": {[]string{"module-install", "module-resolve"}, exo("3.1.0", "Local"), engine.Retry{},
			"changed  1 Update-Module installed 3.1.0 (2.0.5 came from Local)"},
		"a version that the repository lacks is never there": {[]string{"module-failures"}, exo("3.3.3", "Local"), engine.Retry{Attempts: 5},
			"failed never 1 Local (/srv/gallery): no ExchangeOnlineManagement 3.3.3"},
		"a repository that is not registered": {[]string{"module-failures"}, exo("3.9.0", "Nowhere"), engine.Retry{Attempts: 5},
			"failed never 1 Unable to find repository 'Nowhere'. Use Get-PSRepository to see all available repositories."},
		"a repository out of reach is tried again": {[]string{"module-repository-away"}, install(exo("3.9.0", "Local"), "install"), engine.Retry{Attempts: 3},
			"failed transient 3 Local (/srv/gallery): out of reach"},
	} {
		t.Run(name, func(t *testing.T) {
			plan := pwshtest.Recorded(t, tt.transcripts...)
			plan.Answers = []pwshtest.Answer{{Func: "Get-ExrModule"}} // nothing is installed
			if tt.transcripts[0] == "module-install" {
				plan.Answers[0].Times = 2 // for the check and for the look before the install
			}
			got := runOver(t, pwshtest.Follow(t, plan), engine.Apply, engine.Task{Action: "ps_module", Do: tt.do, Retry: tt.retry})
			if text := line(got); text != tt.want {
				t.Errorf("got  %q\nwant %q", text, tt.want)
			}
			if got.Outcome == report.Failed && got.Error.Remedy == "" {
				t.Error("no remedy")
			}
		})
	}
}

func line(e report.Event) string {
	class := ""
	if e.Error != nil {
		class = e.Error.Class
	}
	return fmt.Sprintf("%s %s %d %s", e.Outcome, class, e.Attempt, e.Summary)
}

// 3.1.0 is there for all users, and an import takes 3.0.0 from the account's own folder.
func TestAHiddenModuleIsTold(t *testing.T) {
	for effective, want := range map[string]string{
		"warn": "ok  1 3.1.0 is installed",
		"fail": "failed never 1 ExchangeOnlineManagement: a fresh Import-Module takes 3.0.0 from /home/ce/.local/share/powershell/Modules/ExchangeOnlineManagement/3.0.0, not 3.1.0",
	} {
		m := exo("3.1.0", "Local")
		m.Effective = effective
		there := pwshtest.Answer{Func: "Get-ExrModule", Say: []pwshtest.Saying{{Kind: "output", Value: map[string]any{
			"name": "ExchangeOnlineManagement", "version": "3.1.0", "path": "/usr/local/share/powershell/Modules/ExchangeOnlineManagement/3.1.0", "scope": "AllUsers"}}}}
		plan := pwshtest.Recorded(t, "module-hidden")
		plan.Answers = []pwshtest.Answer{there}
		got := runOver(t, pwshtest.Follow(t, plan), engine.Verify, engine.Task{Action: "ps_module", Do: m})
		if text := line(got); text != want {
			t.Errorf("%s: got  %q\nwant %q", effective, text, want)
		}
		if effective == "warn" && (len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "takes 3.0.0")) {
			t.Errorf("warnings %q", got.Warnings)
		}
	}
}

func TestRecordedConnectionsThroughTheSession(t *testing.T) {
	token := func() *exoconnect.Connect {
		c := exoconnect.New(action.Deps{Secrets: fixedSecret{}}).(*exoconnect.Connect)
		c.Version, c.Organization, c.URI, c.AccessToken = "3.5.0", "contoso.onmicrosoft.com", "https://localhost", "env:TOKEN"
		c.Probes = []string{"Get-OrganizationConfig", "Get-AcceptedDomain"}
		return c
	}
	certificate := func() *exoconnect.Connect {
		c := token()
		c.URI, c.AccessToken = "", ""
		c.AppID, c.CertificateFile, c.CertificatePassword = "22222222-2222-2222-2222-222222222222", "/opt/ce/app.pfx", "env:PFX"
		return c
	}
	password := func() *exoconnect.Connect {
		c := token()
		c.URI, c.AccessToken, c.Organization = "", "", ""
		c.User, c.Password = "ce@contoso.onmicrosoft.com", "env:PASSWORD"
		return c
	}
	for name, tt := range map[string]struct {
		do     *exoconnect.Connect
		want   string // outcome, class, attempts
		remedy string // words of it
	}{
		"connect-ok":                      {token(), "ok  1", ""},
		"windows/connect-ok":              {token(), "ok  1", ""},
		"connect-certificate":             {certificate(), "ok  1", ""},
		"connect-broken":                  {token(), "failed transient 3", "connect again"},
		"connect-state-throws":            {token(), "failed transient 3", ""},
		"connect-malformed":               {token(), "failed transient 3", ""},
		"connect-proxy-page":              {token(), "failed transient 3", "proxy"},
		"connect-no-commands":             {token(), "failed never 1", "role"},
		"connect-role":                    {certificate(), "failed never 1", "role"},
		"connect-refused":                 {token(), "failed never 1", ""},
		"connect-password-mfa":            {password(), "failed never 1", "certificate"},
		"connect-certificate-unknown-app": {certificate(), "failed never 1", ""},
		"connect-certificate-password":    {certificate(), "failed never 1", "password"},
	} {
		t.Run(name, func(t *testing.T) {
			installed := pwshtest.Answer{Func: "Get-ExrModule", Say: []pwshtest.Saying{{Kind: "output", Value: map[string]any{"name": "ExchangeOnlineManagement", "version": "3.5.0"}}}}
			plan := pwshtest.Recorded(t, name)
			plan.Answers = []pwshtest.Answer{installed}
			got := runOver(t, pwshtest.Follow(t, plan), engine.Apply, engine.Task{Action: "exo_connect", Do: tt.do, Retry: engine.Retry{Attempts: 3}})
			if text := strings.TrimSuffix(line(got), " "+got.Summary); text != tt.want {
				t.Errorf("got %q, want %q: %s", text, tt.want, got.Summary)
			}
			if got.Evidence == nil || len(got.Evidence.SHA256) != 64 {
				t.Errorf("no evidence: %+v", got.Evidence)
			}
			if got.Error != nil && (got.Error.Remedy == "" || !strings.Contains(got.Error.Remedy, tt.remedy)) {
				t.Errorf("remedy %q, want %q in it", got.Error.Remedy, tt.remedy)
			}
			if all := fmt.Sprintf("%+v %s", got, got.Evidence.Data); strings.Contains(all, marker) || strings.Contains(got.Summary, "AADSTS70011") {
				t.Errorf("the secret, or the misleading prefix, shows: %s", got.Summary)
			}
		})
	}
}

// A PowerShell that dies in the middle of an install: the next attempt begins with a check, and finds the work done.
func TestADeathInMidTaskIsFollowedByACheck(t *testing.T) {
	none := pwshtest.Answer{Func: "Get-ExrModule", Times: 2} // of the check, and of the look before the install
	there := pwshtest.Answer{Func: "Get-ExrModule", Say: []pwshtest.Saying{{Kind: "output", Value: map[string]any{
		"name": "ExchangeOnlineManagement", "version": "3.1.0", "path": "/m/ExchangeOnlineManagement/3.1.0", "scope": "AllUsers"}}}}
	dies := pwshtest.Answer{Func: "Install-ExrModule", Die: true, Times: 1}
	resolved := pwshtest.Answer{Func: "Resolve-ExrModule", Say: []pwshtest.Saying{{Kind: "output", Value: map[string]any{"version": "3.1.0"}}}}
	cfg := pwshtest.Script(t, none, there, dies, resolved)
	got := runOver(t, cfg, engine.Apply, engine.Task{Action: "ps_module", Do: exo("3.1.0", "Local"), Retry: engine.Retry{Attempts: 2}})
	if text := line(got); text != "changed  2 3.1.0 is installed: in place after attempt 1, which did not get through" {
		t.Errorf("got %q: a second Install-ExrModule would have ended the fake", text)
	}
	cfg = pwshtest.Script(t, none, dies)
	got = runOver(t, cfg, engine.Apply, engine.Task{Action: "ps_module", Do: exo("3.1.0", "Local")})
	if got.Outcome != report.Unreachable || got.Error.Class != "unreachable" {
		t.Errorf("without another attempt: %s", line(got))
	}
}
