package fetch

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// snapshot is every name and content below some folders.
func snapshot(t testing.TB, dirs ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			data := []byte(nil)
			if info.Mode().IsRegular() {
				data, err = os.ReadFile(path)
			}
			all[path] = info.ModTime().String() + sumOf(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestPlan(t *testing.T) {
	content := random(5000)
	s := serve(t, content)
	src := plain(s, sumOf(content))
	tests := map[string]struct {
		before func(t *testing.T, dst string, o *Options)
		want   Planned
		asked  int
	}{
		"nothing is there": {func(*testing.T, string, *Options) {}, Planned{State: ToFetch, Size: -1, From: s.URL + "/tool.exe"}, 0},
		"the server may be asked": {func(_ *testing.T, _ string, o *Options) { o.AskSize = true },
			Planned{State: ToFetch, Size: 5000, From: s.URL + "/tool.exe"}, 1},
		"a part is there": {func(t *testing.T, dst string, _ *Options) {
			leave(t, dst, content[:1234], record{Form: recordForm, Want: src.SHA256, Size: 5000})
		}, Planned{State: ToFetch, Size: -1, Resume: 1234, From: s.URL + "/tool.exe"}, 0},
		"another file is there": {func(t *testing.T, dst string, _ *Options) { os.WriteFile(dst, []byte("old"), 0o644) },
			Planned{State: ToFetch, Size: -1, From: s.URL + "/tool.exe", Replaces: sumOf([]byte("old"))}, 0},
		"it is there": {func(t *testing.T, dst string, _ *Options) { os.WriteFile(dst, content, 0o644) }, Planned{State: Staged, Size: 5000}, 0},
		"it is in the cache": {func(t *testing.T, dst string, o *Options) {
			entry := filepath.Join(o.CacheDir, src.SHA256[:2], src.SHA256)
			os.MkdirAll(filepath.Dir(entry), 0o755)
			os.WriteFile(entry, content, 0o644)
		}, Planned{State: Cached, Size: 5000, From: "cache"}, 0},
		"the cache is damaged": {func(t *testing.T, dst string, o *Options) {
			entry := filepath.Join(o.CacheDir, src.SHA256[:2], src.SHA256)
			os.MkdirAll(filepath.Dir(entry), 0o755)
			os.WriteFile(entry, []byte("old"), 0o644)
		}, Planned{State: ToFetch, Size: -1, From: s.URL + "/tool.exe"}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o, dst, count := quick(), target(t), s.count()
			o.CacheDir = t.TempDir()
			test.before(t, dst, &o)
			before := snapshot(t, o.CacheDir, filepath.Dir(dst))
			got, err := client(t, o).Plan(t.Context(), dst, src)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, snapshot(t, o.CacheDir, filepath.Dir(dst))); diff != "" {
				t.Errorf("something was written:\n%s", diff)
			}
			if asked := s.count() - count; asked != test.asked {
				t.Errorf("got %d requests, want %d", asked, test.asked)
			}
		})
	}
}

func TestPlanRefusesAndRemovesNothing(t *testing.T) {
	content := fixture(t, "unsigned.exe")
	dst := target(t)
	if err := os.WriteFile(dst, content, 0o644); err != nil {
		t.Fatal(err)
	}
	src := Source{Want: Want{SHA256: sumOf(content), Publisher: example()}, URLs: []string{"https://a.example/x"}}
	_, err := client(t, quick()).Plan(t.Context(), dst, src)
	wantError(t, err, "FetchUnsigned", never)
	wantFile(t, dst, content)
}

func TestHash(t *testing.T) {
	content := fixture(t, "signed.msi")
	path := filepath.Join(t.TempDir(), "signed.msi")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	o := quick()
	o.CacheDir = t.TempDir()
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("TMP", temporary)
	c := client(t, o)
	got, err := c.Hash(t.Context(), Source{URLs: []string{path}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.SHA256 != sumOf(content) || got.Size != int64(len(content)) || got.Found.Version != "3.0.100" || !strings.Contains(got.Found.Subject, "Example Publisher") {
		t.Errorf("got %+v", got)
	}
	wantOnly(t, o.CacheDir)
	wantOnly(t, temporary)
	_, err = c.Hash(t.Context(), Source{URLs: []string{"http://a.example/x"}, AllowPlain: true}, nil)
	wantError(t, err, "FetchPlain", never)
}

// Without a hash nothing would notice that two versions make up one file.
func TestHashDoesNotSpliceVersions(t *testing.T) {
	one, two := random(200000), random(200001)[1:]
	first := true
	s, o := secure(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := two
		if first {
			body = append(one[:100000:100000], two[100000:]...)
		}
		w.Header().Set("Content-Length", "200000")
		if !first {
			w.Write(body)
			return
		}
		first = false
		w.Write(body[:100000])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}))
	got, err := client(t, o).Hash(t.Context(), Source{URLs: []string{s.URL + "/x"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.SHA256 != sumOf(two) {
		t.Errorf("got the hash of something that was never one file")
	}
}
