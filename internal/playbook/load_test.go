package playbook

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLoad(t *testing.T) {
	p := load(t, `
playbook: upgrade
about: one line
goal: ${vars.version} is there
as: CONTOSO\svc
vars: {version: "3.1.0", service: ""}
defaults: {timeout: 5m, on_failure: continue}
tasks:
  - name: Module ${vars.version}
    action: module
    with: {name: M, version: "${vars.version}"}
    retry: {attempts: 4, wait: 30s}
    timeout: 20m
    notify: restart
    tags: [a, b]
  - name: skipped
    action: module
    when: vars.service != ""
    with: {name: "${vars.service}"}
    on_failure: stop
handlers:
  - name: restart
    action: noop
`)
	want := []Task{
		{Name: "Module 3.1.0", Action: "module", Retry: Retry{4, 30 * time.Second, 10 * time.Minute}, Timeout: 20 * time.Minute, Notify: []string{"restart"},
			OnFailure: "continue", Tags: []string{"a", "b"}, Pos: Pos{"up.yaml", 9, 5}},
		{Name: "skipped", Action: "module", WhenText: `vars.service != ""`, Retry: Retry{Attempts: 1}, Timeout: 5 * time.Minute, OnFailure: "stop", Pos: Pos{"up.yaml", 16, 5}},
	}
	if d := cmp.Diff(want, p.Tasks); d != "" {
		t.Errorf("tasks, want - got +:\n%s", d)
	}
	if got := []string{p.Name, p.About, p.Goal, p.As}; !cmp.Equal(got, []string{"upgrade", "one line", "3.1.0 is there", `CONTOSO\svc`}) {
		t.Errorf("head: got %q", got)
	}
	tasks, handlers, err := p.Bind(factsShape{}, &runShape{})
	if err != nil {
		t.Fatal(err)
	}
	if len(tasks) != 2 || !tasks[0].When || tasks[1].When || len(handlers) != 1 || handlers[0].Name != "restart" {
		t.Errorf("bound: got %+v, %+v", tasks, handlers)
	}
	if got := tasks[0].Do.(*module).Version; got != "3.1.0" {
		t.Errorf("version: got %q", got)
	}
}

func TestErrorsOfAFile(t *testing.T) {
	task := "tasks: [{name: t, action: noop}]\n"
	for what, c := range map[string]struct{ text, want string }{
		"an unknown field":                {"playbook: up\ngaol: x\n" + task, `up.yaml:2:1: unknown field "gaol", did you mean "goal"?`},
		"an unknown field of a task":      {"playbook: up\ntasks:\n  - name: t\n    actoin: noop\n", "up.yaml:3:5: missing field \"action\"\nup.yaml:4:5: unknown field \"actoin\", did you mean \"action\"?"},
		"an unknown field with no cousin": {"playbook: up\ncolour: x\n" + task, `up.yaml:2:1: unknown field "colour"`},
		"a duplicate field":               {"playbook: up\nabout: a\nabout: b\n" + task, `up.yaml:3:1: duplicate field "about": it stands at up.yaml:2:1 as well`},
		"no name":                         {task, `up.yaml:1:1: missing field "playbook"`},
		"a name that is none":             {"playbook: Up 1\n" + task, `up.yaml:1:11: playbook: "Up 1" is no name: small letters, digits and hyphens`},
		"no tasks":                        {"playbook: up\n", "up.yaml:1:1: no tasks: a playbook has at least one"},
		"tasks without one":               {"playbook: up\ntasks:\n", "up.yaml:1:1: no tasks: a playbook has at least one"},
		"tasks that are no list":          {"playbook: up\ntasks: {a: b}\n", "up.yaml:2:8: tasks: want a list, this is a map"},
		"a task that is text":             {"playbook: up\ntasks: [reboot]\n", "up.yaml:2:9: want a task: a map with name and action, this is text"},
		"an unknown action":               {"playbook: up\ntasks: [{name: t, action: modul}]\n", `up.yaml:2:27: unknown action "modul", did you mean "module"?`},
		"an expression as action":         {"playbook: up\nvars: {a: noop}\ntasks: [{name: t, action: \"${vars.a}\"}]\n", `up.yaml:3:27: unknown action "${vars.a}"`},
		"two tasks of a name":             {"playbook: up\ntasks:\n  - {name: t, action: noop}\n  - {name: t, action: noop}\n", `up.yaml:4:12: name: "t" is the name of the one at up.yaml:3:5 as well`},
		"a task named like a handler":     {"playbook: up\ntasks: [{name: t, action: noop, notify: t}]\nhandlers: [{name: t, action: noop}]\n", `up.yaml:3:19: name: "t" is the name of the one at up.yaml:2:9 as well`},
		"a name of two lines":             {"playbook: up\ntasks: [{name: \"a\\nb\", action: noop}]\n", "up.yaml:2:16: name: must be one line"},
		"an unknown handler":              {"playbook: up\ntasks: [{name: t, action: noop, notify: [h, restort]}]\nhandlers: [{name: restart, action: noop}, {name: h, action: noop}]\n", "up.yaml:2:45: notify: no handler is called \"restort\", did you mean \"restart\"?\nup.yaml:3:12: no task notifies the handler \"restart\""},
		"a handler never notified":        {"playbook: up\n" + task + "handlers: [{name: h, action: noop}]\n", `up.yaml:3:12: no task notifies the handler "h"`},
		"a handler that notifies":         {"playbook: up\ntasks: [{name: t, action: noop, notify: h}]\nhandlers: [{name: h, action: noop, notify: h}]\n", "up.yaml:3:44: notify: a handler cannot notify another"},
		"a retry of nothing":              {"playbook: up\ntasks: [{name: t, action: noop, retry: {attempts: 0}}]\n", "up.yaml:2:51: attempts: from 1 to 100"},
		"a retry without a number":        {"playbook: up\ntasks: [{name: t, action: noop, retry: {wait: 5s}}]\n", `up.yaml:2:40: missing field "attempts"`},
		"a wait longer than the longest":  {"playbook: up\ntasks: [{name: t, action: noop, retry: {attempts: 2, wait: 1h}}]\n", "up.yaml:2:60: wait: 1h0m0s is longer than max_wait, 10m0s"},
		"a timeout of nothing":            {"playbook: up\ntasks: [{name: t, action: noop, timeout: 0s}]\n", "up.yaml:2:42: timeout: must be longer than nothing"},
		"a timeout without a unit":        {"playbook: up\ntasks: [{name: t, action: noop, timeout: 20}]\n", "up.yaml:2:42: timeout: 20 has no unit: write 20s, 20m, 20h or 20d"},
		"a way to fail that is none":      {"playbook: up\ntasks: [{name: t, action: noop, on_failure: contine}]\n", `up.yaml:2:45: on_failure: "contine" is none of stop, continue, did you mean "continue"?`},
		"a root that is a list":           {"- a\n", "up.yaml:1:1: want a map of fields, this is a list"},
		"a root that is text":             {"hello\n", "up.yaml:1:1: want a map of fields, this is text"},
		"everything at once":              {"playbook: UP\ntasks:\n  - {name: a, action: nop}\n  - {action: noop, wen: x}\n", "up.yaml:1:11: playbook: \"UP\" is no name: small letters, digits and hyphens\nup.yaml:3:23: unknown action \"nop\", did you mean \"noop\"?\nup.yaml:4:5: missing field \"name\"\nup.yaml:4:20: unknown field \"wen\", did you mean \"when\"?"},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := Load(File{"up.yaml", []byte(c.text)}, options(nil))
			if err == nil || err.Error() != c.want {
				t.Errorf("got\n%v\nwant\n%s", err, c.want)
			}
		})
	}
}

func TestErrorsOfYAML(t *testing.T) {
	tail := "tasks: [{name: t, action: noop}]\n"
	for what, c := range map[string]struct{ text, want string }{
		"an empty file":                   {"", "up.yaml:1:1: the file is empty"},
		"a file of comments":              {"# nothing\n", "up.yaml:1:1: the file is empty"},
		"bytes that are not UTF-8":        {"playbook: up\nabout: caf\xe9\n", "up.yaml:2:11: byte 0xe9 is not UTF-8: save the file as UTF-8"},
		"UTF-16 as Notepad may save it":   {"\xff\xfep\x00", "up.yaml:1:1: the file is UTF-16: save it as UTF-8"},
		"a control character":             {"playbook: up\nabout: \x01\n", "up.yaml:2:8: control character 0x01"},
		"two documents":                   {"playbook: up\n---\nplaybook: down\n", "up.yaml:2:1: a second document begins here: a file has one, without a line of ---"},
		"a tab for indentation":           {"playbook: up\ntasks:\n\t- name: t\n", "up.yaml:3:1: a tab in the indentation: YAML wants spaces"},
		"a tab behind a task":             {"playbook: up\ntasks:\n  - name: t\n\taction: noop\n", "up.yaml:4:1: a tab in the indentation: YAML wants spaces"},
		"a colon within a text":           {"playbook: up\nabout: a: b\n", `up.yaml:2:1: mapping values are not allowed in this context: a text with ": " in it must be in quotes`},
		"a text that begins with @":       {"playbook: up\nabout: @home\n", "up.yaml:2:1: found character that cannot start any token: a text that begins with @, `, % or a tab must be in quotes"},
		"a path in double quotes":         {"playbook: up\nabout: \"D:\\gallery\"\n", `up.yaml:2:1: found unknown escape character: in double quotes a \ begins an escape: put Windows paths in single quotes`},
		"a path with a tab in it":         {"playbook: up\nabout: \"C:\\temp\"\n" + tail, `up.yaml:2:8: in double quotes a \ begins an escape, and this path has one in it: put Windows paths in single quotes`},
		"a path with a paragraph in it":   {"playbook: up\nabout: \"D:\\Program Files\"\n" + tail, `up.yaml:2:8: in double quotes a \ begins an escape, and this path has one in it: put Windows paths in single quotes`},
		"a list that is not closed":       {"playbook: up\ntasks: [a\n", "up.yaml:2:1: did not find expected ',' or ']'"},
		"an expression without quotes":    {"playbook: up\ntasks:\n  - {name: ${vars.x}, action: noop}\n", "up.yaml:3:1: did not find expected ',' or '}': ${...} between { } or [ ] must be in quotes"},
		"a map that begins within a list": {"playbook: up\ntasks:\n  - name: t\n   action: noop\n", "up.yaml:3:1: did not find expected '-' indicator: below, a line's indentation does not fit the list that begins here, or a \"- \" is missing"},
		"an alias without an anchor":      {"playbook: up\nabout: *log\n", `up.yaml:2:8: an alias: anchors and aliases are not used in playbooks; a text that begins with * must be in quotes`},
		"a text that begins with *":       {"playbook: up\nabout: *.log\n", "up.yaml:2:1: did not find expected alphabetic or numeric character: a text that begins with * or & must be in quotes"},
		"an anchor and its alias":         {"playbook: &n up\nabout: *n\n" + tail, "up.yaml:1:11: an anchor: anchors and aliases are not used in playbooks; a text that begins with & must be in quotes\nup.yaml:2:8: an alias: anchors and aliases are not used in playbooks; a text that begins with * must be in quotes"},
		"a merge key":                     {"playbook: up\n<<: {about: x}\n" + tail, "up.yaml:2:1: <<: maps cannot be merged in playbooks: write the fields out"},
		"a tag":                           {"playbook: up\nabout: !!str x\n" + tail, `up.yaml:2:8: a tag: tags are not used in playbooks; a text that begins with ! must be in quotes`},
		"a number for a name":             {"playbook: up\n12: x\n" + tail, `up.yaml:2:1: a field's name must be text, and 12 is a number for YAML: write it in quotes, "12"`},
		"a list for a name":               {"playbook: up\n? [a]\n: x\n" + tail, "up.yaml:2:3: a field's name must be text, this is a list"},
		"infinity":                        {"playbook: up\nvars: {x: .inf}\n" + tail, "up.yaml:2:11: .inf is no number that can be used; a text must be in quotes"},
		"too deep":                        {"playbook: up\nvars: {x: " + strings.Repeat("[", 60) + strings.Repeat("]", 60) + "}\n" + tail, "up.yaml:2:60: more than 50 levels deep"},
		"deeper than YAML goes":           {strings.Repeat("[", 20000), "up.yaml:1:1: exceeded max depth of 10000"},
		"too many values":                 {"playbook: up\nvars: {x: [" + strings.Repeat("a,", 20000) + "]}\n", "up.yaml:2:39998: more than 20000 values in one file"},
		"too large":                       {"# " + strings.Repeat("x", MaxBytes), "up.yaml:1:1: a playbook and what it imports have at most 256 KiB in all"},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := Load(File{"up.yaml", []byte(c.text)}, options(nil))
			if err == nil || err.Error() != c.want {
				t.Errorf("got\n%v\nwant\n%s", err, c.want)
			}
		})
	}
}

func TestFilesOfWindowsEditors(t *testing.T) {
	text := "\ufeff" + strings.ReplaceAll("playbook: up\ntasks:\n  - name: t\n    action: module\n    with: {name: M}\n", "\n", "\r\n")
	if p := load(t, text); p.Tasks[0].Name != "t" {
		t.Errorf("got %+v", p.Tasks[0])
	}
	_, err := Load(File{"up.yaml", []byte(strings.Replace(text, "name: M", `name: "${vars.x}"`, 1))}, options(nil))
	if want := "up.yaml:5:21: name: undefined vars.x"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestImports(t *testing.T) {
	task := func(name string) string { return "tasks: [{name: " + name + ", action: noop}]\n" }
	for what, c := range map[string]struct {
		main  string
		files map[string]string
		tasks string
		err   string
	}{
		"come first, in order": {"playbook: up\nimport: [a, b]\n" + task("main"), map[string]string{"a": "playbook: a\n" + task("a"), "b": "playbook: b\n" + task("b")}, "a b main", ""},
		"may be one":           {"playbook: up\nimport: a\n", map[string]string{"a": "playbook: a\n" + task("a")}, "a", ""},
		"may import":           {"playbook: up\nimport: a\n" + task("main"), map[string]string{"a": "playbook: a\nimport: b\n" + task("a"), "b": "playbook: b\n" + task("b")}, "b a main", ""},
		"are read once":        {"playbook: up\nimport: [a, b]\n", map[string]string{"a": "playbook: a\nimport: c\n", "b": "playbook: b\nimport: c\n", "c": "playbook: c\n" + task("c")}, "c", ""},
		"bring vars and lose to the importer": {"playbook: up\nimport: a\nvars: {x: mine}\n" + task("main"),
			map[string]string{"a": "playbook: a\nvars: {x: theirs, y: theirs}\ntasks: [{name: \"${vars.x} ${vars.y}\", action: noop}]\n"}, "mine theirs main", ""},
		"that are not there":    {"playbook: up\nimport: [a]\n" + task("main"), nil, "", "up.yaml:2:10: import: a: file does not exist"},
		"that are numbers":      {"playbook: up\nimport: [1]\n" + task("main"), nil, "", `up.yaml:2:10: import[0]: 1 is a number for YAML: write it in quotes, "1"`},
		"in a round":            {"playbook: up\nimport: a\n" + task("main"), map[string]string{"a": "playbook: a\nimport: b\n", "b": "playbook: b\nimport: a\n"}, "", "b:2:9: import: the files import each other: a, b, a"},
		"of the playbook alone": {"playbook: up\nimport: up.yaml\n" + task("main"), map[string]string{"up.yaml": ""}, "", "up.yaml:2:9: import: the files import each other: up.yaml, up.yaml"},
		"with errors": {"playbook: up\nimport: a\nbaout: x\n" + task("main"), map[string]string{"a": "playbook: a\ntaks: []\n"}, "",
			"up.yaml:3:1: unknown field \"baout\", did you mean \"about\"?\na:2:1: unknown field \"taks\", did you mean \"tasks\"?"},
		"with a task of the same name": {"playbook: up\nimport: a\n" + task("t"), map[string]string{"a": "playbook: a\n" + task("t")}, "", `up.yaml:3:16: name: "t" is the name of the one at a:2:9 as well`},
		"too large together":           {"playbook: up\nimport: a\n" + task("t"), map[string]string{"a": "playbook: a\n#" + strings.Repeat("x", MaxBytes-50)}, "", "a:1:1: a playbook and what it imports have at most 256 KiB in all"},
	} {
		t.Run(what, func(t *testing.T) {
			p, err := Load(File{"up.yaml", []byte(c.main)}, options(c.files))
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Errorf("got\n%v\nwant\n%s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, task := range p.Tasks {
				names = append(names, task.Name)
			}
			if got := strings.Join(names, " "); got != c.tasks {
				t.Errorf("got %s, want %s", got, c.tasks)
			}
		})
	}
}

func TestDefaultsAreInherited(t *testing.T) {
	o := options(map[string]string{"a": "playbook: a\ndefaults: {timeout: 1m}\ntasks: [{name: a, action: noop}, {name: b, action: noop, retry: {attempts: 9}}]\n"})
	p, err := Load(File{"up.yaml", []byte("playbook: up\nimport: a\ndefaults: {timeout: 5m, retry: {attempts: 3, wait: 1m}, on_failure: continue}\ntasks: [{name: c, action: noop}]\n")}, o)
	if err != nil {
		t.Fatal(err)
	}
	three, nine := Retry{3, time.Minute, 10 * time.Minute}, Retry{9, 30 * time.Second, 10 * time.Minute}
	for i, want := range []Task{{Timeout: time.Minute, Retry: three}, {Timeout: time.Minute, Retry: nine}, {Timeout: 5 * time.Minute, Retry: three}} {
		got := p.Tasks[i]
		if got.Timeout != want.Timeout || got.Retry != want.Retry || got.OnFailure != "continue" {
			t.Errorf("%s: got %+v, want %+v", got.Name, got, want)
		}
	}
}

func TestErrorsAreCounted(t *testing.T) {
	text := "playbook: up\n"
	for i := range 60 {
		text += "x" + strings.Repeat("y", i+10) + ": 1\n"
	}
	_, err := Load(File{"up.yaml", []byte(text)}, options(nil))
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 51 || lines[50] != "and 10 more" {
		t.Errorf("got %d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}
