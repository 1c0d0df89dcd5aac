// Command bench measures package fetch on this machine's loopback, beside curl followed by sha256sum and sync, which
// do the same in three steps: bytes, hash, disk. It prints a Markdown table.
//
//	go run ./internal/fetch/bench [-mib 1024] [-rounds 3] [-dir FOLDER]
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"exorunner/internal/fetch"
)

func main() {
	mib := flag.Int64("mib", 1024, "size of the file in MiB")
	rounds := flag.Int("rounds", 3, "how often each is run; the median counts")
	dir := flag.String("dir", os.TempDir(), "a folder on the disk to be measured")
	role := flag.String("role", "", "serve or get: what a process of the benchmark does")
	flag.Parse()
	var err error
	switch *role {
	case "serve":
		err = serve(flag.Arg(0))
	case "get":
		err = get(flag.Arg(0), flag.Arg(1), flag.Arg(2))
	default:
		err = bench(*dir, *mib<<20, *rounds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// serve gives one file to whoever asks, and says where.
func serve(path string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + l.Addr().String() + "/file")
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) }))
}

// get is what is measured: one download into its place.
func get(url, dst, sum string) error {
	c, err := fetch.New(fetch.Options{Proxy: "direct"})
	if err != nil {
		return err
	}
	_, err = c.Get(context.Background(), dst, fetch.Source{Want: fetch.Want{SHA256: sum}, URLs: []string{url}, AllowPlain: true}, nil)
	return err
}

// A row is one line of the table.
type row struct {
	name  string
	takes []time.Duration
	rss   int64 // bytes; the highest
}

func (r *row) median() time.Duration {
	slices.Sort(r.takes)
	return r.takes[len(r.takes)/2]
}

func bench(parent string, size int64, rounds int) error {
	if _, err := exec.LookPath("curl"); err != nil {
		fmt.Println("SKIPPED: no curl to compare with")
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(parent, "fetch-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	source, dst := filepath.Join(dir, "source"), filepath.Join(dir, "file")
	sum, err := fill(source, size)
	if err != nil {
		return err
	}
	url, stop, err := start(self, source)
	if err != nil {
		return err
	}
	defer stop()

	rows, err := measure(rounds, dst, []string{self, "-role", "get", url, dst, sum}, url)
	if err != nil {
		return err
	}
	table(size, rows)
	return nil
}

// measure takes turns, so that a slow minute of the machine is everybody's.
func measure(rounds int, dst string, get []string, url string) ([]*row, error) {
	ours, curl, hash, flush := &row{name: "fetch (bytes, hash, disk)"}, &row{name: "curl alone"}, &row{name: "sha256sum"}, &row{name: "sync"}
	steps := &row{name: "curl, sha256sum, sync"}
	for range rounds {
		for _, step := range []struct {
			row  *row
			args []string
		}{
			{ours, get},
			{nil, nil},
			{curl, []string{"curl", "-sSf", "-o", dst, url}},
			{hash, []string{"sha256sum", dst}},
			{flush, []string{"sync", dst}},
			{nil, nil},
		} {
			if step.row == nil {
				if err := settle(dst); err != nil {
					return nil, err
				}
				continue
			}
			if err := step.row.run(step.args); err != nil {
				return nil, err
			}
		}
		steps.takes = append(steps.takes, last(curl)+last(hash)+last(flush))
		steps.rss = max(curl.rss, hash.rss, flush.rss)
	}
	return []*row{ours, steps, curl, hash, flush}, nil
}

// settle removes the last result and lets the disk come to rest, so that nobody pays for another's writing.
func settle(dst string) error {
	if err := os.Remove(dst); err != nil {
		return err
	}
	return exec.Command("sync").Run()
}

func (r *row) run(args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	r.takes = append(r.takes, time.Since(began))
	r.rss = max(r.rss, peakMemory(cmd.ProcessState))
	return nil
}

func last(r *row) time.Duration { return r.takes[len(r.takes)-1] }

func table(size int64, rows []*row) {
	fmt.Printf("%d MiB over loopback; median of %d\n\n| | seconds | MiB/s | peak memory, MiB |\n|---|---:|---:|---:|\n", size>>20, len(rows[0].takes))
	for _, r := range rows {
		s := r.median().Seconds()
		fmt.Printf("| %s | %.2f | %.0f | %.0f |\n", r.name, s, float64(size>>20)/s, float64(r.rss)/(1<<20))
	}
}

// fill writes a file that does not compress, and says its hash.
func fill(path string, size int64) (string, error) {
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.CopyN(io.MultiWriter(f, h), rand.NewChaCha8([32]byte{}), size)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = f.Close()
	}
	return hex.EncodeToString(h.Sum(nil)), err
}

// start runs the server in a process of its own: its memory and its garbage are nobody else's.
func start(self, source string) (url string, stop func(), err error) {
	cmd := exec.Command(self, "-role", "serve", source)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() { cmd.Process.Kill(); cmd.Wait() }
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("server: %w", err)
	}
	return strings.TrimSpace(line), stop, nil
}
