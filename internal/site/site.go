// Package site reads exorunner.yaml, the configuration of the unattended service: what runs when, with which variables,
// who is told, how long records are kept. It is read as strictly as a playbook, and everything wrong with it is reported
// with its place. It does not run anything, and knows playbooks by name only.
package site

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/mail"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"exorunner/internal/action"
	"exorunner/internal/playbook"
	"exorunner/internal/schedule"
)

// A Site is the whole of the configuration.
type Site struct {
	Host      string         `yaml:"host" default:"auto" doc:"auto, powershell, pwsh, the path of a PowerShell, or rehearsal[:MACHINE]"`
	Reboot    string         `yaml:"reboot" default:"never" enum:"never|ask|window" doc:"what becomes of a change that wants the machine restarted: it is recorded, a person is told, or the service restarts it while the window is open"`
	Vars      playbook.Given `yaml:"vars" doc:"variables of the playbooks; they win over vars_files"`
	Secrets   playbook.Given `yaml:"secrets" doc:"variables that are references to secrets: env:NAME, file:PATH, wincred:TARGET, dpapi:PATH; what is none is refused"`
	VarsFiles []string       `yaml:"vars_files" doc:"YAML files of variables, relative to this one; later ones win"`
	Schedules []Schedule     `yaml:"schedules" need:"true" doc:"what runs when"`
	Notify    []Target       `yaml:"notify" doc:"who is told"`
	Retention Retention      `yaml:"retention" doc:"how long the journal keeps what"`
	SignIns   SignIns        `yaml:"sign_ins" doc:"the breaker that keeps an account from being locked"`

	// Compiled are the Schedules as package schedule has them, in the same order.
	Compiled []*schedule.Schedule
	// SHA256 is that of the file and its vars_files.
	SHA256 string
	Path   string
	Files  []playbook.File // the vars_files
	given  []playbook.Given
}

// A Schedule is one playbook at its times.
type Schedule struct {
	Name     string         `yaml:"name" need:"true" doc:"small letters, digits and hyphens; its past in the journal goes by it"`
	Playbook string         `yaml:"playbook" need:"true" doc:"a path relative to this file, or a shipped playbook's name"`
	Command  string         `yaml:"command" need:"true" enum:"apply|verify" doc:"what is asked of it"`
	Vars     playbook.Given `yaml:"vars" doc:"variables of this schedule alone; they win over all others"`
	Tags     []string       `yaml:"tags" doc:"only tasks with one of these tags"`
	SkipTags []string       `yaml:"skip_tags" doc:"no task with one of these tags"`

	Cron   string        `yaml:"cron" doc:"minute hour day month weekday, or @daily and the like, in the zone"`
	At     string        `yaml:"at" doc:"a single moment: \"2026-03-08 02:30\" in the zone, or RFC 3339"`
	Every  time.Duration `yaml:"every" doc:"an interval of real time"`
	Anchor string        `yaml:"anchor" doc:"where every counts from, written as at is"`
	Zone   string        `yaml:"zone" doc:"Europe/London; the machine's own if left out"`
	Splay  time.Duration `yaml:"splay" doc:"spreads servers out: each begins later by its own constant part of it"`

	Windows  []schedule.Window `yaml:"window" doc:"when changes are allowed: days, opens, closes, zone; none is always"`
	Freezes  []schedule.Freeze `yaml:"freeze" doc:"days on which no window opens: from, to, reason"`
	Missed   schedule.Missed   `yaml:"missed" doc:"what becomes of slots that passed while nothing ran: policy skip, once or all, grace, max"`
	Overlap  string            `yaml:"overlap" default:"skip" enum:"skip|queue" doc:"what becomes of a slot that is due while a run of this schedule goes on"`
	Retry    schedule.Retry    `yaml:"retry" doc:"attempts in all, wait, max_wait"`
	Deadline time.Duration     `yaml:"deadline" doc:"how long after its time a slot may still begin, retries included"`

	WaitingAlarm time.Duration `yaml:"waiting_alarm" default:"3d" doc:"how long a slot may wait for something outside before somebody is told"`
	Notify       []string      `yaml:"notify" doc:"targets by name; all of them if left out"`
}

// A Target is somebody who is told.
type Target struct {
	Name          string        `yaml:"name" need:"true" doc:"as schedules call it"`
	Kind          string        `yaml:"kind" need:"true" enum:"webhook|teams|mail|eventlog" doc:"how"`
	On            []string      `yaml:"on" enum:"failed|drift|waiting|recovered|missed|certificate|config|restart" doc:"what about; everything if left out"`
	URL           string        `yaml:"url" doc:"of a webhook, where the address is no secret"`
	URLSecret     action.Secret `yaml:"url_secret" doc:"reference to the address of a webhook; that of a Teams workflow is a secret"`
	Authorization action.Secret `yaml:"authorization" doc:"reference to the header of that name"`
	Server        string        `yaml:"server" doc:"of mail: host:port"`
	Security      string        `yaml:"security" default:"starttls" enum:"starttls|tls|none" doc:"of mail; none only inside a network that you trust"`
	From          string        `yaml:"from" doc:"of mail"`
	To            []string      `yaml:"to" doc:"of mail"`
	User          string        `yaml:"user" doc:"of mail, if the server wants a sign-in"`
	Password      action.Secret `yaml:"password" doc:"reference to that user's password"`
}

// Retention is how long the journal keeps what. Zero keeps for ever.
type Retention struct {
	Runs     int           `yaml:"runs" default:"5000" doc:"the newest runs that are kept"`
	Age      time.Duration `yaml:"age" default:"400d" doc:"of runs and slots"`
	Evidence time.Duration `yaml:"evidence" default:"1200d" doc:"of evidence"`
}

// SignIns is a breaker: no more sign-ins of an account once so many have failed within a time.
type SignIns struct {
	Failures int           `yaml:"failures" default:"3" doc:"how many may fail"`
	Within   time.Duration `yaml:"within" default:"1h" doc:"within which time"`
}

// Options are what a site is read with.
type Options struct {
	// Machine is anything that is this machine's own and stays the same.
	Machine string
	// Now is for windows that never open again; zero looks at none.
	Now time.Time
	// Open reads a file of variables.
	Open func(path string) (playbook.File, error)
	// Check says which variables a schedule's playbook declares, or what is wrong with it: playbook.Errors with their own
	// places, or another error. It is asked once everything else is well; nil is not.
	Check func(*Site, Schedule) (declares []string, err error)
}

// Wrong is an error of Options.Check about another field of the schedule than its playbook.
type Wrong struct{ Field, What string }

func (w *Wrong) Error() string { return w.What }

var scheduleName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,79}$`)

// Load reads a configuration. Its error is playbook.Errors.
func Load(f playbook.File, o Options) (*Site, error) {
	s := &Site{Path: f.Name}
	sum := sha256.New()
	sum.Write(f.Data)
	c := checker{site: s, o: o}
	err := playbook.Decode(f, s, func() []playbook.Problem {
		c.all()
		return c.problems
	})
	var ours playbook.Errors
	if err == nil || errors.As(err, &ours) {
		err = once(append(ours, c.theirs...))
	}
	if err == nil && o.Check != nil {
		err = s.playbooks(f, o)
	}
	if err != nil {
		return nil, err
	}
	for _, v := range s.Files {
		sum.Write(bytes.Join([][]byte{[]byte(v.Name), v.Data}, []byte{0}))
	}
	s.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return s, nil
}

// playbooks adds what is wrong with those that the schedules name. The file is read again for the places alone.
func (s *Site) playbooks(f playbook.File, o Options) error {
	var theirs playbook.Errors
	declared, unread := map[string]bool{}, false
	err := playbook.Decode(f, &Site{}, func() (all []playbook.Problem) {
		for i, one := range s.Schedules {
			names, err := o.Check(s, one)
			for _, name := range names {
				declared[name] = true
			}
			unread = unread || err != nil
			var errs playbook.Errors
			switch {
			case err == nil:
			case errors.As(err, &errs):
				theirs = append(theirs, errs...)
			default:
				at, wrong := "playbook", (*Wrong)(nil)
				if errors.As(err, &wrong) {
					at = wrong.Field
				}
				all = append(all, playbook.Problem{Field: fmt.Sprintf("schedules[%d].%s", i, at), What: err.Error()})
			}
		}
		return all
	})
	var ours playbook.Errors
	if err != nil && !errors.As(err, &ours) {
		return err
	}
	all := append(ours, theirs...)
	if !unread {
		all = append(all, s.unknown(slices.Sorted(maps.Keys(declared)))...)
	}
	return once(all)
}

// unknown are the variables that no playbook declares: misspelt, as a rule.
func (s *Site) unknown(declared []string) (all playbook.Errors) {
	for _, g := range append(slices.Clone(s.given), s.Vars, s.Secrets) {
		for _, name := range g.Names() {
			if _, known := slices.BinarySearch(declared, name); !known {
				all = append(all, g.Unknown(name, declared))
			}
		}
	}
	return all
}

// once tells each thing once: several schedules may run one playbook, and all share the site's variables.
func once(all playbook.Errors) error {
	seen := map[playbook.Error]bool{}
	all = slices.DeleteFunc(all, func(e *playbook.Error) bool {
		twice := seen[*e]
		seen[*e] = true
		return twice
	})
	if len(all) == 0 {
		return nil
	}
	return all
}

// Given are a schedule's variables: those of the site's files first, then the site's own, then the schedule's; later ones
// win.
func (s *Site) Given(one Schedule) []playbook.Given {
	return append(slices.Clone(s.given), s.Vars, s.Secrets, one.Vars)
}

// Beside is a path as this site means it: relative to its own file.
func (s *Site) Beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(s.Path), path)
}

// Targets are those that a schedule tells, by name.
func (s *Site) Targets(one Schedule) []string {
	if len(one.Notify) > 0 {
		return one.Notify
	}
	var all []string
	for _, t := range s.Notify {
		all = append(all, t.Name)
	}
	return all
}

// References are the secrets that the configuration names, by their field: whoever starts with it can look early whether
// they can be read. Those of the playbooks are under "secrets.", the others are of targets.
func (s *Site) References() map[string]action.Secret {
	all := map[string]action.Secret{}
	for _, name := range s.Secrets.Names() {
		text, _ := s.Secrets.Text(name)
		all["secrets."+name] = action.Secret(text)
	}
	for i, t := range s.Notify {
		for field, ref := range map[string]action.Secret{"url_secret": t.URLSecret, "authorization": t.Authorization, "password": t.Password} {
			if ref != "" {
				all[fmt.Sprintf("notify[%d].%s", i, field)] = ref
			}
		}
	}
	return all
}

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
