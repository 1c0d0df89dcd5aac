package rehearsal

import (
	"slices"
	"strings"
	"time"

	"exorunner/internal/exr"
	"exorunner/internal/host"
)

func getFact(c *call) ([]any, error) {
	f := c.m.Facts
	f.PowerShell.ModulePath = nil
	for _, one := range c.m.folders(c.bits) {
		f.PowerShell.ModulePath = append(f.PowerShell.ModulePath, one.Path)
	}
	f.PowerShell.Bits, f.PowerShell.Home = c.bits, c.home()
	f.Policy.Effective = effectivePolicy(&f)
	f.Logging.ModuleNames = list(f.Logging.ModuleNames)
	f.TLS.StrongCrypto64 = c.m.number(`SOFTWARE\Microsoft\.NETFramework\v4.0.30319`, "SchUseStrongCrypto", 64)
	f.TLS.StrongCrypto32 = c.m.number(`SOFTWARE\Microsoft\.NETFramework\v4.0.30319`, "SchUseStrongCrypto", 32)
	f.Packages.PowerShellGet = c.versions("PowerShellGet")
	f.Packages.PackageManagement = c.versions("PackageManagement")
	f.Packages.PSResourceGet = c.versions("Microsoft.PowerShell.PSResourceGet")
	return []any{f}, nil
}

// home is $PSHOME of the PowerShell at work.
func (c *call) home() string {
	p := c.m.Facts.PowerShell
	if c.bits == 32 && p.Bits == 64 {
		return strings.Replace(p.Home, "System32", "SysWOW64", 1)
	}
	return p.Home
}

// versions is how Get-ExrFact writes what is installed of a module.
func (c *call) versions(name string) []string {
	all := []string{}
	for _, one := range c.m.installed(name, c.bits) {
		v := one.Version
		if one.Prerelease != "" {
			v += "-" + one.Prerelease
		}
		all = append(all, v)
	}
	return all
}

// effectivePolicy is the first policy that is defined, from the strongest scope down; none means Restricted on a
// client and RemoteSigned on a server, which is what these machines are.
// https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_execution_policies
func effectivePolicy(f *exr.Facts) string {
	p := f.Policy
	for _, policy := range []string{p.MachinePolicy, p.UserPolicy, p.Process, p.CurrentUser, p.LocalMachine} {
		if policy != "" && policy != "Undefined" {
			return policy
		}
	}
	return "RemoteSigned"
}

// list is never null in JSON.
func list(values []string) []string {
	if values == nil {
		return []string{}
	}
	return values
}

func getDisk(c *call) ([]any, error) {
	var out []any
	for _, v := range c.list("Path") {
		path, _ := v.(string)
		if strings.HasPrefix(path, `\\`) {
			return nil, invalid("ExrNotLocal", c.name, "InvalidArgument", path+": not on a drive of this machine", path)
		}
		one := exr.Disk{Path: path, Exists: c.m.exists(path)}
		if d := c.m.disk(path); d != nil {
			one.Root, one.FreeBytes = d.Root, d.FreeBytes
		}
		out = append(out, one)
	}
	return out, nil
}

func testPort(c *call) ([]any, error) {
	var out []any
	for _, v := range c.list("Address") {
		address, _ := v.(string)
		one := exr.Port{Address: address, Port: c.number("Port"), Open: c.m.opens(address)}
		if one.Open && c.h.faults.take("port-closed", address) {
			one.Open = false
		}
		if !one.Open {
			text := "no answer within 10 seconds"
			one.Error = &text
		}
		out = append(out, one)
	}
	return out, nil
}

func getCertificate(c *call) ([]any, error) {
	if path := c.text("Path"); path != "" {
		one, err := c.certificateFile(path, c.secrets["Password"])
		if err != nil {
			return nil, err
		}
		return []any{c.shownCertificate(*one, "file")}, nil
	}
	if c.fault("certificate-missing") {
		return nil, nil
	}
	for _, store := range []string{"CurrentUser", "LocalMachine"} {
		for _, one := range c.m.Certificates {
			if one.Store == store && same(one.Thumbprint, c.text("Thumbprint")) {
				return []any{c.shownCertificate(one, store)}, nil
			}
		}
	}
	return nil, nil
}

// certificateFile opens a certificate's file as X509Certificate2 does. The one password that does not fit is "wrong".
func (c *call) certificateFile(path string, password []byte) (*certificate, error) {
	at := slices.IndexFunc(c.m.Certificates, func(one certificate) bool { return one.Path != "" && same(one.Path, path) })
	if at < 0 || c.fault("certificate-missing") {
		return nil, constructor("System.Security.Cryptography.CryptographicException", "The system cannot find the file specified.")
	}
	if string(password) == "wrong" || c.fault("certificate-password") {
		return nil, constructor("System.Security.Cryptography.CryptographicException", wrongPassword)
	}
	return &c.m.Certificates[at], nil
}

const wrongPassword = "The certificate data cannot be read with the provided password, the password may be incorrect."

// constructor is what New-Object throws when a constructor did.
func constructor(root, message string) *host.Error {
	return &host.Error{
		ID: "ConstructorInvokedThrowException,Microsoft.PowerShell.Commands.NewObjectCommand", Category: "InvalidOperation",
		Message:   `Exception calling ".ctor" with "2" argument(s): "` + message + `"`,
		Exception: "System.Management.Automation.MethodInvocationException", HResult: hresultRuntime,
		Root: root, RootMessage: message,
	}
}

func (c *call) shownCertificate(one certificate, store string) exr.Certificate {
	today := c.now.Truncate(24 * time.Hour)
	days := func(n int) string { return stamp(today.AddDate(0, 0, n)) }
	shown := exr.Certificate{
		Store: store, Thumbprint: one.Thumbprint, Subject: one.Subject, NotBefore: days(-one.DaysOld), NotAfter: days(one.DaysLeft),
		HasKey: one.KeyKind != "", KeyReadable: one.KeyReadable,
	}
	if kind := one.KeyKind; kind != "" {
		if !one.KeyReadable {
			kind = "CryptographicException: Keyset does not exist"
		}
		shown.KeyKind = &kind
	}
	return shown
}
