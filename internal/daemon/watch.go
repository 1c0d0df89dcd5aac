package daemon

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/go-co-op/gocron/v2"
)

// watch ticks until ctx ends or the journal is broken. gocron is the ticker; it was seen to stop silently, so a
// heartbeat is kept, and a scheduler that missed three is replaced.
func (d *Daemon) watch(ctx, runs context.Context) error {
	s, err := d.ticker(runs)
	if err != nil {
		return err
	}
	defer func() { d.shutdown(s) }()
	d.beat()
	ticker := time.NewTicker(d.Tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-d.broken:
			return err
		case <-d.wake:
			for _, j := range s.Jobs() {
				_ = j.RunNow() // the tick after this one does it otherwise
			}
		case <-ticker.C:
			if d.silent() < 3*d.Tick {
				continue
			}
			d.Log.Error("the scheduler has missed three ticks; it is started anew")
			d.shutdown(s)
			if s, err = d.ticker(runs); err != nil {
				return err
			}
			d.beat()
		}
	}
}

// beat and silent go by the monotonic clock: a clock that is set says nothing about the scheduler.
func (d *Daemon) beat() { d.alive.Store(int64(time.Since(d.born))) }

func (d *Daemon) silent() time.Duration { return time.Since(d.born) - time.Duration(d.alive.Load()) }

// shutdown does not wait for a tick that hangs: it finds that its turn is taken, or that its context has ended.
func (d *Daemon) shutdown(s gocron.Scheduler) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.ShutdownWithContext(ctx); err != nil {
		d.Log.Warn("the scheduler did not stop in order", "error", err)
	}
}

// scheduler is a gocron that ticks at once and every Tick after.
func (d *Daemon) scheduler(runs context.Context) (gocron.Scheduler, error) {
	s, err := gocron.NewScheduler(gocron.WithStopTimeout(time.Second))
	if err != nil {
		return nil, fmt.Errorf("scheduler: %w", err)
	}
	_, err = s.NewJob(gocron.DurationJob(d.Tick), gocron.NewTask(func() { d.safely(runs) }),
		gocron.WithSingletonMode(gocron.LimitModeReschedule), gocron.WithStartAt(gocron.WithStartImmediately()))
	if err != nil {
		_ = s.Shutdown()
		return nil, fmt.Errorf("scheduler: %w", err)
	}
	s.Start()
	return s, nil
}

// safely keeps a panic of one tick from ending the service: gocron would let it.
func (d *Daemon) safely(runs context.Context) {
	if !d.ticking.TryLock() {
		return // the tick before this one goes on; the watchdog sees that
	}
	defer d.ticking.Unlock()
	defer func() {
		if p := recover(); p != nil {
			d.Log.Error("a tick panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	if runs.Err() != nil {
		return
	}
	d.tick(runs)
	d.beat()
}
