// Package host is the seam to the machine under upgrade. It knows calls, answers and errors, and nothing of how they
// travel: package pwsh carries them to a real PowerShell, package rehearsal to a modelled machine.
package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// A Call names a PowerShell function of scripts/ and its parameters. They are data all the way: nothing of them
// becomes source text.
type Call struct {
	Func string
	// Args is anything encoding/json takes, by parameter name. A null is left out by the sender's own choice, never here.
	Args map[string]any
	// Secrets are UTF-8 texts; each arrives as a SecureString parameter and is in nothing that comes back.
	Secrets map[string][]byte
	// Timeout is the longest this call may take; 0 leaves it to the context.
	Timeout time.Duration
	// Fresh asks for a process of its own, which ends with the call: a module version was just installed, a proof, a
	// user's script. A .NET assembly that is loaded cannot be replaced.
	Fresh bool
	// Bits chooses the 32 or 64 bit PowerShell of a Windows machine; 0 is the host's own.
	Bits int
}

// A Reader asks a machine and leaves it as it is.
type Reader interface {
	// Name is the machine as a person knows it.
	Name() string
	// Query calls a function that only reads and decodes what it put out into out, as Decode does. A function whose verb
	// is not a reading one is refused. It returns an *Error if the function failed; an error wrapping ErrUnreachable
	// if nobody knows. It may be called again after any error.
	Query(ctx context.Context, c Call, out any) error
}

// A Host is a machine that may be changed.
type Host interface {
	Reader
	// Invoke calls any function. An error wrapping ErrUnreachable says nothing about the state left behind.
	Invoke(ctx context.Context, c Call, out any) error
}

// Said is something that a function, or anybody near it, said before its call ended.
type Said struct {
	Func string
	Kind string // error, warning, verbose, debug, information, text
	Text string
}

var (
	// ErrUnreachable is in the chain of every error after which nobody knows what a call has done.
	ErrUnreachable = errors.New("unreachable")
	// ErrConstrained means that AppLocker or WDAC holds PowerShell in a language mode in which nothing of ours can run.
	ErrConstrained = errors.New("constrained language mode")
	// ErrNoPowerShell means that there is none to start.
	ErrNoPowerShell = errors.New("no PowerShell")
)

// readingVerbs are PowerShell's approved verbs that change nothing.
// https://learn.microsoft.com/powershell/scripting/developer/cmdlet/approved-verbs-for-windows-powershell-commands
var readingVerbs = []string{"Get-", "Test-", "Find-", "Resolve-", "Measure-", "Compare-"}

// Reads says whether a function's verb promises that it changes nothing.
func Reads(function string) bool {
	for _, verb := range readingVerbs {
		if strings.HasPrefix(function, verb) {
			return true
		}
	}
	return false
}

// CheckQuery is what every implementation of Query begins with.
func CheckQuery(c Call) error {
	if Reads(c.Func) {
		return nil
	}
	return fmt.Errorf("%s: not a function that only reads", c.Func)
}

// Decode puts the values that a function wrote to its output into out: all of them into a pointer to a slice, the only
// one into any other pointer. A nil out drops them. Unknown fields are let through: a newer script may say more.
func Decode(values []json.RawMessage, out any) error {
	if out == nil {
		return nil
	}
	into := reflect.ValueOf(out)
	if into.Kind() != reflect.Pointer || into.IsNil() {
		return fmt.Errorf("decode into %T: not a pointer", out)
	}
	if into.Elem().Kind() == reflect.Slice {
		return json.Unmarshal(append(append([]byte{'['}, bytes.Join(raw(values), []byte{','})...), ']'), out)
	}
	if len(values) != 1 {
		return fmt.Errorf("%d values came back, want one", len(values))
	}
	return json.Unmarshal(values[0], out)
}

func raw(values []json.RawMessage) [][]byte {
	all := make([][]byte, len(values))
	for i, v := range values {
		all[i] = v
	}
	return all
}

type freshHost struct{ Host }

// Fresh is h with every call in a process of its own.
func Fresh(h Host) Host { return freshHost{h} }

func (f freshHost) Query(ctx context.Context, c Call, out any) error {
	c.Fresh = true
	return f.Host.Query(ctx, c, out)
}

func (f freshHost) Invoke(ctx context.Context, c Call, out any) error {
	c.Fresh = true
	return f.Host.Invoke(ctx, c, out)
}
