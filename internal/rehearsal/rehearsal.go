// Package rehearsal is a modelled Cloud Extender server as a host.Host. It answers the functions under scripts/ in Go,
// from a model of the machine that an administrator can read and change, and fails to order. It knows what those
// functions do to a machine, and what PowerShell, PowerShellGet and Exchange Online were seen to answer; it knows nothing
// of who asks, and it runs nothing and reaches nothing.
package rehearsal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"exorunner/internal/host"
	"exorunner/scripts"
)

// Options say which machine, and what is to go wrong with it.
type Options struct {
	// Machine is one of Machines; "" is DefaultMachine.
	Machine string
	// Dir is where its state is kept between runs; "" keeps it in memory. Nothing is made there before the first change.
	// One Host a folder at a time: whoever opens it sees to that.
	Dir string
	// Faults are ordered as NAME[:ARG][:TIMES]; see Faults.
	Faults []string
	// Said gets what functions say beside their output, one at a time. It must not call the host.
	Said func(host.Said)
	// Classify fills in what the catalogue of errors knows; nil leaves errors as PowerShell gives them.
	Classify func(*host.Error)
	// Params are the parameters of each function, as its param() block declares them; nil takes them from there.
	Params map[string][]scripts.Param
	// Now is the machine's clock; nil is time.Now.
	Now func() time.Time
}

// A Host is a modelled machine. Its methods may be called at the same time; as on a real machine, one call at a time is
// carried out.
type Host struct {
	name    string
	dir     string
	params  map[string][]scripts.Param
	now     func() time.Time
	hear    func(host.Said)
	about   func(*host.Error)
	secrets *secrets
	vars    map[string]any
	faults  *orders
	hearing sync.Mutex
	shell   shell

	mu     sync.Mutex
	model  model
	shared map[int]*process // by bitness
	writes int
	asked  string // the script that was the last to ask whether there is something to do
	dice   *rand.Rand
}

// A shell is what no function changes about the machine's PowerShell.
type shell struct {
	LanguageMode, UICulture string
	Bits, Windows           int // its own bitness, and that of Windows
}

// A process is what a PowerShell process holds on to: a module that is loaded stays the one it was.
type process struct{ loaded map[string]module }

func newProcess() *process { return &process{loaded: map[string]module{}} }

// Open returns the machine as it was left in o.Dir, or as its file describes it. It writes nothing.
func Open(o Options) (*Host, error) {
	if o.Machine == "" {
		o.Machine = DefaultMachine
	}
	d, err := load(o.Dir, o.Machine)
	if err != nil {
		return nil, err
	}
	faults, err := parseFaults(o.Faults)
	if err != nil {
		return nil, err
	}
	if o.Params == nil {
		if o.Params, err = scripts.Params(); err != nil {
			return nil, err
		}
	}
	h := &Host{
		name: o.Machine, dir: o.Dir, params: o.Params, now: o.Now, hear: o.Said, about: o.Classify,
		secrets: &secrets{known: d.Secrets}, vars: d.Vars, faults: faults,
		model: d.Model, shared: map[int]*process{},
	}
	facts := d.Model.Facts
	h.shell = shell{
		LanguageMode: facts.PowerShell.LanguageMode, UICulture: facts.PowerShell.UICulture,
		Bits: facts.PowerShell.Bits, Windows: facts.OS.Bits,
	}
	if h.now == nil {
		h.now = time.Now
	}
	h.dice = rand.New(rand.NewPCG(uint64(h.now().UnixNano()), 0))
	return h, nil
}

// Name says on every surface that this is a rehearsal.
func (h *Host) Name() string { return "rehearsal:" + h.name }

// Vars are the values that a playbook needs and only a machine can give: organization, ce_service and the like.
func (h *Host) Vars() map[string]any { return maps.Clone(h.vars) }

// Writes counts the calls so far that changed the machine.
func (h *Host) Writes() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.writes
}

// Booted is when the machine was last restarted; zero if it never was.
func (h *Host) Booted() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.model.Booted
}

// Query implements host.Reader. It works on a copy of the machine, so it cannot change it.
func (h *Host) Query(ctx context.Context, c host.Call, out any) error {
	if err := host.CheckQuery(c); err != nil {
		return err
	}
	return h.do(ctx, c, out, true)
}

// Invoke implements host.Host.
func (h *Host) Invoke(ctx context.Context, c host.Call, out any) error {
	return h.do(ctx, c, out, false)
}

func (h *Host) do(ctx context.Context, c host.Call, out any, query bool) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %s: %w", h.Name(), c.Func, err)
	}
	bits, err := h.admit(c.Bits)
	if err != nil {
		return err
	}
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	values, err := h.run(ctx, c, bits, query)
	var thrown *host.Error
	switch {
	case errors.As(err, &thrown):
		e := h.dress(thrown, c.Func)
		if h.about != nil {
			h.about(e)
		}
		return e
	case err != nil:
		return fmt.Errorf("%s: %s: %w", h.Name(), c.Func, err)
	}
	return host.Decode(values, out)
}

// admit finds the PowerShell that a call wants, and refuses where none of ours could run.
func (h *Host) admit(bits int) (int, error) {
	if h.shell.LanguageMode != "FullLanguage" {
		return 0, fmt.Errorf("%s: its language mode is %s: %w", h.Name(), h.shell.LanguageMode, host.ErrConstrained)
	}
	switch {
	case bits == 0:
		return h.shell.Bits, nil
	case bits > h.shell.Windows:
		return 0, fmt.Errorf("%s: its Windows has %d bits: %w of %d bits", h.Name(), h.shell.Windows, host.ErrNoPowerShell, bits)
	}
	return bits, nil
}

// run carries a call out. What it changed is kept also when the function throws, as on a real machine.
func (h *Host) run(ctx context.Context, c host.Call, bits int, query bool) ([]json.RawMessage, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, known := functions[c.Func]
	params, declared := h.params[c.Func]
	if !known || !declared {
		return nil, commandNotFound(c.Func)
	}
	bound, err := bind(c, params)
	if err != nil {
		return nil, err
	}
	if err := h.before(ctx, c); err != nil {
		return nil, h.lose(c, bits, err)
	}

	h.mu.Lock()
	defer h.mu.Unlock()
	was := encode(h.model)
	var m model
	if err := json.Unmarshal(was, &m); err != nil {
		return nil, err
	}
	m.arrive(h.now(), false)
	start := encode(m)
	one := &call{arguments: bound, h: h, m: &m, name: c.Func, process: h.process(c.Fresh, bits), bits: bits, now: h.now().UTC()}
	values, thrown := one.answer(f)
	if !query && !bytes.Equal(start, encode(m)) && !h.faults.take("apply-lies", c.Func) {
		if err := h.commit(m, one.now); err != nil {
			return nil, err
		}
	}
	if h.faults.take("host-dies-after", c.Func) {
		h.drop(c, bits)
		return nil, errDied
	}
	return values, thrown
}

// commit makes m the machine. If it cannot be kept, nothing has happened.
func (h *Host) commit(m model, now time.Time) error {
	if m.Begun.IsZero() {
		m.Begun = now
	}
	if err := save(h.dir, h.name, m); err != nil {
		return fmt.Errorf("the rehearsal's state cannot be written: %w", err)
	}
	h.model = m
	h.writes++
	return nil
}

func (h *Host) process(fresh bool, bits int) *process {
	if fresh {
		return newProcess()
	}
	if h.shared[bits] == nil {
		h.shared[bits] = newProcess()
	}
	return h.shared[bits]
}

func (h *Host) say(function, kind, text string) {
	if h.hear == nil {
		return
	}
	h.hearing.Lock()
	defer h.hearing.Unlock()
	h.hear(host.Said{Func: function, Kind: kind, Text: text})
}

// dress makes an error what this machine would give.
func (h *Host) dress(thrown *host.Error, function string) *host.Error {
	e := *thrown
	if e.Root == "" {
		e.Root, e.RootMessage = e.Exception, e.Message
	}
	if h.shell.UICulture == "ja-JP" {
		inJapanese(&e)
	}
	if e.Stack == "" {
		e.Stack = "at " + function + ", rehearsal"
	}
	return &e
}

var errDied = fmt.Errorf("%w: the PowerShell process ended with exit status 1", host.ErrUnreachable)

// lose is the end of a call after which nobody knows what it did.
func (h *Host) lose(c host.Call, bits int, cause error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(c, bits)
	if errors.Is(cause, host.ErrUnreachable) {
		return cause
	}
	return fmt.Errorf("%w: %w", host.ErrUnreachable, cause)
}

// drop forgets the shared process, unless the call had one of its own.
func (h *Host) drop(c host.Call, bits int) {
	if !c.Fresh {
		delete(h.shared, bits)
	}
}

// encode is what two models are compared by. A model has nothing in it that JSON cannot take.
func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
