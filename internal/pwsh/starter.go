package pwsh

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"sync"

	"github.com/bhendo/go-powershell/backend"
)

// A starter is what go-powershell starts its process with. It starts the one that we name, in the way that we choose.
type starter struct {
	path  string
	cfg   Config
	nonce string
	late  func(string)
	p     *process // once started
}

var _ backend.Starter = (*starter)(nil)

// StartProcess disregards the command of go-powershell: a bare name to be found over PATH, a profile that would be run.
func (s *starter) StartProcess(string, ...string) (backend.Waiter, io.Writer, io.Reader, io.Reader, error) {
	args := s.cfg.Args
	if args == nil {
		args = standardArgs
	}
	cmd := exec.Command(s.path, args...)
	cmd.Dir, cmd.Env = s.cfg.Dir, environment(s.cfg.Env, s.cfg.Temp)
	p := newProcess(cmd, s.late)
	if err := p.start(s.nonce); err != nil {
		return nil, nil, nil, nil, err
	}
	s.p = p
	return p, &p.stdin, p.wires.stdout, p.wires.stderr, nil
}

// stdin is where go-powershell writes its command lines.
type stdin struct {
	p    *process
	pipe *os.File
	mu   sync.Mutex // a line is written as a whole
	next *exchange  // what the next line begins
}

// What go-powershell puts behind a command. Its boundaries are a private matter of the library: a new version may have
// others, which a test would find.
var (
	commandEnd   = regexp.MustCompile(`; echo '(\$gorilla[0-9a-f]{24}\$)'; \[Console\]::Error\.WriteLine\('(\$gorilla[0-9a-f]{24}\$)'\)\r\n$`)
	lateBoundary = regexp.MustCompile(`^\$gorilla[0-9a-f]{24}\$$`)
)

// Write sends one command line. An error means that go-powershell will not wait for its boundaries.
func (s *stdin) Write(line []byte) (int, error) {
	m := commandEnd.FindSubmatch(line[max(0, len(line)-256):])
	if m == nil {
		return 0, s.refuse(errors.New("go-powershell: its command line has another form than the one we know"))
	}
	select {
	case s.p.wires.openings <- opening{s.next, string(m[1]), string(m[2])}:
		return s.send(line)
	case <-s.p.gone:
		return 0, s.refuse(s.p.doomed()) // it died, or was ended, since the caller looked
	}
}

// refuse ends an exchange that never began.
func (s *stdin) refuse(err error) error {
	s.next.err = err
	close(s.next.items)
	return err
}

// send ends the process if the line cannot be written, and so the exchange.
func (s *stdin) send(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.pipe.Write(line)
	if err != nil {
		s.p.kill(err)
	}
	return n, err
}
