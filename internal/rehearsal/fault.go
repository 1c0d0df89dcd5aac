package rehearsal

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"exorunner/internal/host"
)

// A Fault is something that can be ordered to go wrong, as NAME[:ARG][:TIMES]. Without TIMES it goes on for ever. Times
// are counted in this process only: the next run of the program begins at the first again.
type Fault struct {
	Name  string
	Arg   string   // what stands behind the name: FUNC, ROW, HOST; "" where nothing does
	About string   // what then happens
	Rows  []string // of the catalogue of errors, which it makes happen
}

// An order is one fault that was asked for.
type order struct {
	name, arg string
	// in narrows error:ROW to one function.
	in   string
	left int // -1: for ever
}

type orders struct {
	mu  sync.Mutex
	all []*order
}

// take says whether a fault is to happen here and now, and counts it if so. At is what its argument must be: the name
// of the function at work, or of a host; an order without an argument happens wherever it can.
func (o *orders) take(name, at string) bool {
	return o.draw(func(one *order) bool { return one.name == name && (one.arg == "" || same(one.arg, at)) }) != nil
}

// draw counts the first order that fits; nil if none does.
func (o *orders) draw(fits func(*order) bool) *order {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, one := range o.all {
		if one.left != 0 && fits(one) {
			if one.left > 0 {
				one.left--
			}
			return one
		}
	}
	return nil
}

// Faults lists what can be ordered, by name.
func Faults() []Fault { return slices.Clone(faults) }

func parseFaults(texts []string) (*orders, error) {
	o := &orders{}
	var problems []error
	for _, text := range texts {
		one, err := parseFault(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("fault %q: %w", text, err))
			continue
		}
		o.all = append(o.all, one)
	}
	return o, errors.Join(problems...)
}

func parseFault(text string) (*order, error) {
	parts := strings.Split(text, ":")
	var names []string
	at := slices.IndexFunc(faults, func(f Fault) bool { return f.Name == parts[0] })
	if at < 0 {
		for _, f := range faults {
			names = append(names, f.Name)
		}
		return nil, unknown("fault", parts[0], names)
	}
	one := &order{name: parts[0], left: -1}
	rest := parts[1:]
	if n := len(rest); n > 0 {
		if times, err := strconv.Atoi(rest[n-1]); err == nil {
			if times < 1 {
				return nil, errors.New("the number of times begins at 1")
			}
			one.left, rest = times, rest[:n-1]
		}
	}
	return one, one.argument(faults[at], rest)
}

func (o *order) argument(f Fault, rest []string) error {
	switch {
	case f.Arg == "" && len(rest) == 0:
		return nil
	case f.Arg == "":
		return fmt.Errorf("it takes nothing but a number of times: %s[:TIMES]", f.Name)
	case f.Arg == "HOST" && len(rest) == 1 && rest[0] != "":
		o.arg = rest[0]
		return nil
	case f.Arg == "FUNC" && len(rest) == 1:
		o.arg = rest[0]
		return knownFunction(o.arg)
	case f.Arg == "ROW[:FUNC]" && (len(rest) == 1 || len(rest) == 2):
		o.arg = rest[0]
		if _, ok := rowErrors[o.arg]; !ok {
			return unknown("row of the catalogue that a machine can show", o.arg, sortedRows())
		}
		if len(rest) == 2 {
			o.in = rest[1]
			return knownFunction(o.in)
		}
		return nil
	}
	return fmt.Errorf("write it as %s:%s[:TIMES]", f.Name, f.Arg)
}

func knownFunction(name string) error {
	if _, ok := functions[name]; ok {
		return nil
	}
	return unknown("function", name, sortedFunctions())
}

// before is what happens to a call on its way to the machine; an error is the end of its process.
func (h *Host) before(ctx context.Context, c host.Call) error {
	if h.faults.take("babble", c.Func) {
		h.babble(c.Func)
	}
	if h.faults.take("slow", c.Func) {
		if err := pause(ctx, slowness); err != nil {
			return err
		}
	}
	row := (&call{h: h, name: c.Func}).row(silence)
	if row != nil && row.text != "" {
		h.say(c.Func, row.kind, row.text)
	}
	if row != nil || h.faults.take("hang", c.Func) {
		<-ctx.Done()
		return ctx.Err()
	}
	if h.faults.take("host-dies", c.Func) {
		return errDied
	}
	return nil
}

// slowness is how long "slow" holds a call up.
const slowness = 3 * time.Second

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (h *Host) babble(function string) {
	for i := range 100 {
		h.say(function, "text", fmt.Sprintf("progress %d%%", i))
	}
	h.say(function, "warning", "somebody warns of something")
	h.say(function, "verbose", "VERBOSE: and says more than anybody asked for")
	h.say(function, "information", "here is a banner")
	h.say(function, "error", "an error that ended nothing")
	h.say(function, "text", "{\"json\": \"that is not ours\"}")
	h.say(function, "text", "日本語の出力")
}

// ordered throws what was ordered for any function.
func (c *call) ordered() error {
	if c.fault("prompt") {
		return prompted()
	}
	if c.fault("quotes-secrets") {
		return c.quotes()
	}
	if row := c.row(said); row != nil {
		c.h.say(c.name, row.kind, row.text)
	}
	if row := c.row(thrown); row != nil {
		return row.err
	}
	return nil
}

// quotes is a binding error as PowerShell words it: with the value that did not fit, whatever it was.
func (c *call) quotes() *host.Error {
	e := notConvertible(c.name, "Secret", "System.String", "System.Int32")
	for _, name := range slices.Sorted(maps.Keys(c.secrets)) {
		value := string(c.secrets[name])
		c.write(name + " is " + value + ", in base64 " + base64.StdEncoding.EncodeToString(c.secrets[name]))
		e.Message += " Cannot convert value \"" + value + "\"."
		e.Target = value
	}
	return e
}
