package pwsh

import (
	"errors"
	"fmt"
	"time"
)

const (
	// stderrGrace is what stderr may still take once stdout's boundary was seen. In constrained language mode its
	// boundary never comes.
	stderrGrace = 200 * time.Millisecond
	// boundaryLimit is what PowerShell may take from its last frame to the boundary. It has nothing left to do then but to
	// print; where it does not, its state is unknown and the call unreachable, whatever the frames said.
	boundaryLimit = 5 * time.Second
)

// An opening begins an exchange: go-powershell waits for both boundaries from now on.
type opening struct {
	x        *exchange
	out, err string
}

// wires is what a relay stands between.
type wires struct {
	openings             chan opening
	outChunks, errChunks chan []byte
	ended                chan error // the process is dead and its outputs have been read
	stdout, stderr       *feed      // what go-powershell reads
	kill                 func(reason error)
	late                 func(text string) // gets text that belongs to no exchange
}

// A relay stands between the outputs of a process, the exchange in progress and go-powershell. One goroutine runs
// it, so nothing in it is locked; it is the only one that writes to an exchange.
type relay struct {
	w        wires
	x        *exchange // in progress, or nil
	last     *exchange // the one before what comes late: it knows the secrets and the code page
	out, err demux
	want     opening // a boundary in it becomes "" when go-powershell has got it
	grace    <-chan time.Time
	limit    <-chan time.Time
	lateText int
	buffer   frameBuffer
}

func newRelay(w wires, nonce string) *relay {
	r := &relay{w: w, last: newExchange(0, nil, nil, codePage{})}
	r.out = demux{to: r, mark: []byte(recordSeparator + nonce + " ")}
	r.err = demux{to: stderr{r}}
	return r
}

// run ends when the process has.
func (r *relay) run() {
	for {
		select {
		case o := <-r.w.openings:
			r.open(o)
		case b := <-r.w.outChunks:
			r.out.feed(b)
		case b := <-r.w.errChunks:
			r.err.feed(b)
		case <-r.grace:
			r.endStderr()
		case <-r.limit:
			r.limit = nil
			r.breakOff(fmt.Errorf("no boundary %v after the last frame", boundaryLimit))
		case cause := <-r.w.ended:
			r.close(cause)
			return
		}
	}
}

func (r *relay) open(o opening) {
	r.x, r.last, r.want, r.lateText = o.x, o.x, o, 0
	r.out.boundary, r.err.boundary = []byte(o.out), []byte(o.err)
	r.w.stdout.begin()
	r.w.stderr.begin()
}

// close is for a process that is dead and whose outputs have been read to their end: whoever waits gets an answer.
func (r *relay) close(cause error) {
	r.out.flush()
	r.err.flush()
	if r.want.out != "" {
		r.fail(cause)
	}
	r.endStdout()
	r.endStderr()
}

// fail keeps the first reason.
func (r *relay) fail(err error) {
	if r.x.err == nil {
		r.x.err = err
	}
}

// breakOff ends an exchange that is not to be trusted, and the process with it.
func (r *relay) breakOff(err error) {
	r.fail(err)
	r.w.kill(err)
}

func (r *relay) frame(afterMark []byte) {
	if r.want.out == "" {
		r.w.kill(errors.New("a frame while nothing was asked"))
		return
	}
	if r.x.err != nil {
		return
	}
	f, err := parseFrame(afterMark, &r.buffer)
	if err == nil {
		err = r.x.accept(f)
	}
	if err != nil {
		r.breakOff(err)
	} else if r.x.done != nil {
		r.limit = time.After(boundaryLimit)
	}
}

func (r *relay) text(line []byte, cut bool) { r.textTo(r.w.stdout, r.want.out, line, cut) }

func (r *relay) textTo(to *feed, boundary string, line []byte, cut bool) {
	if boundary == "" {
		r.late(line, cut)
	} else if s, ok := r.x.text(line, cut); ok {
		to.text(s)
	}
}

// late text came after the boundary: it belongs to no call.
func (r *relay) late(line []byte, cut bool) {
	if len(line) == 0 || r.lateText > maxForward {
		return
	}
	r.lateText += len(line)
	r.w.late(r.last.hide.line(line, cut, r.last.page))
}

// end is stdout's boundary.
func (r *relay) end() {
	r.endStdout()
	if r.want.err != "" {
		r.grace = time.After(stderrGrace)
	}
}

func (r *relay) endStdout() {
	r.limit = nil
	if r.want.out != "" {
		r.w.stdout.boundary(r.want.out)
		r.want.out = ""
	}
	r.finish()
}

func (r *relay) endStderr() {
	if r.want.err != "" {
		r.w.stderr.boundary(r.want.err)
		r.want.err = ""
	}
	r.finish()
}

func (r *relay) finish() {
	if r.x != nil && r.want.out == "" && r.want.err == "" {
		close(r.x.items)
		r.x, r.grace = nil, nil
	}
}

// stderr is the receiver of what PowerShell writes there: text and boundaries.
type stderr struct{ *relay }

func (s stderr) frame([]byte) {}
func (s stderr) end()         { s.endStderr() }

func (s stderr) text(line []byte, cut bool) {
	if !lateBoundary.Match(line) { // of an exchange that did not wait for it
		s.textTo(s.w.stderr, s.want.err, line, cut)
	}
}
