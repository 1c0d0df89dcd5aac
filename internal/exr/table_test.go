package exr

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"exorunner/internal/host"
	"exorunner/scripts"
)

// tables are the functions whose tables a Go type describes: what the scripts write there and what Go reads is held
// together here for the functions that no recording has.
var tables = map[string]struct {
	functions []string
	kind      any
}{
	"Disk":            {[]string{"Get-ExrDisk"}, Disk{}},
	"Port":            {[]string{"Test-ExrPort"}, Port{}},
	"Provider":        {[]string{"Get-ExrPackageProvider"}, Provider{}},
	"Repository":      {[]string{"Get-ExrRepository"}, Repository{}},
	"Module":          {[]string{"Get-ExrModule"}, Module{}},
	"Installed":       {[]string{"Install-ExrModule", "Get-ExrModule"}, Installed{}},
	"Resolved":        {[]string{"Resolve-ExrModule"}, Resolved{}},
	"Certificate":     {[]string{"Get-ExrCertificate"}, Certificate{}},
	"Policy":          {[]string{"Set-ExrExecutionPolicy"}, Policy{}},
	"Service":         {[]string{"Get-ExrService"}, Service{}},
	"ServiceName":     {[]string{"Find-ExrService"}, ServiceName{}},
	"FileVersion":     {[]string{"Get-ExrFileVersion"}, FileVersion{}},
	"RegistryValue":   {[]string{"Get-ExrRegistryValue"}, RegistryValue{}},
	"Variable":        {[]string{"Get-ExrEnvironmentVariable"}, Variable{}},
	"ScriptResult":    {[]string{"Invoke-ExrScriptText"}, ScriptResult{}},
	"InstallerResult": {[]string{"Start-ExrInstaller"}, InstallerResult{}},
	"PendingReboot":   {[]string{"Get-ExrPendingReboot"}, PendingReboot{}},
	"Candidates":      {[]string{"Find-ExrCandidate", "Find-ExrProgram", "Find-ExrRegistryValue", "Get-ExrFileVersion"}, Candidates{}},
}

func TestTablesOfTheScriptsAreTheFieldsOfTheTypes(t *testing.T) {
	for name, tt := range tables {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, function := range tt.functions {
				got = append(got, keys(t, function)...)
			}
			want := fields(reflect.TypeOf(tt.kind))
			slices.Sort(got)
			slices.Sort(want)
			if got, want = slices.Compact(got), slices.Compact(want); !slices.Equal(got, want) {
				t.Errorf("%q put out the keys\n%q, want those of the type,\n%q", tt.functions, got, want)
			}
		})
	}
}

// keys are those of every [ordered] table in a function.
func keys(t *testing.T, function string) []string {
	t.Helper()
	for _, source := range scripts.Functions() {
		_, body, found := strings.Cut(source, "\nfunction "+function+" {")
		if !found {
			continue
		}
		var all []string
		for found {
			if _, body, found = strings.Cut(body, "[ordered] @{"); found {
				all = append(all, keysOf(body)...)
			}
		}
		return all
	}
	t.Fatalf("no function %s under scripts", function)
	return nil
}

// key is one that travels: those begin in lower case.
var key = regexp.MustCompile(`^\s*([a-z][A-Za-z0-9]*)\s*=`)

// keysOf are the keys of the table whose inside the text begins with. Tables in it are read on their own.
func keysOf(table string) []string {
	var all []string
	depth, begins := 0, true
	for i := 0; i < len(table) && depth >= 0; i++ {
		if m := key.FindStringSubmatch(table[i:]); begins && depth == 0 && m != nil {
			all = append(all, m[1])
		}
		begins = false
		switch table[i] {
		case '{', '(', '[':
			depth++
		case '}', ')', ']':
			depth--
		case ';', '\n':
			begins = true
		}
	}
	return all
}

// fields are the JSON names in a type and in the types inside of it. Errors come from host.ps1, which the recordings hold.
func fields(kind reflect.Type) []string {
	for kind.Kind() == reflect.Pointer || kind.Kind() == reflect.Slice {
		kind = kind.Elem()
	}
	if kind.Kind() != reflect.Struct || kind == reflect.TypeFor[host.Error]() {
		return nil
	}
	var all []string
	for i := range kind.NumField() {
		name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
		all = append(all, name)
		all = append(all, fields(kind.Field(i).Type)...)
	}
	return all
}
