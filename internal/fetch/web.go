package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

const (
	maxRedirects = 10
	remedyServer = "ask whoever runs the server, or name a mirror"
)

// newTransport speaks HTTP/1.1 alone: one file at a time gains nothing from streams inside a connection, and a cut
// connection is a plain thing there. It never decompresses: the hash is of the bytes as they are stored.
func newTransport(o Options, proxy func(*http.Request) (*url.URL, error)) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  proxy,
		DialContext:            (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
		TLSHandshakeTimeout:    30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		ReadBufferSize:         64 << 10,
		IdleConnTimeout:        30 * time.Second,
		DisableCompression:     true,
		Protocols:              protocols,
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			return &proxyError{resp.StatusCode}
		},
	}
}

// A proxyError is a proxy that would not connect us.
type proxyError struct{ status int }

func (p *proxyError) Error() string { return "the proxy answered " + status(p.status) }

// A redirectError is a redirect that is not followed.
type redirectError struct{ id, what, remedy string }

func (r *redirectError) Error() string { return r.what }

// checkRedirect lets nothing leak: not to a plain connection, not to a host that is not allowed, and to another host
// neither credentials nor the address that sent us, whose query may be a key.
func (c *Client) checkRedirect(req *http.Request, via []*http.Request) error {
	req.Header.Del("Referer")
	from := via[len(via)-1].URL
	if len(via) >= maxRedirects {
		return &redirectError{"FetchRedirects", fmt.Sprintf("more than %d redirects", maxRedirects), "ask whoever runs the server; perhaps a proxy wants a person to sign in"}
	}
	if from.Scheme == "https" && req.URL.Scheme != "https" {
		return &redirectError{"FetchDowngrade", "redirected from https to " + req.URL.Scheme + "://" + req.URL.Host, "name the file where it really is, over https"}
	}
	if err := c.hostAllowed(req.URL.Hostname()); err != nil {
		return &redirectError{"FetchHostRefused", "redirected: " + err.Error(), remedyHost}
	}
	if req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
		req.URL.User = nil
		req.Header.Del("Authorization")
	}
	return nil
}

// retrying is retryablehttp as we want it: it brings the header of one answer, with waits that are bounded and
// jittered, says nothing by itself, and leaves the last answer to us. Bodies are the transfer's.
func (c *Client) retrying(waiting func(time.Duration, string)) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient:   c.http,
		RetryMax:     c.opts.Attempts - 1,
		RetryWaitMin: c.opts.WaitMin,
		RetryWaitMax: c.opts.WaitMax,
		CheckRetry:   worthAnother,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
		Backoff: func(least, most time.Duration, n int, resp *http.Response) time.Duration {
			why := "no answer"
			d := backoff(least, most, n)
			if resp != nil {
				why = status(resp.StatusCode)
				if asked, ok := retryAfter(resp, time.Now()); ok {
					d = jitterAbove(max(asked, least), most)
				}
			}
			waiting(d, why)
			return d
		},
	}
}

// backoff doubles, and takes a random point of the upper half.
func backoff(least, most time.Duration, n int) time.Duration {
	d := most
	if n < 40 && least<<n > 0 && least<<n < most {
		d = least << n
	}
	return d/2 + rand.N(d/2+1)
}

// jitterAbove is not before what was asked, a little after it, and never later than most.
func jitterAbove(asked, most time.Duration) time.Duration {
	if asked >= most {
		return most - rand.N(most/10+1)
	}
	return min(asked+rand.N(asked/10+1), most)
}

// retryAfter reads the header in both of its forms. A number too large for a duration is a long time.
// https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
func retryAfter(resp *http.Response, now time.Time) (time.Duration, bool) {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return 0, false
	}
	const long = 1 << 31 // seconds
	text := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, long)) * time.Second, true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0), true
	}
	return 0, false
}

// worthAnother is retryablehttp's question after every try.
func worthAnother(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		return !permanent(err), nil
	}
	return retryStatus(resp.StatusCode), nil
}

func retryStatus(code int) bool {
	switch code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported, http.StatusNetworkAuthenticationRequired:
		return false
	}
	return code >= 500
}

// permanent is what the next try would only repeat.
func permanent(err error) bool {
	var redirect *redirectError
	var proxy *proxyError
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &redirect), errors.As(err, &cert), errors.Is(err, http.ErrSchemeMismatch):
		return true
	case errors.As(err, &proxy):
		return !retryStatus(proxy.status)
	}
	text := err.Error()
	return strings.Contains(text, "unsupported protocol scheme") || strings.Contains(text, "invalid header")
}

// noAnswer is an error of Do in our words.
func (j *job) noAnswer(ctx context.Context, at place, err error) *Error {
	var redirect *redirectError
	var proxy *proxyError
	var cert *tls.CertificateVerificationError
	switch {
	case ctx.Err() != nil || errors.Is(err, errStalled):
		return j.broken(ctx, err)
	case errors.As(err, &redirect):
		return j.fail(redirect.id, never, redact(redirect.what), redirect.remedy, nil)
	case errors.As(err, &proxy) && proxy.status == http.StatusProxyAuthRequired:
		return j.proxyAuth()
	case errors.As(err, &proxy):
		class := never
		if retryStatus(proxy.status) {
			class = transient
		}
		return j.fail("FetchProxyRefused", class, at.shown, "ask whoever runs the proxy to let this server reach "+at.host, err)
	case errors.As(err, &cert):
		return j.fail("FetchCertificate", never, at.shown+": the server's certificate is not trusted",
			"if a proxy looks into https here, its root certificate must be in this machine's store", err)
	case errors.Is(err, http.ErrSchemeMismatch):
		return j.fail("FetchCertificate", never, at.shown+": no TLS at the other end", "see whether the port is right, or whether a proxy answers in the server's place", err)
	case permanent(err):
		return j.fail("FetchBadAnswer", never, at.shown, remedyServer, err)
	}
	return j.fail("FetchUnreachable", transient, at.shown, "see whether name, network and proxy are right; a proxy script of Windows is not read, so name the proxy", err)
}

func (j *job) proxyAuth() *Error {
	return j.fail("FetchProxyAuth", never, "the proxy asks who we are (407)",
		"give the proxy with user and password in the site's settings, let it pass this server without, or use a share; Windows sign-in to proxies (NTLM, Kerberos) is not spoken", nil)
}

func status(code int) string {
	if text := http.StatusText(code); text != "" {
		return fmt.Sprintf("%d %s", code, text)
	}
	return strconv.Itoa(code)
}
