package main

import (
	"exorunner/internal/action"
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
