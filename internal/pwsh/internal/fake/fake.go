package fake

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Main turns this process into a fake if it was started as one, and does not return then. Call it first in TestMain.
func Main() {
	if seconds := os.Getenv(sleeper); seconds != "" {
		sleep(seconds)
	}
	file := os.Getenv(Variable)
	if file == "" {
		return
	}
	raw, err := os.ReadFile(file)
	f := &fake{commands: bufio.NewReader(os.Stdin), secrets: bufio.NewReader(os.Stdin), parameters: map[string][]string{}}
	if err == nil {
		err = json.Unmarshal(raw, &f.plan)
	}
	if err != nil {
		f.giveUp("plan", err.Error())
	}
	f.random = rand.New(rand.NewPCG(f.plan.Seed, 1))
	f.serve()
}

// A fake reads commands through one buffered reader and secrets through another, as Windows PowerShell 5.1 may:
// whatever is in the pipe before "need" was written is swallowed by the first. The fake gives up then.
type fake struct {
	plan       Plan
	commands   *bufio.Reader
	secrets    *bufio.Reader
	random     *rand.Rand
	nonce      string
	parameters map[string][]string // of every function whose source was sent
	id, seq    int
}

type request struct {
	ID      int
	Func    string
	Args    map[string]any
	Secrets []string
}

// A command is one line as go-powershell writes it.
type command struct {
	text           string
	outEnd, errEnd string // the boundaries
}

var (
	commandLine = regexp.MustCompile(`^(?s)(.*); echo '(.{33})'; \[Console\]::Error\.WriteLine\('(.{33})'\)\r\n$`)
	scriptText  = regexp.MustCompile(`FromBase64String\('([^']*)'\)`)
	nonceText   = regexp.MustCompile(`ExrNonce = '([0-9a-f]+)'`)
	invokeText  = regexp.MustCompile(`^Invoke-ExrRequest '([^']*)'$`)
)

// gaveUp is the exit status after the wire was misused.
const gaveUp = 99

// giveUp says why: it becomes the last text of the call.
func (f *fake) giveUp(what, why string) {
	fmt.Printf("fake: %s: %s\n", what, why)
	os.Exit(gaveUp)
}

func (f *fake) serve() {
	switch f.plan.Mode {
	case "dead":
		os.Exit(3)
	case "mute":
		time.Sleep(time.Hour)
	}
	for {
		line, err := f.commands.ReadString('\n')
		if err != nil {
			os.Exit(0)
		}
		m := commandLine.FindStringSubmatch(line)
		if m == nil {
			f.giveUp("command line", "another form than the one we know: "+strconv.Quote(line))
		}
		f.run(command{text: m[1], outEnd: m[2], errEnd: m[3]})
	}
}

func (f *fake) run(c command) {
	if m := invokeText.FindStringSubmatch(c.text); m != nil {
		f.invoke(c, m[1])
		return
	}
	f.learn(c.text)
	if e, ok := f.recordedLine(c.text); ok {
		f.replay(e, c, 0)
		return
	}
	f.plain(c)
}

// learn takes the nonce, and the parameters of the functions, from a script of the bootstrap.
func (f *fake) learn(text string) {
	m := scriptText.FindStringSubmatch(text)
	if m == nil {
		return
	}
	script, err := base64.StdEncoding.DecodeString(m[1])
	if err != nil {
		return
	}
	if n := nonceText.FindSubmatch(script); n != nil {
		f.nonce = string(n[1])
		return // host.ps1: nobody calls its functions by name
	}
	for name, parameters := range FunctionsIn(string(script)) {
		f.parameters[strings.ToLower(name)] = parameters
	}
}

// plain answers our own command lines, and a few for those who use go-powershell as it is.
func (f *fake) plain(c command) {
	switch {
	case strings.Contains(c.text, "FromBase64String"):
		f.println("ready")
	case strings.Contains(c.text, "CodePage"):
		f.println(strconv.Itoa(f.plan.CodePage))
	case strings.HasPrefix(c.text, "Out-Text "):
		n, _ := strconv.Atoi(strings.TrimPrefix(c.text, "Out-Text "))
		f.println(strings.Repeat("x", n))
	case strings.HasPrefix(c.text, "throw "):
		return // both boundaries are lost
	case f.plan.Mode == "constrained":
		f.println("ConstrainedLanguage")
		fmt.Fprintln(os.Stderr, "InvalidOperation: Cannot invoke method.")
		f.println(c.outEnd)
		return
	default:
		f.println("FullLanguage")
	}
	f.boundaries(c)
}

func (f *fake) println(line string) { _, _ = os.Stdout.WriteString(line + f.lineEnd()) }

func (f *fake) lineEnd() string {
	if f.plan.CRLF {
		return "\r\n"
	}
	return "\n"
}

func (f *fake) boundaries(c command) {
	f.println(c.outEnd)
	_, _ = os.Stderr.WriteString(c.errEnd + f.lineEnd())
}

func (f *fake) invoke(c command, encoded string) {
	var r request
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		if e, ok := f.recordedLine(c.text); ok {
			f.replay(e, c, 0)
			return
		}
		f.id, f.seq = 0, 0
		f.fail("FormatException", "NotSpecified", err.Error())
		f.boundaries(c)
		return
	}
	f.id, f.seq = r.ID, 0
	if f.misbehave(r, c) {
		return
	}
	if name := f.unknownParameter(r); name != "" {
		f.secretsOf(r)
		f.fail("NamedParameterNotFound,"+r.Func, "InvalidArgument", "A parameter cannot be found that matches parameter name '"+name+"'.")
		f.boundaries(c)
		return
	}
	if a, ok := f.scripted(r.Func); ok {
		f.answer(a, r, c)
		return
	}
	if e, ok := f.recordedCall(r); ok {
		f.replay(e, c, r.ID)
		return
	}
	if _, defined := f.parameters[strings.ToLower(r.Func)]; defined {
		f.giveUp(r.Func, "neither recorded nor scripted")
	}
	f.secretsOf(r)
	f.fail("CommandNotFoundException", "ObjectNotFound", "The term '"+r.Func+"' is not recognized as a name of a cmdlet, function, script file, or executable program.")
	f.boundaries(c)
}

// frame is one line of an answer.
func (f *fake) frame(kind string, part, parts int, data []byte) string {
	f.seq++
	text := base64.StdEncoding.EncodeToString(data)
	return fmt.Sprintf("\x1e%s %d %d %d/%d %s %d %s\n", f.nonce, f.id, f.seq, part, parts, kind, len(text), text)
}

// frames are a value as host.ps1 writes it: in parts.
func (f *fake) frames(kind string, value any) string {
	raw, err := json.Marshal(map[string]any{"v": value})
	if err != nil {
		f.giveUp(kind, err.Error())
	}
	const size = 3400 / 4 * 3 // host.ps1 cuts the base64 at 3,400
	parts := (len(raw) + size - 1) / size
	var out strings.Builder
	for i := range parts {
		out.WriteString(f.frame(kind, i+1, parts, raw[i*size:min(len(raw), (i+1)*size)]))
	}
	return out.String()
}

func (f *fake) say(kind string, value any) { _, _ = os.Stdout.WriteString(f.frames(kind, value)) }

func (f *fake) done(ok bool, exit any) { f.say("done", map[string]any{"ok": ok, "exit": exit}) }

func (f *fake) fail(id, category, message string) {
	f.say("failure", map[string]any{"id": id, "category": category, "message": message})
	f.done(false, nil)
}

// secretsOf asks for every secret of a call.
func (f *fake) secretsOf(r request) map[string]string {
	secrets := map[string]string{}
	for _, name := range r.Secrets {
		f.notYet()
		f.say("need", name)
		secrets[name] = f.secret()
	}
	return secrets
}

// early is how long a line that was sent too soon has to arrive.
const early = 10 * time.Millisecond

// notYet gives up if anything is in the pipe before it was asked for.
func (f *fake) notYet() {
	if f.commands.Buffered() > 0 || f.secrets.Buffered() > 0 || pending(os.Stdin, early) {
		f.giveUp("secret", "sent before it was asked for")
	}
}

func (f *fake) secret() string {
	line, err := f.secrets.ReadString('\n')
	if err != nil {
		os.Exit(0)
	}
	secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
	if err != nil {
		f.giveUp("secret", "not base64")
	}
	return string(secret)
}
