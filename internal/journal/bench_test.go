package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func BenchmarkDurableRecords(b *testing.B) {
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprint(writers, "writers"), func(b *testing.B) {
			j := mustOpen(b, b.TempDir(), Options{})
			ok(b, j.BeginRun(sampleRun("r")))
			line := []byte(`{"event":"message","message":{"kind":"text","text":"` + strings.Repeat("x", 300) + `"}}`)
			b.ResetTimer()
			var all sync.WaitGroup
			for w := range writers {
				all.Go(func() {
					for i := w; i < b.N; i += writers {
						ok(b, j.Append("r", line))
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// What one would do instead: a line in a file, and a flush.
func BenchmarkALineAndAFlush(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "lines"))
	ok(b, err)
	defer f.Close()
	line := []byte(`{"event":"message","message":{"kind":"text","text":"` + strings.Repeat("x", 300) + `"}}` + "\n")
	for b.Loop() {
		_, err := f.Write(line)
		ok(b, err)
		ok(b, f.Sync())
	}
}

func BenchmarkOpenWith100000Records(b *testing.B) {
	dir := b.TempDir()
	j := mustOpen(b, dir, Options{})
	ok(b, j.BeginRun(sampleRun("r")))
	line := []byte(`{"text":"` + strings.Repeat("x", 380) + `"}`)
	for range 100000 {
		ok(b, j.Note("r", line))
	}
	ok(b, j.EndRun("r", begun, 0, nil))
	ok(b, j.Close())
	b.ResetTimer()
	for b.Loop() {
		ok(b, mustOpen(b, dir, Options{}).Close())
	}
}
