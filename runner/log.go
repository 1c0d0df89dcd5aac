package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"sync"
)

// logWriter makes a line of the log of what a command says on its standard error.
type logWriter struct{ log *slog.Logger }

func (w logWriter) Write(p []byte) (int, error) {
	w.log.Warn(string(bytes.TrimSpace(p)))
	return len(p), nil
}

// hidingHandler takes secrets out of every text of the log.
type hidingHandler struct {
	slog.Handler
	hide func([]byte) []byte
}

func (h hidingHandler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, string(h.hide([]byte(r.Message))), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.clean(a))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

func (h hidingHandler) clean(a slog.Attr) slog.Attr {
	switch a.Value = a.Value.Resolve(); a.Value.Kind() {
	case slog.KindString, slog.KindAny: // an error, above all
		a.Value = slog.StringValue(string(h.hide([]byte(a.Value.String()))))
	}
	return a
}

func (h hidingHandler) WithAttrs(all []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(all))
	for i, a := range all {
		clean[i] = h.clean(a)
	}
	return hidingHandler{h.Handler.WithAttrs(clean), h.hide}
}

func (h hidingHandler) WithGroup(name string) slog.Handler {
	return hidingHandler{h.Handler.WithGroup(name), h.hide}
}

// rolling is a log file of at most 5 MiB, and the one before it.
type rolling struct {
	path string
	mu   sync.Mutex
	f    *os.File
	size int64
}

const rollAt = 5 << 20

func (r *rolling) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.f == nil || r.size+int64(len(p)) > rollAt {
		if err := r.open(); err != nil {
			return 0, err
		}
	}
	n, err := r.f.Write(p)
	r.size += int64(n)
	return n, err
}

func (r *rolling) open() error {
	if r.f != nil {
		_ = r.f.Close()
		r.f = nil
	}
	if info, err := os.Stat(r.path); err == nil && info.Size() > rollAt/2 {
		_ = os.Remove(r.path + ".1")
		_ = os.Rename(r.path, r.path+".1") // who reads it may keep it from moving: it grows on then
	}
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	r.f, r.size = f, 0
	if info, err := f.Stat(); err == nil && info.Size() < rollAt {
		r.size = info.Size()
	}
	return nil
}

func (r *rolling) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.f == nil {
		return nil
	}
	err := r.f.Close()
	r.f = nil
	return err
}
