// Command exorunner moves a Cloud Extender server to ExchangeOnlineManagement V3 and keeps proving that it holds. This
// package is the wiring: one file a command, flags, exit status. The work is in internal.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"exorunner/internal/engine"
)

func main() { os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr)) }

// An exit is an error with the status that it ends with, and what to type next.
type exit struct {
	status int
	err    error // nil: everything has been said
	hint   string
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("status %d", e.status)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

func fail(status int, err error) error { return &exit{status: status, err: err} }

func usage(format string, args ...any) error {
	return &exit{status: engine.StatusUsage, err: fmt.Errorf(format, args...)}
}

func hinted(err error, format string, args ...any) error {
	var e *exit
	if !errors.As(err, &e) {
		e = &exit{status: engine.StatusUsage, err: err}
	}
	e.hint = fmt.Sprintf(format, args...)
	return e
}

// execute runs one command line. The first interrupt ends what is under way in order, the second at once.
func execute(args []string, stdout, stderr io.Writer) int {
	// Whoever reads the output may go away; the run goes on, for ending it in the middle would be worse.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return executeIn(ctx, args, stdout, stderr)
}

func executeIn(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	out := &sink{w: stdout}
	root := newRoot(out, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil || out.err != nil && errors.Is(err, out.err) {
		err = out.lost()
	}
	if err == nil {
		return engine.StatusOK
	}
	var e *exit
	if !errors.As(err, &e) { // cobra's own: a flag or a command that does not exist
		e = &exit{status: engine.StatusUsage, err: err, hint: "exorunner --help"}
	}
	if errs, ok := asErrors(e.err); ok { // as compilers do, so that editors find the places
		fmt.Fprintf(stderr, "%v\nexorunner: what is wrong stands above, nothing was touched\n", errs)
	} else if e.err != nil {
		fmt.Fprintf(stderr, "exorunner: %v\n", e.err)
	}
	if e.hint != "" {
		fmt.Fprintf(stderr, "hint: %s\n", e.hint)
	}
	return e.status
}

// A sink remembers that something could not be written: a command that went well and that nobody could read is no
// success.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil && s.err == nil {
		s.err = err
	}
	return n, err
}

func (s *sink) lost() error {
	if s.err == nil {
		return nil
	}
	return fail(engine.StatusFailed, fmt.Errorf("the output could not be written: %w", s.err))
}

// terminal says whether a person looks on.
func (s *sink) terminal() bool {
	f, ok := s.w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
