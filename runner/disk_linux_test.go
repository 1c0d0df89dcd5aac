package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// On a disk that fills up a run ends before it touches what it cannot record; with room again the next one goes on.
func TestAFullDiskUnderTheJournal(t *testing.T) {
	state := t.TempDir()
	dir := filepath.Join(state, "rehearsal", "journal")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: mounting a file system takes root")
	}
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=1m,mode=0700"); err != nil {
		t.Skipf("SKIPPED: cannot mount a tmpfs here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	apply := func() (int, string) {
		status, stdout, stderr := call("apply", "--host", "rehearsal", "--state", state)
		return status, stdout + stderr
	}
	if status, said := apply(); status != 0 {
		t.Fatalf("with room: status %d\n%s", status, said)
	}
	fill := filepath.Join(dir, "fill")
	f, err := os.Create(fill)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	f.Close()
	machine := filepath.Join(state, "rehearsal", "ce-v2.json")
	before, err := os.ReadFile(machine)
	if err != nil {
		t.Fatal(err)
	}
	status, said := apply()
	if status == 0 || !strings.Contains(said, "disk is full") && !strings.Contains(said, "full") {
		t.Errorf("on a full disk: status %d\n%s", status, said)
	}
	after, err := os.ReadFile(machine)
	if err != nil || string(after) != string(before) {
		t.Errorf("the machine was touched by a run that is not on record (%v)", err)
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	if status, said := apply(); status != 0 {
		t.Errorf("with room again: status %d\n%s", status, said)
	}
}
