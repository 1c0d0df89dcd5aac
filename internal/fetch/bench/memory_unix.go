//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

// peakMemory is the largest resident size in bytes that a process ever had. Linux counts KiB, macOS bytes. A process
// inherits that of its parent at its start, which is why the parent is small.
func peakMemory(p *os.ProcessState) int64 {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "linux" {
		return int64(usage.Maxrss) << 10
	}
	return int64(usage.Maxrss)
}
