package main

import (
	"time"

	"golang.org/x/sys/windows"
)

// bootTime is when the machine was started last, by the clock of now.
func bootTime() time.Time { return time.Now().Add(-windows.DurationSinceBoot()) }
