package exoconnect

import (
	"fmt"
	"strings"

	"exorunner/internal/exr"
	"exorunner/internal/failure"
	"exorunner/internal/host"
	"exorunner/internal/version"
)

// A Verdict is what was seen in one PowerShell, and what follows from it, point by point.
type Verdict struct {
	Verdict    string          `json:"verdict"` // holds, refuted, rps
	Summary    string          `json:"summary"`
	Points     []Point         `json:"points"`
	Connection *exr.Connection `json:"connection"`

	err error
}

// A Point is one condition of the proof. All are looked at, whatever the others say.
type Point struct {
	Point string `json:"point"`
	Holds bool   `json:"holds"`
	Found string `json:"found"`
	// rps: it says that Remote PowerShell was used.
	rps bool
	err *host.Error
}

const (
	loadV3      = "an old module was loaded or RPS was asked for: install and import V3; enabling Basic authentication is no remedy"
	reTry       = "connect again; if it stays, look at the proxy and at the service's health"
	otherModule = "something else than the connection answered: take the other module with that command away from this server, or name a probe that Exchange Online alone has"
	roleHint    = "give the application or user a role that may run it (Exchange Administrator, or a role group with View-Only Configuration) and consent to Exchange.ManageAsApp"
)

// judge applies the points of a connection that works without RPS.
func judge(wanted string, probes []string, c exr.Connection) Verdict {
	v := Verdict{Connection: &c}
	v.Points = append(v.Points,
		Point{Point: "module version", Holds: version.Compare(c.Module.Version, wanted) == 0, Found: c.Module.Version,
			err: &host.Error{ID: "ExrModuleVersion", Class: host.Never, Remedy: "look at what a fresh Import-Module takes, with the task that installs the module"}},
		connected(c.Failure), state(c.StateError))
	if c.Failure == nil {
		v.Points = append(v.Points, connection(c)...)
	}
	v.Points = append(v.Points, noRPS(c)...)
	if c.Failure == nil {
		v.Points = append(v.Points, answered(probes, c)...)
	}
	v.conclude(c)
	return v
}

func connected(failed *host.Error) Point {
	p := Point{Point: "Connect-ExchangeOnline", Holds: failed == nil, Found: "no error"}
	if failed != nil {
		failure.Classify(failed)
		p.Found, p.err = failed.Message, failed
		p.rps = failed.Rule == "C06" || failed.Rule == "C07" || failed.Rule == "C08"
	}
	return p
}

func state(failed *host.Error) Point {
	p := Point{Point: "Get-ConnectionInformation", Holds: failed == nil, Found: "no error"}
	if failed != nil {
		failure.Classify(failed)
		p.Found, p.err = failed.Message, failed
	}
	return p
}

func connection(c exr.Connection) []Point {
	retry := func(id string) *host.Error { return &host.Error{ID: id, Class: host.Transient, Remedy: reTry} }
	if len(c.Connections) != 1 {
		p := Point{Point: "one connection", Found: fmt.Sprintf("%d connections", len(c.Connections)), err: retry("ExrConnectionCount")}
		// Get-ConnectionInformation lists nothing after an RPS connect.
		p.rps = len(c.Connections) == 0 && c.StateError == nil && (len(c.RPSSessions) > 0 || len(c.RPSModules) > 0)
		return []Point{p}
	}
	one := c.Connections[0]
	return []Point{
		{Point: "one connection", Holds: true, Found: one.ID},
		{Point: "state", Holds: one.State == "Connected", Found: one.State, err: retry("ExrConnectionState")},
		{Point: "token", Holds: one.TokenStatus == "Active", Found: one.TokenStatus, err: retry("ExrTokenStatus")},
		{Point: "generated module", Holds: strings.HasPrefix(one.ModuleName, "tmpEXO_"), Found: one.ModuleName,
			rps: strings.HasPrefix(one.ModuleName, "tmp_"), err: retry("ExrGeneratedModule")},
		{Point: "Exchange Online and not Security & Compliance", Holds: !strings.EqualFold(one.IsEOPSession, "True"), Found: "IsEopSession " + one.IsEOPSession,
			err: &host.Error{ID: "ExrEopSession", Class: host.Never, Remedy: "connect with Connect-ExchangeOnline, and without a connection_uri of Security & Compliance"}},
	}
}

func noRPS(c exr.Connection) []Point {
	names := make([]string, len(c.RPSModules))
	for i, m := range c.RPSModules {
		names[i] = strings.TrimSpace(m.Name + " " + m.Description)
	}
	none := func(list []string) string {
		if len(list) == 0 {
			return "none"
		}
		return strings.Join(list, ", ")
	}
	return []Point{
		{Point: "no RPS session", Holds: len(c.RPSSessions) == 0, Found: none(c.RPSSessions), rps: len(c.RPSSessions) > 0},
		{Point: "no RPS module", Holds: len(c.RPSModules) == 0, Found: none(names), rps: len(c.RPSModules) > 0},
	}
}

// answered wants an answer of every probe that was asked for, from the connection's own module.
func answered(probes []string, c exr.Connection) []Point {
	var all []Point
	for _, command := range probes {
		p := Point{Point: command + " answers", Found: "was not called", err: &host.Error{ID: "ExrProbe", Class: host.Never, Remedy: roleHint}}
		for _, seen := range c.Probes {
			if !strings.EqualFold(seen.Command, command) {
				continue
			}
			p.Holds = seen.OK && strings.HasPrefix(seen.Module, "tmpEXO_")
			p.Found = fmt.Sprintf("%d from %s", seen.Count, seen.Module)
			p.rps = strings.HasPrefix(seen.Module, "tmp_")
			if seen.OK {
				p.err = &host.Error{ID: "ExrProbeModule", Class: host.Never, Remedy: otherModule}
			}
			if seen.Error != nil {
				failure.Classify(seen.Error)
				p.Found, p.err = seen.Error.Message, seen.Error
				if seen.Error.Class == host.Unknown {
					seen.Error.Class = host.Never
				}
			}
		}
		all = append(all, p)
	}
	return all
}

// conclude: RPS is a verdict of its own; else one point that cannot be cured by trying again makes it never.
func (v *Verdict) conclude(c exr.Connection) {
	v.Verdict = "holds"
	var found []string
	final := &host.Error{Class: host.Transient}
	for _, p := range v.Points {
		if p.Holds {
			continue
		}
		if v.Verdict == "holds" {
			v.Verdict = "refuted"
		}
		if p.rps {
			v.Verdict = "rps"
		}
		found = append(found, p.Point+": "+firstLine(p.Found))
		if p.err == nil {
			continue
		}
		// The first one tells; a later one only if it is graver.
		if class := known(p.err.Class); final.ID == "" || gravity[class] > gravity[final.Class] {
			final.ID, final.Rule, final.Remedy, final.Exception = p.err.ID, p.err.Rule, p.err.Remedy, p.err.Exception
			final.Class = class
		}
	}
	switch v.Verdict {
	case "holds":
		v.Summary = fmt.Sprintf("connected with %s over REST as %s on %s, %d commands answered", c.Module.Version, c.Account.Name, c.Account.Computer, len(c.Probes))
		return
	case "rps":
		final.ID, final.Class, final.Remedy = "ExrRPS", host.Never, loadV3
	}
	v.Summary = strings.Join(found, "; ")
	final.Message = v.Summary
	if v.Verdict == "rps" {
		final.Message = "Remote PowerShell was used: " + v.Summary
	}
	if len(final.ID) > 120 { // Microsoft's module gives the message as the id
		final.ID = final.Exception
	}
	v.err = final
}

var gravity = map[host.Class]int{host.Transient: 0, host.OnceMore: 1, host.Never: 2}

// known: what is not in the catalogue may be a refused sign-in, and that is never tried again: each try counts towards
// the lock of an account.
func known(c host.Class) host.Class {
	if c == host.Transient || c == host.OnceMore {
		return c
	}
	return host.Never
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return strings.TrimRight(line, "\r")
}
