package service_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/action"
	"exorunner/internal/action/actiontest"
	"exorunner/internal/action/service"
	"exorunner/internal/exr"
	"exorunner/internal/failure"
	"exorunner/internal/host"
	"exorunner/internal/rehearsal"
)

const (
	ce  = "Cloud Extender"
	exo = "ExchangeOnlineManagement"
)

func running(change ...func(*service.Service)) *service.Service {
	p := service.New(action.Deps{}).(*service.Service)
	p.Service, p.State, p.Wait = ce, "running", 2*time.Minute
	for _, c := range change {
		c(p)
	}
	return p
}

func TestValidate(t *testing.T) {
	for about, tt := range map[string]struct {
		change func(*service.Service)
		want   []action.Problem
	}{
		"running":              {func(*service.Service) {}, nil},
		"stopped and disabled": {func(p *service.Service) { p.State, p.StartType = "stopped", "disabled" }, nil},
		"running though disabled": {func(p *service.Service) { p.StartType = "disabled" },
			[]action.Problem{{Field: "start_type", What: "a disabled service cannot be running after the next start of Windows"}}},
		"stopped and restarted": {func(p *service.Service) { p.State, p.RestartedAfter = "stopped", []string{exo} },
			[]action.Problem{{Field: "restarted_after", What: "a service that is to be stopped is not restarted"}}},
	} {
		if diff := cmp.Diff(tt.want, running(tt.change).Validate()); diff != "" {
			t.Errorf("%s: want(-) got(+):\n%s", about, diff)
		}
	}
}

// since is a running service that started then.
func since(started string) exr.Service {
	return exr.Service{Name: ce, Status: "running", StartType: "automatic", StartedUTC: started}
}

func installed(version, at string) exr.Module { return exr.Module{Version: version, InstalledUTC: at} }

func TestCheck(t *testing.T) {
	const noon, later = "2026-01-01T12:00:00.0000000Z", "2026-01-01T12:00:00.0000001Z"
	after := func(p *service.Service) { p.RestartedAfter = []string{exo} }
	for about, tt := range map[string]struct {
		service exr.Service
		modules []any
		change  func(*service.Service)
		state   action.State
		summary string
		after   string
	}{
		"it runs":             {since(noon), nil, nil, action.InPlace, "running, automatic, since 2026-01-01 12:00:00Z", "running, automatic, since 2026-01-01 12:00:00Z"},
		"it does not":         {exr.Service{Status: "stopped", StartType: "manual"}, nil, nil, action.Differs, "it is stopped", "running, manual"},
		"it is starting":      {exr.Service{Status: "start pending", StartType: "manual"}, nil, nil, action.Differs, "it is start pending", "running, manual"},
		"it is to be stopped": {since(noon), nil, func(p *service.Service) { p.State = "stopped" }, action.Differs, "it is running", "stopped, automatic"},
		"it starts otherwise": {since(noon), nil, func(p *service.Service) { p.StartType = "delayed" }, action.Differs, "its start type is automatic", "running, delayed"},
		"both differ": {exr.Service{Status: "stopped", StartType: "manual"}, nil, func(p *service.Service) { p.StartType = "delayed" }, action.Differs,
			"it is stopped, its start type is manual", "running, delayed"},
		"it started later than the module came": {since(later), []any{installed("3.1.0", noon)}, after, action.InPlace,
			"running, automatic, since 2026-01-01 12:00:00Z", "running, automatic, since 2026-01-01 12:00:00Z"},
		"it started when the module came":   {since(noon), []any{installed("3.1.0", noon)}, after, action.Differs, "it started before " + exo + " 3.1.0 was installed", "running, automatic, restarted"},
		"it started earlier":                {since(noon), []any{installed("2.0.5", "2020-01-01T00:00:00Z"), installed("3.1.0", later)}, after, action.Differs, "it started before " + exo + " 3.1.0 was installed", "running, automatic, restarted"},
		"nobody knows when the module came": {since(noon), []any{installed("3.1.0", "")}, after, action.InPlace, "running, automatic, since 2026-01-01 12:00:00Z", "running, automatic, since 2026-01-01 12:00:00Z"},
		"there is no such module":           {since(noon), nil, after, action.InPlace, "running, automatic, since 2026-01-01 12:00:00Z", "running, automatic, since 2026-01-01 12:00:00Z"},
		"stopped is not stale":              {exr.Service{Status: "stopped", StartType: "manual"}, []any{installed("3.1.0", noon)}, after, action.Differs, "it is stopped", "running, manual"},
	} {
		t.Run(about, func(t *testing.T) {
			p := running()
			if tt.change != nil {
				tt.change(p)
			}
			h := actiontest.New(t, map[string]actiontest.Answer{
				"Get-ExrService": actiontest.Gives(tt.service), "Get-ExrModule": actiontest.Gives(tt.modules...)})
			f, err := p.Check(t.Context(), h)
			if err != nil {
				t.Fatal(err)
			}
			if f.State != tt.state || f.Summary != tt.summary || f.After != tt.after {
				t.Errorf("got %+v, want state %v, %q, after it %q", f, tt.state, tt.summary, tt.after)
			}
			if unknown := strings.HasPrefix(about, "nobody knows"); unknown != (len(f.Warnings) == 1) {
				t.Errorf("warnings %q", f.Warnings)
			}
			var rests []string
			if len(p.RestartedAfter) > 0 {
				rests = []string{"module " + exo}
			}
			if diff := cmp.Diff(rests, f.RestsOn); diff != "" {
				t.Errorf("rests on, want(-) got(+):\n%s", diff)
			}
		})
	}
}

func TestARunningServiceWithoutATimeIsAnError(t *testing.T) {
	h := actiontest.New(t, map[string]actiontest.Answer{"Get-ExrService": actiontest.Gives(since(""))})
	p := running(func(p *service.Service) { p.RestartedAfter = []string{exo} })
	if _, err := p.Check(t.Context(), h); err == nil || !strings.HasPrefix(err.Error(), "service Cloud Extender: when it started: ") {
		t.Errorf("error %v, want one about when it started", err)
	}
}

func TestAMissingServiceNamesNearOnes(t *testing.T) {
	for about, tt := range map[string]struct {
		near   []any
		remedy string
	}{
		"none": {nil, "exorunner doctor lists what looks like Cloud Extender; Get-Service lists all"},
		"one":  {[]any{exr.ServiceName{Name: "MaaS360CE", DisplayName: "Cloud Extender"}}, "near ones are MaaS360CE (Cloud Extender)"},
		"six": {[]any{exr.ServiceName{Name: "a"}, exr.ServiceName{Name: "b"}, exr.ServiceName{Name: "c"}, exr.ServiceName{Name: "d"}, exr.ServiceName{Name: "e"}, exr.ServiceName{Name: "f"}},
			"near ones are a (), b (), c (), d (), e ()"},
	} {
		h := actiontest.New(t, map[string]actiontest.Answer{"Get-ExrService": actiontest.Gives(), "Find-ExrService": actiontest.Gives(tt.near...)})
		p := running(func(p *service.Service) { p.Service = "Cloud-Extender_Service.x" })
		_, err := p.Check(t.Context(), h)
		if e := host.As(err); e == nil || e.ID != "ExrNoService" || e.Class != host.Never || e.Remedy != tt.remedy {
			t.Errorf("%s: error %+v, want ExrNoService, never, %q", about, e, tt.remedy)
		}
		if diff := cmp.Diff([]string{"Cloud", "Extender", "Service", "x"}, h.Calls[1].Args["Like"]); diff != "" {
			t.Errorf("%s: words, want(-) got(+):\n%s", about, diff)
		}
		if _, err := p.Apply(t.Context(), h); host.As(err) == nil {
			t.Errorf("%s: apply: %v, want the same error", about, err)
		}
	}
}

// clock goes on by itself: a restart is later than what came before it.
func clock() func() time.Time {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	return func() time.Time { now = now.Add(time.Second); return now }
}

func TestApplyThenCheckThenApply(t *testing.T) {
	for about, tt := range map[string]struct {
		before func(*testing.T, host.Host)
		change func(*service.Service)
		said   string
	}{
		"stop":       {nil, func(p *service.Service) { p.State = "stopped" }, "stopped, automatic"},
		"start type": {nil, func(p *service.Service) { p.StartType = "delayed" }, "running, delayed, since 2023-05-20 18:02:44Z"},
		"start": {func(t *testing.T, h host.Host) {
			if err := h.Invoke(t.Context(), exr.SetService(ce, exr.ServiceChange{Status: "stopped"}), nil); err != nil {
				t.Fatal(err)
			}
		}, func(*service.Service) {}, "running, automatic, since 2026"},
		"restart after a module": {func(t *testing.T, h host.Host) {
			for _, c := range []host.Call{exr.InstallPackageProvider("NuGet", "2.8.5.201"), exr.InstallModule(exo, "3.1.0", "PSGallery", "AllUsers", "auto")} {
				if err := h.Invoke(t.Context(), c, nil); err != nil {
					t.Fatal(err)
				}
			}
		}, func(p *service.Service) { p.RestartedAfter = []string{exo} }, "restarted: running, automatic, since 2026"},
	} {
		t.Run(about, func(t *testing.T) {
			h, err := rehearsal.Open(rehearsal.Options{Machine: "ce-v2", Classify: failure.Classify, Now: clock()})
			if err != nil {
				t.Fatal(err)
			}
			if tt.before != nil {
				tt.before(t, h)
			}
			p, before := running(tt.change), h.Writes()
			if f, err := p.Check(t.Context(), h); err != nil || f.State != action.Differs || h.Writes() != before {
				t.Fatalf("check: %+v, %v, %d writes; want a difference and none", f, err, h.Writes()-before)
			}
			done, err := p.Apply(t.Context(), h)
			if err != nil || !strings.HasPrefix(done.Summary, tt.said) {
				t.Errorf("apply: %q, %v; want %q", done.Summary, err, tt.said)
			}
			if f, err := p.Check(t.Context(), h); err != nil || f.State != action.InPlace {
				t.Errorf("check afterwards: %+v, %v; want it in place", f, err)
			}
			before = h.Writes()
			if _, err := p.Apply(t.Context(), h); err != nil || h.Writes() != before {
				t.Errorf("second apply: %v, %d writes; want none", err, h.Writes()-before)
			}
		})
	}
}

func TestAStuckServiceKeepsClassAndRemedy(t *testing.T) {
	h, err := rehearsal.Open(rehearsal.Options{Faults: []string{"service-stuck"}, Classify: failure.Classify})
	if err != nil {
		t.Fatal(err)
	}
	_, err = running(func(p *service.Service) { p.State = "stopped" }).Apply(t.Context(), h)
	if e := host.As(err); e == nil || e.Class != host.OnceMore || e.Rule != "P21" || e.Remedy == "" {
		t.Errorf("error %+v, want P21, fresh, with a remedy", e)
	}
}

func TestWaitsAsLongAsThePlaybookSays(t *testing.T) {
	h := actiontest.New(t, map[string]actiontest.Answer{
		"Get-ExrService": actiontest.Gives(exr.Service{Status: "stopped"}), "Set-ExrService": actiontest.Gives(since(""))})
	if _, err := running(func(p *service.Service) { p.Wait = 5 * time.Minute }).Apply(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"Name": ce, "Status": "running", "TimeoutSeconds": 300}, h.Calls[1].Args); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
}

// A module that came for the 32-bit PowerShell alone is none of the session's own.
func TestModulesOfTheOtherPowerShellCount(t *testing.T) {
	h, err := rehearsal.Open(rehearsal.Options{Machine: "ce-32bit", Classify: failure.Classify})
	if err != nil {
		t.Fatal(err)
	}
	own := running(func(p *service.Service) { p.RestartedAfter = []string{exo} })
	both := running(func(p *service.Service) { p.RestartedAfter, p.Bits = []string{exo}, "both" })
	if _, err := own.Apply(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	provider, module := exr.InstallPackageProvider("NuGet", "2.8.5.201"), exr.InstallModule(exo, "3.1.0", "PSGallery", "AllUsers", "auto")
	for _, call := range []host.Call{provider, module} {
		call.Bits = 32
		if err := h.Invoke(t.Context(), call, nil); err != nil {
			t.Fatal(err)
		}
	}
	if f, err := own.Check(t.Context(), h); err != nil || f.State != action.InPlace {
		t.Errorf("by the session's own: %+v, %v; want it in place", f, err)
	}
	if f, err := both.Check(t.Context(), h); err != nil || f.State != action.Differs {
		t.Errorf("by both: %+v, %v; want a restart", f, err)
	}
}
