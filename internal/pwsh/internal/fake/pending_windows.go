package fake

import (
	"os"
	"os/exec"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var peekNamedPipe = windows.NewLazySystemDLL("kernel32.dll").NewProc("PeekNamedPipe")

// pending says whether something can be read within d.
func pending(f *os.File, d time.Duration) bool {
	for end := time.Now().Add(d); ; time.Sleep(time.Millisecond) {
		var available uint32
		ok, _, _ := peekNamedPipe.Call(f.Fd(), 0, 0, 0, uintptr(unsafe.Pointer(&available)), 0)
		if ok == 0 || available > 0 || time.Now().After(end) {
			return available > 0
		}
	}
}

// runAway does nothing: no child leaves a job object that does not allow it.
func runAway(*exec.Cmd) {}
