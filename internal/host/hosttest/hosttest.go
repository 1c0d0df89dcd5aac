// Package hosttest is what every host.Host has to do, as a test: a modelled machine, a session with a fake PowerShell
// and one with a real one cannot part. It knows the functions under scripts/ that all of them have, and nothing of
// how a call travels.
package hosttest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"exorunner/internal/exr"
	"exorunner/internal/host"
)

// limit is more than any of these calls takes on a slow machine.
const limit = 2 * time.Minute

// module and provider are asked about; neither has to be there.
const (
	module   = "ExchangeOnlineManagement"
	provider = "NuGet"
	nobody   = "Nothing" // a provider that no machine has
)

// Run holds a host against the contract. open is called for each part, and sees to it that what it opened is closed
// with the test. The machine needs no module and no provider.
func Run(t *testing.T, open func(t testing.TB) host.Host) {
	for name, part := range map[string]func(*testing.T, host.Host){
		"it has a name":           hasAName,
		"facts come as one value": facts,
		"values come as a slice, one by one or not at all":        decodes,
		"a module is resolved or the reason is told":              resolves,
		"a failure is a host.Error and not the end":               failures,
		"Query refuses a function that may write":                 refuses,
		"a context that has ended sends nothing":                  sendsNothing,
		"a timeout is a deadline":                                 timesOut,
		"concurrent calls get their own answers":                  concurrent,
		"a call in a process of its own leaves the others intact": fresh,
	} {
		t.Run(name, func(t *testing.T) { part(t, open(t)) })
	}
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

func hasAName(t *testing.T, h host.Host) {
	first := h.Name()
	if again := h.Name(); first == "" || first != again {
		t.Errorf("Name() = %q, then %q; want the same name twice", first, again)
	}
}

func facts(t *testing.T, h host.Host) {
	var f exr.Facts
	if err := h.Query(within(t), exr.GetFact(), &f); err != nil {
		t.Fatal(err)
	}
	checkFacts(t, f)
}

func checkFacts(t *testing.T, f exr.Facts) {
	t.Helper()
	if f.PowerShell.Version == "" || f.OS.Computer == "" || f.PowerShell.LanguageMode != "FullLanguage" {
		t.Errorf("facts: PowerShell %q in %q on %q; want a version, FullLanguage and a computer", f.PowerShell.Version, f.PowerShell.LanguageMode, f.OS.Computer)
	}
	if f.PowerShell.Bits != 32 && f.PowerShell.Bits != 64 {
		t.Errorf("facts: %d bits, want 32 or 64", f.PowerShell.Bits)
	}
}

func decodes(t *testing.T, h host.Host) {
	ctx := within(t)
	var modules []exr.Module
	if err := h.Query(ctx, exr.GetModule(module), &modules); err != nil {
		t.Fatal(err)
	}
	for _, m := range modules {
		if m.Name != module || m.Version == "" || m.Path == "" {
			t.Errorf("module %+v; want %s with a version and a path", m, module)
		}
	}
	checkProviders(t, ctx, h, provider)
	checkProviders(t, ctx, h, nobody)
	if err := h.Query(ctx, exr.GetFact(), nil); err != nil {
		t.Errorf("into nil: %v; want the answer dropped", err)
	}
	var one exr.Provider
	if err := h.Query(ctx, exr.GetPackageProvider(nobody), &one); err == nil {
		t.Errorf("no value into a struct: %+v without an error", one)
	}
}

func checkProviders(t *testing.T, ctx context.Context, h host.Host, name string) {
	t.Helper()
	var providers []exr.Provider
	if err := h.Query(ctx, exr.GetPackageProvider(name), &providers); err != nil {
		t.Error(err)
	}
	for _, p := range providers {
		if !strings.EqualFold(p.Name, name) || p.Version == "" {
			t.Errorf("provider %+v; want %s with a version", p, name)
		}
	}
	if name == nobody && len(providers) > 0 {
		t.Errorf("providers of the name %s: %+v; want none", name, providers)
	}
}

func resolves(t *testing.T, h host.Host) {
	var r exr.Resolved
	err := h.Query(within(t), exr.ResolveModule(module, ""), &r)
	switch {
	case err == nil && (r.Name != module || r.Version == ""):
		t.Errorf("resolved %+v; want %s with a version", r, module)
	case err != nil && host.As(err) == nil:
		t.Errorf("got %v; want a module or a host.Error", err)
	}
}

func failures(t *testing.T, h host.Host) {
	ctx := within(t)
	for name, tt := range map[string]struct {
		call host.Call
		id   string
	}{
		"an unknown function":  {host.Call{Func: "Get-ExrNothing"}, "CommandNotFoundException"},
		"an unknown parameter": {host.Call{Func: "Get-ExrFact", Args: map[string]any{"NoSuch": 1}}, "NamedParameterNotFound"},
	} {
		for verb, call := range map[string]func(context.Context, host.Call, any) error{"Query": h.Query, "Invoke": h.Invoke} {
			err := call(ctx, tt.call, nil)
			e := host.As(err)
			if e == nil || !strings.HasPrefix(e.ID, tt.id) {
				t.Errorf("%s, %s: got %v; want a host.Error %s", verb, name, err, tt.id)
			}
			if errors.Is(err, host.ErrUnreachable) {
				t.Errorf("%s, %s: got %v; want nothing unreachable, the machine answered", verb, name, err)
			}
		}
	}
	facts(t, h)
}

func refuses(t *testing.T, h host.Host) {
	for _, call := range []host.Call{exr.InstallModule(module, "0.0.1", "Nowhere", "CurrentUser", ""), exr.UninstallModule(module, "0.0.1", "CurrentUser"), {Func: "Fetch-ExrFact"}, {}} {
		err := h.Query(within(t), call, nil)
		if err == nil || host.As(err) != nil || errors.Is(err, host.ErrUnreachable) {
			t.Errorf("Query of %q: got %v; want it refused before it is sent", call.Func, err)
		}
	}
	facts(t, h)
}

func sendsNothing(t *testing.T, h host.Host) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Hour))
	defer cancel()
	for want, ctx := range map[error]context.Context{context.Canceled: cancelled, context.DeadlineExceeded: late} {
		for _, call := range []host.Call{exr.GetFact(), exr.ResolveModule(module, "")} {
			err := h.Query(ctx, call, nil)
			if !errors.Is(err, want) || errors.Is(err, host.ErrUnreachable) {
				t.Errorf("%s: got %v; want %v, and not unreachable: nothing was sent", call.Func, err, want)
			}
		}
	}
	facts(t, h)
}

func timesOut(t *testing.T, h host.Host) {
	call := exr.GetFact()
	call.Timeout = time.Nanosecond
	if err := h.Query(within(t), call, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v; want %v", err, context.DeadlineExceeded)
	}
	facts(t, h)
}

func concurrent(t *testing.T, h host.Host) {
	ctx := within(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			var f exr.Facts
			if err := h.Query(ctx, exr.GetFact(), &f); err != nil {
				t.Error(err)
				return
			}
			checkFacts(t, f)
		})
		all.Go(func() { checkProviders(t, ctx, h, provider) })
		all.Go(func() { checkProviders(t, ctx, h, nobody) })
	}
	all.Wait()
}

func fresh(t *testing.T, h host.Host) {
	facts(t, h)
	for range 2 {
		facts(t, host.Fresh(h))
	}
	if err := h.Query(within(t), host.Call{Func: "Get-ExrNothing", Fresh: true}, nil); host.As(err) == nil {
		t.Errorf("an unknown function: got %v; want a host.Error", err)
	}
	facts(t, h)
}
