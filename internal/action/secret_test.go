package action_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"exorunner/internal/action"
)

func TestReferences(t *testing.T) {
	for text, want := range map[string][2]string{
		"env:EXO": {"env", "EXO"}, `file:C:\x.txt`: {"file", `C:\x.txt`}, "wincred:a:b": {"wincred", "a:b"}, "dpapi:/x": {"dpapi", "/x"},
	} {
		var s action.Secret
		if err := s.UnmarshalText([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if got := [2]string{s.Store(), s.Name()}; got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestWhatIsNoReferenceIsRefusedAndNotRepeated(t *testing.T) {
	for _, text := range []string{"hunter2", "", "env:", "env: ", ":hunter2", "ENV:hunter2", "vault:hunter2", " env:hunter2", "hunter2:env"} {
		s := action.Secret("before")
		err := s.UnmarshalText([]byte(text))
		if err == nil || s != "before" {
			t.Errorf("%q: error %v, value %q; want it refused and left alone", text, err, s)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error repeats it: %v", text, err)
		}
	}
}

func TestNeedsIsFoundInAChain(t *testing.T) {
	err := fmt.Errorf("64-bit PowerShell: %w", action.Needs("it is not installed"))
	if got := action.Needed(err); got != "it is not installed" {
		t.Errorf("got %q, want the reason", got)
	}
	if got := action.Needed(errors.New("it is not installed")); got != "" {
		t.Errorf("got %q of another error, want nothing", got)
	}
}
