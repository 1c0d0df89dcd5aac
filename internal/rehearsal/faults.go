package rehearsal

import (
	"maps"
	"slices"

	"exorunner/internal/host"
)

// faults is in the order of the alphabet.
var faults = []Fault{
	{Name: "access-denied", About: "this account may not write where a module or provider goes"},
	{Name: "apply-lies", Arg: "FUNC", About: "the function reports success and nothing has changed"},
	{Name: "babble", Arg: "FUNC", About: "warnings, banners and native text come before the function's answer"},
	{Name: "certificate-missing", About: "the certificate is in no store and no file"},
	{Name: "certificate-password", About: "the password of the certificate's file is wrong"},
	{Name: "connect-broken", About: "connected, and the connection's state reads Broken"},
	{Name: "connect-malformed", About: "the service answers 503 with nothing: the module cannot be formed", Rows: []string{"C04"}},
	{Name: "connect-no-commands", About: "connected and active, and the service hands out no commands", Rows: []string{"C27"}},
	{Name: "connect-proxy-page", About: "a web page comes in place of an answer"},
	{Name: "connect-refused", About: "the service says 401 with a reason"},
	{Name: "connect-role", About: "signed in, and the role may not run the commands", Rows: []string{"C09"}},
	{Name: "connect-state-throws", About: "Get-ConnectionInformation itself throws"},
	{Name: "disk-full", About: "there is no room for the module"},
	{Name: "download-cut", About: "the connection of a download is cut until it is given up"},
	{Name: "download-disk-full", About: "the disk is full half way through a download"},
	{Name: "download-proxy", About: "the proxy asks a download for a name and a password"},
	{Name: "download-swapped", About: "the downloaded file is changed before it is run"},
	{Name: "download-wrong-hash", About: "the server has another file than was reviewed"},
	{Name: "eop-session", About: "the connection is one to Security & Compliance"},
	{Name: "error", Arg: "ROW[:FUNC]", About: "the error of that row of the catalogue, from the function where it belongs or from FUNC"},
	{Name: "files-in-use", Arg: "FUNC", About: "the function does its work, and a file of it is in force only after a restart of Windows"},
	{Name: "gallery-away", About: "no repository gives packages"},
	{Name: "hang", Arg: "FUNC", About: "the function does not answer until its time is up", Rows: []string{"C32"}},
	{Name: "hash-mismatch", About: "the package file is another one than was announced"},
	{Name: "host-dies", Arg: "FUNC", About: "the PowerShell process dies before the function does anything"},
	{Name: "host-dies-after", Arg: "FUNC", About: "the PowerShell process dies when the function has done its work and not yet answered"},
	{Name: "module-in-use", About: "another program holds a file of the module", Rows: []string{"I15", "I16"}},
	{Name: "port-closed", Arg: "HOST", About: "no TCP connection to that host"},
	{Name: "prompt", Arg: "FUNC", About: "the function asks a person something", Rows: []string{"I28"}},
	{Name: "provider-away", About: "the NuGet provider cannot be downloaded", Rows: []string{"I01", "I02"}},
	{Name: "quotes-secrets", Arg: "FUNC", About: "PowerShell repeats the secrets that the function was given, in its error and beside it"},
	{Name: "rps", About: "a session and a module of Remote PowerShell appear"},
	{Name: "service-stuck", About: "a service does not start or stop in its time"},
	{Name: "sign-in-locked", About: "the sign-in service says that the account is locked"},
	{Name: "sign-in-mfa", About: "the sign-in service demands a second factor", Rows: []string{"C12"}},
	{Name: "sign-in-refused", About: "the sign-in service says that the password is wrong"},
	{Name: "sign-in-unknown-app", About: "the sign-in service does not know the tenant, behind its misleading AADSTS70011"},
	{Name: "slow", Arg: "FUNC", About: "the function takes three seconds longer"},
	{Name: "token-expired", About: "connected, and the token's state reads Expired"},
	{Name: "two-connections", About: "a second connection is there beside ours"},
	{Name: "version-missing", About: "the version that is imported is not there"},
	{Name: "version-not-in-repository", About: "the repository answers and lacks the version"},
}

// connectFaults are what Connect-ExchangeOnline throws, by fault.
var connectFaults = map[string]func(*call) *host.Error{
	"connect-malformed":    func(*call) *host.Error { return malformed() },
	"connect-proxy-page":   func(*call) *host.Error { return proxyPage() },
	"connect-refused":      func(*call) *host.Error { return refused("stand-in: access token is not accepted") },
	"sign-in-refused":      func(c *call) *host.Error { return c.aadUser(wrongUserPassword) },
	"sign-in-mfa":          func(c *call) *host.Error { return c.aadUser(secondFactor) },
	"sign-in-locked":       func(c *call) *host.Error { return c.aadUser(locked) },
	"sign-in-unknown-app":  func(c *call) *host.Error { return c.aadApp(unknownTenant) },
	"certificate-password": func(*call) *host.Error { return badCertificatePassword() },
	"certificate-missing":  func(*call) *host.Error { return noCertificate() },
}

// orderedFailure is the first ordered fault that a connect throws.
func (c *call) orderedFailure() *host.Error {
	one := c.h.faults.draw(func(o *order) bool { return connectFaults[o.name] != nil })
	if one != nil {
		return connectFaults[one.name](c)
	}
	if row := c.row(atConnect); row != nil {
		return row.err
	}
	return nil
}

// orderedProbe is the first ordered fault that the commands of a connection answer with.
func (c *call) orderedProbe() *host.Error {
	if c.fault("connect-role") {
		return roleMissing(c.or("AppId", "22222222-2222-2222-2222-222222222222"))
	}
	if row := c.row(atProbe); row != nil {
		return row.err
	}
	return nil
}

// row draws an ordered row of the catalogue that shows at that place of the function at work.
func (c *call) row(at place) *rowError {
	one := c.h.faults.draw(func(o *order) bool {
		if o.name != "error" {
			return false
		}
		row := rowErrors[o.arg]
		if o.in != "" && !same(o.in, row.function) {
			// Away from where it belongs it is an error like any other, unless it is no error at all.
			if row.at == atConnect || row.at == atProbe {
				row.at = thrown
			}
			row.function = o.in
		}
		return row.at == at && same(row.function, c.name)
	})
	if one == nil {
		return nil
	}
	row := rowErrors[one.arg]
	return &row
}

// Rows gives, for each row of the catalogue of errors that a machine can show, the fault that makes it happen.
func Rows() map[string]string {
	all := map[string]string{}
	for id := range rowErrors {
		all[id] = "error:" + id
	}
	for _, f := range faults {
		for _, id := range f.Rows {
			if f.Arg == "" {
				all[id] = f.Name
			}
		}
	}
	return all
}

func sortedRows() []string { return slices.Sorted(maps.Keys(rowErrors)) }

func sortedFunctions() []string { return slices.Sorted(maps.Keys(functions)) }
