package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"exorunner/internal/action"
	"exorunner/internal/action/psmodule"
	"exorunner/internal/host"
	"exorunner/internal/journal"
)

// installing is ps_module with the journal told which version is about to come from this program, for the day on which
// it is to go again. It is told before: a process that dies in between must not forget what it did. That a change is made
// says nothing by itself, for an older version may go beside one that was there.
type installing struct {
	*psmodule.Module
	rec  *recorder
	adds bool // the last check found that the version is to be added
}

var _ action.Action = &installing{}

func (p *installing) Check(ctx context.Context, r host.Reader) (action.Finding, error) {
	f, err := p.Module.Check(ctx, r)
	p.adds = p.State != "absent" && f.State == action.Differs && !p.there(f)
	return f, err
}

// there says whether a finding lists the version, in its scope, as installed.
func (p *installing) there(f action.Finding) bool {
	return strings.Contains(f.Before, p.Version+" ("+p.Scope)
}

func (p *installing) Apply(ctx context.Context, h host.Host) (action.Result, error) {
	v := journal.InstalledVersion{Host: p.rec.run.Host, Name: p.Module.Module, Version: p.Version, Scope: p.Scope, Run: p.rec.run.ID, Time: time.Now()}
	if p.adds {
		p.rec.points.hit("installed.before")
		if err := p.rec.j.Installed(v); err != nil {
			return action.Result{}, err
		}
		p.rec.points.hit("installed.after")
	}
	res, err := p.Module.Apply(ctx, h)
	switch {
	case err == nil && p.State == "absent":
		return res, p.rec.j.Uninstalled(v)
	case err == nil || !p.adds || errors.Is(err, host.ErrUnreachable):
		return res, err
	}
	// It did not go well; whether the version is there all the same, the machine says. If it does not answer, it may be.
	if f, asked := p.Module.Check(ctx, h); asked == nil && f.State == action.Differs && !p.there(f) {
		err = errors.Join(err, p.rec.j.Uninstalled(v))
	}
	return res, err
}
