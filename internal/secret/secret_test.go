package secret_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"exorunner/internal/action"
	"exorunner/internal/host"
	"exorunner/internal/report"
	"exorunner/internal/secret"
)

// wide is a text as Notepad's "Unicode" and Windows PowerShell's > write it.
func wide(text string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(text)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

func TestFiles(t *testing.T) {
	for about, tt := range map[string]struct{ content, want, err string }{
		"plain":                           {"s3cret", "s3cret", ""},
		"a line end":                      {"s3cret\n", "s3cret", ""},
		"a line end of Windows":           {"s3cret\r\n", "s3cret", ""},
		"one line end only":               {"s3cret\n\n", "s3cret\n", ""},
		"one line end of Windows only":    {"s3cret\r\n\r\n", "s3cret\r\n", ""},
		"spaces are part of it":           {" s3cret ", " s3cret ", ""},
		"several lines":                   {"s3\ncret\n", "s3\ncret", ""},
		"a byte order mark":               {"\xef\xbb\xbfs3cret\n", "s3cret", ""},
		"UTF-16":                          {wide("s3cret\r\n"), "s3cret", ""},
		"UTF-16 beyond the first plane":   {wide("日本🔑"), "日本🔑", ""},
		"UTF-8":                           {"日本🔑\n", "日本🔑", ""},
		"a mark is taken once":            {"\xef\xbb\xbf\xef\xbb\xbfs", "\ufeffs", ""},
		"just not too large":              {strings.Repeat("s", 64<<10), strings.Repeat("s", 64<<10), ""},
		"too large":                       {strings.Repeat("s", 64<<10+1), "", "over 64 KiB"},
		"empty":                           {"", "", "it is empty"},
		"a line end alone":                {"\r\n", "", "it is empty"},
		"a mark alone":                    {"\xff\xfe", "", "it is empty"},
		"not UTF-8":                       {"s3cret\xe9", "", "it is not UTF-8 text"},
		"UTF-16 the other way round":      {"\xfe\xff\x00s", "", "it is not UTF-8 text"},
		"UTF-16 cut in a letter's middle": {wide("s3cret")[:11], "", "it is not UTF-8 text"},
		"UTF-16 without its mark":         {wide("s3cret")[2:], "", "it holds a zero byte"},
		"a zero byte":                     {"s3\x00cret", "", "it holds a zero byte"},
	} {
		t.Run(about, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x")
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := secret.Stores{}.Resolve(t.Context(), action.Secret("file:"+path))
			if tt.err == "" {
				if err != nil || string(got) != tt.want {
					t.Errorf("%q, %v; want %q", got, err, tt.want)
				}
				return
			}
			refused(t, err, "secret file:"+path+": "+tt.err)
			if got != nil {
				t.Errorf("got %q beside the error, want nothing", got)
			}
		})
	}
}

// refused is an error of class never, with a remedy, that does not say the secret.
func refused(t *testing.T, err error, want string) {
	t.Helper()
	e := host.As(err)
	if e == nil || e.Class != host.Never || e.Remedy == "" || !strings.HasPrefix(e.Message, want) {
		t.Errorf("error %+v, want one of class never with a remedy: %s", e, want)
	}
	if err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(e.Remedy, "s3cret")) {
		t.Errorf("the error says the secret: %v", err)
	}
}

func TestOtherStores(t *testing.T) {
	t.Setenv("EXO_PLAIN", "s3cret\n")
	t.Setenv("EXO_EMPTY", "")
	t.Setenv("EXO_BYTES", "s3cret\xe9")
	if got, err := (secret.Stores{}).Resolve(t.Context(), "env:EXO_PLAIN"); err != nil || string(got) != "s3cret\n" {
		t.Errorf("%q, %v; want the variable as it is", got, err)
	}
	missing := filepath.Join(t.TempDir(), "none")
	for ref, want := range map[action.Secret]string{
		"env:EXO_EMPTY":                   "secret env:EXO_EMPTY: the variable is not set",
		"env:EXO_NONE":                    "secret env:EXO_NONE: the variable is not set",
		"env:EXO_BYTES":                   "secret env:EXO_BYTES: it is not UTF-8 text",
		action.Secret("file:" + missing):  "secret file:" + missing + ": ",
		action.Secret("dpapi:" + missing): "secret dpapi:" + missing + ": ",
		"vault:s3cret":                    "secret: not a reference to one: no such store",
		"s3cret":                          "secret: not a reference to one: no such store",
		"":                                "secret: not a reference to one: no such store",
	} {
		_, err := secret.Stores{}.Resolve(t.Context(), ref)
		refused(t, err, want)
	}
	_, err := secret.Stores{}.Resolve(t.Context(), action.Secret("file:"+t.TempDir()))
	refused(t, err, "secret file:")
}

// keep gives a Keeper that has given these out.
func keep(t *testing.T, secrets ...string) *secret.Keeper {
	t.Helper()
	k := &secret.Keeper{From: secret.Stores{}}
	for i, s := range secrets {
		path := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Resolve(t.Context(), action.Secret("file:"+path)); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

func TestHide(t *testing.T) {
	for about, tt := range map[string]struct {
		secrets  []string
		in, want string
	}{
		"nothing was given yet":                   {nil, "hunter2", "hunter2"},
		"plain, wherever it stands":               {[]string{"hunter2"}, "hunter2 xhunter2x hunter", "[secret] x[secret]x hunter"},
		"in base64":                               {[]string{"hunter2"}, base64.StdEncoding.EncodeToString([]byte("hunter2")), "[secret]=="},
		"in JSON":                                 {[]string{`a"b\c`}, `{"x":"a\"b\\c"}`, `{"x":"[secret]"}`},
		"a longer one that holds another, first":  {[]string{"hunter2", "hunter2-and-more"}, "hunter2-and-more, hunter2", "[secret], [secret]"},
		"a longer one that holds another, last":   {[]string{"hunter2-and-more", "hunter2"}, "hunter2-and-more, hunter2", "[secret], [secret]"},
		"a longer one that holds another, inside": {[]string{"2-and", "hunter2-and-more"}, "hunter2-and-more 2-and", "[secret] [secret]"},
		"as a whole":                              {[]string{"line one\nline two"}, "line one\nline two", "[secret]"},
		"line by line":                            {[]string{"line one\r\nline two"}, "line two, line one", "[secret], [secret]"},
		"short lines tell nothing":                {[]string{"{\n  \"key\": \"value\"\n}"}, "{}", "{}"},
		"a line of it in JSON":                    {[]string{"{\n  \"key\": 1\n}"}, `{"x":"  \"key\": 1"}`, `{"x":"[secret]"}`},
	} {
		k := keep(t, tt.secrets...)
		if got := string(k.Hide([]byte(tt.in))); got != tt.want {
			t.Errorf("%s: got %q, want %q", about, got, tt.want)
		}
	}
}

// awkward are secrets that JSON writes otherwise than they are.
var awkward = []string{`Pa"ss<1>&\`, "tab\tand\u2028line", "日本\u00e9🔑", `'"<`, "new\nline & \"more\"", "\x7f\x01\"<>"}

func TestNoJSONHoldsASecret(t *testing.T) {
	for _, s := range awkward {
		k := keep(t, s)
		inner, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		for about, v := range map[string]any{
			"a text":           map[string]string{"x": "before " + s + " after"},
			"JSON in a text":   map[string]string{"x": string(inner)},
			"a key":            map[string]int{s: 1},
			"JSON inside JSON": json.RawMessage(inner),
		} {
			for name, marshal := range map[string]func(any) ([]byte, error){"encoding/json": json.Marshal, "the printers'": report.Marshal} {
				line, err := marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				hidden := k.Hide(line)
				if !strings.Contains(string(hidden), secret.Hidden) {
					t.Errorf("%q as %s by %s: %s, want it hidden", s, about, name, hidden)
				}
				if !json.Valid(hidden) {
					t.Errorf("%q as %s by %s: %s is no JSON any more", s, about, name, hidden)
				}
			}
		}
	}
}

func FuzzHide(f *testing.F) {
	for _, s := range awkward {
		f.Add(s, "a", "b")
	}
	f.Fuzz(func(t *testing.T, s, before, after string) {
		if len(s) < 4 || strings.Contains(secret.Hidden, s) || strings.Contains(before+after, s) {
			t.Skip()
		}
		path := filepath.Join(t.TempDir(), "s")
		if err := os.WriteFile(path, []byte(s+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		k := &secret.Keeper{From: secret.Stores{}}
		given, err := k.Resolve(t.Context(), action.Secret("file:"+path))
		if err != nil || string(given) != s {
			t.Skip() // no text, or a mark
		}
		if got := k.Hide([]byte(before + "|" + s + "|" + after)); strings.Contains(string(got), s) {
			t.Errorf("Hide(%q) = %q, which holds %q", before+s+after, got, s)
		}
	})
}

func TestKeeperPassesErrorsOn(t *testing.T) {
	k := &secret.Keeper{From: secret.Stores{}}
	if _, err := k.Resolve(t.Context(), "env:EXO_NONE"); host.As(err) == nil {
		t.Errorf("%v, want the store's error", err)
	}
	if got := string(k.Hide([]byte("x"))); got != "x" {
		t.Errorf("got %q, want x: nothing was given", got)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no") }

func TestWriter(t *testing.T) {
	k := keep(t, "hunter2")
	var out strings.Builder
	n, err := k.Writer(&out).Write([]byte("it is hunter2\n"))
	if n != len("it is hunter2\n") || err != nil || out.String() != "it is [secret]\n" {
		t.Errorf("%d, %v, %q; want all of it written and the secret hidden", n, err, out.String())
	}
	if n, err := io.WriteString(k.Writer(broken{}), "x"); n != 0 || err == nil {
		t.Errorf("%d, %v; want the writer's error", n, err)
	}
}

func TestAKeeperMayBeUsedAtTheSameTime(t *testing.T) {
	k := &secret.Keeper{From: secret.Stores{}}
	var group sync.WaitGroup
	for i := range 8 {
		name := fmt.Sprintf("EXO_AT_ONCE_%d", i)
		t.Setenv(name, fmt.Sprintf("hunter2-%d", i))
		group.Go(func() {
			for range 20 {
				if _, err := k.Resolve(t.Context(), action.Secret("env:"+name)); err != nil {
					t.Error(err)
				}
				if got := string(k.Hide([]byte(fmt.Sprintf("<hunter2-%d>", i)))); got != "<[secret]>" {
					t.Errorf("got %q, want it hidden as soon as it was given", got)
				}
			}
		})
	}
	group.Wait()
}
