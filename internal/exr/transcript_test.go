package exr

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"exorunner/internal/host"
)

const transcripts = "../pwsh/testdata/transcripts"

// transcript is the part of a recording that matters here.
type transcript struct {
	Name      string
	Exchanges []struct {
		Sent   []string
		Stdout string
	}
}

// outputs are the types that our functions put out, by function. Whatever a recording calls must be here.
var outputs = map[string]func() any{
	"Get-ExrFact":              func() any { return new(Facts) },
	"Get-ExrModule":            func() any { return new(Module) },
	"Get-ExrPackageProvider":   func() any { return new(Provider) },
	"Get-ExrCertificate":       func() any { return new(Certificate) },
	"Install-ExrModule":        func() any { return new(Installed) },
	"Install-ExrModulePackage": func() any { return new(Installed) },
	"Resolve-ExrModule":        func() any { return new(Resolved) },
	"Test-ExrConnection":       func() any { return new(Connection) },
}

func TestRecordedAnswersAreOfTheseTypes(t *testing.T) {
	decoded := map[string]int{}
	for _, file := range recordings(t) {
		var recorded transcript
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &recorded); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for i, x := range recorded.Exchanges {
			function := requested(x.Sent)
			for _, f := range frames(t, x.Stdout) {
				if err := f.decode(function, decoded); err != nil {
					t.Errorf("%s, exchange %d, %s, frame %s: %v", file, i+1, function, f.kind, err)
				}
			}
		}
	}
	for function := range outputs {
		if decoded[function] == 0 {
			t.Errorf("%s: no recording has an answer of it", function)
		}
	}
	if decoded["failure"] == 0 {
		t.Error("no recording has a failure")
	}
}

func recordings(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"*.json", "windows/*.json"} {
		found, err := filepath.Glob(filepath.Join(transcripts, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 40 {
		t.Fatalf("%d recordings in %s, want all of them", len(files), transcripts)
	}
	return files
}

// requested is the function that an exchange asks for; "" where it asks for none of ours.
func requested(sent []string) string {
	if len(sent) == 0 {
		return ""
	}
	m := regexp.MustCompile(`^Invoke-ExrRequest '([A-Za-z0-9+/=]+)'`).FindStringSubmatch(sent[0])
	if m == nil {
		return ""
	}
	var request struct{ Func string }
	line, err := base64.StdEncoding.DecodeString(m[1])
	if err != nil || json.Unmarshal(line, &request) != nil {
		return ""
	}
	return request.Func
}

type frame struct {
	kind  string
	value json.RawMessage
}

var frameLine = regexp.MustCompile(`\x1e\S+ \d+ \d+ (\d+)/(\d+) (\S+) \d+ (\S+)`)

// frames puts the parts of the frames in an answer together.
func frames(t *testing.T, stdout string) []frame {
	t.Helper()
	var all []frame
	text := ""
	for _, m := range frameLine.FindAllStringSubmatch(stdout, -1) {
		if text += m[4]; m[1] != m[2] {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatalf("frame %s: %v", m[3], err)
		}
		var envelope struct{ V json.RawMessage }
		if err := json.Unmarshal(raw, &envelope); err != nil {
			t.Fatalf("frame %s: %v", m[3], err)
		}
		all = append(all, frame{m[3], envelope.V})
		text = ""
	}
	return all
}

// decode reads a frame as the type that it must have. What no type of ours has is an error.
func (f frame) decode(function string, decoded map[string]int) error {
	var into any
	switch {
	case f.kind == "failure" || f.kind == "error":
		into = new(host.Error)
		decoded[f.kind]++
	case f.kind == "output" && outputs[function] != nil:
		into = outputs[function]()
		decoded[function]++
	case f.kind == "output" && strings.Contains(function, "-Exr"):
		return fmt.Errorf("no type is known for it")
	default:
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(f.value))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if reflect.ValueOf(into).Elem().IsZero() {
		return fmt.Errorf("nothing of %s was understood", f.value)
	}
	return nil
}

func TestRecordedFieldsAreAllThere(t *testing.T) {
	// The other way round: what a type has, a recording has too. These came later than the recordings.
	later := map[string]bool{"Module.installedUtc": true}
	seen := map[string]map[string]bool{}
	for _, file := range recordings(t) {
		var recorded transcript
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &recorded); err != nil {
			t.Fatal(err)
		}
		for _, x := range recorded.Exchanges {
			function := requested(x.Sent)
			for _, f := range frames(t, x.Stdout) {
				var table map[string]json.RawMessage
				if f.kind == "output" && outputs[function] != nil && json.Unmarshal(f.value, &table) == nil {
					if seen[function] == nil {
						seen[function] = map[string]bool{}
					}
					for name := range table {
						seen[function][name] = true
					}
				}
			}
		}
	}
	for function, make := range outputs {
		kind := reflect.TypeOf(make()).Elem()
		for i := range kind.NumField() {
			name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
			if !seen[function][name] && !later[kind.Name()+"."+name] {
				t.Errorf("%s: %s.%s was in no recorded answer", function, kind.Name(), name)
			}
		}
	}
}
