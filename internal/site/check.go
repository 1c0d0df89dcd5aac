package site

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"exorunner/internal/action"
	"exorunner/internal/playbook"
	"exorunner/internal/schedule"
)

type checker struct {
	site     *Site
	o        Options
	problems []playbook.Problem
	theirs   playbook.Errors // of the vars_files
}

func (c *checker) add(field, format string, args ...any) {
	c.problems = append(c.problems, playbook.Problem{Field: field, What: fmt.Sprintf(format, args...)})
}

func (c *checker) all() {
	s := c.site
	first := map[string]int{}
	for i, t := range s.Notify {
		at := fmt.Sprintf("notify[%d]", i)
		if before, twice := first[t.Name]; twice {
			c.add(at+".name", "%q is the name of notify[%d] as well", t.Name, before)
		}
		first[t.Name] = i
		if strings.ContainsAny(t.Name, "|\n") {
			c.add(at+".name", "one line without a |")
		}
		c.target(at, t)
	}
	known := map[string]int{}
	for i, one := range s.Schedules {
		at := fmt.Sprintf("schedules[%d]", i)
		if before, twice := known[one.Name]; twice {
			c.add(at+".name", "%q is the name of schedules[%d] as well", one.Name, before)
		}
		known[one.Name] = i
		c.schedule(at, one)
		for j, name := range one.Notify {
			if _, ok := first[name]; !ok {
				c.add(fmt.Sprintf("%s.notify[%d]", at, j), "no target is called %q", name)
			}
		}
	}
	if s.SignIns.Failures < 1 || s.SignIns.Within < time.Minute {
		c.add("sign_ins", "wants at least one failure within at least a minute")
	}
	if s.Retention.Runs < 0 {
		c.add("retention.runs", "from 0, which keeps all")
	}
	if least := max(s.SignIns.Within, 7*24*time.Hour); s.Retention.Age > 0 && s.Retention.Age < least {
		c.add("retention.age", "%v is too short: what is forgotten cannot be looked at; from %v, or 0, which keeps all", s.Retention.Age, least)
	}
	c.host()
	c.varsFiles()
	c.variables()
}

// variables are read once more with each playbook, which knows of what type they are.
func (c *checker) variables() {
	s := c.site
	s.Vars.Shared, s.Secrets.Shared = true, true
	for name, g := range map[string]playbook.Given{"vars": s.Vars, "secrets": s.Secrets} {
		if !g.Map() {
			c.add(name, "want a map of names and values")
		}
	}
	own := s.Vars.Names()
	for _, name := range s.Secrets.Names() {
		text, ok := s.Secrets.Text(name)
		var ref action.Secret
		if err := ref.UnmarshalText([]byte(text)); !ok || err != nil {
			c.add("secrets."+name, "not a reference to a secret: write env:NAME, file:PATH, wincred:TARGET or dpapi:PATH, and never the secret itself")
		}
		if slices.Contains(own, name) {
			c.add("secrets."+name, "stands under vars as well")
		}
	}
}

// host refuses what would mean this machine by mistake.
func (c *checker) host() {
	host := c.site.Host
	name, _, _ := strings.Cut(host, ":")
	if !slices.Contains([]string{"auto", "powershell", "pwsh"}, host) && name != "rehearsal" && !strings.ContainsAny(host, `/\`) {
		c.add("host", "%q is none of auto, powershell, pwsh and rehearsal[:MACHINE], and no path of a PowerShell", host)
	}
}

func (c *checker) varsFiles() {
	for i, name := range c.site.VarsFiles {
		if c.o.Open == nil {
			continue
		}
		f, err := c.o.Open(c.site.Beside(name))
		if err != nil {
			c.add(fmt.Sprintf("vars_files[%d]", i), "%v", err)
			continue
		}
		g, err := playbook.ReadGiven(f)
		var errs playbook.Errors
		switch {
		case errors.As(err, &errs):
			c.theirs = append(c.theirs, errs...)
		default:
			c.site.Files, c.site.given = append(c.site.Files, f), append(c.site.given, g)
		}
	}
}

func (c *checker) schedule(at string, one Schedule) {
	if !scheduleName.MatchString(one.Name) {
		c.add(at+".name", "%q is no name: small letters, digits and hyphens", one.Name)
	}
	compiled, err := schedule.New(schedule.Config{
		Name: cmp.Or(one.Name, "?"), At: one.At, Every: one.Every, Anchor: one.Anchor, Cron: one.Cron, Zone: one.Zone, Splay: one.Splay,
		Windows: one.Windows, Freezes: one.Freezes, Missed: one.Missed, Overlap: schedule.Overlap(one.Overlap), Retry: one.Retry, Deadline: one.Deadline,
	}, c.o.Machine)
	if err == nil && !c.o.Now.IsZero() {
		err = compiled.Check(c.o.Now)
	}
	for _, e := range each(err) {
		var s *schedule.Error
		if errors.As(e, &s) {
			c.add(strings.TrimSuffix(at+"."+s.Field, "."), "%s", s.What)
		} else {
			c.add(at, "%v", e)
		}
	}
	c.site.Compiled = append(c.site.Compiled, compiled)
}

// each takes apart what errors.Join put together.
func each(err error) []error {
	var many interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &many):
		return many.Unwrap()
	}
	return []error{err}
}

func (c *checker) target(at string, t Target) {
	web, isMail := t.Kind == "webhook" || t.Kind == "teams", t.Kind == "mail"
	given := map[string]bool{
		"url": t.URL != "", "url_secret": t.URLSecret != "", "authorization": t.Authorization != "",
		"server": t.Server != "", "from": t.From != "", "to": len(t.To) > 0, "user": t.User != "", "password": t.Password != "",
	}
	for _, field := range []string{"url", "url_secret", "authorization"} {
		if given[field] && !web {
			c.add(at+"."+field, "belongs to a webhook, and this is %s", t.Kind)
		}
	}
	for _, field := range []string{"server", "from", "to", "user", "password"} {
		if given[field] && !isMail {
			c.add(at+"."+field, "belongs to mail, and this is %s", t.Kind)
		}
		if isMail && !given[field] && field != "user" && field != "password" {
			c.add(at, "mail wants %s", field)
		}
	}
	switch {
	case web:
		c.web(at, t)
	case isMail:
		if t.Server != "" && !hostPort(t.Server) {
			c.add(at+".server", "%q is not host:port", t.Server)
		}
		c.addresses(at, t)
		if given["user"] != given["password"] {
			c.add(at, "user and password belong together")
		}
		if t.Security == "none" && given["password"] {
			c.add(at+".security", "a password is not sent without encryption: use starttls or tls")
		}
	}
}

// hostPort says whether a text is a host and the number of a port.
func hostPort(text string) bool {
	host, port, err := net.SplitHostPort(text)
	n, perr := strconv.Atoi(port)
	return err == nil && perr == nil && host != "" && n > 0 && n < 1<<16
}

func (c *checker) addresses(at string, t Target) {
	if _, err := mail.ParseAddress(t.From); t.From != "" && err != nil {
		c.add(at+".from", "%q is no address of mail", t.From)
	}
	for i, to := range t.To {
		if _, err := mail.ParseAddress(to); err != nil {
			c.add(fmt.Sprintf("%s.to[%d]", at, i), "%q is no address of mail", to)
		}
	}
}

func (c *checker) web(at string, t Target) {
	if (t.URL == "") == (t.URLSecret == "") {
		c.add(at, "give url, or url_secret where the address is a secret itself")
		return
	}
	if t.URL == "" {
		return
	}
	u, err := url.Parse(t.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		c.add(at+".url", "not an address like https://host/path")
	case u.Port() != "" && !hostPort(u.Host):
		c.add(at+".url", "%s is not the number of a port", u.Port())
	case u.User != nil || u.RawQuery != "":
		c.add(at+".url", "a password or a query in an address is a secret: keep the address in a file and write url_secret: file:PATH")
	}
}
