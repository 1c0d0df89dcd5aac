package pwshtest_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/exr"
	"exorunner/internal/host"
	"exorunner/internal/pwsh/internal/fake"
	"exorunner/internal/pwsh/pwshtest"
	"exorunner/scripts"
)

func TestMain(m *testing.M) {
	pwshtest.Main()
	os.Exit(m.Run())
}

const module = "ExchangeOnlineManagement"

// The order of a recording holds across processes: an install is fresh, and the look afterwards finds its work.
func TestARecordingIsPlayedInItsOrder(t *testing.T) {
	h := pwshtest.Open(t, pwshtest.Config(t, "module-install"))
	ctx := context.Background()
	var modules []exr.Module
	if err := h.Query(ctx, exr.GetModule(module), &modules); err != nil || len(modules) != 0 {
		t.Fatalf("before: got %+v, %v; want none", modules, err)
	}
	for version, verb := range map[string]string{"2.0.5": "Install-Module", "3.1.0": "Update-Module"} {
		var done exr.Installed
		err := h.Invoke(ctx, exr.InstallModule(module, version, "Local", "AllUsers", ""), &done)
		if err != nil || done.Verb != verb || done.Installed.Version != version {
			t.Errorf("%s: got %+v, %v; want %s", version, done, err, verb)
		}
	}
	for range 2 { // the last one again and again
		if err := h.Query(ctx, exr.GetModule(module), &modules); err != nil || len(modules) != 2 || modules[0].Version != "3.1.0" {
			t.Errorf("after: got %+v, %v; want 3.1.0 and 2.0.5", modules, err)
		}
	}
}

func TestARecordedFailureKeepsItsID(t *testing.T) {
	for file, want := range map[string]string{
		"module-failures":        "ExrVersionNotInRepository,Install-ExrModule",
		"module-repository-away": "ExrRepositoryUnreachable,Install-ExrModule",
	} {
		h := pwshtest.Open(t, pwshtest.Config(t, file))
		err := h.Invoke(context.Background(), exr.InstallModule(module, "3.3.3", "Local", "AllUsers", ""), nil)
		if e := host.As(err); e == nil || e.ID != want {
			t.Errorf("%s: got %v, want %s", file, err, want)
		}
	}
}

func TestAConnectionIsReplayedWithItsSecret(t *testing.T) {
	for file, state := range map[string]string{"connect-ok": "Connected", "windows/connect-ok": "Connected", "connect-broken": "Broken"} {
		h := pwshtest.Open(t, pwshtest.Config(t, file))
		var c exr.Connection
		err := h.Query(context.Background(), exr.TestConnection(exr.SignIn{Organization: "contoso.onmicrosoft.com", Secrets: map[string][]byte{"AccessToken": []byte("a token")}}), &c)
		if err != nil || len(c.Connections) != 1 || c.Connections[0].State != state {
			t.Errorf("%s: got %+v, %v; want one connection, %s", file, c.Connections, err, state)
		}
	}
}

func TestWhatWasNotRecordedFailsLoudly(t *testing.T) {
	cfg := pwshtest.Config(t, "facts")
	var said []string
	cfg.Said = func(s host.Said) { said = append(said, s.Text) }
	h := pwshtest.Open(t, cfg)
	ctx := context.Background()
	if err := h.Query(ctx, host.Call{Func: "Get-Nobody"}, nil); host.As(err) == nil || host.As(err).ID != "CommandNotFoundException" {
		t.Errorf("nobody's function: got %v, want CommandNotFoundException", err)
	}
	if err := h.Query(ctx, host.Call{Func: "Get-ExrModule", Args: map[string]any{"Nmae": "x"}}, nil); host.As(err) == nil || host.As(err).ID != "NamedParameterNotFound,Get-ExrModule" {
		t.Errorf("a parameter that is misspelt: got %v, want NamedParameterNotFound", err)
	}
	err := h.Query(ctx, exr.GetDisk("/"), nil)
	if !errors.Is(err, host.ErrUnreachable) || !strings.Contains(strings.Join(said, "\n"), "Get-ExrDisk: neither recorded nor scripted") {
		t.Errorf("a function that was not recorded: got %v and %q; want it unreachable, and why", err, said)
	}
}

func TestAScriptIsFollowed(t *testing.T) {
	fact := func(version string) pwshtest.Answer {
		return pwshtest.Answer{Func: "Get-ExrFact", Times: 1, Say: []pwshtest.Saying{{Kind: "output", Value: map[string]any{"powershell": map[string]any{"version": version}}}}}
	}
	cfg := pwshtest.Script(t,
		fact("5.1"),
		pwshtest.Answer{Func: "Get-ExrFact", Die: true, Exit: 7, Times: 1},
		fact("7.4"),
		pwshtest.Answer{Func: "Get-ExrFact", Say: []pwshtest.Saying{
			{Kind: "warning", Value: "careful"}, {Kind: "text", Value: "plain"}, {Kind: "failure", Value: map[string]any{"id": "Broken", "message": "it is broken"}},
		}, Exit: 3},
	)
	var said []host.Said
	cfg.Said = func(s host.Said) { said = append(said, s) }
	h := pwshtest.Open(t, cfg)
	ask := func() (string, error) {
		var f exr.Facts
		err := h.Query(context.Background(), exr.GetFact(), &f)
		return f.PowerShell.Version, err
	}
	if v, err := ask(); v != "5.1" || err != nil {
		t.Errorf("first: got %q, %v; want 5.1", v, err)
	}
	if _, err := ask(); !errors.Is(err, host.ErrUnreachable) || !strings.Contains(err.Error(), "exit status 7") {
		t.Errorf("second: got %v; want it unreachable, exit status 7", err)
	}
	if v, err := ask(); v != "7.4" || err != nil {
		t.Errorf("third: got %q, %v; want 7.4 from a new process", v, err)
	}
	for range 2 {
		if _, err := ask(); host.As(err) == nil || host.As(err).ID != "Broken" {
			t.Errorf("from then on: got %v, want Broken", err)
		}
	}
	want := []host.Said{{Func: "Get-ExrFact", Kind: "warning", Text: "careful"}, {Func: "Get-ExrFact", Kind: "text", Text: "plain"}, {Func: "Get-ExrFact", Kind: "exit", Text: "3"}}
	if diff := cmp.Diff(append(slices.Clone(want), want...), said); diff != "" {
		t.Errorf("said, want -, got +:\n%s", diff)
	}
}

// The fake must not refuse a parameter that a function has: it reads the same param() blocks as PowerShell does.
func TestTheFakeKnowsEveryParameter(t *testing.T) {
	want, err := scripts.Params()
	if err != nil {
		t.Fatal(err)
	}
	got := fake.FunctionsIn(strings.Join(scripts.Functions(), "\n"))
	for function, params := range want {
		names := []string{}
		for _, p := range params {
			names = append(names, p.Name)
		}
		if diff := cmp.Diff(names, append([]string{}, got[function]...)); diff != "" {
			t.Errorf("%s, want -, got +:\n%s", function, diff)
		}
	}
}
