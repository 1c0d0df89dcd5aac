package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// mountOr mounts a file system for a test, or skips it.
func mountOr(t *testing.T, source, dir, kind, options string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: mounting a file system takes root")
	}
	if err := syscall.Mount(source, dir, kind, 0, options); err != nil {
		t.Skipf("SKIPPED: cannot mount a %s here: %v", kind, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil && !errors.Is(err, syscall.EINVAL) {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}

// On a full disk the end of the run is written with the room of the ballast, later records are refused with ErrFull,
// and once there is room all goes on. Nothing that was answered is lost.
func TestADiskThatIsFull(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	mountOr(t, "none", dir, "tmpfs", "size=8m")
	var warned []error
	j := mustOpen(t, dir, Options{Ballast: 2 << 20, Warn: func(err error) { warned = append(warned, err) }})
	ok(t, j.BeginRun(sampleRun("r")))
	fill(t, filepath.Join(dir, "fill"))

	line := []byte(`"` + strings.Repeat("x", 20000) + `"`)
	written := 0
	var err error
	for ; err == nil && written < 10000; written++ {
		if err = j.Append("r", line); err == nil && len(warned) == 1 {
			break
		}
	}
	if err != nil || len(warned) != 1 || !strings.Contains(warned[0].Error(), "ballast was given up") {
		t.Fatalf("got %v after %d events, warned %v, want the ballast to be used", err, written, warned)
	}
	written++
	ok(t, j.StartTask("r", Task{Index: 1, Started: begun}))
	ok(t, j.FinishTask("r", Task{Index: 1, Ended: begun, Outcome: "failed", Error: "disk is full"}))
	ok(t, j.EndRun("r", begun, 1, nil))

	for ; err == nil; written++ {
		err = j.Append("r", line)
	}
	written--
	if !errors.Is(err, ErrFull) {
		t.Fatalf("got %v, want ErrFull", err)
	}
	if j.Broken() != nil {
		t.Fatalf("got %v, want a full disk to break nothing", j.Broken())
	}
	ok(t, os.Remove(filepath.Join(dir, "fill")))
	ok(t, j.Append("r", line))
	ok(t, j.Close())

	again := mustOpen(t, dir, Options{Ballast: 2 << 20})
	events, err := again.Events(ctx, "r", 0, 100000)
	if err != nil || len(events) != written+1 {
		t.Errorf("got %d events, %v, want %d", len(events), err, written+1)
	}
	if run, err := again.Run(ctx, "r"); err != nil || run.State != Ended {
		t.Errorf("got %+v, %v, want its end", run, err)
	}
	ok(t, again.Close())
}

// fill takes all the room there is.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	ok(t, err)
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}

func TestAFolderThatCannotBeWritten(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	mountOr(t, "none", dir, "tmpfs", "size=32m")
	j := mustOpen(t, dir, Options{})
	ok(t, j.BeginRun(sampleRun("r")))
	ok(t, j.Close())
	ok(t, syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	if _, err := Open(ctx, dir, Options{}); err == nil || !strings.HasPrefix(err.Error(), "journal: ") || !strings.Contains(err.Error(), dir) {
		t.Errorf("Open: got %v, want an error that names the folder", err)
	}
	r, err := OpenReader(ctx, dir)
	if err != nil {
		t.Fatalf("OpenReader: got %v, want it to read all the same", err)
	}
	if _, err := r.Run(ctx, "r"); err != nil {
		t.Errorf("got %v", err)
	}
	ok(t, r.Close())
}

// descriptors are this process's open ones of a file.
func descriptors(t *testing.T, path string) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	ok(t, err)
	var found []int
	for _, e := range entries {
		var fd int
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && target == path {
			if _, err := fmt.Sscan(e.Name(), &fd); err == nil {
				found = append(found, fd)
			}
		}
	}
	return found
}

// A flush of /dev/null is refused and a write to it is not: with it in the place of the log, the first thing to go
// wrong is the flush.
func TestAFlushThatIsRefusedEndsAllWriting(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	j := mustOpen(t, dir, Options{})
	ok(t, j.BeginRun(sampleRun("before")))
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	ok(t, err)
	defer null.Close()
	logs := descriptors(t, filepath.Join(dir, fileName+"-wal"))
	if len(logs) == 0 {
		t.Fatal("got no open log")
	}
	saved, err := syscall.Dup(logs[0])
	ok(t, err)
	for _, fd := range logs {
		ok(t, syscall.Dup3(int(null.Fd()), fd, syscall.O_CLOEXEC))
	}
	err = j.BeginRun(sampleRun("lost"))
	if !errors.Is(err, ErrBroken) || code(err) != codeIOErr|4<<8 {
		t.Errorf("got %v, code %d, want ErrBroken by a refused flush", err, code(err))
	}
	// The disk is well again, and is not believed.
	for _, fd := range logs {
		ok(t, syscall.Dup3(saved, fd, syscall.O_CLOEXEC))
	}
	ok(t, syscall.Close(saved))
	for range 10 {
		if err := j.BeginRun(sampleRun("after")); !errors.Is(err, ErrBroken) {
			t.Fatalf("got %v, want ErrBroken", err)
		}
	}
	if !errors.Is(j.Broken(), ErrBroken) {
		t.Errorf("Broken: got %v", j.Broken())
	}
	_ = j.Close()
	again := mustOpen(t, dir, Options{})
	ok(t, again.BeginRun(sampleRun("after")))
	if _, err := again.Run(ctx, "before"); err != nil {
		t.Errorf("got %v, want what was answered", err)
	}
}

// ext4Shutdown is EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: from one moment to the next nothing reaches the
// disk any more, which is what a power cut does. https://docs.kernel.org/admin-guide/ext4.html
func ext4Shutdown(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	const ioctl, noLogFlush = 0x8004587d, 2
	flags := uint32(noLogFlush)
	if _, _, no := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), ioctl, uintptr(unsafe.Pointer(&flags))); no != 0 {
		return no
	}
	return nil
}

func TestPowerCuts(t *testing.T) {
	rounds := 40
	if testing.Short() || os.Getuid() != 0 {
		t.Skip("SKIPPED: takes root and some seconds")
	}
	base := t.TempDir()
	image, dir := filepath.Join(base, "disk"), filepath.Join(base, "mnt")
	ok(t, os.Mkdir(dir, 0o700))
	f, err := os.Create(image)
	ok(t, err)
	ok(t, errors.Join(f.Truncate(64<<20), f.Close()))
	if out, err := exec.Command("mkfs.ext4", "-q", image).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: mkfs.ext4: %v: %s", err, out)
	}
	mount := func() {
		if out, err := exec.Command("mount", "-o", "loop", image, dir).CombinedOutput(); err != nil {
			t.Skipf("SKIPPED: cannot mount a loop device here: %v: %s", err, out)
		}
	}
	unmount := func() { ok(t, exec.Command("umount", dir).Run()) }
	t.Cleanup(func() { _ = exec.Command("umount", dir).Run() })

	answers, during := 0, 0
	for round := range rounds {
		mount()
		cmd, out := startVictim(t, filepath.Join(dir, "journal"))
		lines := 20 + round*3
		s := watch(out, lines, func() {
			if err := ext4Shutdown(dir); err != nil {
				_ = cmd.Process.Kill()
				t.Errorf("SHUTDOWN: %v", err)
			}
			time.AfterFunc(time.Second, func() { _ = cmd.Process.Kill() })
		})
		_ = cmd.Wait()
		if s.err != "" && !strings.Contains(s.err, ErrBroken.Error()) {
			t.Errorf("round %d: got %s, want the journal to break", round, s.err)
		}
		unmount()
		mount()
		j := mustOpen(t, filepath.Join(dir, "journal"), Options{})
		lost := missing(t, j.Reader, s.lines)
		// What was answered before the cut began is there, without exception. A flush that is under way during the ioctl may
		// be answered as done and is not: the same was seen with a plain file and fsync. It is the last one, with at most
		// one record of each of the four that write.
		last := max(lines, len(s.lines)-4)
		for _, l := range lost {
			if at := slices.Index(s.lines, l); at < last {
				t.Errorf("round %d: lost answer %d of %d, cut after %d: %s", round, at+1, len(s.lines), lines, l)
			}
		}
		if len(lost) > 0 {
			during++
		}
		answers += len(s.lines)
		ok(t, j.Close())
		unmount()
	}
	t.Logf("%d rounds, %d answers; in %d rounds the flush that was under way did not reach the disk", rounds, answers, during)
}
