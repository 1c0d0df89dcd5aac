package rehearsal

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"exorunner/internal/exr"
	"exorunner/internal/failure"
	"exorunner/internal/host"
)

// ready is a machine on which an install goes well, but for the faults.
func ready(t testing.TB, faults ...string) *Host {
	t.Helper()
	h := open(t, Options{Faults: faults})
	recordedOn(&h.model)
	h.model.Modules = append(h.model.Modules, module{Name: exoModule, Version: "3.0.0", Folder: h.model.Modules[0].Folder, Origin: &exr.Origin{Repository: "PSGallery"}})
	return h
}

func connection(t *testing.T, h *Host) exr.Connection {
	t.Helper()
	return ask[exr.Connection](t, h, signIn("3.5.0"))
}

// throwsOnce says that a call ends with an error of that id, and that the one after it does not.
func throwsOnce(fault string, c host.Call, id string) func(*testing.T) {
	return func(t *testing.T) {
		h := ready(t, fault+":1")
		if e := thrownBy(t, h, c); !strings.HasPrefix(e.ID, id) {
			t.Errorf("got %s, want %s", e.ID, id)
		}
		if err := h.Invoke(t.Context(), c, nil); err != nil {
			t.Errorf("the second time: %v, want it gone", err)
		}
	}
}

// refuses says that a connect ends with an error of that exception, and that the one after it does not.
func refuses(fault, exception string) func(*testing.T) {
	return func(t *testing.T) {
		h := ready(t, fault+":1")
		seen := connection(t, h)
		if seen.Failure == nil || seen.Failure.Exception != exception || len(seen.Connections) != 0 {
			t.Errorf("failure %v with %v, want %s and no connection", seen.Failure, seen.Connections, exception)
		}
		if again := connection(t, h); again.Failure != nil {
			t.Errorf("the second time: %v, want it gone", again.Failure)
		}
	}
}

func shows(fault string, spoilt func(exr.Connection) bool) func(*testing.T) {
	return func(t *testing.T) {
		h := ready(t, fault+":1")
		if seen := connection(t, h); seen.Failure != nil || !spoilt(seen) {
			t.Errorf("got %+v, want %s to show", seen, fault)
		}
		if again := connection(t, h); spoilt(again) {
			t.Errorf("the second time: %+v, want it gone", again)
		}
	}
}

// unreachable says that a call ends without anybody knowing, and whether its work was done.
func unreachable(fault string, done bool) func(*testing.T) {
	return func(t *testing.T) {
		h := ready(t, fault+":1")
		err := h.Invoke(t.Context(), installExO("3.1.0"), nil)
		if !errors.Is(err, host.ErrUnreachable) || host.As(err) != nil {
			t.Errorf("got %v, want %v", err, host.ErrUnreachable)
		}
		if got := h.model.find(exoModule, "3.1.0", 64) != nil; got != done {
			t.Errorf("installed: %v, want %v", got, done)
		}
		do[exr.Installed](t, h, installExO("3.1.0"))
	}
}

// faultTests has every fault, by what is ordered.
var faultTests = map[string]func(*testing.T){
	"access-denied":             throwsOnce("access-denied", installExO("3.1.0"), "UnauthorizedAccess,"),
	"disk-full":                 throwsOnce("disk-full", installExO("3.1.0"), "System.IO.IOException,"),
	"gallery-away":              throwsOnce("gallery-away", installExO("3.1.0"), "ExrRepositoryUnreachable,"),
	"hash-mismatch":             throwsOnce("hash-mismatch", packaged(), "ExrHashMismatch,"),
	"module-in-use":             throwsOnce("module-in-use", exr.UninstallModule(exoModule, "3.0.0", "AllUsers"), "ModuleIsInUse,Uninstall-Package,"),
	"prompt":                    throwsOnce("prompt:Install-ExrModule", installExO("3.1.0"), "InvalidOperation,Microsoft.PowerShell.Commands.ReadHostCommand"),
	"quotes-secrets":            throwsOnce("quotes-secrets:Get-ExrCertificate", exr.GetCertificate("", `C:\ProgramData\exorunner\exo-app.pfx`, []byte("p")), "ParameterArgumentTransformationError,"),
	"service-stuck":             throwsOnce("service-stuck", exr.SetService("Cloud Extender", exr.ServiceChange{Status: "restarted"}), "ExrServiceTimeout,"),
	"version-missing":           throwsOnce("version-missing", exr.ResolveModule(exoModule, "3.0.0"), "Modules_ModuleWithVersionNotFound,"),
	"version-not-in-repository": throwsOnce("version-not-in-repository", installExO("3.1.0"), "ExrVersionNotInRepository,"),
	"error":                     throwsOnce("error:I10", installExO("3.1.0"), "AdministratorRightsNeededOrSpecifyCurrentUserScope,"),

	"certificate-missing":  refuses("certificate-missing", "System.ArgumentException"),
	"certificate-password": refuses("certificate-password", "System.Security.Cryptography.CryptographicException"),
	"connect-malformed":    refuses("connect-malformed", "System.Management.Automation.RuntimeException"),
	"connect-proxy-page":   refuses("connect-proxy-page", "Newtonsoft.Json.JsonReaderException"),
	"connect-refused":      refuses("connect-refused", "System.UnauthorizedAccessException"),
	"sign-in-locked":       refuses("sign-in-locked", "Microsoft.Identity.Client.MsalUiRequiredException"),
	"sign-in-mfa":          refuses("sign-in-mfa", "Microsoft.Identity.Client.MsalUiRequiredException"),
	"sign-in-refused":      refuses("sign-in-refused", "Microsoft.Identity.Client.MsalUiRequiredException"),
	"sign-in-unknown-app":  refuses("sign-in-unknown-app", "System.Exception"),

	"connect-broken": shows("connect-broken", func(c exr.Connection) bool { return c.Connections[0].State == "Broken" }),
	"connect-no-commands": shows("connect-no-commands", func(c exr.Connection) bool {
		return !c.Probes[0].OK && c.Probes[0].Error.ID == "CommandNotFoundException"
	}),
	"connect-role":         shows("connect-role", func(c exr.Connection) bool { return !c.Probes[0].OK }),
	"connect-state-throws": shows("connect-state-throws", func(c exr.Connection) bool { return c.StateError != nil }),
	"eop-session":          shows("eop-session", func(c exr.Connection) bool { return c.Connections[0].IsEOPSession == "True" }),
	"rps":                  shows("rps", func(c exr.Connection) bool { return len(c.RPSSessions) == 1 && len(c.RPSModules) == 1 }),
	"token-expired":        shows("token-expired", func(c exr.Connection) bool { return c.Connections[0].TokenStatus == "Expired" }),
	"two-connections":      shows("two-connections", func(c exr.Connection) bool { return len(c.Connections) == 2 }),

	"host-dies":       unreachable("host-dies:Install-ExrModule", false),
	"host-dies-after": unreachable("host-dies-after:Install-ExrModule", true),

	"apply-lies": func(t *testing.T) {
		h := ready(t, "apply-lies:Install-ExrModule:1")
		if said := do[exr.Installed](t, h, installExO("3.1.0")); said.Installed == nil {
			t.Error("it does not say that it installed something")
		}
		if h.Writes() != 0 || h.model.find(exoModule, "3.1.0", 64) != nil {
			t.Error("it did install something")
		}
		do[exr.Installed](t, h, installExO("3.1.0"))
		if h.Writes() != 1 {
			t.Errorf("the second time: %d writes, want one", h.Writes())
		}
	},
	"babble": func(t *testing.T) {
		kinds := map[string]int{}
		h := open(t, Options{Faults: []string{"babble:Get-ExrFact"}, Said: func(s host.Said) { kinds[s.Kind]++ }})
		if f := ask[exr.Facts](t, h, exr.GetFact()); f.OS.Computer != "CE01" {
			t.Errorf("the answer is lost: %+v", f)
		}
		for _, kind := range []string{"text", "warning", "verbose", "information", "error"} {
			if kinds[kind] == 0 {
				t.Errorf("nobody says anything of kind %s", kind)
			}
		}
	},
	"files-in-use": func(t *testing.T) {
		h := ready(t, "files-in-use:Install-ExrModule:1")
		do[exr.Installed](t, h, installExO("3.1.0"))
		if p := ask[exr.PendingReboot](t, h, exr.GetPendingReboot()); len(p.Reasons()) != 1 {
			t.Errorf("got %+v, want one file that a restart brings into force", p)
		}
		if err := h.Invoke(t.Context(), exr.RestartComputer("a test", 0), nil); err != nil {
			t.Fatal(err)
		}
		if p := ask[exr.PendingReboot](t, h, exr.GetPendingReboot()); len(p.Files) != 0 {
			t.Errorf("got %+v after the restart, want nothing", p)
		}
	},
	"hang": func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := ready(t, "hang:Install-ExrModule:1")
			c := installExO("3.1.0")
			c.Timeout = 20 * time.Minute
			begun := time.Now()
			err := h.Invoke(t.Context(), c, nil)
			if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, host.ErrUnreachable) || time.Since(begun) != c.Timeout {
				t.Errorf("got %v after %v, want both %v and %v after %v", err, time.Since(begun), context.DeadlineExceeded, host.ErrUnreachable, c.Timeout)
			}
			do[exr.Installed](t, h, installExO("3.1.0"))
		})
	},
	"port-closed": func(t *testing.T) {
		h := ready(t, "port-closed:outlook.office365.com:1")
		ports := ask[[]exr.Port](t, h, exr.TestPort(443, "login.microsoftonline.com", "outlook.office365.com", "outlook.office365.com"))
		if !ports[0].Open || ports[1].Open || ports[1].Error == nil || !ports[2].Open {
			t.Errorf("got %+v, want the second one closed", ports)
		}
	},
	"provider-away": func(t *testing.T) {
		h := open(t, Options{Faults: []string{"provider-away:1"}})
		if e := thrownBy(t, h, exr.InstallPackageProvider("NuGet", minimumNuGet)); !strings.HasPrefix(e.ID, "NoMatchFoundForProvider,") {
			t.Errorf("got %v, want that there is no match", e)
		}
		do[[]exr.Provider](t, h, exr.InstallPackageProvider("NuGet", minimumNuGet))
	},
	"slow": func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := ready(t, "slow:Get-ExrFact:1")
			begun := time.Now()
			ask[exr.Facts](t, h, exr.GetFact())
			first := time.Since(begun)
			ask[exr.Facts](t, h, exr.GetFact())
			if second := time.Since(begun) - first; first != slowness || second != 0 {
				t.Errorf("took %v and %v, want %v and nothing", first, second, slowness)
			}
		})
	},
}

func packaged() host.Call {
	return exr.InstallModulePackage(exoModule, "3.0.0", "/srv/gallery/ExchangeOnlineManagement.3.0.0.nupkg",
		"d55e9d66f9799a3f550d1da4d1696f30a4024db3bb4d982ceccfa5e9cafe679c", "CurrentUser")
}

func TestFaults(t *testing.T) {
	for _, f := range Faults() {
		test, ok := faultTests[f.Name]
		if !ok {
			t.Errorf("%s: no test orders it", f.Name)
			continue
		}
		t.Run(f.Name, test)
	}
	if !slices.IsSortedFunc(Faults(), func(a, b Fault) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the list is not in the order of the alphabet")
	}
}

func TestSlownessEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := ready(t, "slow:Install-ExrModule")
		c := installExO("3.1.0")
		c.Timeout = time.Second
		if err := h.Invoke(t.Context(), c, nil); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, host.ErrUnreachable) || h.Writes() != 0 {
			t.Errorf("got %v after %d writes, want %v and nothing done", err, h.Writes(), context.DeadlineExceeded)
		}
	})
}

func TestFaultsThatNobodyKnowsAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"galery-away":                   `did you mean "gallery-away"?`,
		"":                              "known: access-denied",
		"gallery-away:0":                "begins at 1",
		"gallery-away:-1":               "begins at 1",
		"gallery-away:PSGallery":        "gallery-away[:TIMES]",
		"hang":                          "hang:FUNC[:TIMES]",
		"hang:Install-ExrModul":         `did you mean "Install-ExrModule"?`,
		"hang:3":                        "hang:FUNC[:TIMES]",
		"error:I99":                     "known: C01",
		"error:I10:Install-ExrModle":    `did you mean "Install-ExrModule"?`,
		"port-closed:":                  "port-closed:HOST[:TIMES]",
		"host-dies:Get-ExrFact:1:again": "host-dies:FUNC[:TIMES]",
	} {
		_, err := Open(Options{Faults: []string{"slow:Get-ExrFact", text}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `fault "`+text+`"`) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestAllWrongFaultsAreReportedTogether(t *testing.T) {
	_, err := Open(Options{Faults: []string{"one", "two"}})
	if err == nil || !strings.Contains(err.Error(), `"one"`) || !strings.Contains(err.Error(), `"two"`) {
		t.Errorf("got %v, want both", err)
	}
}

func TestAFaultHappensAsOftenAsItWasOrdered(t *testing.T) {
	h := ready(t, "gallery-away:2")
	for i, want := range []string{"ExrRepositoryUnreachable", "ExrRepositoryUnreachable", ""} {
		e := host.As(h.Invoke(t.Context(), installExO("3.1.0"), nil))
		if e == nil && want != "" || e != nil && !strings.HasPrefix(e.ID, want) || e != nil && want == "" {
			t.Errorf("attempt %d: got %v, want %q", i+1, e, want)
		}
	}
}

func TestEveryRowHasAFaultThatMakesItHappen(t *testing.T) {
	for id, fault := range Rows() {
		t.Run(id, func(t *testing.T) {
			row := rowErrors[id]
			var heard []string
			h := open(t, Options{
				Faults: []string{"error:" + id}, Classify: failure.Classify,
				Said: func(s host.Said) { heard = append(heard, s.Text) },
			})
			recordedOn(&h.model)
			if _, err := parseFault(fault); err != nil {
				t.Fatalf("Rows has %q: %v", fault, err)
			}
			c := callOf(row.function)
			switch row.at {
			case thrown, late:
				classified(t, id, thrownBy(t, h, c))
			case atConnect, atProbe:
				seen := ask[exr.Connection](t, h, c)
				e := seen.Failure
				if row.at == atProbe {
					e = seen.Probes[0].Error
				}
				failure.Classify(e)
				classified(t, id, e)
			case said:
				if err := h.Invoke(t.Context(), c, nil); err != nil || !slices.Contains(heard, row.text) {
					t.Errorf("heard %v with %v, want %q and nothing else wrong", heard, err, row.text)
				}
			case silence:
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					h.hear = func(host.Said) { cancel() }
					if row.text == "" { // the bubble's clock moves when the call waits, and not before
						time.AfterFunc(time.Second, cancel)
					}
					if err := h.Query(ctx, c, nil); !errors.Is(err, host.ErrUnreachable) || !errors.Is(err, context.Canceled) {
						t.Errorf("got %v, want silence until the end", err)
					}
					cancel()
				})
			}
		})
	}
}

func classified(t *testing.T, id string, e *host.Error) {
	t.Helper()
	if e == nil {
		t.Fatal("nothing went wrong")
	}
	if id == "I20" { // what PowerShellGet would ask is in no error; that nobody could answer is
		id = "I28"
	}
	if e.Rule != id {
		t.Errorf("the catalogue calls it %q (%s): %s", e.Rule, e.Class, e.Error())
	}
}

// callOf is a call of a function that goes well on the machine of recordedOn.
func callOf(function string) host.Call {
	switch function {
	case installs:
		return installExO("3.1.0")
	case provides:
		return exr.InstallPackageProvider("NuGet", minimumNuGet)
	case uninstalls:
		return exr.UninstallModule(exoModule, "3.5.0", "AllUsers")
	case "Set-ExrRepository":
		return exr.SetRepository("Local", "/srv/gallery", true)
	}
	return signIn("3.5.0")
}

func TestARowCanBeOrderedFromAnotherFunction(t *testing.T) {
	h := ready(t, "error:C24:Get-ExrFact:1", "error:I10:Set-ExrService")
	if e := thrownBy(t, h, exr.GetFact()); e.Exception != "System.Net.Http.HttpRequestException" {
		t.Errorf("got %v, want the row's error", e)
	}
	ask[exr.Facts](t, h, exr.GetFact())
	if e := thrownBy(t, h, exr.SetService("WinRM", exr.ServiceChange{Status: "stopped"})); !strings.HasPrefix(e.ID, "AdministratorRights") {
		t.Errorf("got %v, want the row's error", e)
	}
	do[exr.Installed](t, h, installExO("3.1.0"))
}

// An answer of one host must not change what the next one finds in the tables of errors.
func TestErrorsAreNotShared(t *testing.T) {
	before := *rowErrors["C07"].err
	h := open(t, Options{Machine: "ce-ja", Faults: []string{"error:C07"}, Classify: failure.Classify})
	recordedOn(&h.model)
	failure.Classify(connection(t, h).Failure)
	if after := *rowErrors["C07"].err; after != before {
		t.Errorf("got %+v, want it as it was: %+v", after, before)
	}
}

func FuzzFault(f *testing.F) {
	for _, seed := range []string{"gallery-away:2", "hang:Install-ExrModule", "error:I10:Install-ExrModule:3", "port-closed:a:b:1", "::::"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		one, err := parseFault(text)
		if err != nil {
			return
		}
		if one.left == 0 || !slices.ContainsFunc(faults, func(f Fault) bool { return f.Name == one.name }) {
			t.Errorf("%q became %+v, want a known fault that happens at least once", text, one)
		}
	})
}
