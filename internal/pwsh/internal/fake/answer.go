package fake

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// scripted finds the first answer for a function that may still be given.
func (f *fake) scripted(function string) (Answer, bool) {
	for i, a := range f.plan.Answers {
		if !strings.EqualFold(a.Func, function) {
			continue
		}
		if a.Times == 0 {
			return a, true
		}
		for n := range a.Times {
			if f.plan.claim(fmt.Sprintf("answer-%d", i), n) {
				return a, true
			}
		}
	}
	return Answer{}, false
}

func (f *fake) answer(a Answer, r request, c command) {
	f.secretsOf(r)
	ok := true
	for _, s := range a.Say {
		switch s.Kind {
		case "text":
			f.println(fmt.Sprint(s.Value))
		case "stderr":
			_, _ = os.Stderr.WriteString(fmt.Sprint(s.Value) + f.lineEnd())
		case "failure":
			ok = false
			fallthrough
		default:
			f.say(s.Kind, s.Value)
		}
	}
	if a.Hang {
		time.Sleep(time.Hour)
	}
	if a.Die {
		os.Exit(a.Exit)
	}
	var exit any
	if a.Exit != 0 {
		exit = a.Exit
	}
	f.done(ok, exit)
	f.boundaries(c)
}
