package pwsh

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"exorunner/internal/host"
	"exorunner/internal/pwsh/internal/fake"
)

// letters are a secret that each code page can write.
var letters = map[int]string{
	437: "pä'ss wörd", 850: "pä'ss wörd", 852: "žluťoučký", 866: "пароль один", 1252: "pä'ss wörd",
	932: "パスワード漢字", 936: "密码很长", 949: "비밀번호", 950: "密碼很長",
}

func encoded(t *testing.T, page int, s string) []byte {
	t.Helper()
	b, err := encodings[page].NewEncoder().Bytes([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A native program writes its text in the console's page, and PowerShell may read it in another one.
func TestASecretIsHiddenInEveryCodePage(t *testing.T) {
	for page, secret := range letters {
		r := newRedactor(map[string]bool{secret: true})
		raw := encoded(t, page, secret)
		line := slices.Concat([]byte("user ce, password "), raw, []byte(", refused"))
		for _, console := range []int{page, 437, 1252, utf8Page} {
			if got, want := r.line(line, false, codePage{console}), "user ce, password "+hidden+", refused"; got != want {
				t.Errorf("page %d on a console of %d: got %q, want %q", page, console, got, want)
			}
		}
		for other, enc := range encodings { // what PowerShell makes of it, in a frame
			misread, err := enc.NewDecoder().String(string(raw))
			if err != nil {
				continue
			}
			if got := r.value("<" + misread + ">"); got != "<"+hidden+">" {
				t.Errorf("page %d read as %d: got %q, want it hidden", page, other, got)
			}
		}
		if got := r.line(utf16Bytes("x"+secret), false, codePage{}); got != "x\x00"+hidden {
			t.Errorf("UTF-16: got %q, want it hidden", got)
		}
	}
}

func TestTextIsDecodedByTheHostsCodePage(t *testing.T) {
	for page, text := range letters {
		if got := (codePage{page}).decode(encoded(t, page, text)); got != text {
			t.Errorf("page %d: got %q, want %q", page, got, text)
		}
		if got := (codePage{page}).decode([]byte(text)); got != text {
			t.Errorf("UTF-8 where page %d was expected: got %q, want %q", page, got, text)
		}
	}
	if got := (codePage{99999}).decode([]byte("a\xffb")); got != "a\ufffdb" {
		t.Errorf("a page that nobody knows: got %q", got)
	}
}

func TestASecretIsHiddenHoweverItIsQuoted(t *testing.T) {
	const secret = `it's <a> "long" & pä\ss`
	r := newRedactor(map[string]bool{secret: true})
	inJSON, _ := json.Marshal(secret)
	for name, quoted := range map[string]string{
		"plain":                     secret,
		"JSON":                      string(inJSON[1 : len(inJSON)-1]),
		"JSON of PowerShell 7":      `it's <a> \"long\" & pä\\ss`,
		"JSON of PowerShell 5.1":    `it\u0027s \u003ca\u003e \"long\" \u0026 pä\\ss`,
		"JSON in ASCII":             `it\u0027s \u003ca\u003e \"long\" \u0026 p\u00e4\\ss`,
		"a PowerShell string":       `it''s <a> "long" & pä\ss`,
		"XML":                       `it's &lt;a&gt; "long" &amp; pä\ss`,
		"a URL's query":             "it%27s+%3Ca%3E+%22long%22+%26+p%C3%A4%5Css",
		"a URL's path":              "it%27s%20%3Ca%3E%20%22long%22%20&%20p%C3%A4%5Css",
		"base64":                    base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64 of UTF-16":          base64.StdEncoding.EncodeToString(utf16Bytes(secret)),
		"where letters are missing": strings.ReplaceAll(secret, "ä", "?"),
	} {
		got := r.text("<<" + quoted + ">>")
		if !strings.HasPrefix(got, "<<"+hidden) || strings.Contains(got, "long") || len(got) > len(hidden)+8 {
			t.Errorf("%s: got %q, want it hidden", name, got)
		}
	}
	for lead := range 3 { // inside the base64 of a longer text
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", lead) + secret + "--"))
		if got := r.text(text); !strings.Contains(got, hidden) || len(got) > len(hidden)+12 {
			t.Errorf("base64 behind %d bytes: got %q, want it hidden", lead, got)
		}
	}
}

func TestTextWithoutASecretStaysAsItIs(t *testing.T) {
	r := newRedactor(map[string]bool{"pä": true, "": true, "correct horse": true})
	for _, text := range []string{"", "??", "nothing here: 3.1.0 ??", "correct  horse", "\ufffd\ufffd"} {
		if got := r.text(text); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
	if newRedactor(map[string]bool{"": true}) != nil {
		t.Error("an empty secret hides something")
	}
}

// Where a line or a value was cut, the beginning of a secret at its end goes as well.
func TestTheBeginningOfASecretAtACutIsHidden(t *testing.T) {
	const secret = "correct horse battery staple"
	r := newRedactor(map[string]bool{secret: true})
	for n := shortestPart; n < len(secret); n++ {
		cut := strings.Repeat("ä", 1024-n) + secret[:n]
		if got := r.value(cut); strings.Contains(got, secret[:n]) {
			t.Errorf("%d characters: got ...%q", n, got[len(got)-20:])
		}
		line := []byte(strings.Repeat("x", maxLine-n) + secret[:n])
		if got := r.line(line, true, codePage{}); strings.Contains(got, secret[:n]) {
			t.Errorf("%d characters of a line: got ...%q", n, got[len(got)-20:])
		}
	}
	whole := strings.Repeat("x", 1024-len("correct")) + "correct"
	if got := r.value(whole + "!"); got != whole+"!" {
		t.Errorf("a value that was not cut: got ...%q", got[len(got)-20:])
	}
}

func TestASecretOfManyLinesIsHiddenLineByLine(t *testing.T) {
	r := newRedactor(map[string]bool{"-----BEGIN KEY-----\r\nabcdefgh\r\n{\r\nijklmnop\r\n": true})
	if got := r.text("a: abcdefgh, b: ijklmnop {"); got != "a: "+hidden+", b: "+hidden+" {" {
		t.Errorf("got %q, want both lines hidden", got)
	}
}

// Nothing that leaves a session shows a secret: events, errors, and text that comes late; also of an earlier call, and
// of another process.
func TestNoSecretLeavesTheHost(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	note := func(texts ...string) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, texts...)
	}
	cfg := follow(t, fake.Plan{CodePage: 850})
	cfg.Said = func(s host.Said) { note(s.Kind + " " + s.Text) }
	h := newHost(t, cfg)
	const secret = `pä"ss wörd`
	given := map[string][]byte{"Password": []byte(secret), "Another": []byte("zzz")}
	ctx := within(t, patience)
	var out []json.RawMessage
	err := h.Invoke(ctx, host.Call{Func: "Fake-Secret", Secrets: given, Fresh: true}, &out)
	note(fmt.Sprintf("%v %+v", err, *host.As(err)))
	raw := base64.StdEncoding.EncodeToString(encoded(t, 850, "native "+secret))
	for _, c := range []host.Call{
		{Func: "Fake-Bytes", Args: args{"Base64": raw, "Read": "read " + secret}},
		call("Fake-Quote", args{"Value": "still " + secret}),
		{Func: "Fake-LateText", Secrets: given},
		call("Fake-Nothing", nil),
	} {
		if err := h.Invoke(ctx, c, &out); err != nil {
			t.Fatal(err)
		}
		for _, v := range out {
			note(string(v))
		}
	}
	_ = h.Close()
	all := strings.Join(seen, "\n")
	for _, form := range formsOf(secret) {
		if strings.Contains(all, form) {
			t.Errorf("%q is in %q", form, all)
		}
	}
	for _, want := range []string{"text text " + hidden, "text noise " + hidden, "error odd: " + hidden, "cannot bind " + hidden,
		"text native " + hidden, "read " + hidden, "still " + hidden, "late " + hidden} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in %q", want, all)
		}
	}
}

// The longest secret that PowerShell takes arrives whole.
func TestTheLongestSecretIsSent(t *testing.T) {
	s := openFake(t)
	secret := strings.Repeat("x", maxSecret)
	if err := s.Call(within(t, patience), host.Call{Func: "Fake-Pid", Secrets: map[string][]byte{"Password": []byte(secret)}}, nil); err != nil {
		t.Error(err)
	}
	err := s.Call(context.Background(), host.Call{Func: "Fake-Pid", Secrets: map[string][]byte{"Password": []byte(secret + "x")}}, nil)
	if err == nil || strings.Contains(err.Error(), "xxx") || s.over() {
		t.Errorf("one more: got %.100v; want it refused, unsaid and unsent", err)
	}
}

// The command line names a secret and does not hold it, in any form: PowerShell's logs keep command lines.
func TestACommandLineHoldsNoSecret(t *testing.T) {
	const secret = "marker-Geheimnis-7731"
	line, needs, err := request(host.Call{Func: "Test-ExrConnection", Args: map[string]any{"Version": "3.1.0"}, Secrets: map[string][]byte{"AccessToken": []byte(secret)}}, 1)
	if err != nil || len(needs) != 1 || needs[0] != "AccessToken" {
		t.Fatalf("needs %q, %v", needs, err)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(strings.TrimPrefix(line, "Invoke-ExrRequest '"), "'"))
	if err != nil || !strings.Contains(string(raw), "AccessToken") {
		t.Fatalf("%q: %v", raw, err)
	}
	for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
		if strings.Contains(line, form) || strings.Contains(string(raw), form) {
			t.Errorf("the secret is in %q", raw)
		}
	}
}
