package pwsh

import (
	"context"
	"errors"
	"fmt"

	"exorunner/internal/host"
)

var (
	errClosed = errors.New("session closed")
	// errOver marks a call that was never sent, because the session had ended before.
	errOver = errors.New("session is over")
)

// lost marks a cause as unreachable and leaves it visible: errors.Is(err, context.DeadlineExceeded) holds as well.
type lost struct{ cause error }

func (e *lost) Error() string        { return host.ErrUnreachable.Error() + ": " + e.cause.Error() }
func (e *lost) Is(target error) bool { return target == host.ErrUnreachable }
func (e *lost) Unwrap() error        { return e.cause }

// ended says why a context ended: its cause, if it has one of its own, and what errors.Is looks for.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == nil || cause == nil || errors.Is(cause, err) {
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}
