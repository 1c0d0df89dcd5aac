package fetch

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"exorunner/internal/host"
)

func says(code int, body string, header ...string) func(int, http.ResponseWriter, *http.Request) bool {
	return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		w.Write([]byte(body))
		return true
	}
}

func zipped(content []byte) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(content)
	w.Close()
	return b.String()
}

const page = "<!DOCTYPE html><html><title>Sign in</title>"

func TestBadAnswers(t *testing.T) {
	content := random(200000)
	sum := sumOf(content)
	tests := map[string]struct {
		before func(n int, w http.ResponseWriter, r *http.Request) bool
		change func(*Source, *Options)
		id     string
		class  host.Class
		text   string // in the message
	}{
		"not there":     {says(404, ""), nil, "FetchNotFound", never, "404 Not Found"},
		"gone":          {says(410, ""), nil, "FetchNotFound", never, "410 Gone"},
		"forbidden":     {says(403, ""), nil, "FetchDenied", never, "403"},
		"who are you":   {says(401, ""), nil, "FetchDenied", never, "401"},
		"teapot":        {says(418, ""), nil, "FetchBadAnswer", never, "418"},
		"no redirect":   {says(302, ""), nil, "FetchBadAnswer", never, ""},
		"unimplemented": {says(501, ""), nil, "FetchBadAnswer", never, "501"},
		"broken":        {says(500, ""), nil, "FetchServerBusy", transient, "500"},
		"too slow":      {says(408, ""), nil, "FetchServerBusy", transient, "408"},
		"ranges alone":  {says(416, ""), nil, "FetchBadAnswer", never, "416"},
		"an unasked range": {says(206, "xyz", "Content-Range", "bytes 0-2/200000"), nil, "FetchBadAnswer", transient,
			`206 with "bytes 0-2/200000", asked for bytes 0-: starting over`},
		"no range":               {says(206, "xyz"), nil, "FetchBadAnswer", transient, "starting over"},
		"gzip":                   {says(200, zipped(content), "Content-Encoding", "gzip"), nil, "FetchEncoded", never, `"gzip"`},
		"the proxy's page":       {says(200, page, "Content-Type", "text/html; charset=utf-8"), nil, "FetchHTML", never, "sign-in page"},
		"the page, badly marked": {says(200, page, "Content-Type", "application/octet-stream"), nil, "FetchHTML", never, "sign-in page"},
		"the network's page":     {says(511, page), nil, "FetchHTML", never, "sign-in page"},
		"407":                    {says(407, ""), nil, "FetchProxyAuth", never, "407"},
		"another file":           {says(200, "another", "Content-Type", "text/plain"), nil, "FetchHashMismatch", never, "want " + sum},
		"another size":           {nil, func(s *Source, _ *Options) { s.Size = 5 }, "FetchWrongSize", never, "200000 bytes are offered, want 5"},
		"too big, as it says":    {nil, func(_ *Source, o *Options) { o.MaxSize = 199999 }, "FetchTooBig", never, "more than 195.3 KiB"},
		"too big, no word of it": {endless, func(_ *Source, o *Options) { o.MaxSize = 1 << 20 }, "FetchTooBig", never, "more than 1.0 MiB"},
		"round in circles": {func(_ int, w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "/again", http.StatusFound)
			return true
		}, nil, "FetchRedirects", never, "10 redirects"},
		"to nowhere":            {says(302, "", "Location", "gopher://x/"), nil, "FetchBadAnswer", never, ""},
		"to a host not allowed": {says(302, "", "Location", "http://evil.example/x?sig=SECRET"), func(_ *Source, o *Options) { o.Hosts = []string{"127.0.0.1"} }, "FetchHostRefused", never, "evil.example"},
		"a flipped bit": {func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			flipped := bytes.Clone(content)
			flipped[12345] ^= 4
			w.Write(flipped)
			return true
		}, nil, "FetchHashMismatch", never, ""},
		"cut short, and it says so": {func(_ int, w http.ResponseWriter, _ *http.Request) bool { w.Write(content[:1000]); return true }, nil, "FetchHashMismatch", never, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := serve(t, content)
			s.before = test.before
			src, o, dst := plain(s, sum), quick(), target(t)
			if test.change != nil {
				test.change(&src, &o)
			}
			_, err := client(t, o).Get(t.Context(), dst, src, nil)
			e := wantError(t, err, test.id, test.class)
			if !strings.Contains(e.Error(), test.text) || strings.Contains(e.Error(), "SECRET") {
				t.Errorf("got %q, want it to contain %q", e, test.text)
			}
			wantOnly(t, filepath.Dir(dst))
			if n := s.count(); n > 25 {
				t.Errorf("got %d requests", n)
			}
		})
	}
}

func endless(_ int, w http.ResponseWriter, _ *http.Request) bool {
	for block := make([]byte, 64<<10); ; {
		if _, err := w.Write(block); err != nil {
			return true
		}
	}
}

// What a server may do to a continued download and still be given the chance to make it right.
func TestOddAnswersToARange(t *testing.T) {
	content := random(200000)
	rest := func(n int) string { return string(content[n:]) }
	tests := map[string]func(int, http.ResponseWriter, *http.Request) bool{
		"another range":          says(206, rest(50), "Content-Range", "bytes 50-199999/200000"),
		"another size":           says(206, rest(100000), "Content-Range", "bytes 100000-199999/200001"),
		"a range that is none":   says(206, rest(100000), "Content-Range", "bytes 199999-100000/200000"),
		"no range at all":        says(206, rest(100000)),
		"another version":        says(206, rest(100000), "Content-Range", "bytes 100000-199999/200000", "ETag", `"two"`),
		"the whole":              says(200, string(content)),
		"not satisfiable":        says(416, "", "Content-Range", "bytes */5"),
		"only a part of it":      says(206, string(content[100000:150000]), "Content-Range", "bytes 100000-149999/200000", "ETag", `"one"`),
		"an unknown whole":       says(206, rest(100000), "Content-Range", "bytes 100000-199999/*", "ETag", `"one"`),
		"damaged bytes":          says(206, strings.Repeat("x", 100000), "Content-Range", "bytes 100000-199999/200000", "ETag", `"one"`),
		"fewer than it said":     says(206, "xy", "Content-Range", "bytes 100000-199999/200000", "ETag", `"two"`),
		"busy in the meantime":   says(503, ""),
		"several ranges at once": says(206, "--x", "Content-Type", "multipart/byteranges; boundary=x"),
	}
	for name, odd := range tests {
		t.Run(name, func(t *testing.T) {
			s := serve(t, content)
			s.cut = firstAt(100000)
			s.before = func(n int, w http.ResponseWriter, r *http.Request) bool { return n == 1 && odd(n, w, r) }
			dst := target(t)
			if _, err := client(t, quick()).Get(t.Context(), dst, plain(s, sumOf(content)), nil); err != nil {
				t.Fatal(err)
			}
			wantFile(t, dst, content)
		})
	}
}

// firstAt cuts the first answer and no other.
func firstAt(at int) func(int) int {
	return func(n int) int {
		if n == 0 {
			return at
		}
		return -1
	}
}

func TestAServerThatInsistsOnTheWrongRangeIsLeft(t *testing.T) {
	content := random(200000)
	s := serve(t, content)
	s.cut = func(n int) int { return 100000 }
	s.before = func(n int, w http.ResponseWriter, r *http.Request) bool {
		return r.Header.Get("Range") != "" && says(206, string(content[50:]), "Content-Range", "bytes 50-199999/200000")(n, w, r)
	}
	dst := target(t)
	_, err := client(t, quick()).Get(t.Context(), dst, plain(s, sumOf(content)), nil)
	if h := host.As(err); h == nil || h.Class != transient {
		t.Errorf("got %v, want a transient error", err)
	}
	if got := s.count(); got > 12 {
		t.Errorf("got %d requests", got)
	}
}

// Without a length, an end may be the end or a cut. Only the hash knows.
func TestABodyWithoutALength(t *testing.T) {
	content := random(200000)
	for _, cut := range []int{200000, 100000} {
		t.Run(fmt.Sprintf("ends after %d", cut), func(t *testing.T) {
			s := serve(t, content)
			s.before = func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n > 0 {
					return false
				}
				conn, out, _ := w.(http.Hijacker).Hijack()
				out.WriteString("HTTP/1.0 200 OK\r\nETag: \"one\"\r\n\r\n")
				out.Write(content[:cut])
				out.Flush()
				conn.Close()
				return true
			}
			dst := target(t)
			if _, err := client(t, quick()).Get(t.Context(), dst, plain(s, sumOf(content)), nil); err != nil {
				t.Fatal(err)
			}
			wantFile(t, dst, content)
		})
	}
}

func TestAWrongBodyWithoutALengthIsTheWrongFile(t *testing.T) {
	s := serve(t, nil)
	s.before = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		conn, out, _ := w.(http.Hijacker).Hijack()
		out.WriteString("HTTP/1.0 200 OK\r\n\r\nanother file")
		out.Flush()
		conn.Close()
		return true
	}
	dst := target(t)
	_, err := client(t, quick()).Get(t.Context(), dst, plain(s, sumOf([]byte("this file"))), nil)
	wantError(t, err, "FetchHashMismatch", never)
	wantOnly(t, filepath.Dir(dst))
}

func TestARightFileIsNotRefusedForItsLabel(t *testing.T) {
	tests := map[string]struct{ name, content string }{
		"a program labelled as a page": {"/tool.exe", "MZ, a program"},
		"a page that is wanted":        {"/manual.html", page},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := serve(t, nil)
			s.before = says(200, test.content, "Content-Type", "text/html")
			dst := target(t)
			src := Source{Want: Want{SHA256: sumOf([]byte(test.content))}, URLs: []string{s.URL + test.name}, AllowPlain: true}
			if _, err := client(t, quick()).Get(t.Context(), dst, src, nil); err != nil {
				t.Fatal(err)
			}
			wantFile(t, dst, []byte(test.content))
		})
	}
}

func TestContentRange(t *testing.T) {
	tests := map[string]struct {
		first, last, total int64
		ok                 bool
	}{
		"bytes 5-9/10":                    {5, 9, 10, true},
		"bytes 5-9/*":                     {5, 9, -1, true},
		"bytes 5-10/10":                   {5, 10, 10, false},
		"bytes 9-5/10":                    {9, 5, 10, false},
		"bytes -1-5/10":                   {0, 0, 10, false},
		"bytes */10":                      {0, 0, 10, false},
		"items 5-9/10":                    {5, 9, 10, false},
		"bytes 5-99999999999999999999/10": {5, 0, 10, false},
		"":                                {0, 0, 0, false},
	}
	for text, want := range tests {
		first, last, total, ok := contentRange(text)
		if ok != want.ok || ok && (first != want.first || last != want.last || total != want.total) {
			t.Errorf("%q: got %d-%d/%d %v, want %+v", text, first, last, total, ok, want)
		}
	}
}
