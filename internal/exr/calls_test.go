package exr

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"exorunner/internal/host"
	"exorunner/scripts"
)

// samples are calls with everything given, and with as little as can be. Each constructor of this package has some.
var samples = map[string][]host.Call{
	"GetFact":                    {GetFact()},
	"GetDisk":                    {GetDisk(`C:\`, `D:\x`)},
	"TestPort":                   {TestPort(443, "a", "b")},
	"GetPackageProvider":         {GetPackageProvider("NuGet")},
	"InstallPackageProvider":     {InstallPackageProvider("NuGet", "2.8.5.201")},
	"InstallPackageProviderFile": {InstallPackageProviderFile("NuGet", "2.8.5.208", `D:\nuget`)},
	"GetRepository":              {GetRepository("PSGallery")},
	"SetRepository":              {SetRepository("Internal", `D:\gallery`, true), SetRepository("PSGallery", "", false)},
	"GetModule":                  {GetModule("M")},
	"InstallModule":              {InstallModule("M", "3.1.0", "PSGallery", "AllUsers", "update"), InstallModule("M", "3.1.0", "PSGallery", "", "")},
	"InstallModulePackage":       {InstallModulePackage("M", "3.1.0", "m.nupkg", "00", "CurrentUser"), InstallModulePackage("M", "3.1.0", "m.nupkg", "00", "")},
	"UninstallModule":            {UninstallModule("M", "3.1.0", "AllUsers"), UninstallModule("M", "3.1.0", "")},
	"ResolveModule":              {ResolveModule("M", "3.1.0"), ResolveModule("M", "")},
	"GetCertificate":             {GetCertificate("", "a.pfx", []byte("x")), GetCertificate("ABCD", "", nil)},
	"TestConnection": {
		TestConnection(SignIn{Version: "3.1.0", Organization: "o", AppID: "a", CertificateThumbprint: "t", CertificateFilePath: "p", UserName: "u", ManagedIdentity: true,
			ManagedIdentityAccountID: "m", DelegatedOrganization: "d", ConnectionURI: "c", Environment: "O365China", Probes: []ProbeCommand{{Command: "Get-AcceptedDomain"}},
			Secrets: map[string][]byte{"CertificatePassword": nil, "AccessToken": nil, "Password": nil}}),
		TestConnection(SignIn{Version: "3.1.0"}),
	},
	"SetExecutionPolicy":     {SetExecutionPolicy("LocalMachine", "RemoteSigned")},
	"GetService":             {GetService("ce")},
	"FindService":            {FindService("cloud", "extender")},
	"SetService":             {SetService("ce", ServiceChange{Status: "restarted", StartType: "delayed", Wait: time.Minute}), SetService("ce", ServiceChange{})},
	"GetFileVersion":         {GetFileVersion(`C:\a.dll`)},
	"GetRegistryValue":       {GetRegistryValue("SOFTWARE", "x", 32), GetRegistryValue("SOFTWARE", "x", 0)},
	"SetRegistryValue":       {SetRegistryValue("SOFTWARE", "x", "DWord", 1, 64), SetRegistryValue("SOFTWARE", "x", "MultiString", []string{}, 0)},
	"GetEnvironmentVariable": {GetEnvironmentVariable("X")},
	"SetEnvironmentVariable": {SetEnvironmentVariable("X", "")},
	"InvokeScript":           {InvokeScript("1", map[string]any{"a": 1}), InvokeScript("1", nil)},
	"TestScript":             {TestScript("1", map[string]any{"a": 1}), TestScript("1", nil)},
	"GetPendingReboot":       {GetPendingReboot()},
	"RestartComputer":        {RestartComputer("an installer asked for it", time.Minute), RestartComputer("x", 0)},
	"StartInstaller":         {StartInstaller("a.exe", "/q"), StartInstaller("a.exe", "")},
	"FindCandidate":          {FindCandidate([]string{"ce"}, []string{`SOFTWARE\Fiberlink`}), FindCandidate([]string{"ce"}, nil)},
}

// constructors are the exported functions of this package that return a host.Call.
func constructors(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() || f.Type.Results == nil || len(f.Type.Results.List) != 1 {
				continue
			}
			if s, ok := f.Type.Results.List[0].Type.(*ast.SelectorExpr); ok && s.Sel.Name == "Call" {
				names = append(names, f.Name.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}

func TestEveryConstructorHasSamples(t *testing.T) {
	if got, want := slices.Sorted(maps.Keys(samples)), constructors(t); !slices.Equal(got, want) {
		t.Errorf("samples are of %q,\nwant one for each constructor, %q", got, want)
	}
}

func TestCallsFitTheScripts(t *testing.T) {
	params, err := scripts.Params()
	if err != nil {
		t.Fatal(err)
	}
	for name, calls := range samples {
		for i, c := range calls {
			declared, ok := params[c.Func]
			if !ok {
				t.Errorf("%s: calls %s, which is not under scripts", name, c.Func)
				continue
			}
			for _, what := range misfits(c, declared) {
				t.Errorf("%s, sample %d: %s %s", name, i+1, c.Func, what)
			}
		}
	}
}

// misfits are what PowerShell would refuse in a call, each as "-Name: why".
func misfits(c host.Call, declared []scripts.Param) []string {
	var all []string
	left := map[string]bool{}
	for name := range c.Args {
		left[name] = true
	}
	for name := range c.Secrets {
		left[name] = true
	}
	for _, p := range declared {
		v, isArg := c.Args[p.Name]
		_, isSecret := c.Secrets[p.Name]
		delete(left, p.Name)
		switch {
		case p.Mandatory && !isArg:
			all = append(all, "-"+p.Name+": mandatory and not given")
		case isArg && p.Type == "securestring":
			all = append(all, "-"+p.Name+": a secret among the arguments")
		case isSecret && p.Type != "securestring":
			all = append(all, "-"+p.Name+": a secret, but declared as "+p.Type)
		case isArg && !fits(v, p.Type):
			all = append(all, "-"+p.Name+": "+reflect.TypeOf(v).String()+" does not bind to "+p.Type)
		case isArg && len(p.Values) > 0 && !slices.Contains(p.Values, text(v)):
			all = append(all, "-"+p.Name+": "+text(v)+" is not one of "+strings.Join(p.Values, ", "))
		}
	}
	for name := range left {
		all = append(all, "-"+name+": no such parameter")
	}
	return all
}

func text(v any) string {
	b, _ := json.Marshal(v)
	return strings.Trim(string(b), `"`)
}

// fits says whether PowerShell gets from Go what a parameter's type wants, without a conversion of its own.
func fits(v any, kind string) bool {
	if v == nil {
		return false
	}
	switch t := reflect.TypeOf(v); kind {
	case "string":
		return t.Kind() == reflect.String
	case "int":
		return t.Kind() == reflect.Int
	case "switch":
		return t.Kind() == reflect.Bool
	case "string[]":
		return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String
	case "object[]":
		return t.Kind() == reflect.Slice
	case "hashtable":
		return t.Kind() == reflect.Map
	case "object":
		return true
	}
	return false
}

func TestMisfits(t *testing.T) {
	declared := []scripts.Param{{Name: "Name", Type: "string", Mandatory: true}, {Name: "Scope", Type: "string", Values: []string{"AllUsers"}}, {Name: "Password", Type: "securestring"}}
	tests := map[string]struct {
		call host.Call
		want string
	}{
		"nothing given":         {host.Call{}, "-Name: mandatory and not given"},
		"an unknown name":       {host.Call{Args: args{"Name": "x", "Nmae": "x"}}, "-Nmae: no such parameter"},
		"a value of no set":     {host.Call{Args: args{"Name": "x", "Scope": "Everybody"}}, "-Scope: Everybody is not one of AllUsers"},
		"a number for a text":   {host.Call{Args: args{"Name": 1}}, "-Name: int does not bind to string"},
		"a secret in the open":  {host.Call{Args: args{"Name": "x", "Password": "p"}}, "-Password: a secret among the arguments"},
		"a text made a secret":  {host.Call{Args: args{"Name": "x"}, Secrets: map[string][]byte{"Scope": nil}}, "-Scope: a secret, but declared as string"},
		"everything as it must": {host.Call{Args: args{"Name": "x", "Scope": "AllUsers"}, Secrets: map[string][]byte{"Password": nil}}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(misfits(tt.call, declared), "; "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestEveryPublicFunctionHasAConstructor(t *testing.T) {
	params, err := scripts.Params()
	if err != nil {
		t.Fatal(err)
	}
	called := map[string]bool{}
	for _, calls := range samples {
		for _, c := range calls {
			called[c.Func] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if !called[name] {
			t.Errorf("%s: public, and nothing in this package calls it", name)
		}
	}
}

func TestEmptyValuesAreNotBound(t *testing.T) {
	tests := map[string]struct {
		call host.Call
		want []string
	}{
		"a sign-in with nothing but a version": {TestConnection(SignIn{Version: "3.1.0"}), []string{"Version"}},
		"a module without a scope":             {InstallModule("M", "1", "R", "", ""), []string{"Name", "Repository", "Version"}},
		"a repository that keeps its source":   {SetRepository("PSGallery", "", true), []string{"InstallationPolicy", "Name"}},
		"a variable that is removed":           {SetEnvironmentVariable("X", ""), []string{"Name", "Value"}},
		"a registry value of zero":             {SetRegistryValue("P", "N", "DWord", 0, 0), []string{"Name", "Path", "Type", "Value"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := slices.Sorted(maps.Keys(tt.call.Args)); !slices.Equal(got, tt.want) {
				t.Errorf("arguments are %q, want %q", got, tt.want)
			}
		})
	}
}

func TestReadingFunctionsCallReadingCmdlets(t *testing.T) {
	for name, calls := range samples {
		reads := strings.HasPrefix(name, "Get") || strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Find") || strings.HasPrefix(name, "Resolve")
		if got := host.Reads(calls[0].Func); got != reads {
			t.Errorf("%s calls %s: reads is %v, want %v as its own name says", name, calls[0].Func, got, reads)
		}
	}
}
