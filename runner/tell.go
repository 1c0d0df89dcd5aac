package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"exorunner/internal/action"
	"exorunner/internal/engine"
	"exorunner/internal/notify"
	"exorunner/internal/secret"
	"exorunner/internal/site"
)

// targets are a site's, as package notify wants them. Their secrets are this machine's own, also in a rehearsal: a notice
// goes to a real place.
func (a *app) targets(s *site.Site) []notify.Target {
	var secrets action.Secrets = secret.Stores{}
	if a.keeper != nil {
		secrets = sharedSecrets{a.keeper, secrets}
	}
	var all []notify.Target
	for _, t := range s.Notify {
		one := notify.Target{Name: t.Name}
		for _, k := range t.On {
			one.Only = append(one.Only, notify.Kind(k))
		}
		switch t.Kind {
		case "webhook", "teams":
			one.Sender = &notify.Webhook{URL: t.URL, Secret: t.URLSecret, Authorization: t.Authorization, Secrets: secrets, Teams: t.Kind == "teams"}
		case "mail":
			one.Sender = &notify.Mail{Server: t.Server, Security: t.Security, From: t.From, To: t.To, User: t.User, Password: t.Password, Secrets: secrets}
		case "eventlog":
			one.Sender = notify.EventLog{}
		}
		all = append(all, one)
	}
	return all
}

// tryTargets sends a test to each target, past the queue: whoever asks wants to see what goes wrong.
func (a *app) tryTargets(ctx context.Context, config string) error {
	path, err := a.configPath(config)
	if err != nil {
		return err
	}
	s, err := a.loadSite(path, false)
	if err != nil {
		return err
	}
	a.keeper = newSharedKeeper()
	all := a.targets(s)
	if len(all) == 0 {
		return usage("%s: no targets under notify", path)
	}
	host, _ := os.Hostname() // a test without it is a test
	lost := 0
	for _, t := range all {
		bounded, cancel := context.WithTimeout(ctx, time.Minute)
		err := t.Send(bounded, notify.Notice{Kind: notify.Test, Key: "test", Time: time.Now(), Host: host, Rehearsal: isRehearsal(s.Host),
			Subject: "a test, nothing has happened", Text: "somebody typed exorunner service notify"})
		cancel()
		if err == nil {
			fmt.Fprintf(a.stdout, "%-12s%s\n", "sent", t.Name)
			continue
		}
		lost++
		fmt.Fprintf(a.stdout, "%-12s%s: %s\n", "failed", t.Name, a.keeper.Hide([]byte(err.Error())))
	}
	if lost > 0 {
		return fail(engine.StatusFailed, fmt.Errorf("%d of %d targets did not take the test", lost, len(all)))
	}
	return nil
}
