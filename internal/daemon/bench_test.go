package daemon

import (
	"fmt"
	"testing"
	"time"

	"exorunner/internal/journal"
	"exorunner/internal/schedule"
)

// The target for a tick with 1,000 schedules is 10 ms.
func BenchmarkTick(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			rig := &bench{t: b, dir: b.TempDir(), work: good}
			for i := range n {
				rig.configs = append(rig.configs, schedule.Config{Name: fmt.Sprintf("s%d", i), Cron: "30 3 * * *", Zone: "UTC"})
			}
			d, j := rig.open()
			defer j.Close()
			d.defaults()
			config, err := rig.config()
			if err != nil {
				b.Fatal(err)
			}
			d.Config = func() (Config, error) { return config, nil }
			if err := d.adopt(b.Context(), config); err != nil {
				b.Fatal(err)
			}
			d.Beat = func(Beat) {}
			for b.Loop() {
				d.tick(b.Context())
			}
		})
	}
}

// The target for a start with 100,000 records is a second.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	j, err := journal.Open(b.Context(), dir, journal.Options{Ballast: -1})
	if err != nil {
		b.Fatal(err)
	}
	if err := j.BeginRun(journal.Run{ID: "r", Started: time.Now()}); err != nil {
		b.Fatal(err)
	}
	for range 100_000 {
		if err := j.Note("r", []byte(`{"event":"message","message":{"kind":"text","text":"a line that somebody wrote on the machine"}}`)); err != nil {
			b.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		j, err := journal.Open(b.Context(), dir, journal.Options{Ballast: -1})
		if err != nil {
			b.Fatal(err)
		}
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
