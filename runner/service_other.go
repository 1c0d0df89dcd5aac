//go:build !windows

package main

import "context"

// underManager is for Windows: systemd starts a program like any other and stops it by a signal.
func underManager() bool { return false }

func runManaged(run func(context.Context, func(func())) error) error {
	return run(context.Background(), func(func()) {})
}

func afterInstall() error { return nil }

func rights(account, dir string) (warnings []string) { return nil }
