//go:build race

package journal

// Under the race detector a process starts and writes ten times slower.
const underRace = true
