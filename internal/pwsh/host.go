package pwsh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"exorunner/internal/host"
)

// A Host is a machine that is reached through its PowerShell. It starts a process when one is needed, keeps it for the
// calls to come, one for each executable, and starts another after that one ended. Its methods may be called at the
// same time.
type Host struct {
	cfg   Config
	vault *vault
	life  context.Context // ends with Close
	end   context.CancelCauseFunc

	told sync.Mutex // around cfg.Said
	mu   sync.Mutex
	line map[string]*line // by path of the executable
	busy sync.WaitGroup   // calls
}

// A line is the process that calls share.
type line struct {
	turn    chan struct{} // holds a value while somebody uses session
	session *Session
}

var _ host.Host = (*Host)(nil)

// New starts nothing yet.
func New(cfg Config) *Host {
	if cfg.Name == "" {
		cfg.Name = "localhost"
		if name, err := os.Hostname(); err == nil && name != "" {
			cfg.Name = name
		}
	}
	h := &Host{cfg: cfg, vault: &vault{}, line: map[string]*line{}}
	h.life, h.end = context.WithCancelCause(context.Background())
	return h
}

// Name is the configured one.
func (h *Host) Name() string { return h.cfg.Name }

// Query calls a function that only reads.
func (h *Host) Query(ctx context.Context, c host.Call, out any) error {
	if err := host.CheckQuery(c); err != nil {
		return err
	}
	return h.Invoke(ctx, c, out)
}

// Invoke calls any function. Its error wraps a *host.Error if the function failed, or the request could not be read;
// host.ErrUnreachable if nobody knows what it did, or PowerShell did not become ready; host.ErrNoPowerShell and
// host.ErrConstrained where nothing can run. A context that ended before anything was sent is no ErrUnreachable. Any
// other error is about the call itself or a PowerShell that refused our scripts, and nothing was sent; or about an
// answer that does not fit out.
//
// Timeout counts from here: waiting for another call and starting a process are part of it.
func (h *Host) Invoke(ctx context.Context, c host.Call, out any) error {
	err := h.invoke(ctx, c, out)
	if err == nil {
		return nil
	}
	// What the machine said stands for itself: the function's name means nothing to who reads it, and is in the stack.
	if e := host.As(err); e != nil {
		if h.cfg.Classify != nil {
			h.cfg.Classify(e)
		}
		return e
	}
	return fmt.Errorf("%s: %w", c.Func, err)
}

func (h *Host) invoke(ctx context.Context, c host.Call, out any) error {
	if _, _, err := request(c, 0); err != nil {
		return err
	}
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("no answer in %v", c.Timeout))
		defer cancel()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(h.life, func() { cancel(context.Cause(h.life)) })()
	if !h.begin() {
		return errClosed
	}
	defer h.busy.Done()
	if ctx.Err() != nil {
		return ended(ctx)
	}
	values, err := h.run(ctx, c, out != nil)
	if err != nil {
		return err
	}
	return host.Decode(values, out)
}

// begin counts a call in, unless the host is closed.
func (h *Host) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.life.Err() != nil {
		return false
	}
	h.busy.Add(1)
	return true
}

func (h *Host) run(ctx context.Context, c host.Call, keep bool) ([]json.RawMessage, error) {
	path, err := h.path(c.Bits)
	if err != nil {
		return nil, err
	}
	if c.Fresh {
		s, err := h.dial(ctx, path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = s.Close() }()
		return h.call(ctx, s, c, keep)
	}
	l := h.lineTo(path)
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ended(ctx)
	}
	defer func() { <-l.turn }()
	return h.shared(ctx, l, path, c, keep)
}

// shared calls over the line, on which it has the turn. A session that ended while it was idle is replaced, once: the
// call was not sent.
func (h *Host) shared(ctx context.Context, l *line, path string, c host.Call, keep bool) ([]json.RawMessage, error) {
	for again := false; ; again = true {
		if l.session == nil || l.session.over() {
			s, err := h.dial(ctx, path)
			if err != nil {
				return nil, err
			}
			l.session = s
		}
		values, err := h.call(ctx, l.session, c, keep)
		if again || !errors.Is(err, errOver) {
			return values, err
		}
	}
}

func (h *Host) path(bits int) (string, error) {
	if h.cfg.Path == nil {
		return "", fmt.Errorf("%w: none configured", host.ErrNoPowerShell)
	}
	path, err := h.cfg.Path(bits)
	if err != nil && !errors.Is(err, host.ErrNoPowerShell) {
		err = fmt.Errorf("%w: %w", host.ErrNoPowerShell, err)
	}
	return path, err
}

func (h *Host) dial(ctx context.Context, path string) (*Session, error) {
	return open(ctx, path, h.cfg, h.vault, func(text string) { h.say(host.Said{Kind: "text", Text: text}) })
}

func (h *Host) lineTo(path string) *line {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.line[path]
	if l == nil {
		l = &line{turn: make(chan struct{}, 1)}
		h.line[path] = l
	}
	return l
}

func (h *Host) call(ctx context.Context, s *Session, c host.Call, keep bool) ([]json.RawMessage, error) {
	var values []json.RawMessage
	err := s.call(ctx, c, func(e Event) {
		switch {
		case e.Kind != "output":
			h.tell(c.Func, e)
		case keep:
			values = append(values, e.Value)
		}
	})
	return values, err
}

// tell hands on what was said, but for empty lines and for the status of a native program that succeeded.
func (h *Host) tell(function string, e Event) {
	said := host.Said{Func: function, Kind: e.Kind, Text: e.Text}
	switch e.Kind {
	case "error":
		said.Text = e.Error.Error()
	case "exit":
		if said.Text = string(e.Value); said.Text == "0" {
			return
		}
	case "text":
		if strings.TrimSpace(e.Text) == "" {
			return
		}
	}
	h.say(said)
}

func (h *Host) say(said host.Said) {
	if h.cfg.Said == nil {
		return
	}
	h.told.Lock()
	defer h.told.Unlock()
	h.cfg.Said(said)
}

// Close ends every process. Calls in progress end as unreachable, later ones are refused. It may be called again.
func (h *Host) Close() error {
	h.mu.Lock()
	h.end(errClosed)
	h.mu.Unlock()
	h.busy.Wait()
	for _, l := range h.line { // nobody is left to use them
		if l.session != nil {
			_ = l.session.Close()
		}
	}
	return nil
}
