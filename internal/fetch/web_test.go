package fetch

import (
	"context"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"exorunner/internal/host"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http/httpproxy"
)

// secure is the handler over TLS, and the options to trust it.
func secure(t *testing.T, h http.Handler) (*httptest.Server, Options) {
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are meant to end
	s.StartTLS()
	t.Cleanup(s.Close)
	o := quick()
	o.Roots = x509.NewCertPool()
	o.Roots.AddCert(s.Certificate())
	return s, o
}

func TestNeverFromHTTPSToHTTP(t *testing.T) {
	content := random(100)
	bare := serve(t, content)
	s, o := secure(t, http.RedirectHandler(bare.URL+"/tool.exe?sig=SECRET", http.StatusFound))
	dst := target(t)
	_, err := client(t, o).Get(t.Context(), dst, Source{Want: Want{SHA256: sumOf(content)}, URLs: []string{s.URL + "/x"}, AllowPlain: true}, nil)
	e := wantError(t, err, "FetchDowngrade", never)
	if bare.count() != 0 || strings.Contains(e.Error(), "SECRET") {
		t.Errorf("got %q, and %d requests without encryption", e, bare.count())
	}
}

func TestCredentialsStayAtTheirHost(t *testing.T) {
	content := random(100)
	var other http.Header
	elsewhere, o := secure(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		other = r.Header.Clone()
		w.Write(content)
	}))
	var own http.Header
	home, o2 := secure(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own = r.Header.Clone()
		http.Redirect(w, r, elsewhere.URL+"/x", http.StatusFound)
	}))
	o.Roots.AddCert(home.Certificate())
	_ = o2
	with := func(user string) string {
		return strings.Replace(home.URL, "https://", "https://"+user, 1) + "/tool.exe?sig=SECRET"
	}
	tests := map[string]Source{
		"a header":          {URLs: []string{with("")}, Authorization: "Bearer SECRET"},
		"a user in the URL": {URLs: []string{with("user:SECRET@")}},
	}
	for name, src := range tests {
		t.Run(name, func(t *testing.T) {
			src.SHA256 = sumOf(content)
			if _, err := client(t, o).Get(t.Context(), target(t), src, nil); err != nil {
				t.Fatal(err)
			}
			if own.Get("Authorization") == "" {
				t.Error("the host itself was not shown who asks")
			}
			if got := fmt.Sprint(other); other.Get("Authorization") != "" || other.Get("Referer") != "" || strings.Contains(got, "SECRET") {
				t.Errorf("another host got %s", got)
			}
		})
	}
}

func TestACertificateNobodyVouchesFor(t *testing.T) {
	s, o := secure(t, http.NotFoundHandler())
	o.Roots = x509.NewCertPool()
	_, err := client(t, o).Get(t.Context(), target(t), Source{Want: Want{SHA256: sumOf(nil)}, URLs: []string{s.URL + "/x"}}, nil)
	wantError(t, err, "FetchCertificate", never)
}

func TestNoTLSAtTheOtherEnd(t *testing.T) {
	s := serve(t, nil)
	_, err := client(t, quick()).Get(t.Context(), target(t), Source{Want: Want{SHA256: sumOf(nil)}, URLs: []string{strings.Replace(s.URL, "http", "https", 1)}}, nil)
	wantError(t, err, "FetchCertificate", never)
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = client(t, quick()).Get(t.Context(), target(t), Source{Want: Want{SHA256: sumOf(nil)}, URLs: []string{"https://" + l.Addr().String() + "/x?sig=SECRET"}}, nil)
	e := wantError(t, err, "FetchUnreachable", transient)
	if strings.Contains(e.Error(), "SECRET") {
		t.Errorf("got %q", e)
	}
}

func TestTheSitesProxy(t *testing.T) {
	content := random(100)
	var asked []string
	answer := http.StatusOK
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.Host)
		w.WriteHeader(answer)
		w.Write(content)
	}))
	defer proxy.Close()
	o := quick()
	o.Proxy = strings.Replace(proxy.URL, "http://", "http://user:SECRET@", 1)
	get := func(scheme string) error {
		_, err := client(t, o).Get(t.Context(), target(t), Source{Want: Want{SHA256: sumOf(content)}, URLs: []string{scheme + "://files.example/x"}, AllowPlain: true}, nil)
		return err
	}
	if err := get("http"); err != nil {
		t.Fatal(err)
	}
	answer = http.StatusProxyAuthRequired
	for _, scheme := range []string{"http", "https"} {
		e := wantError(t, get(scheme), "FetchProxyAuth", never)
		if !strings.Contains(e.Error(), "407") || strings.Contains(e.Error(), "SECRET") {
			t.Errorf("%s: got %q", scheme, e)
		}
	}
	answer = http.StatusForbidden
	wantError(t, get("https"), "FetchProxyRefused", never)
	want := []string{"GET files.example", "GET files.example", "CONNECT files.example:443", "CONNECT files.example:443"}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("the proxy was asked (-want +got):\n%s", diff)
	}
}

func TestWhichProxy(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"} {
		t.Setenv(name, "")
	}
	ask := func(o Options) string {
		t.Helper()
		f, err := o.proxy()
		if err != nil {
			return "error: " + err.Error()
		}
		if f == nil {
			return "none"
		}
		u, _ := f(&http.Request{URL: &url.URL{Scheme: "https", Host: "files.example"}})
		if u == nil {
			return "none"
		}
		return u.Host
	}
	t.Setenv("HTTPS_PROXY", "http://env.example:1")
	tests := map[string]struct {
		o    Options
		want string
	}{
		"the environment's":                 {Options{}, "env.example:1"},
		"the site's before the environment": {Options{Proxy: "http://site.example:2"}, "site.example:2"},
		"the site's exceptions":             {Options{Proxy: "http://site.example:2", NoProxy: ".example"}, "none"},
		"none at all":                       {Options{Proxy: direct}, "none"},
		"nonsense, which may be a secret":   {Options{Proxy: "user:SECRET@host"}, `error: proxy: neither "direct" nor a URL like http://host:port`},
	}
	for name, test := range tests {
		if got := ask(test.o); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

func TestWindowsProxySettings(t *testing.T) {
	tests := map[string]struct {
		server, bypass string
		want           *httpproxy.Config
	}{
		"one for all":    {"proxy:8080", "", &httpproxy.Config{HTTPProxy: "proxy:8080", HTTPSProxy: "proxy:8080"}},
		"one a protocol": {"http=a:1;https=b:2;ftp=c:3", "", &httpproxy.Config{HTTPProxy: "a:1", HTTPSProxy: "b:2"}},
		"exceptions":     {"p:1", "*.example.com;intranet;<local>;https://x.example", &httpproxy.Config{HTTPProxy: "p:1", HTTPSProxy: "p:1", NoProxy: ".example.com,intranet,x.example"}},
		"ftp alone":      {"ftp=c:3", "", nil},
		"empty":          {"", "", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, windowsProxy(test.server, test.bypass)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWinHTTPSettings(t *testing.T) {
	set := func(flags uint32, texts ...string) []byte {
		raw := make([]byte, 12)
		binary.LittleEndian.PutUint32(raw, 24)
		binary.LittleEndian.PutUint32(raw[8:], flags)
		for _, text := range texts {
			raw = binary.LittleEndian.AppendUint32(raw, uint32(len(text)))
			raw = append(raw, text...)
		}
		return raw
	}
	tests := map[string]struct {
		raw  []byte
		want *httpproxy.Config
	}{
		"a proxy and exceptions": {set(3, "p:8080", "*.local"), &httpproxy.Config{HTTPProxy: "p:8080", HTTPSProxy: "p:8080", NoProxy: ".local"}},
		"direct":                 {set(1, "", ""), nil},
		"torn":                   {set(3, "p:8080")[:18], nil},
		"nothing":                {nil, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, winHTTPSettings(test.raw)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSources(t *testing.T) {
	sum := sumOf(nil)
	tests := map[string]struct {
		src   Source
		hosts []string
		id    string // empty is accepted
	}{
		"https":                     {Source{URLs: []string{"https://a.example/x"}}, nil, ""},
		"plain http":                {Source{URLs: []string{"http://a.example/x"}}, nil, "FetchPlain"},
		"plain http, allowed":       {Source{URLs: []string{"http://a.example/x"}, AllowPlain: true}, nil, ""},
		"plain http as a mirror":    {Source{URLs: []string{"https://a.example/x", "http://a.example/x"}}, nil, "FetchPlain"},
		"a share":                   {Source{URLs: []string{`\\server\share\x`}}, nil, ""},
		"a share as a URL":          {Source{URLs: []string{"file://server/share/x"}}, nil, ""},
		"a device":                  {Source{URLs: []string{`\\.\pipe\x`}}, nil, "FetchBadSource"},
		"half a share":              {Source{URLs: []string{`\\server`}}, nil, "FetchBadSource"},
		"a relative path":           {Source{URLs: []string{"x/y"}}, nil, "FetchBadSource"},
		"another scheme":            {Source{URLs: []string{"ftp://a.example/x"}}, nil, "FetchBadSource"},
		"no host":                   {Source{URLs: []string{"https:///x"}}, nil, "FetchBadSource"},
		"no URL":                    {Source{}, nil, "FetchBadSource"},
		"an allowed host":           {Source{URLs: []string{"https://a.example/x"}}, []string{"A.example"}, ""},
		"a host below one":          {Source{URLs: []string{"https://a.b.example/x"}}, []string{"*.example"}, ""},
		"a host that ends like one": {Source{URLs: []string{"https://badexample/x"}}, []string{"*.example"}, "FetchHostRefused"},
		"a host not allowed":        {Source{URLs: []string{"https://b.example/x"}}, []string{"a.example"}, "FetchHostRefused"},
		"a share not allowed":       {Source{URLs: []string{`\\b\share\x`}}, []string{"a"}, "FetchHostRefused"},
		"a second one not allowed":  {Source{URLs: []string{"https://a.example/x", "https://b.example/x"}}, []string{"a.example"}, "FetchHostRefused"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.src.SHA256 = sum
			_, err := client(t, Options{Hosts: test.hosts, Proxy: direct}).prepare(test.src)
			if test.id == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, test.id, never)
		})
	}
}

func TestASourceThatIsNoneIsNotRepeatedWithItsSecrets(t *testing.T) {
	for _, text := range []string{"https://user:MAR/KER@host/x", "ftp://user:MARKER@host/x?sig=MARKER", "x?sig=MARKER", "https://user:MARKER@/x", "user:MARKER@host"} {
		_, err := client(t, quick()).Get(t.Context(), target(t), Source{Want: Want{SHA256: sumOf(nil)}, URLs: []string{text}}, nil)
		e := wantError(t, err, "FetchBadSource", never)
		if strings.Contains(e.Error(), "KER") || strings.Contains(e.Error(), "MAR") {
			t.Errorf("got %q", e)
		}
	}
}

func TestTheDestinationIsAFolder(t *testing.T) {
	_, err := client(t, quick()).Get(t.Context(), t.TempDir(), Source{Want: Want{SHA256: sumOf(nil)}, URLs: []string{"https://a.example/x"}}, nil)
	wantError(t, err, "FetchBadDestination", never)
}

func TestWithoutAHashNothingIsFetched(t *testing.T) {
	s := serve(t, nil)
	for sum, id := range map[string]string{"": "FetchNoHash", "abc": "FetchBadHash", strings.Repeat("g", 64): "FetchBadHash"} {
		_, err := client(t, quick()).Get(t.Context(), target(t), plain(s, sum), nil)
		wantError(t, err, id, never)
	}
	if s.count() != 0 {
		t.Errorf("got %d requests, want none", s.count())
	}
}

// What must stay secret is the marker; it is looked for in everything that leaves the package.
func TestSecretsOfAURLAreNowhere(t *testing.T) {
	const marker = "MARKER"
	content := random(300000)
	s := serve(t, content)
	address := strings.Replace(s.URL, "http://", "http://user:"+marker+"@", 1) + "/tool.exe?sig=" + marker + "&x=1#" + marker
	troubles := map[string]func(int, http.ResponseWriter, *http.Request) bool{
		"not there":        says(404, ""),
		"busy":             says(503, ""),
		"a bad redirect":   says(302, "", "Location", "http://[::1/?sig="+marker),
		"a far redirect":   says(302, "", "Location", "gopher://u:"+marker+"@x/?sig="+marker),
		"round in circles": says(302, "", "Location", "?sig="+marker),
		"a page":           says(200, page, "Content-Type", "text/html"),
		"garbage": func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			c, _, _ := w.(http.Hijacker).Hijack()
			c.Write([]byte("no HTTP ?sig=" + marker + "\r\n\r\n"))
			c.Close()
			return true
		},
		"cut": nil,
	}
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			s.before = trouble
			s.cut = func(int) int { return 1000 }
			o := quick()
			o.Attempts = 3
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			dst, c := target(t), client(t, o)
			if trouble == nil {
				c.disk = counting(func(int) { cancel() })
			}
			said := ""
			_, err := c.Get(ctx, dst, Source{Want: Want{SHA256: sumOf(content)}, URLs: []string{address, address + "2"}, AllowPlain: true, Authorization: marker},
				func(e Event) { said += fmt.Sprintf("%+v", e) })
			if err == nil {
				t.Fatal("no error")
			}
			said += err.Error() + fmt.Sprintf("%+v %#v", err, host.As(err))
			for _, name := range []string{dst + recordSuffix, dst + partSuffix} {
				data, _ := os.ReadFile(name)
				said += string(data)
			}
			if strings.Contains(said, marker) {
				t.Errorf("the secret is in %q", said)
			}
			if left, _ := filepath.Glob(dst + recordSuffix); trouble == nil && len(left) == 0 {
				t.Error("no record was left to look at")
			}
		})
	}
}
