package playbook

// Given are variables from a file of another sort, or from one that several playbooks share. As the type of a field of a
// struct for Decode it keeps what stands there, with its places.
type Given struct {
	raw[map[string]any]
	// Shared passes over names that a playbook does not declare: they are for another one.
	Shared bool
}

// ReadGiven reads a file of variables that several playbooks share. Its error is Errors.
func ReadGiven(f File) (Given, error) {
	errs := &problems{files: []string{f.Name}}
	g := Given{Shared: true}
	if len(f.Data) > MaxBytes {
		errs.at(Pos{f.Name, 1, 1}, "a file of variables has at most %d KiB", MaxBytes>>10)
	} else if g.node = parse(f, errs); g.node != nil && !g.Map() {
		errs.at(g.node.at, "want a map of variables and their values, %s", g.node.what())
	}
	return g, errs.err()
}

// Map says whether it is a map of names and values, or nothing at all. Nothing else can be used.
func (g Given) Map() bool { return g.node == nil || g.node.kind == mapping || g.node.kind == null }

// Names are those of the variables, in the order of the file. One without a value is not among them: a form that nobody
// filled in.
func (g Given) Names() []string {
	var names []string
	if g.node != nil {
		for _, p := range g.node.pairs {
			if p.value.kind != null {
				names = append(names, p.key)
			}
		}
	}
	return names
}

// Text is the value of a variable, if that is text.
func (g Given) Text(name string) (string, bool) {
	n := g.node.get(name)
	if n == nil || n.kind != text {
		return "", false
	}
	return n.text, true
}

// Unknown is the error of a variable that no playbook declares, with its place.
func (g Given) Unknown(name string, known []string) *Error {
	errs := &problems{}
	for _, p := range g.node.pairs {
		if p.key == name {
			errs.at(p.at, "no playbook of a schedule declares the variable %s%s", quote(name), didYouMean(name, known))
			return errs.all[0]
		}
	}
	return nil
}
