package playbook

import "reflect"

// Decode reads a YAML file that is no playbook into the struct that v points to, as strictly as a playbook is read and
// with the same tags; a "${" in it is text. What was decoded without an error is given to check, which may be nil; its
// problems get the places of their fields. The error is Errors.
func Decode(f File, v any, check func() []Problem) error {
	errs := &problems{files: []string{f.Name}}
	if len(f.Data) > MaxBytes {
		errs.at(Pos{f.Name, 1, 1}, "a file has at most %d KiB", MaxBytes>>10)
		return errs.err()
	}
	n := parse(f, errs)
	if n == nil {
		return errs.err()
	}
	d := &decoder{errs: errs}
	d.group(n, reflect.ValueOf(v).Elem(), "")
	if len(errs.all) > 0 || check == nil {
		return errs.err()
	}
	for _, p := range check() {
		what := p.What
		if p.Field != "" {
			what = p.Field + ": " + what
		}
		errs.at(n.find(p.Field).at, "%s", what)
	}
	return errs.err()
}

// TopLevel are the names of a file's fields, in order; none where it is no map. It tells one sort of file from another.
func TopLevel(f File) []string { return parse(f, &problems{}).keys() }

// Variables are the names that a playbook's own file declares, in order, whatever else is wrong with it.
func Variables(f File) []string { return parse(f, &problems{}).get("vars").keys() }

// keys are the names of a map, in order; none of anything else.
func (n *node) keys() (names []string) {
	if n != nil {
		for _, p := range n.pairs {
			names = append(names, p.key)
		}
	}
	return names
}
