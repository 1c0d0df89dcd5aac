package pwsh

import (
	"context"
	"os"
	"testing"
	"time"

	"exorunner/internal/host"
	"exorunner/internal/pwsh/internal/fake"
)

func TestMain(m *testing.M) {
	fake.Main()
	os.Exit(m.Run())
}

type args = map[string]any

// follow is a fake that follows a plan.
func follow(t testing.TB, p fake.Plan) Config {
	t.Helper()
	return Config{Name: "fake", Path: func(int) (string, error) { return self(t), nil }, Env: fake.Environment(t, p)}
}

func self(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// openFake is a session with a fake that knows no function but the misdeeds.
func openFake(t testing.TB) *Session {
	t.Helper()
	return openPlan(t, fake.Plan{CodePage: utf8Page})
}

func openPlan(t testing.TB, p fake.Plan) *Session {
	t.Helper()
	s, err := Open(context.Background(), self(t), follow(t, p))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// collect keeps what was said, one line an event.
func collect(into *[]string) func(Event) {
	return func(e Event) {
		switch {
		case e.Value != nil:
			*into = append(*into, e.Kind+" "+string(e.Value))
		case e.Error != nil:
			*into = append(*into, e.Kind+" "+e.Error.Message)
		default:
			*into = append(*into, e.Kind+" "+e.Text)
		}
	}
}

func call(function string, a args) host.Call { return host.Call{Func: function, Args: a} }
