// Package playbook reads playbooks: YAML in, typed tasks out. It knows files, variables, expressions and the tags of Go
// structs, and reports everything that is wrong with its place, all at once, before anything runs. It knows nothing of
// hosts, of what an action does or of when a task runs.
package playbook

import (
	"slices"
	"time"
)

// MaxBytes is the most that a playbook and everything it imports may have, and the most that all files of variables may
// have. It is far above what a person writes and far below what makes a reader of YAML slow.
const MaxBytes = 256 << 10

// A File is YAML under the name that errors show.
type File struct {
	Name string
	Data []byte
}

// Options are what a playbook is read with. The zero value knows no actions and has no variables to give.
type Options struct {
	// Sets are the values of --var, name=value, in order; the last of a name wins, over files and over the playbook.
	Sets []string
	// VarsFiles are the contents of --vars: a YAML map each; later ones win, and all win over the playbook.
	VarsFiles []File
	// Given are variables of other files; they come after VarsFiles and win over them, later ones over earlier ones.
	Given []Given
	// Elsewhere says that a name is a variable of another playbook, which files of variables may be for as well. Nil: none is.
	Elsewhere func(name string) bool
	// Base are variables that the machine brings. They win over the playbook, and files and Sets win over them. Names that
	// the playbook does not declare are passed over.
	Base map[string]any
	// Kinds are the actions by the name that a task uses.
	Kinds map[string]Kind
	// Facts and Run are zero values of structs with expr tags. Expressions over facts and run are checked against their
	// types at Load; Bind wants values of the same types. Nil: the name does not exist.
	Facts any
	Run   any
	// Open finds what a file imports: from is the Name of the importing file, and the Name of the answer tells files
	// apart. Nil: nothing can be imported.
	Open func(from, name string) (File, error)
	// AllowMissing lists variables without a value in Playbook.Missing where using them would be an error.
	AllowMissing bool
}

// A Kind is one sort of action. New gives a pointer to a fresh struct with yaml, doc, need, default and enum tags;
// Validate, which may be nil, says what is wrong with one that was decoded.
type Kind struct {
	New      func() any
	Validate func(any) []Problem
}

// A Problem is what is wrong with the field of that name ("probe.file_version", "hosts[2]"); "" is the whole.
type Problem struct{ Field, What string }

// A Retry says how often a task is tried, the first time included, and how long to wait between.
type Retry struct {
	Attempts int           `yaml:"attempts" need:"true" doc:"how often the task is tried in all"`
	Wait     time.Duration `yaml:"wait" default:"30s" doc:"before the second attempt; doubles from one to the next"`
	MaxWait  time.Duration `yaml:"max_wait" default:"10m" doc:"the longest wait between two attempts"`
}

// A Task is one entry of a playbook as it was written, with the variables in its own fields filled in.
type Task struct {
	Name   string
	Action string
	// WhenText is the condition as written; "" is always.
	WhenText string
	// Retry has Attempts 1 where the playbook asks for no retry.
	Retry Retry
	// Timeout is of one attempt; 0 where the playbook says nothing.
	Timeout   time.Duration
	Notify    []string // names of handlers, all of them known
	OnFailure string   // stop or continue
	Tags      []string
	Pos       Pos
}

// A Bound task is ready to run.
type Bound struct {
	Task
	// Do is what Kind.New gave, decoded and validated. Where When is false it is incomplete and must not be run.
	Do any
	// When is false where the condition does not hold: the task is skipped.
	When bool
}

// A Playbook has been read and holds no error that can be known without the machine.
type Playbook struct {
	Name     string
	About    string
	Goal     string
	As       string
	Tasks    []Task
	Handlers []Task
	// Vars are the values that expressions see. A variable without a value is not in it.
	Vars map[string]any
	// Missing are the variables that are used and have no value; only with Options.AllowMissing.
	Missing []string
	// Files are what was read: the playbook first, then what it imports, each once.
	Files []File

	opt   Options
	vars  *vars
	tasks []*entry // tasks, then handlers
	split int      // where the handlers begin
}

// Load reads a playbook. Its error is Errors: everything that is wrong, in the order of the places.
func Load(f File, o Options) (*Playbook, error) {
	l := &loader{opt: o, errs: &problems{}, seen: map[string]bool{}}
	files := l.read(f, nil)
	if len(files) == 0 {
		return nil, l.errs.err()
	}
	l.vars = l.variables(files)
	p := &Playbook{opt: o, vars: l.vars, Vars: l.vars.values(), Files: l.files}
	l.assemble(p, files)
	if err := l.errs.err(); err != nil {
		return nil, err
	}
	for name := range l.missing {
		p.Missing = append(p.Missing, name)
	}
	slices.Sort(p.Missing)
	return p, nil
}

// Declares are the names of all variables that the playbook and what it imports declare, sorted.
func (p *Playbook) Declares() []string { return slices.Clone(p.vars.names) }

// Bind evaluates what depends on the machine and the run, and decodes every task anew: tasks, then handlers. It may be
// called again, also at the same time, and shares nothing between its answers. Its error is Errors.
func (p *Playbook) Bind(facts, run any) ([]*Bound, []*Bound, error) {
	errs := &problems{}
	s, err := bindScope(p, facts, run, errs)
	if err != nil {
		return nil, nil, err
	}
	var all []*Bound
	for _, e := range p.tasks {
		all = append(all, e.bind(s))
	}
	if err := errs.err(); err != nil {
		return nil, nil, err
	}
	return all[:p.split:p.split], all[p.split:], nil
}
