package playbook

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// maxTasks is the most that a playbook may have, handlers and imports included.
const maxTasks = 1000

var playbookName = regexp.MustCompile(`^[a-z0-9-]+$`)

type loader struct {
	opt     Options
	errs    *problems
	files   []File
	seen    map[string]bool
	size    int
	vars    *vars
	missing map[string]bool
}

// loaded is a file whose tasks have not been looked at yet.
type loaded struct {
	file     File
	shape    fileShape
	importer *loaded // lends its defaults
	merged   *defaultsShape
}

// read gives a file and what it imports, the imported ones first. A file that several import is read once.
func (l *loader) read(f File, chain []*loaded) []*loaded {
	l.seen[f.Name] = true
	l.files = append(l.files, f)
	l.errs.files = append(l.errs.files, f.Name)
	if l.size += len(f.Data); l.size > MaxBytes {
		l.errs.at(Pos{f.Name, 1, 1}, "a playbook and what it imports have at most %d KiB in all", MaxBytes>>10)
		return nil
	}
	n := parse(f, l.errs)
	if n == nil {
		return nil
	}
	one := &loaded{file: f}
	if len(chain) > 0 {
		one.importer = chain[len(chain)-1]
	}
	d := &decoder{errs: l.errs}
	d.group(n, reflect.ValueOf(&one.shape).Elem(), "")
	if name := n.get("playbook"); name != nil && one.shape.Playbook != "" && !playbookName.MatchString(string(one.shape.Playbook)) {
		l.errs.at(name.at, "playbook: %s is no name: small letters, digits and hyphens", quote(string(one.shape.Playbook)))
	}
	var all []*loaded
	for i, name := range one.shape.Import {
		item := n.get("import").find(fmt.Sprintf("[%d]", i))
		if item.kind != text { // it was called wrong already
			continue
		}
		all = append(all, l.imported(string(name), item.at, append(slices.Clip(chain), one))...)
	}
	return append(all, one)
}

func (l *loader) imported(name string, at Pos, chain []*loaded) []*loaded {
	if l.opt.Open == nil {
		l.errs.at(at, "import: nothing can be imported here")
		return nil
	}
	if l.size > MaxBytes {
		return nil
	}
	f, err := l.opt.Open(at.File, name)
	if err != nil {
		l.errs.at(at, "import: %s", err)
		return nil
	}
	for i, above := range chain {
		if above.file.Name == f.Name {
			var round []string
			for _, c := range chain[i:] {
				round = append(round, c.file.Name)
			}
			l.errs.at(at, "import: the files import each other: %s", strings.Join(append(round, f.Name), ", "))
			return nil
		}
	}
	if l.seen[f.Name] {
		return nil
	}
	return l.read(f, chain)
}

// assemble fills the playbook from its files; the last of them is the playbook's own.
func (l *loader) assemble(p *Playbook, files []*loaded) {
	early := newScope(l.opt, l.vars)
	early.early = true
	late := *early
	late.early = false
	l.missing = early.missing
	main := &files[len(files)-1].shape
	p.Name, p.About = string(main.Playbook), string(main.About)
	d := &decoder{errs: l.errs, scope: early}
	p.Goal, p.As = l.sentence(d, main.Goal, "goal"), l.sentence(d, main.As, "as")
	var tasks, handlers []*entry
	for _, f := range files {
		f.merged = l.defaultsOf(f, d)
		tasks = append(tasks, l.entries(f, f.shape.Tasks.node, "tasks", early, &late)...)
		handlers = append(handlers, l.entries(f, f.shape.Handlers.node, "handlers", early, &late)...)
	}
	own := files[len(files)-1].file.Name
	if len(tasks) == 0 && len(l.errs.all) == 0 {
		l.errs.at(Pos{own, 1, 1}, "no tasks: a playbook has at least one")
	}
	l.names(tasks, handlers)
	p.tasks, p.split = append(tasks, handlers...), len(tasks)
	for i, e := range p.tasks {
		if e.Retry.Attempts == 0 {
			e.Retry.Attempts = 1
		}
		if i < p.split {
			p.Tasks = append(p.Tasks, e.Task)
		} else {
			p.Handlers = append(p.Handlers, e.Task)
		}
	}
}

func (l *loader) sentence(d *decoder, r raw[string], name string) string {
	if r.node == nil {
		return ""
	}
	var s string
	d.value(r.node, reflect.ValueOf(&s).Elem(), slot{Field: Field{Name: name}})
	return s
}

// defaultsOf are a file's defaults over those of the file that imports it.
func (l *loader) defaultsOf(f *loaded, d *decoder) *defaultsShape {
	if f.merged != nil {
		return f.merged
	}
	var above defaultsShape
	if f.importer != nil {
		above = *l.defaultsOf(f.importer, d)
	}
	if n := f.shape.Defaults.node; n != nil && n.kind != null {
		d.group(n, reflect.ValueOf(&above).Elem(), "defaults")
		l.checkRetry(n, above.Retry)
		l.checkTimeout(n, above)
	}
	f.merged = &above
	return f.merged
}

func (l *loader) checkRetry(n *node, r *Retry) {
	given := n.get("retry")
	if given == nil || r == nil {
		return
	}
	const most = 100
	if r.Attempts < 1 || r.Attempts > most {
		l.errs.at(given.find("attempts").at, "attempts: from 1 to %d", most)
	}
	if r.Wait > r.MaxWait {
		l.errs.at(given.find("wait").at, "wait: %s is longer than max_wait, %s", r.Wait, r.MaxWait)
	}
}

func (l *loader) checkTimeout(n *node, s defaultsShape) {
	if given := n.get("timeout"); given != nil && given.kind == text && s.Timeout == 0 && !strings.Contains(given.text, "${") {
		if v, ok := parseDuration(given.text); ok && v == 0 {
			l.errs.at(given.at, "timeout: must be longer than nothing")
		}
	}
}

func (l *loader) entries(f *loaded, n *node, what string, early, late *scope) []*entry {
	if n == nil || n.kind == null {
		return nil
	}
	if n.kind != list {
		l.errs.at(n.at, "%s: want a list, %s", what, n.what())
		return nil
	}
	var all []*entry
	for i, item := range n.items {
		if i == maxTasks {
			l.errs.at(item.at, "%s: more than %d", what, maxTasks)
			break
		}
		if e := l.entry(f, item, early, late); e != nil {
			all = append(all, e)
		}
	}
	return all
}

// entry reads one task. Its condition comes first: what is skipped for certain may use variables that have no value.
func (l *loader) entry(f *loaded, n *node, early, late *scope) *entry {
	e := &entry{node: n}
	e.Pos = n.at
	if n.kind != mapping {
		l.errs.at(n.at, "want a task: a map with name and action, %s", n.what())
		return nil
	}
	mine, after := *early, *late
	if given := n.get("when"); given != nil {
		e.WhenText = given.text
	}
	when, known := condition(n.get("when"), &after, l.errs)
	mine.asleep = known && !when
	after.asleep = mine.asleep
	shape := taskShape{defaultsShape: *f.merged}
	d := &decoder{errs: l.errs, scope: &mine}
	d.group(n, reflect.ValueOf(&shape).Elem(), "")
	l.checkRetry(n, shape.Retry)
	l.checkTimeout(n, shape.defaultsShape)
	e.Name, e.Action, e.Notify, e.Tags = shape.Name, string(shape.Action), shape.Notify, shape.Tags
	e.Timeout, e.OnFailure, e.with = shape.Timeout, shape.OnFailure, shape.With.node
	if shape.Retry != nil {
		e.Retry = *shape.Retry
	}
	if strings.ContainsFunc(e.Name, unicode.IsControl) {
		l.errs.at(n.find("name").at, "name: must be one line")
	}
	if e.Action == "" {
		return e
	}
	kind, ok := l.opt.Kinds[e.Action]
	if !ok {
		var known []string
		for name := range l.opt.Kinds {
			known = append(known, name)
		}
		slices.Sort(known)
		l.errs.at(n.find("action").at, "unknown action %s%s", quote(e.Action), didYouMean(e.Action, known))
		return e
	}
	e.kind = kind
	e.decode(&after, known && when, l.errs)
	return e
}

// names holds tasks and handlers to their names: each its own, every notify known, every handler notified.
func (l *loader) names(tasks, handlers []*entry) {
	first := map[string]*entry{}
	for _, e := range slices.Concat(tasks, handlers) {
		if before := first[e.Name]; before != nil && e.Name != "" {
			l.errs.at(e.node.find("name").at, "name: %s is the name of the one at %s as well", quote(e.Name), before.Pos)
			continue
		}
		first[e.Name] = e
	}
	var known []string
	called := map[string]bool{}
	for _, h := range handlers {
		known = append(known, h.Name)
		if len(h.Notify) > 0 {
			l.errs.at(h.node.find("notify").at, "notify: a handler cannot notify another")
		}
	}
	for _, e := range tasks {
		for i, name := range e.Notify {
			if called[name] = true; !slices.Contains(known, name) {
				l.errs.at(e.node.find(fmt.Sprintf("notify[%d]", i)).at, "notify: no handler is called %s%s", quote(name), didYouMean(name, known))
			}
		}
	}
	for _, h := range handlers {
		if h.Name != "" && !called[h.Name] {
			l.errs.at(h.Pos, "no task notifies the handler %s", quote(h.Name))
		}
	}
}
