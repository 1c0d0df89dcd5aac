// Package site reads exorunner.yaml, the configuration of the unattended service: what runs when, with which variables,
// who is told, how long records are kept. It is read as strictly as a playbook, and everything wrong with it is reported
// with its place. It does not run anything, and knows playbooks by name only.
package site

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
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
	At     string        `yaml:"at" doc:"a single moment: \"2026-03-08 02:30\" in the zone, or RFC 3339; one that passed before the service knew of it begins still where missed says once and neither grace nor deadline has passed"`
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
	Kind          string        `yaml:"kind" need:"true" enum:"webhook|teams|mail|eventlog" doc:"how; the event log is that of Windows, elsewhere a line on stderr"`
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
