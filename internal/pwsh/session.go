// Package pwsh holds a conversation with PowerShell. It knows processes, pipes and frames, and nothing of what the
// called functions do. github.com/bhendo/go-powershell runs the command lines; below it, at its backend.Starter,
// everything is ours. The other end is host.ps1, whose head says what goes each way.
//
// A Session is one process. A Host is a machine: it dials sessions as they are needed and dials again after one ended.
package pwsh

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	powershell "github.com/bhendo/go-powershell"

	"exorunner/internal/host"
)

const (
	// closeGrace is how long Close lets PowerShell leave by itself.
	closeGrace = time.Second
	// startLimit is what PowerShell may take to become ready where the context sets no earlier end. On a slow server
	// with a virus scanner the first start was reported to take half a minute.
	startLimit = 2 * time.Minute
)

// The two questions before the bootstrap. Neither may fail: an error on the command line takes the boundaries along.
const (
	modeLine     = "$ExecutionContext.SessionState.LanguageMode"
	codePageLine = "try { [Console]::OutputEncoding.CodePage } catch { 0 }"
)

// A Session is a live PowerShell process. Its methods may be called at the same time; calls wait for one another.
type Session struct {
	shell powershell.Shell
	p     *process
	turn  chan struct{} // holds a value while a call is in progress
	ids   atomic.Int64
	vault *vault
	page  codePage
}

// Open starts the PowerShell at path and makes it ready. ctx bounds that and nothing after it.
func Open(ctx context.Context, path string, cfg Config) (*Session, error) {
	return open(ctx, path, cfg, &vault{}, func(string) {})
}

// open lets sessions of one host share a vault; late gets the text that belongs to no call.
func open(ctx context.Context, path string, cfg Config, v *vault, late func(string)) (*Session, error) {
	s, err := start(ctx, path, cfg, v, late)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func start(ctx context.Context, path string, cfg Config, v *vault, late func(string)) (*Session, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("not an absolute path: %w", host.ErrNoPowerShell)
	}
	if err := ctx.Err(); err != nil {
		return nil, ended(ctx)
	}
	nonce := make([]byte, 8)
	_, _ = rand.Read(nonce) // never fails
	st := &starter{path: path, cfg: cfg, nonce: hex.EncodeToString(nonce), late: late}
	shell, err := powershell.New(st)
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("%w: %w", host.ErrNoPowerShell, err)
	case err != nil:
		return nil, &lost{err}
	}
	s := &Session{shell: shell, p: st.p, turn: make(chan struct{}, 1), vault: v}
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("not ready %v after its start", startLimit))
	defer cancel()
	if err := s.prepare(ctx, st.nonce, cfg); err != nil {
		s.end(err)
		return nil, err
	}
	return s, nil
}

// prepare asks for the language mode first: where it is constrained, nothing else of ours can run, and it can still be
// read.
func (s *Session) prepare(ctx context.Context, nonce string, cfg Config) error {
	mode, err := s.text(ctx, modeLine)
	if err != nil {
		return err
	}
	if mode = lastLine(mode); mode != "FullLanguage" {
		return fmt.Errorf("language mode %.40q, as AppLocker or WDAC sets it; let this account run in FullLanguage by a rule for it, or run as another account: %w",
			mode, host.ErrConstrained)
	}
	if s.page.number = cfg.CodePage; s.page.number == 0 {
		said, err := s.text(ctx, codePageLine)
		if err != nil {
			return err
		}
		if s.page.number, err = strconv.Atoi(lastLine(said)); err != nil {
			s.page.number = utf8Page // an answer that is no number is no reason to do without PowerShell
		}
	}
	for _, script := range []string{"$ExrNonce = '" + nonce + "'\n" + cfg.HostScript, strings.Join(cfg.Scripts, "\n")} {
		// One line of ASCII, and one that cannot fail: an error that reached the command line would take the boundaries along.
		said, err := s.text(ctx, "try { . ([ScriptBlock]::Create([Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('"+
			base64.StdEncoding.EncodeToString([]byte(script))+"')))); 'ready' } catch { \"$_\" }")
		if err != nil {
			return err
		}
		if lastLine(said) != "ready" {
			return fmt.Errorf("bootstrap: %.400s", said)
		}
	}
	return nil
}

// text runs one of our own command lines and returns what it printed.
func (s *Session) text(ctx context.Context, line string) (string, error) {
	x := newExchange(0, nil, nil, s.page)
	out := s.exchange(ctx, x, line, func(item) {})
	return strings.TrimSpace(out), s.settle(x)
}

// lastLine is where an answer stands, whatever else had something to say at the start.
func lastLine(text string) string { return strings.TrimSpace(text[strings.LastIndex(text, "\n")+1:]) }

// Call runs a function and hands on, in order and on this goroutine, what it says. It returns a *host.Error if the
// function failed. Any error that wraps ErrUnreachable leaves the effect unknown, and the session is over then:
// the process and all it had started are gone. Any other error means that nothing was sent. No error and no event
// shows a secret.
//
// A context that ends in mid-call ends the process; Timeout, Fresh and Bits of the call are for Host. say must not
// call Close.
func (s *Session) Call(ctx context.Context, c host.Call, say func(Event)) error {
	if err := s.call(ctx, c, say); err != nil {
		return fmt.Errorf("%s: %w", c.Func, err)
	}
	return nil
}

func (s *Session) call(ctx context.Context, c host.Call, say func(Event)) error {
	id := int(s.ids.Add(1))
	line, needs, err := request(c, id)
	if err != nil {
		return err
	}
	if err := s.take(ctx); err != nil {
		return err
	}
	defer func() { <-s.turn }()
	x := newExchange(id, needs, s.vault.with(c.Secrets), s.page)
	s.exchange(ctx, x, line, func(it item) {
		switch {
		case it.need != "":
			_, _ = s.p.stdin.send(secretLine(c.Secrets[it.need])) // if it fails, the process is ended and so is the exchange
		case say != nil:
			say(it.Event)
		}
	})
	return s.settle(x)
}

// take waits for its turn. Whoever gets an error has not got it.
func (s *Session) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return ended(ctx)
	}
	err := ended(ctx) // both were possible
	if reason := s.p.doomed(); err == nil && reason != nil {
		<-s.p.gone
		// %v: that an earlier call ran out of time is not to be found in the chain of this one.
		err = &lost{fmt.Errorf("%w: %v", errOver, reason)}
	}
	if err != nil {
		<-s.turn
	}
	return err
}

// exchange sends a command line through go-powershell and empties x until it is over. It returns the text that
// go-powershell has collected; its error, which holds the whole command, is never looked at: x knows what happened.
func (s *Session) exchange(ctx context.Context, x *exchange, line string, do func(item)) string {
	s.p.stdin.next = x
	text := make(chan string, 1)
	go func() {
		out, _, _ := s.shell.Execute(line)
		text <- out
	}()
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(killed)
		s.p.kill(ended(ctx))
	})
	for it := range x.items {
		do(it)
	}
	if !stop() {
		// The context ended. If the answer was whole by then it counts; the process goes all the same, and before the next call.
		<-killed
		<-s.p.gone
	}
	return <-text
}

// settle turns an exchange into an error. After a broken one the process is not to be trusted, and goes.
func (s *Session) settle(x *exchange) error {
	err := x.outcome()
	if errors.Is(err, host.ErrUnreachable) {
		s.end(err)
	}
	return err
}

// over says whether the session has ended, or is about to.
func (s *Session) over() bool { return s.p.doomed() != nil }

func (s *Session) end(reason error) {
	s.p.kill(reason)
	<-s.p.gone
}

// Close ends the process and all it has started. A call in progress gets a second to finish. It may be called again.
func (s *Session) Close() error {
	s.p.leave(errClosed)
	grace := time.NewTimer(closeGrace)
	defer grace.Stop()
	select {
	case <-s.p.gone:
	case <-grace.C:
		s.end(errClosed)
	}
	return nil
}
