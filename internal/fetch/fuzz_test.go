package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

var fuzzed = []byte("the file that is wanted, all 47 bytes of it....")

// FuzzServer is a server that answers anything: connection by connection, one line of the script after the other, and
// then the last one for ever. Whatever it says, the outcome is the right file or an error, within the deadline.
func FuzzServer(f *testing.F) {
	ok := fmt.Sprintf("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: %d\r\n\r\n%s", len(fuzzed), fuzzed)
	rest := fmt.Sprintf("HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\nContent-Range: bytes 10-%d/%d\r\nContent-Length: %d\r\n\r\n%s", len(fuzzed)-1, len(fuzzed), len(fuzzed)-10, fuzzed[10:])
	f.Add([]byte(ok))
	f.Add([]byte(ok[:len(ok)-37] + "\x00" + rest))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nthe f\r\n0\r\n\r\n\x00" + rest))
	f.Add([]byte("HTTP/1.0 200 OK\r\n\r\n" + string(fuzzed[:10]) + "\x00" + rest))
	f.Add([]byte("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 503 Busy\r\nRetry-After: 86400\r\nContent-Length: 0\r\n\r\n\x00" + ok))
	f.Add([]byte("HTTP/1.1 416 No\r\nContent-Range: bytes */10\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>"))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 407 Who\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 206 P\r\nContent-Range: bytes 0-46/47\r\nContent-Encoding: gzip\r\n\r\n"))
	f.Fuzz(func(t *testing.T, script []byte) {
		synctest.Test(t, func(t *testing.T) { oneScript(t, bytes.Split(script, []byte{0})) })
	})
}

func oneScript(t *testing.T, lines [][]byte) {
	o := Options{Proxy: direct, Reserve: -1, Attempts: 4, MaxSize: 1 << 16}
	c, transport := client(t, o), newTransport(o.withDefaults(), nil)
	n := 0
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		line := lines[min(n, len(lines)-1)]
		n++
		go speak(theirs, line)
		return ours, nil
	}
	c.useTransport(transport)
	dst, began := target(t), time.Now()
	_, err := c.Get(t.Context(), dst, Source{Want: Want{SHA256: sumOf(fuzzed)}, URLs: []string{"http://example.com/tool.exe"}, AllowPlain: true}, nil)
	transport.CloseIdleConnections()
	got, gone := os.ReadFile(dst)
	var e *Error
	switch {
	case err == nil && !bytes.Equal(got, fuzzed):
		t.Errorf("no error, and the file is %q", got)
	case err != nil && gone == nil:
		t.Errorf("%v, and yet the file is there", err)
	case err != nil && (!errors.As(err, &e) || e.Remedy == ""):
		t.Errorf("got %v, want an error with a remedy", err)
	}
	if took := time.Since(began); took > o.withDefaults().Deadline+o.withDefaults().Stall {
		t.Errorf("took %v", took)
	}
	if left, _ := filepath.Glob(dst + "*"); err == nil && len(left) != 1 {
		t.Errorf("left behind: %q", left)
	}
}

// speak reads a request, says its line, and hangs up.
func speak(conn net.Conn, line []byte) {
	defer conn.Close()
	go io.Copy(io.Discard, conn)
	time.Sleep(time.Millisecond) // a server that speaks first is refused by net/http, rightly
	conn.Write(line)
}
