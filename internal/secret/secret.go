// Package secret gets secrets from where a playbook's references say they are, and hides them in everything that is
// shown or kept. It knows stores and nothing of what the secrets are for.
package secret

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"

	"exorunner/internal/action"
	"exorunner/internal/host"
)

// maxSize is what fits a SecureString; more than that is another file by mistake.
const maxSize = 64 << 10

// Stores resolves env:, file:, wincred: and dpapi: on this machine.
type Stores struct{}

var _ action.Secrets = Stores{}

// Resolve implements action.Secrets. Its errors are of class never: a secret does not appear by waiting.
func (Stores) Resolve(_ context.Context, ref action.Secret) ([]byte, error) {
	text, err := resolve(ref)
	if errors.Is(err, errNoStore) {
		// Its text is not repeated: it may be the secret itself.
		return nil, &host.Error{ID: "ExrSecret", Class: host.Never, Message: "secret: " + err.Error(),
			Remedy: "write env:NAME, file:PATH, wincred:TARGET or dpapi:PATH, and never the secret itself"}
	}
	if err != nil {
		return nil, &host.Error{ID: "ExrSecret", Class: host.Never, Message: fmt.Sprintf("secret %s: %v", ref, err),
			Remedy: "make the secret readable for the account that runs exorunner, or name another place for it"}
	}
	return text, nil
}

var errNoStore = errors.New("not a reference to one: no such store")

func resolve(ref action.Secret) ([]byte, error) {
	switch ref.Store() {
	case "env":
		text, ok := os.LookupEnv(ref.Name())
		if !ok || text == "" {
			return nil, errors.New("the variable is not set")
		}
		return check([]byte(text))
	case "file":
		raw, err := read(ref.Name())
		if err != nil {
			return nil, err
		}
		return check(trimLineEnd(decode(raw)))
	case "wincred":
		raw, err := credential(ref.Name())
		if err != nil {
			return nil, err
		}
		return check(decodeUTF16(raw))
	case "dpapi":
		raw, err := read(ref.Name())
		if err != nil {
			return nil, err
		}
		return unprotected(raw)
	}
	return nil, errNoStore
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, errors.Unwrap(err) // the path stands in the reference already
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	switch {
	case err != nil:
		return nil, errors.Unwrap(err)
	case len(raw) > maxSize:
		return nil, fmt.Errorf("over %d KiB", maxSize>>10)
	}
	return raw, nil
}

// check never repeats what it refuses.
func check(text []byte) ([]byte, error) {
	switch {
	case len(text) == 0:
		return nil, errors.New("it is empty")
	case !utf8.Valid(text):
		return nil, errors.New("it is not UTF-8 text")
	case bytes.ContainsRune(text, 0):
		return nil, errors.New("it holds a zero byte")
	}
	return text, nil
}

// decode takes the byte order marks that Notepad and Windows PowerShell write for what they are.
func decode(raw []byte) []byte {
	switch {
	case bytes.HasPrefix(raw, []byte{0xef, 0xbb, 0xbf}):
		return raw[3:]
	case bytes.HasPrefix(raw, []byte{0xff, 0xfe}) && len(raw)%2 == 0: // a file cut in the middle of a letter is no text
		return decodeUTF16(raw[2:])
	}
	return raw
}

func decodeUTF16(raw []byte) []byte {
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(raw[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}

// trimLineEnd: an editor put it there; no more than one is taken.
func trimLineEnd(text []byte) []byte {
	text = bytes.TrimSuffix(text, []byte("\n"))
	return bytes.TrimSuffix(text, []byte("\r"))
}

// A Keeper resolves through another and remembers what it gave, to hide it.
type Keeper struct {
	From action.Secrets

	mu    sync.Mutex
	known map[string]bool
	hide  *strings.Replacer
}

// Resolve implements action.Secrets.
func (k *Keeper) Resolve(ctx context.Context, ref action.Secret) ([]byte, error) {
	text, err := k.From.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil {
		k.known = map[string]bool{}
	}
	if !k.known[string(text)] {
		k.known[string(text)] = true
		k.hide = replacer(k.known)
	}
	return text, nil
}

// Hide replaces every secret given so far, plain, escaped for JSON and in base64.
func (k *Keeper) Hide(line []byte) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.hide == nil {
		return line
	}
	return []byte(k.hide.Replace(string(line)))
}

// Writer hides secrets in what passes. A Write must hold whole lines: the printers see to that.
func (k *Keeper) Writer(to io.Writer) io.Writer { return hiding{k, to} }

type hiding struct {
	k  *Keeper
	to io.Writer
}

func (h hiding) Write(p []byte) (int, error) {
	if _, err := h.to.Write(h.k.Hide(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}
