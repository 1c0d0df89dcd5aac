package rehearsal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"exorunner/internal/action"
)

// SecretMarker begins every secret of a rehearsal: a test can look for it in whatever came out.
const SecretMarker = "rehearsal-secret-"

type secrets struct{ known map[string]string }

// Secrets are the machine's own, made up: every reference names one, and no real store is asked.
func (h *Host) Secrets() action.Secrets { return h.secrets }

// Resolve implements action.Secrets.
func (s *secrets) Resolve(ctx context.Context, ref action.Secret) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if text, ok := s.known[string(ref)]; ok {
		return []byte(text), nil
	}
	sum := sha256.Sum256([]byte(ref))
	return []byte(SecretMarker + hex.EncodeToString(sum[:8])), nil
}
