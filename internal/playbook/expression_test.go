package playbook

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConditions(t *testing.T) {
	build := "17763"
	facts := factsShape{Paths: []string{`C:\a`, `C:\b`}}
	facts.OS.Name, facts.OS.Windows, facts.OS.Build = "Server", true, &build
	for when, want := range map[string]bool{
		`true`:  true,
		`false`: false,
		`vars.version == "3.1.0" and facts.os.windows`: true,
		`vars.version != "3.1.0" && facts.os.windows`:  false,
		`vars.yes`:                                        true,
		`'"a" in vars.list'`:                              true,
		`'any(facts.paths, # endsWith "b")'`:              true,
		`len(facts.paths) == 2`:                           true,
		`facts.os.release == nil`:                         true,
		`facts.os.build == "17763"`:                       true,
		`run.command == "plan"`:                           true,
		`facts.os.name matches "^S"`:                      true,
		`'vars.m.k == "v" ? len(vars.list) == 2 : false'`: true,
		`'join(vars.list, "") == "ab" and join(facts.paths) contains ":"'`:    true,
		`'split("a,b", ",")[1] == "b"'`:                                       true,
		`facts.os.bits in [32, 64]`:                                           false,
		`'{"a": 1}.a == 1'`:                                                   true,
		`(facts.os.release ?? 0) > 461808`:                                    false,
		`'filter(facts.paths, # contains "a") == ["C:\\\\a"] or vars.n == 3'`: true,
	} {
		t.Run(when, func(t *testing.T) {
			p := load(t, one("")+"    when: "+when+"\n")
			tasks, _, err := p.Bind(&facts, runShape{Command: "plan"})
			if err != nil {
				t.Fatal(err)
			}
			if tasks[0].When != want {
				t.Errorf("got %v, want %v", tasks[0].When, want)
			}
		})
	}
}

func TestErrorsOfExpressions(t *testing.T) {
	for what, c := range map[string]struct{ line, want string }{
		"no boolean":                        {"    when: vars.version", "9:11: when: want true or false, this is text"},
		"a condition with braces":           {"    when: ${vars.yes}", "9:11: when: write the expression without ${ }"},
		"a condition with a text of braces": {`    when: '"${vars.n}" == "3"'`, "9:13: when: write the expression without ${ }"},
		"a condition that is a number":      {"    when: 1", "9:11: when: want an expression in quotes, this is the number 1"},
		"a condition that is empty":         {"    when:", "9:10: when has no value: give it one or leave the line out"},
		"a name that nobody knows":          {"    when: windows", `9:11: when: undefined "windows"`},
		"a variable without vars":           {"    when: yes == true", "9:11: when: undefined yes, did you mean vars.yes?"},
		"a fact that nobody knows":          {"    when: vars.yes and facts.os.windws", `9:33: when: undefined facts.os.windws, did you mean "windows"?`},
		"a function that is nobody's":       {"    when: strat(vars.version)", `9:11: when: undefined "strat"`},
		"the clock":                         {"    when: now().Year() > 2023", "9:11: when: now cannot be used in a playbook"},
		"too long a list":                   {"    when: 'any(1..999999, # > 3)'", "9:17: when: a range cannot be used in a playbook"},
		"a loop in a loop":                  {`    when: 'any(vars.list, any(vars.list, # == "a"))'`, "9:27: when: one predicate within another cannot be used in a playbook"},
		"let":                               {"    when: let a = 1; a == 1", "9:15: when: let cannot be used in a playbook"},
		"reduce":                            {`    when: 'reduce(vars.list, # + #acc) == "a"'`, "9:12: when: reduce cannot be used in a playbook"},
		"all variables at once":             {"    when: len(vars) > 0", "9:15: when: write vars.NAME: the variables cannot be used as a whole"},
		"all there is at once":              {"    when: $env.vars.yes", `9:11: when: undefined "$env"`},
		"an expression cut short":           {"    when: vars.yes ==", "9:21: when: the expression ends too early"},
		"a hash outside quotes":             {"    when: any(vars.list, # == 'a')", `9:24: when: the expression ends too early: " #" begins a comment in YAML, so put the expression in quotes`},
		"types that do not compare":         {"    when: vars.n == vars.version", "9:18: when: invalid operation: == (mismatched types int and string)"},
		"a wrong argument":                  {"    when: upper(vars.n) == 'A'", "9:22: when: cannot use int as argument (type string) to call upper"},
		"an index that is not there":        {"    when: vars.list[9] == 'a'", "9:11: when: index out of range: 9 (array length is 2)"},
		"a field below text":                {"    when: vars.m.q == 'a'", "9:18: when: unknown field q"},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := Load(File{"up.yaml", []byte(one("") + c.line + "\n")}, options(nil))
			if want := "up.yaml:" + c.want; err == nil || err.Error() != want {
				t.Errorf("got\n%v\nwant\n%s", err, want)
			}
		})
	}
}

func TestPlacesWithinTexts(t *testing.T) {
	for what, c := range map[string]struct{ with, want string }{
		"plain":                      {"      version: abc ${vars.nil}", "8:22"},
		"in double quotes":           {`      version: "abc ${vars.nil}"`, "8:23"},
		"in single quotes":           {`      version: 'abc ${vars.nil}'`, "8:23"},
		"behind letters of 2 bytes":  {`      version: "äöü ${vars.nil}"`, "8:23"},
		"within the expression":      {`      version: "${vars.version + äöü}"`, "8:34"},
		"the second of two":          {`      version: ${vars.version} ${vars.nil}`, "8:34"},
		"in lines":                   {"      version: |\n        one\n        two ${vars.nil}", "10:15"},
		"in lines with deeper ones":  {"      version: |-\n        one\n          two ${vars.nil}", "10:17"},
		"in folded lines, the start": {"      version: >\n        one\n        two ${vars.nil}", "8:16"},
		"with escapes, the start":    {`      version: "\x41 ${vars.nil}"`, "8:16"},
		"over two lines, the start":  {"      version: one\n        ${vars.nil}", "8:16"},
		"an open brace":              {"      version: abc ${vars.n", "8:20"},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := Load(File{"up.yaml", []byte(one(c.with))}, options(nil))
			if err == nil || !strings.HasPrefix(err.Error(), "up.yaml:"+c.want+": ") {
				t.Errorf("got %v, want it at %s", err, c.want)
			}
		})
	}
}

func TestExpressionsOverTheMachine(t *testing.T) {
	facts := factsShape{Paths: []string{"a", "b"}}
	facts.OS.Name, facts.OS.Bits = "Server", 64
	p := load(t, one(`      version: "${facts.os.name}-${run.id}"
      hosts: ${facts.paths}
      count: ${facts.os.bits}
      bits: ${facts.os.bits}
      quiet: ${facts.os.windows}
      any: ${facts.os.build}
      wait: ${string(facts.os.bits)}s`))
	got := bindOne(t, p, facts)
	if got.Version != "Server-r1" || !cmp.Equal(got.Hosts, facts.Paths) || got.Count != 64 || got.Bits != "64" || got.Quiet || got.Any != nil || got.Wait.Seconds() != 64 {
		t.Errorf("got %+v", got)
	}
}

func TestWhatTheMachineSaysIsCheckedTwice(t *testing.T) {
	for what, c := range map[string]struct{ with, early, late string }{
		"a text for a number":          {"      count: ${facts.os.name}", "up.yaml:8:16: count: want whole number, ${facts.os.name} is text", ""},
		"a number for a boolean":       {"      quiet: ${facts.os.bits}", "up.yaml:8:16: quiet: want true or false, ${facts.os.bits} is a whole number", ""},
		"a list within a text":         {"      version: x${facts.paths}", "up.yaml:8:19: version: want something that can stand in a text, ${facts.paths} is a list", ""},
		"a group as a list":            {"      hosts: ${facts.os}", "up.yaml:8:16: hosts: want list, ${facts.os} is a group of values", ""},
		"a fact without a value":       {"      version: ${facts.os.build}", "", "up.yaml:8:18: version has no value: ${facts.os.build} is nothing here"},
		"one without a value in text":  {"      version: b${facts.os.build}", "", "up.yaml:8:19: version: want text, ${facts.os.build} is nothing"},
		"a text that is no duration":   {"      wait: ${facts.os.name}", "", `up.yaml:8:15: wait: want a duration like 90s, 20m, 1h30m or 30d, this is "Server"`},
		"a text none of an enum":       {"      scope: ${facts.os.name}", "", `up.yaml:8:16: scope: "Server" is none of AllUsers, CurrentUser`},
		"what the action says":         {"      version: ${run.id}", "", "up.yaml:8:16: version: not a version"},
		"a needed field that is empty": {"      probe: {file: \"${run.command}\"}", "", "up.yaml:8:21: file must not be empty"},
		"an index too far":             {"      version: ${facts.paths[3]}", "", "up.yaml:8:18: version: index out of range: 3 (array length is 0)"},
		"a path that ends":             {"      version: ${facts.os.build.major}", "up.yaml:8:33: version: type string has no field major", ""},
	} {
		t.Run(what, func(t *testing.T) {
			p, err := Load(File{"up.yaml", []byte(one(c.with))}, options(nil))
			if c.early != "" {
				if err == nil || err.Error() != c.early {
					t.Errorf("load: got\n%v\nwant\n%s", err, c.early)
				}
				return
			}
			if err != nil {
				t.Fatalf("load: %v", err)
			}
			var f factsShape
			f.OS.Name = "Server"
			if _, _, err = p.Bind(f, runShape{ID: "bad"}); err == nil || err.Error() != c.late {
				t.Errorf("bind: got\n%v\nwant\n%s", err, c.late)
			}
		})
	}
}

func TestATaskThatTheMachineSkipsIsNotValidated(t *testing.T) {
	p := load(t, one("      version: ${run.id}\n      scope: ${facts.os.name}")+"    when: facts.os.windows\n")
	tasks, _, err := p.Bind(factsShape{}, runShape{ID: "bad"})
	if err != nil || tasks[0].When || tasks[0].WhenText != "facts.os.windows" {
		t.Errorf("got %+v, %v", tasks[0], err)
	}
}

func TestATasksOwnFieldsKnowVarsAlone(t *testing.T) {
	_, err := Load(File{"up.yaml", []byte("playbook: up\ntasks: [{name: \"on ${facts.os.name}\", action: noop}]\n")}, options(nil))
	if want := "up.yaml:2:22: name: facts is not known here: only vars can be used"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestTextsThatWereNoExpressions(t *testing.T) {
	for with, want := range map[string]string{
		"      version: ${env:PATH}": `up.yaml:8:21: version: unexpected token Operator(":"); write $${ where no expression is meant`,
		"      version: ${path}":     `up.yaml:8:18: version: undefined "path"; write $${ where no expression is meant`,
		"      version: ${}":         "up.yaml:8:18: version: an empty expression; write $${ where no expression is meant",
		"      version: ${ x":        "up.yaml:8:16: version: a ${ without its }; write $${ where no expression is meant",
	} {
		if _, err := Load(File{"up.yaml", []byte(one(with))}, options(nil)); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestBindMayBeCalledAtTheSameTime(t *testing.T) {
	p := load(t, one("      hosts: ${facts.paths}\n      env: ${vars.m}")+"    when: len(facts.paths) > 0\n")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			tasks, _, err := p.Bind(factsShape{Paths: make([]string, i)}, runShape{})
			if err != nil || tasks[0].When != (i > 0) {
				t.Errorf("%d: got %+v, %v", i, tasks, err)
			} else if i > 0 && len(tasks[0].Do.(*module).Hosts) != i {
				t.Errorf("%d: got %+v", i, tasks[0].Do)
			}
		})
	}
	all.Wait()
}

func TestNames(t *testing.T) {
	got := map[string]Type{}
	for _, f := range Names("facts", factsShape{}) {
		got[f.Name] = f.Type
	}
	want := map[string]Type{"facts.os.name": Text, "facts.os.windows": Truth, "facts.os.bits": Whole, "facts.os.build": Text, "facts.os.release": Whole, "facts.paths": List}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want - got +:\n%s", d)
	}
}

func TestBindWantsTheTypesOfLoad(t *testing.T) {
	p := load(t, one(""))
	for _, facts := range []any{nil, (*factsShape)(nil), runShape{}} {
		if _, _, err := p.Bind(facts, runShape{}); err == nil || !strings.HasPrefix(err.Error(), "bind facts: want a playbook.factsShape") {
			t.Errorf("%T: got %v", facts, err)
		}
	}
}
