package fetch

import (
	"encoding/binary"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

type proxyFunc = func(*http.Request) (*url.URL, error)

// direct is the word for no proxy at all.
const direct = "direct"

// proxy chooses one: the site's, or the environment's, or the system's.
func (o Options) proxy() (proxyFunc, error) {
	if o.Proxy == direct {
		return nil, nil
	}
	if o.Proxy != "" {
		u, err := url.Parse(o.Proxy)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5" {
			return nil, errors.New(`proxy: neither "direct" nor a URL like http://host:port`)
		}
		return proxyOf(&httpproxy.Config{HTTPProxy: o.Proxy, HTTPSProxy: o.Proxy, NoProxy: o.NoProxy}), nil
	}
	if env := httpproxy.FromEnvironment(); env.HTTPProxy != "" || env.HTTPSProxy != "" {
		return proxyOf(env), nil
	}
	return proxyOf(systemProxy()), nil
}

func proxyOf(c *httpproxy.Config) proxyFunc {
	if c == nil {
		return nil
	}
	ask := c.ProxyFunc()
	return func(req *http.Request) (*url.URL, error) { return ask(req.URL) }
}

// windowsProxy reads the form in which Windows keeps a proxy, "host:port" or "http=host:port;https=host:port", and its
// exceptions, "*.example.com;10.*;<local>". Addresses with a star in the middle have no like in NO_PROXY and go
// through the proxy. https://learn.microsoft.com/windows/win32/api/winhttp/ns-winhttp-winhttp_proxy_info
func windowsProxy(server, bypass string) *httpproxy.Config {
	c := &httpproxy.Config{}
	for _, entry := range split(server) {
		scheme, at, named := strings.Cut(entry, "=")
		switch {
		case !named:
			c.HTTPProxy, c.HTTPSProxy = entry, entry
		case strings.EqualFold(scheme, "http"):
			c.HTTPProxy = at
		case strings.EqualFold(scheme, "https"):
			c.HTTPSProxy = at
		}
	}
	var except []string
	for _, entry := range split(bypass) {
		if _, rest, ok := strings.Cut(entry, "://"); ok {
			entry = rest
		}
		if !strings.HasPrefix(entry, "<") {
			except = append(except, strings.TrimPrefix(entry, "*"))
		}
	}
	c.NoProxy = strings.Join(except, ",")
	if c.HTTPProxy == "" && c.HTTPSProxy == "" {
		return nil
	}
	return c
}

func split(text string) []string {
	return strings.FieldsFunc(text, func(c rune) bool { return c == ';' || c == ' ' || c == ',' })
}

// winHTTPSettings reads the machine's proxy as "netsh winhttp set proxy" stores it: after a version, a counter and
// flags, two counted texts, the proxy and its exceptions. The second flag says that a proxy is set.
func winHTTPSettings(raw []byte) *httpproxy.Config {
	if len(raw) < 16 || binary.LittleEndian.Uint32(raw[8:])&2 == 0 {
		return nil
	}
	server, rest, ok := counted(raw[12:])
	if !ok {
		return nil
	}
	bypass, _, _ := counted(rest)
	return windowsProxy(server, bypass)
}

func counted(raw []byte) (text string, rest []byte, ok bool) {
	if len(raw) < 4 {
		return "", nil, false
	}
	n := uint64(binary.LittleEndian.Uint32(raw))
	if n > uint64(len(raw)-4) {
		return "", nil, false
	}
	return string(raw[4 : 4+n]), raw[4+n:], true
}
