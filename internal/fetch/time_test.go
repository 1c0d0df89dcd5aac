package fetch

import (
	"bytes"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// A trip answers requests without a network, so that hours take no time.
type trip func(n int, r *http.Request) (*http.Response, error)

type counter struct {
	trip trip
	n    int
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n++
	return c.trip(c.n-1, r)
}

func answer(code int, header map[string]string, body io.Reader, length int64) *http.Response {
	resp := &http.Response{StatusCode: code, Header: http.Header{}, ContentLength: length, Body: io.NopCloser(body), ProtoMajor: 1, ProtoMinor: 1}
	for k, v := range header {
		resp.Header.Set(k, v)
	}
	return resp
}

func whole(content []byte) *http.Response {
	return answer(200, nil, bytes.NewReader(content), int64(len(content)))
}

// A slowBody gives its chunk so many times, and then ends or says nothing more.
type slowBody struct {
	r      *http.Request
	chunk  []byte
	every  time.Duration
	left   int // chunks
	silent bool
}

func (s *slowBody) Read(p []byte) (int, error) {
	if s.left == 0 {
		if s.silent {
			<-s.r.Context().Done()
			return 0, s.r.Context().Err()
		}
		return 0, io.EOF
	}
	select {
	case <-s.r.Context().Done():
		return 0, s.r.Context().Err()
	case <-time.After(s.every):
		s.left--
		return copy(p, s.chunk), nil
	}
}

// over runs one Get with the default times over a trip, in no time, and says how long it would have taken.
func over(t *testing.T, change func(*Options), content []byte, trip trip) (took time.Duration, requests int, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := Options{Proxy: direct, Reserve: -1}
		if change != nil {
			change(&o)
		}
		c, transport := client(t, o), &counter{trip: trip}
		c.useTransport(transport)
		dst, began := target(t), time.Now()
		_, err = c.Get(t.Context(), dst, Source{Want: Want{SHA256: sumOf(content)}, URLs: []string{"https://example.com/tool.exe"}}, nil)
		took, requests = time.Since(began), transport.n
		if err == nil {
			wantFile(t, dst, content)
		} else if e, _ := filepath.Glob(dst); len(e) > 0 {
			t.Errorf("%v, and yet the file is there", err)
		}
	})
	return took, requests, err
}

func TestRetryAfterIsHeededWithinBounds(t *testing.T) {
	content := random(1000)
	const s = time.Second
	tests := map[string]struct {
		header      string
		least, most time.Duration // of seven waits
	}{
		"none: doubling":            {"", 63 * s, 128 * s},
		"0: the shortest wait":      {"0", 7 * s, 8 * s},
		"20 s":                      {"20", 140 * s, 155 * s},
		"a day: the longest wait":   {"86400", 7 * 108 * s, 7 * 120 * s},
		"overflow":                  {"99999999999999999999999", 7 * 108 * s, 7 * 120 * s},
		"overflow of a duration":    {"9999999999999", 7 * 108 * s, 7 * 120 * s},
		"a date in this century":    {"Fri, 31 Dec 2088 23:59:59 GMT", 7 * 108 * s, 7 * 120 * s},
		"a date long ago":           {"Fri, 31 Dec 1999 23:59:58 GMT", 7 * s, 8 * s},
		"a number below 0: garbage": {"-5", 63 * s, 128 * s},
		"garbage":                   {"soon", 63 * s, 128 * s},
	}
	for name, test := range tests {
		for _, code := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
			t.Run(name+", "+strconv.Itoa(code), func(t *testing.T) {
				took, requests, err := over(t, nil, content, func(n int, _ *http.Request) (*http.Response, error) {
					if n < 7 {
						return answer(code, map[string]string{"Retry-After": test.header}, bytes.NewReader(nil), 0), nil
					}
					return whole(content), nil
				})
				if err != nil || requests != 8 || took < test.least || took > test.most {
					t.Errorf("got %d requests in %v, %v; want 8 in %v to %v", requests, took, err, test.least, test.most)
				}
			})
		}
	}
}

func TestAStormEnds(t *testing.T) {
	storm := func(int, *http.Request) (*http.Response, error) {
		return answer(503, map[string]string{"Retry-After": "0"}, bytes.NewReader(nil), 0), nil
	}
	_, requests, err := over(t, nil, nil, storm)
	wantError(t, err, "FetchServerBusy", transient)
	if requests != 8 {
		t.Errorf("got %d requests, want 8", requests)
	}
	took, requests, err := over(t, func(o *Options) { o.Attempts = 1 << 30 }, nil, storm)
	wantError(t, err, "FetchDeadline", transient)
	if took != 2*time.Hour || requests > 7200 {
		t.Errorf("got %d requests in %v, want at most one a second for 2 h", requests, took)
	}
}

func TestSilence(t *testing.T) {
	content := random(300000)
	never := func(_ int, r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	one := func(o *Options) { o.Attempts = 1 }
	took, _, err := over(t, one, content, never)
	wantError(t, err, "FetchStalled", transient)
	if took != time.Minute {
		t.Errorf("no header: gave up after %v, want 1m", took)
	}
	took, requests, err := over(t, nil, content, func(n int, r *http.Request) (*http.Response, error) {
		if n == 0 {
			return answer(200, map[string]string{"ETag": `"a"`}, &slowBody{r: r, chunk: content[:100000], left: 1, every: time.Second, silent: true}, 300000), nil
		}
		if r.Header.Get("Range") != "bytes=100000-" || r.Header.Get("If-Range") != `"a"` {
			t.Errorf("the second request: got %q if %q", r.Header.Get("Range"), r.Header.Get("If-Range"))
		}
		return answer(206, map[string]string{"Content-Range": "bytes 100000-299999/300000"}, bytes.NewReader(content[100000:]), 200000), nil
	})
	if err != nil || requests != 2 || took > 63*time.Second {
		t.Errorf("silent half way: got %d requests in %v, %v; want 2 within a stall and a wait", requests, took, err)
	}
}

func TestATrickleIsNotProgress(t *testing.T) {
	took, requests, err := over(t, nil, random(10000), func(_ int, r *http.Request) (*http.Response, error) {
		from := int64(0)
		head, code := map[string]string{"ETag": `"a"`}, 200
		if text := r.Header.Get("Range"); text != "" {
			from, _ = strconv.ParseInt(text[len("bytes="):len(text)-1], 10, 64)
			head["Content-Range"], code = "bytes "+strconv.FormatInt(from, 10)+"-9999/10000", 206
		}
		return answer(code, head, &slowBody{r: r, chunk: []byte("x"), every: 10 * time.Second, left: 10000}, 10000-from), nil
	})
	wantError(t, err, "FetchTooSlow", transient)
	if requests != 8 || took > 20*time.Minute {
		t.Errorf("got %d requests in %v, want 8 of two minutes and the waits", requests, took)
	}
}

func TestASlowButSteadyServerIsLetBe(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB at 4 KiB/s
	took, requests, err := over(t, nil, content, func(_ int, r *http.Request) (*http.Response, error) {
		return answer(200, nil, &slowBody{r: r, chunk: content[:4096], every: time.Second, left: 256}, 1<<20), nil
	})
	if err != nil || requests != 1 || took != 256*time.Second {
		t.Errorf("got %d requests in %v, %v; want 1 in 256 s", requests, took, err)
	}
}

func TestTheSameBeginningForEverIsNoProgress(t *testing.T) {
	content := random(100000)
	_, requests, err := over(t, nil, content, func(int, *http.Request) (*http.Response, error) {
		return answer(200, nil, io.MultiReader(bytes.NewReader(content[:50000]), errReader{io.ErrUnexpectedEOF}), 100000), nil
	})
	wantError(t, err, "FetchCut", transient)
	if requests != 8 {
		t.Errorf("got %d requests, want 8", requests)
	}
}

func TestEventsAreFewAndTrue(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<12) // 64 KiB
	synctest.Test(t, func(t *testing.T) {
		c := client(t, Options{Proxy: direct, Reserve: -1})
		c.useTransport(&counter{trip: func(n int, r *http.Request) (*http.Response, error) {
			if n == 0 {
				return answer(503, map[string]string{"Retry-After": "30"}, bytes.NewReader(nil), 0), nil
			}
			return answer(200, nil, &slowBody{r: r, chunk: content[:64], every: 10 * time.Millisecond, left: 1024}, 1<<16), nil
		}})
		var events []Event
		began := time.Now()
		src := Source{Want: Want{SHA256: sumOf(content)}, URLs: []string{"https://example.com/tool.exe?sig=KEY"}}
		_, err := c.Get(t.Context(), target(t), src, func(e Event) { events = append(events, e) })
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		if most := int(took/eventEvery) + 2; len(events) > most {
			t.Errorf("got %d events in %v, want at most %d", len(events), took, most)
		}
		middle, last := events[len(events)/2], events[len(events)-1]
		if middle.Rate < 5000 || middle.Rate > 8000 || middle.Size != 1<<16 || middle.Remaining <= 0 || middle.Source != "https://example.com/tool.exe" {
			t.Errorf("half way: got %+v, want about 6400 bytes a second", middle)
		}
		if !last.Done || last.Bytes != 1<<16 {
			t.Errorf("the last: got %+v", last)
		}
	})
}

func TestAWaitIsAnEvent(t *testing.T) {
	content := random(10)
	synctest.Test(t, func(t *testing.T) {
		c := client(t, Options{Proxy: direct, Reserve: -1})
		c.useTransport(&counter{trip: func(n int, _ *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			if n == 0 {
				return answer(503, map[string]string{"Retry-After": "30"}, bytes.NewReader(nil), 0), nil
			}
			return whole(content), nil
		}})
		var events []Event
		src := Source{Want: Want{SHA256: sumOf(content)}, URLs: []string{"https://example.com/tool.exe"}}
		if _, err := c.Get(t.Context(), target(t), src, func(e Event) { events = append(events, e) }); err != nil {
			t.Fatal(err)
		}
		if got := events[0]; got.Waiting < 30*time.Second || got.Waiting > 33*time.Second || got.Why != "503 Service Unavailable" {
			t.Errorf("the first event: got %+v, want a wait of 30 s and its reason", got)
		}
	})
}
