package pwsh

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	powershell "github.com/bhendo/go-powershell"
	"github.com/bhendo/go-powershell/backend"

	"exorunner/internal/host"
	"exorunner/internal/pwsh/internal/fake"
)

// benchmarkCall measures a call, and what it holds on top of what was held before, looked at every so many events.
func benchmarkCall(b *testing.B, c host.Call, bytes int64, every int) {
	b.Helper()
	s := openFake(b)
	b.SetBytes(bytes)
	b.ReportAllocs()
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var peak uint64
	for b.Loop() {
		n := 0
		err := s.Call(context.Background(), c, func(Event) {
			if n++; every > 0 && n%every == 0 {
				runtime.ReadMemStats(&now)
				peak = max(peak, now.HeapInuse-min(now.HeapInuse, before.HeapInuse))
			}
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if every > 0 {
		b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
	}
}

func BenchmarkCallFake(b *testing.B) { benchmarkCall(b, call("Fake-Nothing", nil), 0, 0) }

// Just under 64 MiB of JSON, in events of 256 bytes: what the wire itself costs, on both its ends.
func BenchmarkOutput64MiB(b *testing.B) {
	const size = 256
	count := maxAnswer/(size+len(`{"v":""}`)) - 1
	benchmarkCall(b, call("Fake-Answer", args{"Size": size, "Count": count}), maxAnswer, 50_000)
}

// The same in one value, which has to be held whole.
func BenchmarkOutput64MiBInOne(b *testing.B) {
	benchmarkCall(b, call("Fake-Answer", args{"Size": maxAnswer - 100, "Count": 1}), maxAnswer, 1)
}

func BenchmarkText64MiB(b *testing.B) {
	benchmarkCall(b, call("Fake-Babble", args{"MiB": 64, "Line": 80}), 64<<20, 0)
}

// The whole way: a host, its answer decoded.
func BenchmarkHostCallFake(b *testing.B) {
	h := New(follow(b, fake.Plan{CodePage: utf8Page}))
	b.Cleanup(func() { _ = h.Close() })
	for b.Loop() {
		var n int
		if err := h.Invoke(context.Background(), call("Fake-Echo", args{"Value": 42}), &n); err != nil || n != 42 {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkOpenFake(b *testing.B) {
	cfg := follow(b, fake.Plan{CodePage: utf8Page})
	for b.Loop() {
		s, err := Open(context.Background(), self(b), cfg)
		if err != nil {
			b.Fatal(err)
		}
		_ = s.Close()
	}
}

// What one would do without a session: a process for every command. A real PowerShell takes 0.16 s and more for it.
func BenchmarkInsteadProcessPerCommand(b *testing.B) {
	cfg := follow(b, fake.Plan{CRLF: true, CodePage: utf8Page})
	for b.Loop() {
		cmd := exec.Command(self(b), standardArgs...)
		cmd.Env = cfg.Env
		cmd.Stdin = strings.NewReader(fmt.Sprintf("Out-Text 2; echo '%[1]s'; [Console]::Error.WriteLine('%[1]s')\r\n", "$gorilla000000000000000000000000$"))
		if out, err := cmd.Output(); err != nil || !strings.HasPrefix(string(out), "xx") {
			b.Fatalf("%q, %v", out, err)
		}
	}
}

// A plainStarter is a backend as the library's own one is, but for the name of the program.
type plainStarter struct {
	path string
	env  []string
	cmd  *exec.Cmd
}

func (s *plainStarter) StartProcess(string, ...string) (backend.Waiter, io.Writer, io.Reader, io.Reader, error) {
	s.cmd = exec.Command(s.path)
	s.cmd.Env = s.env
	in, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, nil, nil, nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, nil, nil, err
	}
	errs, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, nil, nil, nil, err
	}
	return s.cmd, in, bufio.NewReader(out), errs, s.cmd.Start()
}

func benchmarkStock(b *testing.B, size int) {
	b.Helper()
	st := &plainStarter{path: self(b), env: follow(b, fake.Plan{CRLF: true}).Env}
	shell, err := powershell.New(st)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = st.cmd.Process.Kill(); _ = st.cmd.Wait() })
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		out, _, err := shell.Execute(fmt.Sprintf("Out-Text %d", size))
		if err != nil || len(out) != size+2 {
			b.Fatal(len(out), err)
		}
	}
}

// go-powershell as it is: its Execute collects output at quadratic cost.
func BenchmarkInsteadStockSmall(b *testing.B)  { benchmarkStock(b, 2) }
func BenchmarkInsteadStock512KiB(b *testing.B) { benchmarkStock(b, 512<<10) }

// The same 512 KiB by a call.
func BenchmarkOutput512KiB(b *testing.B) {
	benchmarkCall(b, call("Fake-Answer", args{"Size": 512 << 10, "Count": 1}), 512<<10, 0)
}

// The goals. A busy machine misses them, so they are looked at on request only.
func TestItIsNotSlow(t *testing.T) {
	if os.Getenv("EXORUNNER_BENCH") == "" {
		t.Skip("set EXORUNNER_BENCH=1 on a quiet machine")
	}
	for name, goal := range map[string]struct {
		run  func(*testing.B)
		most time.Duration
	}{
		"an empty call":  {BenchmarkCallFake, 150 * time.Microsecond},
		"64 MiB of JSON": {BenchmarkOutput64MiB, time.Second},
	} {
		r := testing.Benchmark(goal.run)
		if got := time.Duration(r.NsPerOp()); got > goal.most {
			t.Errorf("%s: got %v, want at most %v", name, got, goal.most)
		}
	}
}
