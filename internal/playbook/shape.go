package playbook

import "time"

// fileShape is a playbook file. What may hold expressions, or needs the variables of all files, waits as raw.
type fileShape struct {
	Playbook literal             `yaml:"playbook" need:"true" doc:"the playbook's name: small letters, digits and hyphens"`
	About    literal             `yaml:"about" doc:"what it is for, in a line"`
	Goal     raw[string]         `yaml:"goal" doc:"a sentence that holds when every task is ok; may use vars"`
	As       raw[string]         `yaml:"as" doc:"the account it is meant to run under; may use vars"`
	Vars     raw[map[string]any] `yaml:"vars" doc:"variables and their defaults; one without a value has to be given by --var or --vars"`
	Defaults raw[defaultsShape]  `yaml:"defaults" doc:"for the tasks and handlers of this file, and of the files it imports, that say nothing themselves"`
	Import   []literal           `yaml:"import" doc:"playbooks whose tasks and handlers come first: a path relative to this file, or a shipped one's name; their vars count where this file has none of the name"`
	Tasks    raw[[]taskShape]    `yaml:"tasks" doc:"what is to be so, in order"`
	Handlers raw[[]taskShape]    `yaml:"handlers" doc:"tasks that run once, after the last one, if a task that names them under notify made a change"`
}

// defaultsShape is what a task inherits. A retry is inherited whole or not at all.
type defaultsShape struct {
	Retry     *Retry        `yaml:"retry" doc:"how often and how patiently; without it one attempt"`
	Timeout   time.Duration `yaml:"timeout" doc:"how long one attempt may take"`
	OnFailure string        `yaml:"on_failure" default:"stop" enum:"stop|continue" doc:"whether the tasks behind a failed one still run"`
}

type taskShape struct {
	Name          string              `yaml:"name" need:"true" doc:"what is so when it is ok; one line, unlike any other; may use vars"`
	Action        literal             `yaml:"action" need:"true" doc:"the kind of work"`
	With          raw[map[string]any] `yaml:"with" doc:"the action's own fields"`
	When          raw[string]         `yaml:"when" doc:"an expression over vars, facts and run, without a ${ }; the task is skipped where it is false"`
	Notify        []string            `yaml:"notify" doc:"handlers to run after a change, by name"`
	Tags          []string            `yaml:"tags" doc:"words to choose tasks by"`
	defaultsShape `yaml:",inline"`
}

// FileFields are the fields of a playbook file, TaskFields those of a task or handler.
func FileFields() []Field { return Fields(fileShape{}) }

// TaskFields are the fields of a task or handler.
func TaskFields() []Field { return Fields(taskShape{}) }
