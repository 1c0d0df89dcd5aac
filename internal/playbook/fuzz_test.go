package playbook

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// FuzzLoad: whatever the bytes are, reading them ends, and an error is a line with a place in the file.
func FuzzLoad(f *testing.F) {
	for _, with := range []string{"      version: ${vars.n}${facts.os.name}", "      args: {a: [1, ${x}]}", "      wait: 1d2h\n      probes: [{file: a}]"} {
		f.Add([]byte(one(with)))
	}
	f.Add([]byte(declared))
	f.Add([]byte("playbook: a\nimport: [up.yaml, b]\ntasks: [{name: a, action: noop, when: any(vars.a, # == 1), retry: {attempts: 2}}]\nhandlers:\n"))
	f.Add([]byte("a: &x [*x]\n? [b]\n: !!int c\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		o := options(map[string]string{"b": one("")})
		o.VarsFiles = []File{{"vars.yaml", data}}
		p, err := Load(File{"up.yaml", data}, o)
		checkErrors(t, err, data)
		if o.VarsFiles = nil; err != nil {
			p, err = Load(File{"up.yaml", data}, o)
			checkErrors(t, err, data)
		}
		if err != nil {
			return
		}
		tasks, handlers, err := p.Bind(factsShape{}, runShape{})
		checkErrors(t, err, data)
		if err == nil && (len(tasks) != len(p.Tasks) || len(handlers) != len(p.Handlers) || len(tasks) == 0) {
			t.Errorf("bound %d and %d of %d and %d", len(tasks), len(handlers), len(p.Tasks), len(p.Handlers))
		}
	})
}

func checkErrors(t *testing.T, err error, data []byte) {
	t.Helper()
	if err == nil {
		return
	}
	all, ok := errors.AsType[Errors](err)
	if !ok || len(all) == 0 {
		t.Fatalf("not Errors: %T %v", err, err)
	}
	lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + strings.Count(string(data), "\u0085") +
		strings.Count(string(data), "\u2028") + strings.Count(string(data), "\u2029") + 10 // those of b, and of the default
	for _, e := range all {
		if e.Line < 1 || e.Column < 1 || e.Line > lines || e.File == "" || e.What == "" || strings.ContainsAny(e.What, "\n\r") {
			t.Errorf("not a line with a place: %#v", *e)
		}
	}
}

// FuzzDollar: a text in which every "${" is written "$${" is that text.
func FuzzDollar(f *testing.F) {
	for _, s := range []string{"", "a", "${", "$${", "$$${}", "{$}", "${env:PATH}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		pieces, open := split(strings.ReplaceAll(s, "${", "$${"))
		var got strings.Builder
		for _, p := range pieces {
			if p.expr {
				t.Errorf("%q: an expression %q", s, p.text)
			}
			got.WriteString(p.text)
		}
		if open >= 0 || got.String() != s {
			t.Errorf("got %q, want %q", got.String(), s)
		}
	})
}

// The test's own timeout is the bound: what is quadratic takes minutes here, what is exponential never ends.
func TestBombsEnd(t *testing.T) {
	many := func(format string) string {
		var b strings.Builder
		for i := 0; b.Len() < MaxBytes-200; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	laughs := "a0: &a0 [x, x]\n"
	for i := range 60 {
		laughs += fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	head := "playbook: up\nvars: {s: " + strings.Repeat("x", 10000) + ", l: [" + strings.Repeat("a,", 900) + "]}\n"
	for what, text := range map[string]string{
		"keys at the top":        "playbook: up\n" + many("k%d: 1\n"),
		"keys in a flow":         "playbook: up\nvars: {" + many("k%d,") + "}\n",
		"the same key":           many("k: 1 # %d\n"),
		"a billion laughs":       laughs,
		"maps in maps":           strings.Repeat("{a: ", 9000),
		"lists in lists":         strings.Repeat("- ", MaxBytes/2),
		"tasks":                  "playbook: up\ntasks:\n" + many("- {name: t%d, action: noop}\n"),
		"tasks without sense":    "playbook: up\ntasks:\n" + many("- {nmae: t%d}\n"),
		"notifications":          "playbook: up\ntasks:\n" + many("- {name: t%d, action: noop, notify: [h1, h2]}\n") + "handlers: [{name: hh, action: noop}]\n",
		"expressions":            head + "tasks:\n" + many("- {name: \"t%d ${vars.s + vars.s}\", action: noop}\n"),
		"undefined variables":    head + "tasks:\n" + many("- {name: t%d, action: noop, tags: ['${vars.q}', '${vars.w}', '${vars.e}']}\n"),
		"a long expression":      head + "tasks: [{name: t, action: noop, when: '" + strings.Repeat("!", MaxBytes-20000) + "true'}]\n",
		"braces":                 head + "tasks: [{name: '" + strings.Repeat("${", 100000) + "', action: noop}]\n",
		"texts that grow":        head + "tasks: [{name: \"" + strings.Repeat("${vars.s}", 1500) + "\", action: noop}]\n",
		"join that grows":        head + "tasks: [{name: t, action: noop, when: 'len(join(vars.l, vars.s)) > 1'}]\n",
		"names of every length":  "playbook: up\n" + strings.Repeat("x", MaxBytes/2) + ": 1\n",
		"comments between items": "playbook: up\ntasks:\n" + many("- a\n#%d\n\n"),
	} {
		t.Run(what, func(t *testing.T) {
			if len(text) > MaxBytes {
				text = text[:MaxBytes]
			}
			p, err := Load(File{"up.yaml", []byte(text)}, options(nil))
			if err == nil {
				t.Fatalf("no error: %d tasks", len(p.Tasks))
			}
			if n := len(err.Error()); n > 100000 {
				t.Errorf("an error of %d bytes", n)
			}
			checkErrors(t, err, []byte(text))
		})
	}
}
