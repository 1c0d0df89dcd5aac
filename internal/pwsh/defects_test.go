package pwsh

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"exorunner/internal/host"
	"exorunner/internal/pwsh/internal/fake"
)

// What is wrong with go-powershell as it is, and what keeps it from us. Each row is a test below or in the file named.
//
//	 1  a host that dies leaves Execute waiting           the relay gives both boundaries when the process is dead
//	 2  so does exit in a command                         the same
//	 3  so does a terminating error                       host.ps1 catches it; a line of ours cannot throw
//	 4  a comment, quote or brace swallows the boundary   a request is data in one line that always parses
//	 5  output is collected at quadratic cost             it gets 32 KiB; answers go another way
//	 6  the boundary must end in CR LF                    the feed writes it so, whatever came
//	 7  bytes behind the boundary hide it                 the boundary is a chunk of its own
//	 8  the command is written before anybody reads       the relay reads all the time
//	 9  a grandchild keeps the outputs open               death is learned from the system; then the pipes are closed
//	10  anything on stderr is an error                    it is text
//	11  an error holds the whole command                  its errors are not looked at
//	12  no exit status                                    the last frame has it; that of the process is in the error
//	13  no context, no end for what hangs                 a context ends the whole tree
//	14  Exit twice panics, beside Execute it races        it is not called: library_test.go
//	15  concurrent calls mix                              they wait for one another
//	16  QuoteArg corrupts                                 it is not called: library_test.go; values are data
//	17  powershell.exe from PATH, with a profile          the path and the arguments are ours
//	18  a native program that reads stdin eats the wire   nothing waits for it for ever; scripts/ gives natives an empty one
//	19  lines that belong together                        a request is one line
//	20  text in the OEM code page                         the wire is ASCII; text is decoded
//	21  its middleware and SSH                            not imported: library_test.go
func TestDefectsOfGoPowershellAreCured(t *testing.T) {
	for name, test := range map[string]func(*testing.T, *Session){
		"defect 1: the host dies":                                dies,
		"defect 2: exit inside a command":                        exits,
		"defect 3: a terminating error on the command line":      throws,
		"defect 4: a comment, a quote, a brace, a here-string":   swallows,
		"defect 5: much output":                                  muchOutput,
		"defect 6: lines end in LF or in CR LF":                  lineEnds,
		"defect 7: bytes behind the boundary":                    bytesBehind,
		"defect 8: a chatty host and a long command":             chatty,
		"defect 9: a grandchild keeps stdout open":               grandchild,
		"defect 10: text on stderr":                              textOnStderr,
		"defect 11: the command in an error":                     commandInError,
		"defect 12: exit status":                                 exitStatus,
		"defect 13: a host that hangs":                           hangs,
		"defect 14: Close twice and beside a call":               closes,
		"defect 15: concurrent calls":                            concurrently,
		"defect 16: quotes and line ends in a value":             quotes,
		"defect 17: which executable, and how":                   executable,
		"defect 18: a native program eats the wire":              eatsTheWire,
		"defect 19 and 20: a request is one line of ASCII":       oneLine,
		"defect 20: letters come back, in frames and in text":    lettersComeBack,
		"defect 21: a large value comes back without middleware": largeValue,
	} {
		t.Run(name, func(t *testing.T) { test(t, openFake(t)) })
	}
}

// lostWith holds that a call ended, unreachable, and said why.
func lostWith(t *testing.T, s *Session, c host.Call, why string) {
	t.Helper()
	err := s.Call(within(t, patience), c, nil)
	if !errors.Is(err, host.ErrUnreachable) || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), why) {
		t.Errorf("got %v; want it unreachable, %s", err, why)
	}
	checkAfter(t, s, true)
}

// echoed holds that a value comes back as it was sent.
func echoed(t *testing.T, s *Session, value string) {
	t.Helper()
	var got []string
	if err := s.Call(within(t, patience), call("Fake-Echo", args{"Value": []byte(value)}), collect(&got)); err != nil {
		t.Fatal(err)
	}
	if want := `output "=` + base64.StdEncoding.EncodeToString([]byte(value)) + `"`; !slices.Equal(got, []string{want}) {
		t.Errorf("got %.200q, want %.200q", got, want)
	}
}

func dies(t *testing.T, s *Session) {
	lostWith(t, s, call("Fake-Crash", args{"Percent": 0, "Code": 9}), "")
}

func exits(t *testing.T, s *Session) {
	lostWith(t, s, call("Fake-Exit", args{"Code": 7}), "exit status 7")
}

func throws(t *testing.T, s *Session) {
	x := newExchange(0, nil, nil, codePage{})
	s.exchange(within(t, 200*time.Millisecond), x, "throw 'x'", func(item) {}) // no line of ours: both boundaries are lost
	if err := s.settle(x); !errors.Is(err, host.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v; want the end of the context", err)
	}
	checkAfter(t, s, true)
	again := openFake(t)
	if err := again.Call(within(t, patience), call("Fake-Failure", nil), nil); host.As(err) == nil {
		t.Errorf("in a function: got %v, want a host.Error", err)
	}
	checkAfter(t, again, false)
}

func swallows(t *testing.T, s *Session) {
	for _, text := range []string{"# a comment", "it's", `"`, "{ ( [", "@'\n", "`", "$(throw)", "; exit 1"} {
		err := s.Call(within(t, patience), call("Get-"+text, args{"Value" + text: text}), nil)
		if e := host.As(err); e == nil || e.ID != "CommandNotFoundException" {
			t.Errorf("%q: got %v, want an answer", text, err)
		}
	}
	checkAfter(t, s, false)
}

func muchOutput(t *testing.T, s *Session) {
	line, _, err := request(call("Fake-Babble", args{"MiB": 8, "Line": 80}), 1)
	if err != nil {
		t.Fatal(err)
	}
	x := newExchange(1, nil, nil, codePage{})
	text := s.exchange(within(t, patience), x, line, func(item) {})
	if err := s.settle(x); err != nil || len(text) > maxForward {
		t.Errorf("go-powershell collected %d bytes, %v; want at most %d", len(text), err, maxForward)
	}
}

func lineEnds(t *testing.T, s *Session) {
	checkAfter(t, s, false)
	checkAfter(t, openPlan(t, fake.Plan{CRLF: true, CodePage: 437}), false)
}

func bytesBehind(t *testing.T, s *Session) {
	if err := s.Call(within(t, patience), call("Fake-LateText", nil), nil); err != nil {
		t.Error(err)
	}
	checkAfter(t, s, false)
}

func chatty(t *testing.T, s *Session) {
	if err := s.Call(within(t, patience), call("Fake-Chatty", nil), nil); err != nil {
		t.Fatal(err)
	}
	echo := call("Fake-Echo", args{"Value": strings.Repeat("x", 300<<10)})
	if err := s.Call(within(t, patience), echo, nil); err != nil {
		t.Errorf("got %v; want both to get on with it", err)
	}
}

func grandchild(t *testing.T, s *Session) {
	if runtime.GOOS == "windows" {
		t.Skip("no child leaves the job object")
	}
	err := s.Call(within(t, patience), call("Fake-Orphan", nil), nil)
	if !errors.Is(err, host.ErrUnreachable) || !strings.Contains(err.Error(), "exit status 5") {
		t.Errorf("got %v; want it unreachable, exit status 5", err)
	}
}

func textOnStderr(t *testing.T, s *Session) {
	var got []string
	if err := s.Call(within(t, patience), call("Fake-Stderr", nil), collect(&got)); err != nil || !slices.Equal(got, []string{"text noise"}) {
		t.Errorf("got %q, %v; want text and no error", got, err)
	}
}

func commandInError(t *testing.T, s *Session) {
	for _, function := range []string{"Fake-Failure", "Fake-NoDone"} {
		c := call(function, args{"Mark": "MySecretPassw0rd"})
		line, _, err := request(c, 1)
		if err != nil {
			t.Fatal(err)
		}
		err = s.Call(within(t, patience), c, nil)
		if err == nil || strings.Contains(err.Error(), "MySecretPassw0rd") || strings.Contains(err.Error(), line[:40]) {
			t.Errorf("%s: got %v; want an error without the command", function, err)
		}
	}
}

func exitStatus(t *testing.T, s *Session) {
	var got []string
	if err := s.Call(within(t, patience), call("Fake-Native", args{"Exit": 3010}), collect(&got)); err != nil || !slices.Equal(got, []string{"exit 3010"}) {
		t.Errorf("of a native program: got %q, %v; want 3010", got, err)
	}
	lostWith(t, s, call("Fake-Exit", args{"Code": 42}), "exit status 42")
}

func hangs(t *testing.T, s *Session) {
	err := s.Call(within(t, 200*time.Millisecond), call("Fake-Hang", args{"Orphan": true}), nil)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, host.ErrUnreachable) {
		t.Errorf("got %v; want it unreachable, a deadline exceeded", err)
	}
	checkAfter(t, s, true)
}

func closes(t *testing.T, s *Session) {
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { _ = s.Call(within(t, patience), call("Fake-Nothing", nil), nil) })
		all.Go(func() { _ = s.Close() })
	}
	all.Wait()
	checkAfter(t, s, true)
}

func concurrently(t *testing.T, s *Session) {
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() { echoed(t, s, fmt.Sprint(i)) })
	}
	all.Wait()
}

func quotes(t *testing.T, s *Session) {
	for _, value := range []string{"it's", "\u2018curly\u2019", "a\r\nb", "\x00\x1e", "`$(exit)"} {
		echoed(t, s, value)
		var got []string
		if err := s.Call(within(t, patience), call("Fake-Echo", args{"Value": 1, value: 2}), collect(&got)); err != nil {
			t.Errorf("as the name of a parameter: %v", err)
		}
	}
}

func executable(t *testing.T, s *Session) {
	t.Setenv("PATH", filepath.Dir(self(t)))
	cmd := s.p.cmd
	if cmd.Path != self(t) {
		t.Errorf("started %s, want %s", cmd.Path, self(t))
	}
	for _, want := range []string{"-NoProfile", "-NonInteractive", "-NoLogo"} {
		if !slices.Contains(cmd.Args, want) {
			t.Errorf("started with %q; want %s in it", cmd.Args, want)
		}
	}
	if _, err := Open(within(t, patience), filepath.Base(self(t)), follow(t, fake.Plan{})); !errors.Is(err, host.ErrNoPowerShell) {
		t.Errorf("a bare name: got %v, want %v", err, host.ErrNoPowerShell)
	}
}

func eatsTheWire(t *testing.T, _ *Session) {
	s := openPlan(t, recorded(t, "native-reads-stdin"))
	err := s.Call(within(t, 200*time.Millisecond), call("Test-Cat", nil), nil)
	if !errors.Is(err, host.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v; want the end of the context", err)
	}
	checkAfter(t, s, true)
}

func oneLine(t *testing.T, _ *Session) {
	line, _, err := request(call("Get-Grüße\n", args{"Zeile": "a\nb\r\nc \u2028 日本語 \x1b 'x'"}), 1)
	if err != nil {
		t.Fatal(err)
	}
	inside := strings.TrimSuffix(strings.TrimPrefix(line, "Invoke-ExrRequest '"), "'")
	if _, err := base64.StdEncoding.DecodeString(inside); err != nil || strings.ContainsAny(inside, "'\r\n ") {
		t.Errorf("got %q; want base64 in single quotes", line)
	}
}

func lettersComeBack(t *testing.T, s *Session) {
	echoed(t, s, "Grüße, 日本語 🎉")
	japanese := openPlan(t, fake.Plan{CodePage: 932})
	raw := base64.StdEncoding.EncodeToString(encoded(t, 932, "インストール中"))
	var got []string
	if err := japanese.Call(within(t, patience), call("Fake-Bytes", args{"Base64": raw}), collect(&got)); err != nil || !slices.Equal(got, []string{"text インストール中"}) {
		t.Errorf("got %q, %v; want the text", got, err)
	}
}

func largeValue(t *testing.T, s *Session) {
	size := 0
	err := s.Call(within(t, patience), call("Fake-Answer", args{"Size": 8 << 20, "Count": 1}), func(e Event) { size += len(e.Value) })
	if want := 8<<20 + 2; err != nil || size != want {
		t.Errorf("got %d bytes, %v; want %d", size, err, want)
	}
}
