// Package actiontest gives the tests of actions a machine that answers from a table, for situations that no modelled
// machine is in. It knows calls and answers, and nothing of what they mean.
package actiontest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"exorunner/internal/host"
)

// An Answer is what a function puts out, or throws.
type Answer func(host.Call) ([]any, error)

// A Host answers by function. A call of a function that is not in the table fails the test.
type Host struct {
	t       testing.TB
	answers map[string]Answer
	// Calls are all of them, in order.
	Calls []host.Call
}

var _ host.Host = (*Host)(nil)

// New makes one.
func New(t testing.TB, answers map[string]Answer) *Host {
	t.Helper()
	return &Host{t: t, answers: answers}
}

// With adds the answer of a function that puts out a list, or fails.
func (h *Host) With(function string, list any, err error) *Host {
	h.answers[function] = func(host.Call) ([]any, error) {
		if err != nil {
			return nil, err
		}
		var values []any
		text, failed := json.Marshal(list)
		if failed == nil {
			failed = json.Unmarshal(text, &values)
		}
		return values, failed
	}
	return h
}

// Gives puts the same values out each time.
func Gives(values ...any) Answer { return func(host.Call) ([]any, error) { return values, nil } }

// Throws fails each time.
func Throws(err error) Answer { return func(host.Call) ([]any, error) { return nil, err } }

// Name implements host.Reader.
func (h *Host) Name() string { return "table" }

// Query implements host.Reader.
func (h *Host) Query(ctx context.Context, c host.Call, out any) error {
	if err := host.CheckQuery(c); err != nil {
		return err
	}
	return h.Invoke(ctx, c, out)
}

// Invoke implements host.Host. Values travel as JSON, as from a real machine.
func (h *Host) Invoke(_ context.Context, c host.Call, out any) error {
	h.t.Helper()
	h.Calls = append(h.Calls, c)
	answer, ok := h.answers[c.Func]
	if !ok {
		h.t.Errorf("%s was called, which has no answer here", c.Func)
		return fmt.Errorf("%s: no answer", c.Func)
	}
	values, err := answer(c)
	if err != nil {
		return err
	}
	var raw []json.RawMessage
	for _, v := range values {
		text, err := json.Marshal(v)
		if err != nil {
			h.t.Fatal(err)
		}
		raw = append(raw, text)
	}
	return host.Decode(raw, out)
}

// Called is how often a function was.
func (h *Host) Called(function string) int {
	n := 0
	for _, c := range h.Calls {
		if c.Func == function {
			n++
		}
	}
	return n
}

// Asked are the functions that were called, each once, in the order of the alphabet.
func (h *Host) Asked() []string {
	var all []string
	for _, c := range h.Calls {
		all = append(all, c.Func)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
