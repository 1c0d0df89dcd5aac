package notify

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wneessen/go-mail"

	"exorunner/internal/action"
)

// A Mail sends a notice through a mail server.
type Mail struct {
	Server   string // host:port
	Security string // starttls, tls or none
	From     string
	To       []string
	User     string
	Password action.Secret // reference to it
	Secrets  action.Secrets
	TLS      *tls.Config // nil: the system's roots, and the server's own name
}

var _ Sender = &Mail{}

// Send implements Sender. It returns when ctx ends, whatever the server does.
func (m *Mail) Send(ctx context.Context, n Notice) error {
	msg, err := m.message(n)
	if err != nil {
		return err
	}
	line := &hold{}
	client, err := m.client(ctx, line.dial)
	if err != nil {
		return err
	}
	// The library looks at ctx while it makes the connection, and not after.
	ended := make(chan error, 1)
	go func() { ended <- client.DialAndSendWithContext(ctx, msg) }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = ctx.Err()
	}
	line.close() // the library leaves it open where the greeting or the encryption fails
	if err == nil {
		return nil
	}
	err = fmt.Errorf("mail server %s: %w", m.Server, err)
	var send *mail.SendError
	// A 5xx answer to this message; a refused sign-in may be cured while it waits.
	if errors.As(err, &send) && !send.IsTemp() && (send.Reason == mail.ErrSMTPRcptTo || send.Reason == mail.ErrSMTPMailFrom || send.Reason == mail.ErrSMTPData) {
		return Permanent(err)
	}
	return err
}

// A hold has the connection of a client, to end it.
type hold struct {
	mu   sync.Mutex
	line net.Conn
	over bool
}

func (h *hold) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return nil, errors.Join(net.ErrClosed, c.Close())
	}
	h.line = c
	return c, nil
}

func (h *hold) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	if h.line != nil {
		_ = h.line.Close()
	}
}

func (m *Mail) message(n Notice) (*mail.Msg, error) {
	msg := mail.NewMsg()
	if err := msg.From(m.From); err != nil {
		return nil, Permanent(fmt.Errorf("mail: from: %w", err))
	}
	if err := msg.To(m.To...); err != nil {
		return nil, Permanent(fmt.Errorf("mail: to: %w", err))
	}
	msg.Subject(clip(n.Title(), 200))
	msg.SetDateWithValue(n.Time)
	// The same for the same notice: one that comes twice, after a crash, is seen to be one.
	sum := sha256.Sum256([]byte(n.Host + "\x00" + n.Key))
	_, domain, _ := strings.Cut(m.From, "@")
	msg.SetMessageIDWithValue(fmt.Sprintf("%x@%s", sum[:16], strings.Trim(domain, " >")))
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no robot answers
	msg.SetBodyString(mail.TypeTextPlain, n.Body())
	return msg, nil
}

func (m *Mail) client(ctx context.Context, dial mail.DialContextFunc) (*mail.Client, error) {
	host, text, err := net.SplitHostPort(m.Server)
	port, perr := strconv.Atoi(text)
	if err != nil || perr != nil {
		return nil, Permanent(fmt.Errorf("mail: server %q is not host:port", m.Server))
	}
	options := []mail.Option{mail.WithPort(port), mail.WithTimeout(20 * time.Second)}
	if m.Security != "tls" { // there the library must make the connection, or it takes it for one without encryption
		options = append(options, mail.WithDialContextFunc(dial))
	}
	switch m.Security {
	case "tls":
		options = append(options, mail.WithSSL())
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if m.TLS != nil {
		options = append(options, mail.WithTLSConfig(m.TLS))
	}
	if m.User != "" {
		password, err := m.Secrets.Resolve(ctx, m.Password)
		if err != nil {
			return nil, err
		}
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(m.User), mail.WithPassword(string(password)))
	}
	client, err := mail.NewClient(host, options...)
	if err != nil {
		return nil, Permanent(fmt.Errorf("mail: %w", err))
	}
	return client, nil
}
