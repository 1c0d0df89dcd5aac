package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// thousand writes a playbook of n tasks.
func thousand(b *testing.B, n int) string {
	b.Helper()
	var text bytes.Buffer
	text.WriteString("playbook: many\ntasks:\n")
	for i := range n {
		fmt.Fprintf(&text, "  - name: variable %d is set\n    action: environment\n    with: {name: EXR_%d, value: v}\n", i, i)
	}
	path := filepath.Join(b.TempDir(), "many.yaml")
	if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
		b.Fatal(err)
	}
	return path
}

// A plan of n tasks on the rehearsal, from the command line to the status: reading, checking, printing.
func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("tasks=%d", n), func(b *testing.B) {
			path, state := thousand(b, n), b.TempDir()
			for b.Loop() {
				if got := execute([]string{"plan", path, "--host", "rehearsal", "--state", state}, io.Discard, os.Stderr); got != 0 {
					b.Fatalf("status %d", got)
				}
			}
		})
	}
}

// A process from its start to its end, as an administrator meets it.
func BenchmarkStart(b *testing.B) {
	program := filepath.Join(b.TempDir(), "exorunner")
	build := exec.Command("go", "build", "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	for name, args := range map[string][]string{"version": {"version"}, "plan": {"plan", "--host", "rehearsal", "--state", b.TempDir()}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := exec.Command(program, args...).Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
