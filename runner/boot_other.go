//go:build !windows

package main

import (
	"fmt"
	"os"
	"time"
)

// bootTime is when the machine was started last, by the clock of now; now where that cannot be asked.
func bootTime() time.Time {
	now := time.Now()
	raw, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return now
	}
	var up float64
	if _, err := fmt.Sscan(string(raw), &up); err != nil {
		return now
	}
	return now.Add(-time.Duration(up * float64(time.Second)))
}
