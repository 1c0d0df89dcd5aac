package fake

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// sleeper makes a process of this binary sleep for so many seconds and end.
const sleeper = "EXORUNNER_FAKE_SLEEP"

func sleep(seconds string) {
	d, err := time.ParseDuration(seconds + "s")
	if err != nil {
		os.Exit(gaveUp)
	}
	time.Sleep(d)
	os.Exit(0)
}

// orphan leaves a child behind that holds our outputs open.
func orphan(seconds string, away bool) {
	self, err := os.Executable()
	if err != nil {
		os.Exit(gaveUp)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), sleeper+"="+seconds)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	if away {
		runAway(c)
	}
	if err := c.Start(); err != nil {
		os.Exit(gaveUp)
	}
	fmt.Fprintf(os.Stderr, "orphan %d\n", c.Process.Pid)
}

// A misdeed says whether done and the boundaries are still to be written.
type misdeed func(f *fake, r request, c command) bool

// misdeeds are the functions that every fake has.
var misdeeds = map[string]misdeed{
	"Fake-Nothing":  func(*fake, request, command) bool { return true },
	"Fake-Echo":     func(f *fake, r request, _ command) bool { f.say("output", r.Args["Value"]); return true },
	"Fake-Quote":    func(f *fake, r request, _ command) bool { f.say("warning", r.Args["Value"]); return true },
	"Fake-Pid":      func(f *fake, r request, _ command) bool { f.secretsOf(r); f.say("output", os.Getpid()); return true },
	"Fake-Secret":   (*fake).quoteSecret,
	"Fake-Bytes":    (*fake).rawBytes,
	"Fake-Ask":      func(f *fake, r request, _ command) bool { f.say("need", f.string(r, "Name")); return true },
	"Fake-Finding":  (*fake).finding,
	"Fake-Failure":  (*fake).failure,
	"Fake-Break":    (*fake).strayBreak,
	"Fake-Unread":   (*fake).unread,
	"Fake-Exit":     (*fake).exit,
	"Fake-Crash":    (*fake).crash,
	"Fake-Hang":     (*fake).hang,
	"Fake-Orphan":   (*fake).orphanAway,
	"Fake-Deaf":     (*fake).deaf,
	"Fake-Babble":   (*fake).babble,
	"Fake-Endless":  (*fake).endless,
	"Fake-Answer":   (*fake).large,
	"Fake-Noise":    (*fake).noise,
	"Fake-Torn":     (*fake).torn,
	"Fake-OtherID":  (*fake).otherID,
	"Fake-Chatty":   (*fake).chatty,
	"Fake-Late":     (*fake).late,
	"Fake-NoDone":   func(f *fake, _ request, c command) bool { f.say("output", "before"); f.boundaries(c); return false },
	"Fake-Slow":     (*fake).slowBoundary,
	"Fake-LateText": (*fake).lateText,
	"Fake-Pieces":   (*fake).inPieces,
	"Fake-Stderr":   func(_ *fake, _ request, _ command) bool { fmt.Fprintln(os.Stderr, "noise"); return true },
	"Fake-Native": func(f *fake, r request, c command) bool {
		f.done(true, f.int(r, "Exit"))
		f.boundaries(c)
		return false
	},
	"Fake-Unsolicit": (*fake).unsolicited,
}

func (f *fake) misbehave(r request, c command) bool {
	do, found := misdeeds[r.Func]
	if !found {
		return false
	}
	if do(f, r, c) {
		f.done(true, nil)
		f.boundaries(c)
	}
	return true
}

func (f *fake) int(r request, name string) int {
	n, _ := r.Args[name].(float64)
	return int(n)
}

func (f *fake) string(r request, name string) string {
	s, _ := r.Args[name].(string)
	return strings.TrimPrefix(s, "=")
}

// quoteSecret says its secret in every way it can.
func (f *fake) quoteSecret(r request, c command) bool {
	p := f.secretsOf(r)["Password"]
	fmt.Println("text", p)
	fmt.Fprintln(os.Stderr, "noise", p)
	f.say("output", map[string]any{"plain": p, p: 1, "base64": base64.StdEncoding.EncodeToString([]byte("x" + p + "yz"))})
	f.say("error", map[string]any{"id": "Found", "message": "odd: " + p, "target": p})
	f.fail("Bind", "InvalidArgument", "cannot bind "+p)
	f.boundaries(c)
	return false
}

// rawBytes writes a line of bytes as a native program would, and a frame with what PowerShell may have made of it.
func (f *fake) rawBytes(r request, _ command) bool {
	f.secretsOf(r)
	raw, err := base64.StdEncoding.DecodeString(f.string(r, "Base64"))
	if err != nil {
		f.giveUp("Base64", err.Error())
	}
	_, _ = os.Stdout.Write(append(raw, '\n'))
	if text := f.string(r, "Read"); text != "" {
		f.say("output", text)
	}
	return true
}

func (f *fake) finding(request, command) bool {
	f.say("error", map[string]any{"id": "Odd,Get-It", "message": "a finding"})
	for _, kind := range []string{"warning", "verbose", "debug", "information"} {
		f.say(kind, "of kind "+kind)
	}
	f.say("output", "after")
	return true
}

func (f *fake) failure(_ request, c command) bool {
	f.say("failure", map[string]any{"id": "NotThere,Get-It", "message": "no such thing", "hresult": -2146233087})
	f.done(false, nil)
	f.boundaries(c)
	return false
}

func (f *fake) strayBreak(_ request, c command) bool {
	f.say("output", "before")
	f.done(false, nil)
	f.boundaries(c)
	return false
}

// unread answers as if the request could not be read.
func (f *fake) unread(r request, c command) bool {
	f.id = 0
	if f.string(r, "How") != "done alone" {
		f.say("failure", map[string]any{"id": "FormatException", "message": "not a valid Base-64 string"})
	}
	f.done(false, nil)
	f.boundaries(c)
	return false
}

func (f *fake) exit(r request, _ command) bool {
	f.say("output", "before")
	f.done(false, nil)
	os.Exit(f.int(r, "Code"))
	return false
}

// crash ends after so many percent of an answer.
func (f *fake) crash(r request, c command) bool {
	all := f.frames("output", strings.Repeat("x", 9000)) + f.frames("warning", "w") + f.frames("done", map[string]any{"ok": true, "exit": nil}) + c.outEnd
	_, _ = os.Stdout.WriteString(all[:len(all)*f.int(r, "Percent")/100])
	if r.Args["Orphan"] == true {
		orphan("0.2", false)
	}
	if code := f.int(r, "Code"); code != 9 {
		os.Exit(code)
	}
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Kill()
	}
	time.Sleep(time.Hour)
	return false
}

func (f *fake) hang(r request, _ command) bool {
	f.say("output", "before")
	if r.Args["Orphan"] == true {
		orphan("600", false)
	}
	_, _ = os.Stdout.WriteString("Password: ")
	time.Sleep(time.Hour)
	return false
}

// orphanAway leaves a child out of reach that holds the outputs open.
func (f *fake) orphanAway(request, command) bool {
	orphan("3", true)
	os.Exit(5)
	return false
}

// deaf answers and reads no more.
func (f *fake) deaf(_ request, c command) bool {
	f.done(true, nil)
	f.boundaries(c)
	time.Sleep(time.Hour)
	return false
}

// chatty answers, and talks a lot before it reads its next command.
func (f *fake) chatty(_ request, c command) bool {
	f.done(true, nil)
	f.boundaries(c)
	for _, to := range []*os.File{os.Stdout, os.Stderr} {
		_, _ = to.Write(bytes.Repeat([]byte("blah blah blah\n"), 20_000))
	}
	return false
}

func (f *fake) babble(r request, _ command) bool {
	out := bufio.NewWriterSize(os.Stdout, 64<<10)
	line := append(bytes.Repeat([]byte("x"), f.int(r, "Line")), '\n')
	for n := f.int(r, "MiB") << 20; n > 0; n -= len(line) {
		_, _ = out.Write(line)
	}
	_ = out.Flush()
	return true
}

func (f *fake) endless(request, command) bool {
	for {
		if _, err := os.Stdout.Write(bytes.Repeat([]byte("x"), 4096)); err != nil {
			os.Exit(gaveUp)
		}
	}
}

// large says a string of Size bytes, Count times. Of frames that are alike but for their number only that is made anew.
func (f *fake) large(r request, _ command) bool {
	out := bufio.NewWriterSize(os.Stdout, 64<<10)
	value := strings.Repeat("x", f.int(r, "Size"))
	head := fmt.Sprintf("\x1e%s %d ", f.nonce, f.id)
	for i := range f.int(r, "Count") {
		if len(value) > 2000 {
			_, _ = out.WriteString(f.frames("output", value))
			continue
		}
		if i == 0 {
			value = base64.StdEncoding.EncodeToString([]byte(`{"v":"` + value + `"}`))
		}
		f.seq++
		fmt.Fprintf(out, "%s%d 1/1 output %d %s\n", head, f.seq, len(value), value)
	}
	_ = out.Flush()
	return true
}

// noise is a child's text in front of a frame, a long line, and carriage returns alone.
func (f *fake) noise(_ request, c command) bool {
	_, _ = os.Stdout.WriteString("noise" + f.frames("output", 1) + strings.Repeat("y", 200<<10) + f.frames("output", 2) + "10%\r20%\r\nlast")
	f.done(true, nil)
	_, _ = os.Stdout.WriteString("partial")
	f.boundaries(c)
	return false
}

func (f *fake) torn(r request, _ command) bool {
	whole := f.frames("output", "a value that is long enough to be torn somewhere")
	_, _ = os.Stdout.WriteString(map[string]string{
		"cut":     whole[:40] + "\n",
		"inside":  whole[:60] + "noise" + whole[60:],
		"newline": whole[:60] + "\n" + whole[60:],
		"twice":   whole[:60] + whole,
		"long":    "\x1e" + f.nonce + " " + strings.Repeat("z", 200<<10),
		"zero":    strings.Replace(whole, " 1/1 ", " 01/1 ", 1),
		"skipped": strings.Replace(whole, " 1 1/1 ", " 2 1/1 ", 1),
	}[f.string(r, "How")])
	return true
}

func (f *fake) otherID(r request, _ command) bool {
	id := f.id
	f.id += f.int(r, "By")
	f.say("output", "of another call")
	f.id = id
	return true
}

// late answers after the boundary, when the next call may already wait.
func (f *fake) late(r request, c command) bool {
	f.boundaries(c)
	time.Sleep(time.Duration(f.int(r, "Delay")) * time.Millisecond)
	f.say("output", "late")
	f.done(true, nil)
	return false
}

// unsolicited is a good answer and a frame behind it, while nothing is asked.
func (f *fake) unsolicited(_ request, c command) bool {
	f.done(true, nil)
	f.boundaries(c)
	time.Sleep(20 * time.Millisecond)
	f.say("output", "by the way")
	return false
}

// slowBoundary keeps the boundary back for so many milliseconds after the last frame.
func (f *fake) slowBoundary(r request, c command) bool {
	f.done(true, nil)
	time.Sleep(time.Duration(f.int(r, "Delay")) * time.Millisecond)
	f.boundaries(c)
	return false
}

func (f *fake) lateText(r request, c command) bool {
	secret := f.secretsOf(r)["Password"]
	f.done(true, nil)
	fmt.Printf("%sand more\nlate %s\n", c.outEnd, secret)
	fmt.Fprintln(os.Stderr, c.errEnd)
	return false
}

func (f *fake) inPieces(_ request, c command) bool {
	f.say("output", "whole")
	for _, b := range []byte(f.frames("output", "in pieces") + f.frames("done", map[string]any{"ok": true, "exit": nil}) + c.outEnd + "\r\n") {
		_, _ = os.Stdout.Write([]byte{b})
		time.Sleep(50 * time.Microsecond)
	}
	fmt.Fprintln(os.Stderr, c.errEnd)
	return false
}
