package site

import (
	"errors"
	"strings"
	"testing"
	"time"

	"exorunner/internal/playbook"
)

const good = `host: rehearsal
reboot: window
vars: {organization: contoso.onmicrosoft.com}
secrets: {token: "env:TOKEN"}
vars_files: [more.yaml]
schedules:
  - name: nightly
    playbook: verify-exo-v3
    command: verify
    cron: "30 3 * * mon-fri"
    zone: Europe/London
    window: [{opens: "22:00", closes: "05:00"}]
    freeze: [{from: "2026-12-20", to: "2027-01-04"}]
    splay: 20m
    missed: {policy: once, grace: 6h}
    retry: {attempts: 3, wait: 10m, max_wait: 1h}
    deadline: 1d
    notify: [team]
notify:
  - {name: team, kind: teams, url_secret: "env:TEAMS", on: [failed, drift]}
  - {name: log, kind: eventlog}
`

func files(path string) (playbook.File, error) {
	if strings.HasSuffix(path, "more.yaml") {
		return playbook.File{Name: path, Data: []byte("app_id: x\n")}, nil
	}
	return playbook.File{}, errors.New(path + ": no such file")
}

func TestLoad(t *testing.T) {
	s, err := Load(playbook.File{Name: "/etc/exorunner.yaml", Data: []byte(good)}, Options{Machine: "CE01", Open: files})
	if err != nil {
		t.Fatal(err)
	}
	one := s.Schedules[0]
	if s.Reboot != "window" || one.Retry.Attempts != 3 || one.Deadline != 24*time.Hour || one.WaitingAlarm != 72*time.Hour || s.SignIns.Failures != 3 || s.Retention.Runs != 5000 {
		t.Errorf("got %+v, want what the file says, and the defaults where it says nothing", s)
	}
	if got := s.Targets(one); len(got) != 1 || got[0] != "team" {
		t.Errorf("targets: got %q, want team", got)
	}
	if got := s.Targets(Schedule{}); len(got) != 2 {
		t.Errorf("targets of a schedule that names none: got %q, want all", got)
	}
	next, ok := s.Compiled[0].Next(time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC))
	if want := time.Date(2026, 1, 5, 3, 30, 0, 0, time.UTC).Add(s.Compiled[0].Splay()); !ok || !next.Equal(want) {
		t.Errorf("next: got %v, want %v", next, want)
	}
	if len(s.Files) != 1 || s.Beside("x.yaml") != "/etc/x.yaml" {
		t.Errorf("got %v and %s", s.Files, s.Beside("x.yaml"))
	}
}

func TestTheHashKnowsTheFilesOfVariables(t *testing.T) {
	hash := func(more string) string {
		s, err := Load(playbook.File{Name: "f", Data: []byte(good)}, Options{Open: func(path string) (playbook.File, error) {
			return playbook.File{Name: path, Data: []byte(more)}, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		return s.SHA256
	}
	first, again, other := hash("a: 1\n"), hash("a: 1\n"), hash("a: 2\n")
	if first != again || first == other {
		t.Errorf("hashes %s, %s and %s; want the first two alike and the third another", first, again, other)
	}
}

func TestEverythingThatIsWrongHasItsPlace(t *testing.T) {
	cases := map[string]struct{ old, new, want string }{
		"an unknown field":                   {"reboot: window", "rebot: window", `f.yaml:2:1: unknown field "rebot", did you mean "reboot"?`},
		"a word of no list":                  {"reboot: window", "reboot: always", `f.yaml:2:9: reboot: "always" is none of never, ask, window`},
		"no schedules":                       {good[strings.Index(good, "schedules:"):], "schedules: []\n", "f.yaml:6:12: schedules must not be empty"},
		"a name that is none":                {"name: nightly", "name: Nightly Run", `f.yaml:7:11: schedules[0].name: "Nightly Run" is no name`},
		"a wrong cron":                       {"30 3 * * mon-fri", "30 25 * * *", `f.yaml:10:11: schedules[0].cron: "30 25 * * *": hour:`},
		"a cron that never comes":            {"30 3 * * mon-fri", "0 0 30 2 *", "f.yaml:10:11: schedules[0].cron:"},
		"a zone that nobody knows":           {"Europe/London", "Europe/Lodnon", "f.yaml:11:11: schedules[0].zone:"},
		"a window that never opens":          {`opens: "22:00", closes: "05:00"`, `opens: "22:00", closes: "22:00"`, "f.yaml:12:14: schedules[0].window[0]: opens and closes at 22:00"},
		"a time of day that is none":         {`opens: "22:00"`, `opens: "25:00"`, "f.yaml:12:22: schedules[0].window[0].opens:"},
		"a freeze without an end":            {`, to: "2027-01-04"`, "", `f.yaml:13:14: missing field "to"`},
		"made up for without an end":         {"policy: once", "policy: all", "f.yaml:15:13: schedules[0].missed.max: the policy all wants"},
		"retries without an end":             {"attempts: 3", "attempts: 1000", "f.yaml:16:23: schedules[0].retry.attempts: 1000 is not between"},
		"two times":                          {"    splay: 20m\n", "    every: 1h\n", "f.yaml:7:5: schedules[0]: give exactly one of at, every and cron; there are 2"},
		"a number that YAML ate":             {"splay: 20m", "splay: 20", "f.yaml:14:12: splay: 20 has no unit"},
		"a target that is not there":         {"notify: [team]", "notify: [taem]", `f.yaml:18:14: schedules[0].notify[0]: no target is called "taem"`},
		"a secret that is none":              {`token: "env:TOKEN"`, "token: hunter2", "f.yaml:4:18: secrets.token: not a reference to a secret"},
		"a secret that is a number":          {`token: "env:TOKEN"`, "token: 1", "f.yaml:4:18: secrets.token: not a reference to a secret"},
		"a secret that is a variable too":    {"token:", "organization:", "f.yaml:4:25: secrets.organization: stands under vars as well"},
		"variables that are a list":          {"vars: {organization: contoso.onmicrosoft.com}", "vars: [organization]", "f.yaml:3:7: vars: want a map"},
		"an address with a secret in it":     {`url_secret: "env:TEAMS"`, `url: "https://x.test/?sig=hunter2"`, "f.yaml:20:36: notify[0].url: a password or a query in an address is a secret"},
		"a secret where a reference belongs": {`"env:TEAMS"`, "hunter2", "f.yaml:20:43: url_secret:"},
		"mail without a server":              {"{name: log, kind: eventlog}", "{name: log, kind: mail, from: a@b.c, to: [a@b.c]}", "f.yaml:21:5: notify[1]: mail wants server"},
		"a field of another kind":            {"{name: log, kind: eventlog}", "{name: log, kind: eventlog, from: a@b.c}", "f.yaml:21:39: notify[1].from: belongs to mail, and this is eventlog"},
		"a password in the open":             {"{name: log, kind: eventlog}", `{name: log, kind: mail, server: "a:25", from: a@b.c, to: [a@b.c], user: u, password: "env:P", security: none}`, "notify[1].security: a password is not sent without encryption"},
		"a host that is none":                {"host: rehearsal", "host: rehersal", `f.yaml:1:7: host: "rehersal" is none of auto`},
		"a sender that is none":              {"{name: log, kind: eventlog}", `{name: log, kind: mail, server: "a:25", from: nonsense, to: [a@b.c]}`, `notify[1].from: "nonsense" is no address of mail`},
		"a receiver that is none":            {"{name: log, kind: eventlog}", `{name: log, kind: mail, server: "a:25", from: a@b.c, to: [a@b.c, ""]}`, `notify[1].to[1]: "" is no address of mail`},
		"a server without a host":            {"{name: log, kind: eventlog}", `{name: log, kind: mail, server: ":", from: a@b.c, to: [a@b.c]}`, `notify[1].server: ":" is not host:port`},
		"a port that is none":                {`url_secret: "env:TEAMS"`, `url: "https://x.test:99999/"`, "notify[0].url: 99999 is not the number of a port"},
		"a short memory":                     {"reboot: window", "reboot: window\nretention: {age: 1h}", "f.yaml:3:18: retention.age: 1h0m0s is too short"},
		"a longest wait that is shorter":     {"wait: 10m, max_wait: 1h", "wait: 2h, max_wait: 1h", "f.yaml:16:46: schedules[0].retry.max_wait: 1h0m0s is less than wait, 2h0m0s"},
		"a season of splay":                  {"splay: 20m", "splay: 100d", "f.yaml:14:12: schedules[0].splay: 2400h0m0s is more than"},
		"a name without an end":              {"name: nightly", "name: " + strings.Repeat("x", 100), "is no name"},
		"a file of variables that is away":   {"more.yaml", "less.yaml", "f.yaml:5:14: vars_files[0]: less.yaml: no such file"},
		"two of one name":                    {"{name: log, kind: eventlog}", "{name: team, kind: eventlog}", `f.yaml:21:12: notify[1].name: "team" is the name of notify[0] as well`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(good, c.old, c.new, 1)
			if text == good {
				t.Fatal("the case changes nothing")
			}
			_, err := Load(playbook.File{Name: "f.yaml", Data: []byte(text)}, Options{Machine: "CE01", Open: files})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats a secret: %v", err)
			}
		})
	}
}

func TestAWindowThatNoFreezeLeavesOpen(t *testing.T) {
	text := strings.Replace(good, `to: "2027-01-04"`, `to: "2029-01-04"`, 1)
	_, err := Load(playbook.File{Name: "f.yaml", Data: []byte(text)}, Options{Machine: "CE01", Open: files, Now: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err == nil || !strings.Contains(err.Error(), "f.yaml:12:13: schedules[0].window: none opens within a year") {
		t.Errorf("got %v, want the place of the window", err)
	}
}

// A slot whose window lies after its deadline will never begin: that is found before the first night.
func TestASlotThatCanNeverBegin(t *testing.T) {
	text := strings.Replace(strings.Replace(good, `opens: "22:00", closes: "05:00"`, `opens: "04:10", closes: "05:00"`, 1), "deadline: 1d", "deadline: 10m", 1)
	_, err := Load(playbook.File{Name: "f.yaml", Data: []byte(text)}, Options{Machine: "CE01", Open: files, Now: time.Date(2027, 1, 5, 0, 0, 0, 0, time.UTC)})
	if err == nil || !strings.Contains(err.Error(), "f.yaml:17:15: schedules[0].deadline: no slot can ever begin") {
		t.Errorf("got %v, want the place of the deadline", err)
	}
}

func TestPlaybooksAreLookedAt(t *testing.T) {
	theirs := &playbook.Error{File: "p.yaml", Line: 3, Column: 1, What: "unknown field"}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"one that is not there": {errors.New("p.yaml: no such file"), "f.yaml:8:15: schedules[0].playbook: p.yaml: no such file"},
		"one that is wrong":     {playbook.Errors{theirs}, "p.yaml:3:1: unknown field"},
		"another field":         {&Wrong{"retry.wait", "is wrong"}, "f.yaml:16:32: schedules[0].retry.wait: is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(playbook.File{Name: "f.yaml", Data: []byte(good)}, Options{Open: files, Check: func(*Site, Schedule) ([]string, error) { return nil, c.err }})
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// Variables are the site's, of all schedules: one that no playbook declares is misspelt.
func TestVariablesThatNobodyDeclares(t *testing.T) {
	two := strings.Replace(good, "schedules:\n", "schedules:\n  - {name: other, playbook: other, command: verify, every: 1h}\n", 1)
	load := func(declares map[string][]string) string {
		_, err := Load(playbook.File{Name: "f.yaml", Data: []byte(two)}, Options{Open: files, Check: func(_ *Site, one Schedule) ([]string, error) {
			return declares[one.Playbook], nil
		}})
		if err == nil {
			return ""
		}
		return err.Error()
	}
	if got := load(map[string][]string{"verify-exo-v3": {"organization", "token"}, "other": {"app_id"}}); got != "" {
		t.Errorf("got %q, want all of them to be somebody's", got)
	}
	want := "/more.yaml:1:1: no playbook of a schedule declares the variable \"app_id\"\n" +
		"f.yaml:3:8: no playbook of a schedule declares the variable \"organization\", did you mean \"organisation\"?\n" +
		"f.yaml:4:11: no playbook of a schedule declares the variable \"token\""
	if got := load(map[string][]string{"verify-exo-v3": {"organisation"}}); "/"+got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(good)
	f.Add("schedules:\n  - {name: a, playbook: b, command: verify, every: 1h}\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Load(playbook.File{Name: "f.yaml", Data: []byte(text)}, Options{Machine: "CE01"})
		if err != nil {
			if errs := (playbook.Errors{}); !errors.As(err, &errs) {
				t.Fatalf("got %T, want playbook.Errors: %v", err, err)
			}
			return
		}
		for i, one := range s.Compiled {
			if one == nil || one.Name() != s.Schedules[i].Name {
				t.Errorf("schedule %d is not the compiled one", i)
			}
		}
	})
}
