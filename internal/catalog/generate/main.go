// Command generate writes what is made from the program's own tables: the JSON Schemas and references beside the shipped
// playbooks, of playbooks and of a site's configuration.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"exorunner/internal/catalog"
	"exorunner/internal/notify"
	"exorunner/internal/playbook"
	"exorunner/internal/site"
)

func main() {
	if err := generate(filepath.Join("..", "..", "playbooks")); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(folder string) error {
	schema, err := catalog.Schema(catalog.All())
	if err != nil {
		return err
	}
	fields := playbook.Fields(site.Site{})
	siteSchema, err := catalog.SchemaOf("exorunner configuration", fields)
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{
		"schema.json": schema, "REFERENCE.md": catalog.Reference(catalog.All()),
		"exorunner.schema.json": siteSchema, "SITE.md": []byte(reference(fields)),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

const head = `# The configuration of the service

Generated from the program: every field of exorunner.yaml, and every kind of notice.

A duration is written ` + "`90s`, `20m`, `1h30m` or `30d`" + `; a list of texts with one in it may be written without its brackets. Dates and times of day
belong in quotes. A slot at 02:30 is the first instant at which the local clock shows 02:30 or later: in the hour that daylight saving skips that
is the end of the gap, in the hour that it repeats the first of the two.
`

func reference(fields []playbook.Field) string {
	var out strings.Builder
	out.WriteString(head)
	out.WriteString(catalog.Table("## Fields", fields))
	out.WriteString("\n## Notices\n\n| kind | id in the Windows event log | level | told when |\n|---|---|---|---|\n")
	for _, d := range notify.Described() {
		fmt.Fprintf(&out, "| `%s` | %d | %s | %s |\n", d.Kind, d.ID, d.Level, d.About)
	}
	out.WriteString("\nThe source in the event log is `" + notify.EventSource + "`, in the log Application.\n")
	return out.String()
}
