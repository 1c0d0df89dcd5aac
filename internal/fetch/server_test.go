package fetch

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"exorunner/internal/host"
)

// A server has one file, at every path, and can be told to misbehave: cut says after how many bytes of a body the
// connection ends, before may answer in the file's place and says whether it did.
type server struct {
	*httptest.Server
	content []byte
	etag    string
	cut     func(n int) int // by the number of the request; -1 does not cut
	before  func(n int, w http.ResponseWriter, r *http.Request) bool

	mu       sync.Mutex
	requests []*http.Request
	sent     atomic.Int64
}

func serve(t testing.TB, content []byte) *server {
	s := &server{content: content, etag: `"one"`, cut: func(int) int { return -1 }}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	n := len(s.requests)
	s.requests = append(s.requests, r)
	content, etag := s.content, s.etag
	s.mu.Unlock()
	if s.before != nil && s.before(n, w, r) {
		return
	}
	from := 0
	if text, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
		if v := r.Header.Get("If-Range"); v == "" || v == etag {
			from, _ = strconv.Atoi(strings.TrimSuffix(text, "-"))
		}
	}
	w.Header().Set("ETag", etag)
	w.Header().Set("Content-Type", "application/octet-stream")
	if from >= len(content) && from > 0 {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", len(content)))
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return
	}
	body := content[from:]
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if from > 0 {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
		w.WriteHeader(http.StatusPartialContent)
	}
	if r.Method == http.MethodHead {
		return
	}
	at := s.cut(n)
	if at < 0 || at > len(body) {
		at = len(body)
	}
	sent, _ := w.Write(body[:at])
	s.sent.Add(int64(sent))
	if at < len(body) {
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func (s *server) request(n int) *http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[n]
}

// random is the same bytes in every run.
func random(n int) []byte {
	var seed [32]byte
	out := make([]byte, n)
	rand.NewChaCha8(seed).Read(out)
	return out
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// quick is options whose waits do not keep a test.
func quick() Options {
	return Options{WaitMin: time.Millisecond, WaitMax: 2 * time.Millisecond, Attempts: 5, Stall: 20 * time.Second, Reserve: -1, Proxy: direct}
}

func client(t testing.TB, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// plain is a source of a test server: http, allowed.
func plain(s *server, sum string) Source {
	return Source{Want: Want{SHA256: sum}, URLs: []string{s.URL + "/tool.exe"}, AllowPlain: true}
}

func target(t testing.TB) string { return filepath.Join(t.TempDir(), "tool.exe") }

// wantFile holds what is at a path against what should be, and sees that nothing is left beside it.
func wantFile(t testing.TB, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if sumOf(got) != sumOf(want) {
		t.Fatalf("got a file of %d bytes that is not the one wanted, of %d", len(got), len(want))
	}
	wantOnly(t, filepath.Dir(path), filepath.Base(path))
}

// wantOnly sees that a folder holds these names and no others.
func wantOnly(t testing.TB, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
}

// wantError sees that an error is the one named, in both forms, and that a person is told what to do.
func wantError(t testing.TB, err error, id string, class host.Class) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an error %s", err, id)
	}
	h := host.As(err)
	if e.ID != id || h == nil || h.ID != id || h.Class != class {
		t.Fatalf("got %s, class %q (%v), want %s, class %q", e.ID, e.Class, err, id, class)
	}
	if h.Remedy == "" || h.Message != e.Error() {
		t.Errorf("%s: got remedy %q and message %q, want one, and the error's own text", id, h.Remedy, h.Message)
	}
	return e
}
