package fetch

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestGet(t *testing.T) {
	content := random(3 << 20)
	s := serve(t, content)
	dst := target(t)
	var events []Event
	res, err := client(t, quick()).Get(t.Context(), dst, plain(s, strings.ToUpper(sumOf(content))), func(e Event) { events = append(events, e) })
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, dst, content)
	want := Result{Path: dst, SHA256: sumOf(content), Size: 3 << 20, Moved: 3 << 20, From: s.URL + "/tool.exe"}
	if res != want {
		t.Errorf("got %+v, want %+v", res, want)
	}
	if got := s.request(0).Header.Get("Accept-Encoding"); got != "identity" {
		t.Errorf("Accept-Encoding: got %q, want identity", got)
	}
	last := events[len(events)-1]
	if !last.Done || last.Bytes != 3<<20 || last.Size != 3<<20 || last.Name != "tool.exe" {
		t.Errorf("the last event: got %+v", last)
	}
}

func TestGetAgainMovesNothing(t *testing.T) {
	content := random(1000)
	s := serve(t, content)
	dst, c := target(t), client(t, quick())
	for range 2 {
		if _, err := c.Get(t.Context(), dst, plain(s, sumOf(content)), nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.count(); got != 1 {
		t.Errorf("got %d requests, want 1", got)
	}
}

func TestAnotherFileInThePlaceIsReplacedAndOnlyByTheRightOne(t *testing.T) {
	content := random(1000)
	s := serve(t, content)
	dst, c := target(t), client(t, quick())
	if err := os.WriteFile(dst, []byte("the old one"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := c.Get(t.Context(), dst, plain(s, sumOf([]byte("the new one"))), nil)
	wantError(t, err, "FetchHashMismatch", never)
	wantFile(t, dst, []byte("the old one"))
	if _, err := c.Get(t.Context(), dst, plain(s, sumOf(content)), nil); err != nil {
		t.Fatal(err)
	}
	wantFile(t, dst, content)
}

func TestAnEmptyFile(t *testing.T) {
	s := serve(t, nil)
	dst := target(t)
	if _, err := client(t, quick()).Get(t.Context(), dst, plain(s, sumOf(nil)), nil); err != nil {
		t.Fatal(err)
	}
	wantFile(t, dst, nil)
}

// A thousand cuts, each after a random number of bytes of the file: no byte is asked for that arrived.
func TestCutAThousandTimes(t *testing.T) {
	content := random(8 << 20)
	s := serve(t, content)
	random := rand.New(rand.NewPCG(1, 1))
	s.cut = func(n int) int {
		if n >= 1000 {
			return -1
		}
		return random.IntN(16 << 10)
	}
	o := quick()
	o.WaitMin, o.WaitMax, o.Attempts = time.Microsecond, time.Microsecond, 50
	dst := target(t)
	if _, err := client(t, o).Get(t.Context(), dst, plain(s, sumOf(content)), nil); err != nil {
		t.Fatal(err)
	}
	wantFile(t, dst, content)
	const buffer = 4 << 10
	cuts := int64(s.count() - 1)
	if got, most := s.sent.Load(), int64(len(content))+cuts*buffer; cuts < 1000 || got > most {
		t.Errorf("%d cuts: %d bytes were sent for a file of %d, want at most %d", cuts, got, len(content), most)
	}
	t.Logf("%d cuts, %d bytes sent for %d", cuts, s.sent.Load(), len(content))
}

func TestARightPartIsContinued(t *testing.T) {
	content := random(1 << 20)
	tests := map[string]struct {
		part   []byte
		record record
		want   int64 // resumed
	}{
		"of the same server":                 {content[:600000], record{SourceID: "own", ETag: `"one"`, Size: 1 << 20}, 600000},
		"of another mirror":                  {content[:600000], record{SourceID: "other", ETag: `"two"`, Size: 1 << 20}, 600000},
		"of an unknown size":                 {content[:600000], record{SourceID: "other", Size: -1}, 600000},
		"whole already":                      {content, record{SourceID: "own", ETag: `"one"`, Size: 1 << 20}, 1 << 20},
		"whole, but damaged":                 {random(1<<20 + 1)[1:], record{SourceID: "own", ETag: `"one"`, Size: 1 << 20}, 0},
		"of a file that has changed":         {random(600001)[1:], record{SourceID: "own", ETag: `"zero"`, Size: 1 << 20}, 0},
		"of a file of another size":          {content[:600000], record{SourceID: "other", Size: 1<<20 + 1}, 0},
		"longer than the file":               {random(1<<20 + 5), record{SourceID: "own", Size: 1 << 20}, 0},
		"with a tail that was never flushed": {append(content[:500000:500000], make([]byte, 100000)...), record{SourceID: "own", ETag: `"one"`, Size: 1 << 20, Bytes: 500000}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := serve(t, content)
			dst, src := target(t), plain(s, sumOf(content))
			at, _ := parsePlace(src.URLs[0])
			test.record.Form, test.record.Want = recordForm, src.SHA256
			if test.record.SourceID == "own" {
				test.record.SourceID = at.id
			}
			leave(t, dst, test.part, test.record)
			res, err := client(t, quick()).Get(t.Context(), dst, src, nil)
			if err != nil {
				t.Fatal(err)
			}
			wantFile(t, dst, content)
			if res.Resumed != test.want {
				t.Errorf("resumed from %d, want %d", res.Resumed, test.want)
			}
		})
	}
}

// leave puts a part and its record beside dst.
func leave(t testing.TB, dst string, data []byte, rec record) {
	t.Helper()
	if err := os.WriteFile(dst+partSuffix, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := (&part{path: dst}).note(rec, rec.Bytes); err != nil {
		t.Fatal(err)
	}
}

func TestAPartOfAnotherFileIsNotTouchedUp(t *testing.T) {
	content := random(1 << 20)
	s := serve(t, content)
	dst := target(t)
	leave(t, dst, content[:600000], record{Form: recordForm, Want: sumOf([]byte("another")), Size: 1 << 20})
	res, err := client(t, quick()).Get(t.Context(), dst, plain(s, sumOf(content)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.Resumed != 0 || s.request(0).Header.Get("Range") != "" {
		t.Errorf("resumed from %d, asked for %q; want a new beginning", res.Resumed, s.request(0).Header.Get("Range"))
	}
}

func TestARecordOfGarbageIsANewBeginning(t *testing.T) {
	content := random(1000)
	s := serve(t, content)
	dst := target(t)
	leave(t, dst, content[:600], record{})
	if err := os.WriteFile(dst+recordSuffix, []byte(`{"form":1,"sha256":`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := client(t, quick()).Get(t.Context(), dst, plain(s, sumOf(content)), nil); err != nil {
		t.Fatal(err)
	}
	wantFile(t, dst, content)
}

func TestTheFileChangesHalfWay(t *testing.T) {
	before, after := random(2<<20), random(2<<20 + 7)[7:]
	s := serve(t, before)
	s.cut = func(n int) int {
		if n == 0 {
			return 1 << 20
		}
		s.mu.Lock()
		s.content, s.etag = after, `"two"`
		s.mu.Unlock()
		return -1
	}
	s.before = func(n int, _ http.ResponseWriter, _ *http.Request) bool {
		if n == 1 {
			s.cut(1)
		}
		return false
	}
	dst := target(t)
	_, err := client(t, quick()).Get(t.Context(), dst, plain(s, sumOf(after)), nil)
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, dst, after)
}

func TestMirrorsInOrder(t *testing.T) {
	content := random(100000)
	gone := serve(t, nil)
	gone.before = func(_ int, w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(404); return true }
	wrong, right, unasked := serve(t, random(99999)), serve(t, content), serve(t, content)
	dst := target(t)
	src := Source{Want: Want{SHA256: sumOf(content)}, AllowPlain: true,
		URLs: []string{gone.URL + "/a", wrong.URL + "/b", filepath.Join(t.TempDir(), "none"), right.URL + "/c", unasked.URL + "/d"}}
	res, err := client(t, quick()).Get(t.Context(), dst, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, dst, content)
	if res.From != right.URL+"/c" || unasked.count() != 0 {
		t.Errorf("got it from %s, and %d requests went to the one behind", res.From, unasked.count())
	}
}

func TestWhenAllMirrorsFailEachOneSaysWhy(t *testing.T) {
	busy := serve(t, nil)
	busy.before = func(_ int, w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return true }
	wrong := serve(t, []byte("something else"))
	dst := target(t)
	src := Source{Want: Want{SHA256: sumOf([]byte("it"))}, URLs: []string{wrong.URL + "/b", busy.URL + "/a"}, AllowPlain: true}
	_, err := client(t, quick()).Get(t.Context(), dst, src, nil)
	e := wantError(t, err, "FetchServerBusy", transient)
	for _, want := range []string{"download b: none of 2 sources: ", "503 Service Unavailable", "its SHA-256 is " + sumOf([]byte("something else"))} {
		if !strings.Contains(e.Error(), want) {
			t.Errorf("got %q, want it to contain %q", e, want)
		}
	}
	wantOnly(t, filepath.Dir(dst))
}

func TestTheCacheSparesTheNetwork(t *testing.T) {
	content := random(300000)
	s := serve(t, content)
	o := quick()
	o.CacheDir = t.TempDir()
	c := client(t, o)
	src := plain(s, sumOf(content))
	for range 3 {
		dst := target(t)
		if _, err := c.Get(t.Context(), dst, src, nil); err != nil {
			t.Fatal(err)
		}
		wantFile(t, dst, content)
	}
	if got := s.count(); got != 1 {
		t.Errorf("got %d requests, want 1", got)
	}
	entry := filepath.Join(o.CacheDir, src.SHA256[:2], src.SHA256)
	if err := os.WriteFile(entry, bytes.Repeat([]byte("x"), 300000), 0o644); err != nil {
		t.Fatal(err)
	}
	dst := target(t)
	if _, err := c.Get(t.Context(), dst, src, nil); err != nil {
		t.Fatalf("with a damaged entry: %v", err)
	}
	wantFile(t, dst, content)
	if kept, _ := os.ReadFile(entry); !bytes.Equal(kept, content) || s.count() != 2 {
		t.Errorf("the damaged entry was not replaced, or %d requests, want 2", s.count())
	}
}

func TestALocalFileAndAFileURL(t *testing.T) {
	content := random(700000)
	path := filepath.Join(t.TempDir(), "on a share.bin")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{path, "file://" + filepath.ToSlash(strings.ReplaceAll(path, " ", "%20"))} {
		dst := target(t)
		src := Source{Want: Want{SHA256: sumOf(content)}, URLs: []string{from}}
		leave(t, dst, content[:1000], record{Form: recordForm, Want: src.SHA256, Size: -1})
		res, err := client(t, quick()).Get(t.Context(), dst, src, nil)
		if err != nil {
			t.Fatalf("%s: %v", from, err)
		}
		wantFile(t, dst, content)
		if res.Moved != int64(len(content))-1000 {
			t.Errorf("%s: moved %d bytes, want all but the 1000 that were there", from, res.Moved)
		}
	}
}

func TestAWrongLocalFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte("other"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		url string
		id  string
	}{
		"other bytes": {path, "FetchHashMismatch"},
		"not there":   {path + "y", "FetchNotFound"},
		"a folder":    {filepath.Dir(path), "FetchNotFound"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dst := target(t)
			_, err := client(t, quick()).Get(t.Context(), dst, Source{Want: Want{SHA256: sumOf([]byte("this"))}, URLs: []string{test.url}}, nil)
			wantError(t, err, test.id, never)
			wantOnly(t, filepath.Dir(dst))
		})
	}
}

func TestTwoDownloadsOfOnePlaceDoNotMix(t *testing.T) {
	content := random(1000)
	s := serve(t, content)
	hold, asked := make(chan struct{}), make(chan struct{})
	s.before = func(n int, _ http.ResponseWriter, _ *http.Request) bool {
		if n == 0 {
			close(asked)
			<-hold
		}
		return false
	}
	dst, c, src := target(t), client(t, quick()), plain(s, sumOf(content))
	first := make(chan error, 1)
	go func() { _, err := c.Get(context.Background(), dst, src, nil); first <- err }()
	<-asked
	_, err := c.Get(t.Context(), dst, src, nil)
	wantError(t, err, "FetchLocked", transient)
	close(hold)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	wantFile(t, dst, content)
}

func TestInterruptedAndContinued(t *testing.T) {
	content := random(4 << 20)
	s := serve(t, content)
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	s.before = func(n int, w http.ResponseWriter, r *http.Request) bool {
		if n > 0 {
			return false
		}
		w.Header().Set("Content-Length", "4194304")
		w.Header().Set("ETag", `"one"`)
		w.Write(content[:3<<20])
		w.(http.Flusher).Flush()
		<-release
		return true
	}
	dst, c, src := target(t), client(t, quick()), plain(s, sumOf(content))
	got := int64(0)
	c.disk = counting(func(n int) {
		if got += int64(n); got == 3<<20 {
			cancel()
		}
	})
	_, err := c.Get(ctx, dst, src, nil)
	close(release)
	wantError(t, err, "FetchInterrupted", transient)
	wantOnly(t, filepath.Dir(dst), "tool.exe.part", "tool.exe.part.json")
	res, err := c.Get(t.Context(), dst, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, dst, content)
	if res.Resumed != 3<<20 || res.Moved != 1<<20 {
		t.Errorf("resumed from %d and moved %d, want 3 and 1 MiB", res.Resumed, res.Moved)
	}
}
