//go:build !windows

package notify

import (
	"fmt"
	"os"
	"strings"
)

// writeEvent writes a line to stderr, which systemd keeps.
func writeEvent(kind Kind, id uint32, text string) error {
	_, err := fmt.Fprintf(os.Stderr, "event %d %s: %s\n", id, kind, strings.Join(strings.Fields(text), " "))
	return err
}
