// Package fake is a PowerShell for tests: a program that speaks the wire as a real one was seen to. It answers from
// recorded transcripts, from a script, or misbehaves to order. It knows nothing of this side of the wire.
//
// A test binary becomes a fake when it is started with Variable in its environment; see Main.
package fake

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Variable names the file of the Plan.
const Variable = "EXORUNNER_FAKE_POWERSHELL"

// A Plan is what a fake does.
type Plan struct {
	// Mode is "" for one that works; constrained; dead, which ends at once with status 3; mute, which never answers.
	Mode string
	// CRLF ends lines of text as Windows does.
	CRLF bool
	// Seed makes it write in pieces of random size; 0: in one.
	Seed uint64
	// CodePage is what it says about itself; 0: UTF-8.
	CodePage  int
	Exchanges []Exchange
	Answers   []Answer
	// Dir is where the processes of one test agree on what has been played; Environment sets it.
	Dir string
}

// An Exchange is a recorded one.
type Exchange struct {
	Nonce  string   // of the recording
	Sent   []string // the command line, and a secret for every need
	Stdout string
	Stderr string
	Ended  string // boundary, silence, exit N
}

// An Answer is a scripted one.
type Answer struct {
	Func string   `json:"func"`
	Say  []Saying `json:"say"`
	// Die ends the process after Say, with status Exit; Hang keeps silent after it.
	Die  bool `json:"die,omitempty"`
	Hang bool `json:"hang,omitempty"`
	// Exit is the status of a native program in the last frame.
	Exit int `json:"exit,omitempty"`
	// Times is how often it may be given; 0: for ever. Then the next one for the same function has its turn.
	Times int `json:"times,omitempty"`
}

// A Saying is a frame, or with the kinds text and stderr a line of an output. After a failure the call is not ok.
type Saying struct {
	Kind  string `json:"kind"`
	Value any    `json:"value"`
}

// ReadTranscript reads a recording.
func ReadTranscript(file string) ([]Exchange, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var recorded struct {
		Nonce     string
		Exchanges []Exchange
	}
	if err := json.Unmarshal(raw, &recorded); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for i := range recorded.Exchanges {
		recorded.Exchanges[i].Nonce = recorded.Nonce
	}
	return recorded.Exchanges, nil
}

// Environment writes the plan down and gives the environment of a fake that follows it.
func Environment(t testing.TB, p Plan) []string {
	t.Helper()
	// Not t.TempDir: on Windows a process that was just killed may hold the file for a moment, which would fail the test.
	dir, err := os.MkdirTemp("", "fake-powershell-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		files, _ := filepath.Glob(filepath.Join(dir, "*"))
		for _, name := range append(files, dir) {
			_ = os.Remove(name)
		}
	})
	p.Dir = dir
	raw, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "plan.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	// Under the race detector every process sleeps a second at its exit otherwise.
	return append(os.Environ(), Variable+"="+file, "GORACE=atexit_sleep_ms=0")
}

// claim takes the n-th use of something; false if another process, or we, had it before.
func (p Plan) claim(name string, n int) bool {
	f, err := os.OpenFile(filepath.Join(p.Dir, fmt.Sprintf("%s-%d", name, n)), os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false
	}
	_ = f.Close()
	return true
}
