package daemon

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/report"
)

func task(name string, outcome report.Outcome, class string) report.Event {
	e := report.Event{Kind: report.TaskFinished, Run: "r", Task: name, Outcome: outcome, Summary: "why " + name + "\nand more"}
	if class != "" {
		e.Error = &report.Error{Class: class, Message: "m", Remedy: "cure " + name}
	}
	return e
}

func finished(status int) report.Event {
	return report.Event{Kind: report.RunFinished, Run: "r", Status: &status}
}

func TestJudge(t *testing.T) {
	certificate := report.Event{Kind: report.TaskFinished, Run: "r", Action: "certificate", Outcome: report.OK, Warnings: []string{"certificate AB ends in 9 days"}}
	reboot := finished(3010)
	reboot.Reboot = true
	cases := map[string]struct {
		events []report.Event
		want   Outcome
	}{
		"all is well":        {[]report.Event{task("a", report.OK, ""), finished(0)}, Outcome{Run: "r", Verdict: Good, Summary: "everything holds"}},
		"a restart":          {[]report.Event{task("a", report.Changed, ""), reboot}, Outcome{Run: "r", Verdict: Good, Summary: "everything holds", Restart: true}},
		"one fails":          {[]report.Event{task("a", report.OK, ""), task("b", report.Failed, "transient"), finished(1)}, Outcome{Run: "r", Verdict: Failed, Class: "transient", Summary: "b: why b", Remedy: "cure b"}},
		"unreachable passes": {[]report.Event{task("b", report.Unreachable, "unreachable"), finished(5)}, Outcome{Run: "r", Verdict: Failed, Class: "transient", Summary: "b: why b", Remedy: "cure b"}},
		"nobody knows it":    {[]report.Event{task("b", report.Failed, "unknown"), finished(1)}, Outcome{Run: "r", Verdict: Failed, Summary: "b: why b", Remedy: "cure b"}},
		"a person must act for one of two": {[]report.Event{task("a", report.Failed, "transient"), task("b", report.Failed, "never"), finished(1)},
			Outcome{Run: "r", Verdict: Failed, Class: "never", Summary: "b: why b", Remedy: "cure b"}},
		"a failure is more than drift": {[]report.Event{task("a", report.Drift, ""), task("b", report.Failed, "transient"), task("c", report.Drift, ""), finished(1)},
			Outcome{Run: "r", Verdict: Failed, Class: "transient", Summary: "b: why b", Remedy: "cure b"}},
		"waiting":                   {[]report.Event{task("a", report.Waiting, "waiting"), finished(10)}, Outcome{Run: "r", Verdict: Waiting, Class: "transient", Summary: "a: why a", Remedy: "cure a"}},
		"interrupted":               {[]report.Event{task("a", report.Unreachable, "unreachable"), finished(130)}, Outcome{Run: "r", Verdict: Interrupted, Class: "transient", Summary: "a: why a", Remedy: "cure a"}},
		"no end":                    {[]report.Event{task("a", report.OK, "")}, Outcome{Run: "r", Verdict: Interrupted, Summary: "interrupted"}},
		"a certificate ends":        {[]report.Event{certificate, finished(0)}, Outcome{Run: "r", Verdict: Good, Summary: "everything holds", Certificate: []string{"certificate AB ends in 9 days"}}},
		"refused before a task":     {[]report.Event{{Kind: report.RunFinished, Run: "r", Status: new(int), Error: &report.Error{Class: "never", Message: "no"}}}, Outcome{Run: "r", Verdict: Failed, Class: "never", Summary: "no"}},
		"a class that is to be new": {[]report.Event{task("a", report.Failed, "fresh"), finished(1)}, Outcome{Run: "r", Verdict: Failed, Class: "fresh", Summary: "a: why a", Remedy: "cure a"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var j Judge
			for _, e := range c.events {
				j.See(e)
			}
			if diff := cmp.Diff(c.want, j.Outcome()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
