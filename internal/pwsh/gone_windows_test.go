package pwsh

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// checkGone holds that neither the session's process nor a child of it is left.
func checkGone(t testing.TB, s *Session) {
	t.Helper()
	pid := uint32(s.p.cmd.Process.Pid)
	left := family(t, pid)
	for end := time.Now().Add(10 * time.Second); len(left) > 0 && time.Now().Before(end); left = family(t, pid) {
		time.Sleep(10 * time.Millisecond)
	}
	if len(left) > 0 {
		t.Errorf("processes left: %v; want none", left)
	}
}

// family are the living of a fake and its children. They run this binary, as others with the number of a dead parent,
// which Windows soon gives away again, do not.
func family(t testing.TB, pid uint32) (alive []string) {
	t.Helper()
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = windows.CloseHandle(snapshot) }()
	e := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(snapshot, &e); err == nil; err = windows.Process32Next(snapshot, &e) {
		name := windows.UTF16ToString(e.ExeFile[:])
		ours := strings.EqualFold(name, filepath.Base(self(t))) && e.ProcessID != uint32(os.Getpid())
		if ours && (e.ProcessID == pid || e.ParentProcessID == pid) {
			alive = append(alive, fmt.Sprintf("%s %d of %d", name, e.ProcessID, e.ParentProcessID))
		}
	}
	return alive
}

var getProcessHandleCount = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetProcessHandleCount")

// openFiles counts the handles of this process.
func openFiles() int {
	var n uint32
	_, _, _ = getProcessHandleCount.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&n)))
	return int(n)
}
