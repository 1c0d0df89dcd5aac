// Package pwshtest gives tests a PowerShell that is not there: the test binary itself, started once more, which
// answers from recorded transcripts or from a script. It knows the wire and nothing of the functions.
//
//	func TestMain(m *testing.M) { pwshtest.Main(); os.Exit(m.Run()) }
//
//	h := pwshtest.Open(t, pwshtest.Config(t, "module-install"))
package pwshtest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"exorunner/internal/pwsh"
	"exorunner/internal/pwsh/internal/fake"
	"exorunner/scripts"
)

type (
	// A Plan is all that a fake does; its zero value works and knows no function.
	Plan = fake.Plan
	// An Answer is a scripted one: what a function says, and how it ends.
	Answer = fake.Answer
	// A Saying is a frame of that kind, or with kind text or stderr a line of an output.
	Saying = fake.Saying
)

// Main makes this process a fake, if it was started as one, and does not return then. TestMain calls it first.
func Main() { fake.Main() }

// Config is a PowerShell that answers each call with the recorded exchange of that function: of those with the same
// arguments if there are any, in the order of the recording, the last one again and again. That order holds across
// the processes of one Config. A transcript is named as its file is (module-install, windows/facts), or by a path.
//
// The sources under scripts/ are sent as to a real PowerShell. The fake learns the parameters from them: one that a
// function does not take fails as in PowerShell, and so does a function that is neither recorded nor there. A call of
// one that is there and was not recorded ends the process with status 99, which makes it unreachable.
func Config(t testing.TB, transcripts ...string) pwsh.Config {
	t.Helper()
	return Follow(t, Recorded(t, transcripts...))
}

// Recorded is the plan of Config, to which scripted answers can be added.
func Recorded(t testing.TB, transcripts ...string) Plan {
	t.Helper()
	var p Plan
	for _, name := range transcripts {
		exchanges, err := fake.ReadTranscript(Transcript(t, name))
		if err != nil {
			t.Fatal(err)
		}
		p.Exchanges = append(p.Exchanges, exchanges...)
		p.CRLF = p.CRLF || strings.HasPrefix(name, "windows/")
	}
	return p
}

// Script is a PowerShell that gives these answers: of those for a function the first that may still be given.
func Script(t testing.TB, answers ...Answer) pwsh.Config {
	t.Helper()
	return Follow(t, Plan{Answers: answers})
}

// Follow is a PowerShell that follows a plan; scripted answers come before recorded ones.
func Follow(t testing.TB, p Plan) pwsh.Config {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return pwsh.Config{
		Name: "fake", Path: func(int) (string, error) { return self, nil }, Env: fake.Environment(t, p),
		HostScript: scripts.Host(), Scripts: scripts.Functions(),
	}
}

// Open gives a host that is closed with the test.
func Open(t testing.TB, cfg pwsh.Config) *pwsh.Host {
	t.Helper()
	h := pwsh.New(cfg)
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// Transcript is the file of a recording.
func Transcript(t testing.TB, name string) string {
	t.Helper()
	if filepath.IsAbs(name) || strings.HasSuffix(name, ".json") {
		return name
	}
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "internal", "pwsh", "testdata", "transcripts", filepath.FromSlash(name)+".json")
}

// moduleRoot is the folder of go.mod above the working directory, which is that of the package under test.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = up
	}
}
