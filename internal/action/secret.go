package action

import (
	"errors"
	"strings"
)

// A Secret is a reference to one, never the thing itself: env:NAME, file:PATH, wincred:TARGET, dpapi:PATH.
type Secret string

// secretStores are the places a reference may name.
var secretStores = []string{"env", "file", "wincred", "dpapi"}

// UnmarshalText refuses what is no reference, without repeating it: it may be the secret in plain.
func (s *Secret) UnmarshalText(text []byte) error {
	store, name, ok := strings.Cut(string(text), ":")
	for _, known := range secretStores {
		if ok && store == known && strings.TrimSpace(name) != "" {
			*s = Secret(text)
			return nil
		}
	}
	return errors.New("not a reference to a secret: write env:NAME, file:PATH, wincred:TARGET or dpapi:PATH, and never the secret itself")
}

// Store and Name are the two halves of a reference.
func (s Secret) Store() string { store, _, _ := strings.Cut(string(s), ":"); return store }

// Name is what the store knows the secret by.
func (s Secret) Name() string { _, name, _ := strings.Cut(string(s), ":"); return name }
