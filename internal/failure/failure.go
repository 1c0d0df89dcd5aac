// Package failure is the catalogue of what goes wrong on a server and with Exchange Online: how to know an error, whether
// trying again can help, and what a person does about it. It reads errors and nothing else: who met them, and what is
// done next, it does not know.
//
// PowerShell, .NET and Windows answer in the language of the machine. So an error is known by its FullyQualifiedErrorId,
// its exception type, its HRESULT, or words that nobody translates; English text comes last and decides few rows, which
// say so.
package failure

import (
	"regexp"
	"strings"

	"exorunner/internal/host"
)

// A Rule is one row of the catalogue.
type Rule struct {
	// ID is the row's name: Inn for installing, Cnn for connecting, Pnn for the machine and for our own functions,
	// AADSTSnnn for an answer of the sign-in service.
	ID string
	// Match says in words how the row knows its errors; any line of it will do.
	Match []string
	// English is true where only English text decides: elsewhere in the world the row may not be found.
	English bool
	Class   host.Class
	Remedy  string
	// Source is where the row comes from.
	Source string

	any []pattern
}

// Rules are all rows, for the reference, in the order in which they are tried.
func Rules() []Rule {
	all := append([]Rule(nil), rules...)
	for i := range all {
		for _, p := range all[i].any {
			all[i].Match = append(all[i].Match, p.String())
		}
		all[i].English = onlyEnglish(all[i].any)
	}
	return all
}

// rules is the table: what is particular comes before what is general.
var rules = concat(signInRules, connectRules, installRules, ownRules, generalRules)

func concat(parts ...[]Rule) []Rule {
	var all []Rule
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

// Classify fills Rule, Class and Remedy of an error that the catalogue knows, and frees its message of words known to
// mislead. An error that it does not know keeps an empty Rule and Class. A class that somebody set before is kept, and
// gets a remedy only from a row that agrees with it. Calling it again changes nothing.
func Classify(e *host.Error) {
	if e == nil {
		return
	}
	if clean := Clean(e.Message); clean != e.Message {
		if e.ID == e.Message {
			e.ID = clean
		}
		e.Message = clean
	}
	e.RootMessage = Clean(e.RootMessage)
	if e.Rule != "" {
		return
	}
	r := find(e)
	if r == nil || e.Class != host.Unknown && e.Class != r.Class {
		return
	}
	e.Rule, e.Class = r.ID, r.Class
	if e.Remedy == "" {
		e.Remedy = r.Remedy
	}
}

// find is the first row that knows the error by something that has no language, or else the first that does by reading
// English alone. English beside a type or an id only tells rows of one class apart.
func find(e *host.Error) *Rule {
	s := see(e)
	for _, english := range []bool{false, true} {
		for i := range rules {
			for _, p := range rules[i].any {
				if p.onlyEnglish() == english && p.matches(s) {
					return &rules[i]
				}
			}
		}
	}
	return nil
}

// misleading is what Microsoft's module puts in front of every failure to get a token with a certificate, whatever the
// failure: seen with 3.5.0.
var misleading = regexp.MustCompile(`(?s)^\s*Case when Message contains:\s*AADSTS70011\b.*?Mitigation: change the scope to be as expected\.?\s*`)

// Clean cuts the words off a message that say AADSTS70011 where the service said something else. A message that has
// nothing behind them is left as it is.
func Clean(message string) string {
	for {
		clean := misleading.ReplaceAllString(message, "")
		if clean == message || strings.TrimSpace(clean) == "" {
			return message
		}
		message = clean
	}
}
