package main

import (
	"errors"
	"time"

	"github.com/spf13/pflag"

	"exorunner/internal/playbook"
)

// duration is a flag that reads what a playbook's field would: pflag's own knows no days.
type duration time.Duration

var _ pflag.Value = (*duration)(nil)

func (d *duration) Set(text string) error {
	v, ok := playbook.ParseDuration(text)
	if !ok {
		return errors.New("want a duration like 90s, 20m, 1h30m or 30d")
	}
	*d = duration(v)
	return nil
}

func (d *duration) String() string {
	if *d == 0 {
		return "" // help shows no default then
	}
	return time.Duration(*d).String()
}

func (*duration) Type() string { return "duration" }

func durationFlag(f *pflag.FlagSet, d *time.Duration, name, usage string) {
	f.Var((*duration)(d), name, usage)
}
