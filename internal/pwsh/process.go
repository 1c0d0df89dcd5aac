package pwsh

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/bhendo/go-powershell/backend"
)

// drainGrace is how long what a dead process has left in its pipes is read. A grandchild out of our reach may hold
// them open for ever.
const drainGrace = 500 * time.Millisecond

// A process is a PowerShell and everything it has started.
type process struct {
	cmd   *exec.Cmd
	stdin stdin
	wires wires
	gone  chan struct{} // closed when the tree is dead, the exchange over and every goroutine but the last at its end

	mu     sync.Mutex
	tree   tree
	reaped bool
	reason error // why it ended, or is about to
}

var _ backend.Waiter = (*process)(nil)

func newProcess(cmd *exec.Cmd, late func(string)) *process {
	p := &process{cmd: cmd, gone: make(chan struct{})}
	p.stdin.p = p
	p.wires = wires{
		openings: make(chan opening), outChunks: make(chan []byte), errChunks: make(chan []byte), ended: make(chan error),
		stdout: newFeed(), stderr: newFeed(), kill: p.kill, late: late,
	}
	return p
}

func (p *process) start(nonce string) error {
	var ours, theirs [3]*os.File
	defer func() { closeAll(theirs[:]) }()
	var err error
	for i := range ours {
		if ours[i], theirs[i], err = os.Pipe(); err != nil {
			closeAll(ours[:])
			return err
		}
	}
	ours[0], theirs[0] = theirs[0], ours[0] // stdin flows the other way
	// Files, not writers: os/exec would wait for the end of the pipes otherwise, and not for that of the process.
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = theirs[0], theirs[1], theirs[2]
	if p.tree, err = startTree(p.cmd); err != nil {
		closeAll(ours[:])
		return err
	}
	p.stdin.pipe = ours[0]
	var pumps sync.WaitGroup
	pumps.Go(func() { pump(ours[1], p.wires.outChunks) })
	pumps.Go(func() { pump(ours[2], p.wires.errChunks) })
	go p.reap(&pumps, ours[:])
	go func() {
		newRelay(p.wires, nonce).run()
		close(p.gone)
	}()
	return nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}

// pump reads into two buffers in turn: when a chunk has been taken, the one before it is done with.
func pump(from io.Reader, to chan<- []byte) {
	var buffers [2][64 << 10]byte
	for i := 0; ; i ^= 1 {
		n, err := from.Read(buffers[i][:])
		if n > 0 {
			to <- buffers[i][:n]
		}
		if err != nil {
			return
		}
	}
}

// reap learns of the death of the process from the system; the end of its pipes may come much later, or never.
func (p *process) reap(pumps *sync.WaitGroup, pipes []*os.File) {
	_ = p.cmd.Wait() // its status is in ProcessState
	p.mu.Lock()
	p.tree.kill() // what it has left behind
	p.tree.close()
	p.reaped = true
	if p.reason == nil {
		p.reason = errors.New(p.cmd.ProcessState.String())
	}
	cause := p.reason
	p.mu.Unlock()
	drained := make(chan struct{})
	go func() {
		pumps.Wait()
		close(drained)
	}()
	grace := time.NewTimer(drainGrace)
	defer grace.Stop()
	select {
	case <-drained:
	case <-grace.C:
	}
	closeAll(pipes) // whoever reads or writes one of them returns now
	<-drained
	p.wires.ended <- cause
}

// kill ends the whole tree. The first reason is the one that is told.
func (p *process) kill(reason error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return
	}
	if p.reason == nil {
		p.reason = reason
	}
	p.tree.kill()
}

// leave asks for the end in the polite way: an idle PowerShell goes when its input ends.
func (p *process) leave(reason error) {
	p.mu.Lock()
	if p.reason == nil {
		p.reason = reason
	}
	p.mu.Unlock()
	_ = p.stdin.pipe.Close()
}

// doomed says why the process has ended or is about to; nil while it is good.
func (p *process) doomed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reason
}

// Wait is for go-powershell, which calls it in Exit alone, which we do not call: it panics when it is called twice.
func (p *process) Wait() error {
	<-p.gone
	return nil
}
