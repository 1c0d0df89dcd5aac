package catalog

import (
	"bytes"
	"fmt"
	"strings"

	"exorunner/internal/action"
	"exorunner/internal/exr"
	"exorunner/internal/playbook"
)

const head = `# Reference

Generated from the program: every field that a playbook may have, and every action.

A ` + "`${...}`" + ` within a text holds an expression over ` + "`vars`" + `, ` + "`facts`" + ` and ` + "`run`" + `; alone in its text it
keeps its type. ` + "`$${`" + ` is a ` + "`${`" + ` that means nothing. A duration is written ` + "`90s`, `20m`, `1h30m` or `30d`" + `. A list of one
may be written without its brackets. Versions belong in quotes: without them YAML reads ` + "`3.10`" + ` as the number 3.1.
`

// Reference is Markdown for those who write playbooks: the fields of a file and of a task, then a section for each kind.
func Reference(kinds []Kind) []byte {
	var out bytes.Buffer
	out.WriteString(head)
	var file []playbook.Field
	for _, f := range playbook.FileFields() {
		if f.Name == "tasks" || f.Name == "handlers" {
			f.Elem = &playbook.Field{Type: "tasks"} // which have a table of their own
		}
		file = append(file, f)
	}
	section(&out, "## A playbook", file)
	section(&out, "## A task or handler", playbook.TaskFields())
	expressions(&out)
	if len(kinds) > 0 {
		out.WriteString("\n## Actions\n\n")
	}
	for _, k := range kinds {
		fmt.Fprintf(&out, "- [%s](#%s)\n", k.Name, k.Name)
	}
	for _, k := range kinds {
		fmt.Fprintf(&out, "\n### %s\n", k.Name)
		if k.About != "" {
			fmt.Fprintf(&out, "\n%s\n", strings.TrimSpace(k.About))
		}
		section(&out, "", playbook.Fields(k.New(action.Deps{})))
		if k.Example != "" {
			fmt.Fprintf(&out, "\n```yaml\n%s\n```\n", strings.TrimSpace(k.Example))
		}
	}
	return out.Bytes()
}

func expressions(out *bytes.Buffer) {
	out.WriteString("\n## Expressions\n\nThe language is [expr](https://expr-lang.org/docs/language-definition), with the functions `" +
		strings.Join(playbook.Functions(), "`, `") + "`. What begins with ` #` must stand in quotes, or YAML takes it for a comment. " +
		"Beside `vars.NAME` there are `run.id`, `run.command` (plan, apply or verify), `run.rehearsal`, and the facts. A fact that a machine does not have is nil.\n" +
		"\n| fact | type |\n|---|---|\n")
	for _, f := range playbook.Names("facts", exr.Facts{}) {
		fmt.Fprintf(out, "| `%s` | %s |\n", f.Name, typeText(f))
	}
}

// Table is Markdown: a heading and a row for each field.
func Table(title string, fields []playbook.Field) string {
	var out bytes.Buffer
	section(&out, title, fields)
	return out.String()
}

func section(out *bytes.Buffer, title string, fields []playbook.Field) {
	if title != "" {
		fmt.Fprintf(out, "\n%s\n", title)
	}
	if len(fields) == 0 {
		out.WriteString("\nIt has no fields.\n")
		return
	}
	out.WriteString("\n| field | type | default | needed | |\n|---|---|---|---|---|\n")
	rows(out, "", fields)
}

// rows writes a row for each field and, below it, for each field within it.
func rows(out *bytes.Buffer, above string, fields []playbook.Field) {
	for _, f := range fields {
		needed, preset := "", ""
		if f.Need {
			needed = "yes"
		}
		if f.Default != "" {
			preset = "`" + f.Default + "`"
		}
		fmt.Fprintf(out, "| `%s%s` | %s | %s | %s | %s |\n", above, f.Name, cell(typeText(f)), cell(preset), needed, cell(f.Doc))
		name := above + f.Name
		inner := &f
		for inner.Elem != nil {
			if inner.Type == playbook.List {
				name += "[]"
			} else {
				name += ".NAME"
			}
			inner = inner.Elem
		}
		rows(out, name+".", inner.Nested)
	}
}

func cell(s string) string { return strings.ReplaceAll(oneLine(s), "|", `\|`) }

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
