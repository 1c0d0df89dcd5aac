package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"exorunner/internal/notices"
)

// version is set by the release build.
var version = "development"

func newVersion(a *app) *cobra.Command {
	licenses := false
	c := &cobra.Command{
		Use: "version", Short: "The version, and with --licenses the notices of all dependencies", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if licenses {
				_, err := fmt.Fprint(a.stdout, notices.Text())
				return err
			}
			revision := ""
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						revision = s.Value
					}
				}
			}
			if a.format == "json" {
				return json.NewEncoder(a.stdout).Encode(map[string]string{"version": version, "revision": revision, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
			}
			if revision != "" {
				revision = " " + revision
			}
			_, err := fmt.Fprintf(a.stdout, "exorunner %s%s %s %s/%s\n", version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
	c.Flags().BoolVar(&licenses, "licenses", false, "print the notices of all dependencies")
	return c
}
