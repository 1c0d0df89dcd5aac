package notify

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// A mailServer speaks as much SMTP as one mail needs.
type mailServer struct {
	net.Listener
	answer map[string]string // to a command's first word, instead of the usual one
	wg     sync.WaitGroup
	mu     sync.Mutex
	lines  []string
}

func newMailServer(t *testing.T, answer map[string]string) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveMail(t, l, answer)
}

func serveMail(t *testing.T, l net.Listener, answer map[string]string) *mailServer {
	s := &mailServer{Listener: l, answer: answer}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.talk(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.wg.Wait()
	})
	return s
}

func (s *mailServer) talk(c net.Conn) {
	defer c.Close()
	in := bufio.NewScanner(c)
	fmt.Fprint(c, "220 mail.test ready\r\n")
	data := false
	for in.Scan() {
		line := in.Text()
		s.mu.Lock()
		s.lines = append(s.lines, line)
		s.mu.Unlock()
		word, _, _ := strings.Cut(strings.ToUpper(line), " ")
		switch {
		case data && line != ".":
			continue
		case data:
			data = false
			fmt.Fprint(c, "250 taken\r\n")
			continue
		case s.answer[word] != "":
			fmt.Fprintf(c, "%s\r\n", s.answer[word])
			continue
		}
		switch word {
		case "EHLO":
			fmt.Fprint(c, "250-mail.test\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n")
		case "DATA":
			data = true
			fmt.Fprint(c, "354 go on\r\n")
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

func (s *mailServer) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

func TestMail(t *testing.T) {
	cases := map[string]struct {
		answer    map[string]string
		security  string
		want      string // in the error
		permanent bool
	}{
		"it arrives":                           {security: "none"},
		"encryption that is wanted and absent": {security: "starttls", want: "STARTTLS"},
		"nobody of that name":                  {security: "none", answer: map[string]string{"RCPT": "550 5.1.1 no such user"}, want: "550", permanent: true},
		"come back later":                      {security: "none", answer: map[string]string{"RCPT": "450 4.2.0 greylisted"}, want: "450"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newMailServer(t, c.answer)
			m := &Mail{Server: s.Addr().String(), Security: c.security, From: "exorunner@contoso.com", To: []string{"operations@contoso.com"}}
			err := m.Send(t.Context(), sample)
			_, never := err.(permanent)
			if (err == nil) != (c.want == "") || never != c.permanent || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, permanent %v, want %q, %v", err, never, c.want, c.permanent)
			}
			if c.want != "" {
				return
			}
			for _, want := range []string{"Subject: exorunner on CE01: nightly failed", "Auto-Submitted: auto-generated", "no role", "RCPT TO:<operations@contoso.com>"} {
				if !strings.Contains(s.said(), want) {
					t.Errorf("%q is not in what the server got:\n%s", want, s.said())
				}
			}
		})
	}
}

func TestAPasswordIsNotSentInTheOpen(t *testing.T) {
	s := newMailServer(t, nil)
	m := &Mail{Server: s.Addr().String(), Security: "starttls", From: "a@contoso.com", To: []string{"b@contoso.com"}, User: "a", Password: "env:P", Secrets: fixed{"env:P": "hunter2"}}
	err := m.Send(t.Context(), sample)
	if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(s.said(), "hunter2") || strings.Contains(s.said(), "aHVudGVyMg") {
		t.Errorf("got %v, and the server got\n%s", err, s.said())
	}
}

func TestASignInOverTLS(t *testing.T) {
	web := httptest.NewUnstartedServer(nil) // for its certificate
	web.StartTLS()
	defer web.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: web.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	s := serveMail(t, l, map[string]string{"AUTH": "235 welcome"})
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	m := &Mail{Server: l.Addr().String(), Security: "tls", From: "a@contoso.com", To: []string{"b@contoso.com"}, User: "a", Password: "env:P",
		Secrets: fixed{"env:P": "hunter2"}, TLS: &tls.Config{RootCAs: roots}}
	if err := m.Send(t.Context(), sample); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.said(), "AUTH PLAIN") || !strings.Contains(s.said(), "nightly failed") {
		t.Errorf("got\n%s\nwant a sign-in and the mail", s.said())
	}
	m.TLS = nil
	if err := m.Send(t.Context(), sample); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v of a server that nobody vouches for, want a certificate error", err)
	}
}

// A server that answers when it likes does not hold up who stops.
func TestAMailServerThatTakesItsTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asked := make(chan struct{})
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprint(c, "220 hello\r\n")
		_, _ = bufio.NewReader(c).ReadString('\n')
		close(asked)
		_, _ = io.Copy(io.Discard, c) // until the other side goes
	}()
	m := &Mail{Server: l.Addr().String(), Security: "none", From: "a@contoso.com", To: []string{"b@contoso.com"}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Send(ctx, sample) }()
	<-asked
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was told to stop", err)
	}
}
