package pwsh

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"exorunner/internal/host"
)

const (
	maxAnswer = 64 << 20 // bytes of JSON; more breaks the exchange
	maxText   = 1 << 20  // bytes of text handed on in one exchange; the rest is dropped
)

// An Event is something that a function said before it ended.
type Event struct {
	Kind  string          // output, error, warning, verbose, debug, information, text, exit
	Value json.RawMessage // of output; of exit, the last native program's status
	Error *host.Error     // of error: a finding, it does not fail the call
	Text  string          // of the others. Kind text comes from anybody
}

// An item is what an exchange hands to the goroutine of its caller: an event, or the name of a secret to be sent.
type item struct {
	Event
	need string
}

// An exchange is one command line and all that comes back for it. The relay fills it, the caller empties it.
type exchange struct {
	id    int      // of the call; 0 is a plain command line, which is answered in text alone
	needs []string // secrets that PowerShell has yet to ask for, in order
	hide  *redactor
	page  codePage  // of text
	items chan item // closed when the exchange is over; what follows is to be read after that

	err     error       // why it broke
	failure *host.Error // what the function failed with
	refused bool        // the answer came under id 0: the request could not be read
	done    *ending

	seq, part, parts int
	kind             string
	body             []byte // JSON of the message whose parts are arriving
	size, textSize   int
}

type ending struct {
	OK   bool            `json:"ok"`
	Exit json.RawMessage `json:"exit"`
}

func newExchange(id int, needs []string, hide *redactor, page codePage) *exchange {
	return &exchange{id: id, needs: needs, hide: hide, page: page, items: make(chan item, 64)}
}

// accept takes the next frame. An error means that the stream is not to be trusted any more.
func (x *exchange) accept(f frame) error {
	if x.id != 0 && x.seq == 0 && f.id == 0 && (f.kind == "failure" || f.kind == "done") {
		x.refused = true
	}
	switch {
	case x.id == 0:
		return fmt.Errorf("frame of call %d where text was asked for", f.id)
	case f.id != x.id && !(f.id == 0 && x.refused):
		return fmt.Errorf("frame of call %d in call %d", f.id, x.id)
	case f.seq != x.seq+1:
		return fmt.Errorf("frame %d after frame %d", f.seq, x.seq)
	case x.done != nil:
		return errors.New("frame after the last one")
	case f.part != x.part+1 || f.part > 1 && (f.parts != x.parts || f.kind != x.kind):
		return fmt.Errorf("part %d/%d of %s after %d/%d of %s", f.part, f.parts, x.hide.text(f.kind), x.part, x.parts, x.kind)
	case x.size+len(f.data) > maxAnswer:
		return fmt.Errorf("answer over %d MiB", maxAnswer>>20)
	}
	if f.part == 1 {
		x.body = make([]byte, 0, min(maxAnswer, f.parts*len(f.data)))
	}
	x.seq, x.part, x.parts, x.kind = f.seq, f.part, f.parts, f.kind
	x.body = append(x.body, f.data...)
	x.size += len(f.data)
	if f.part < f.parts {
		return nil
	}
	body := x.body
	x.part, x.body = 0, nil
	return x.message(f.kind, body)
}

// unwrap takes the value out of {"v":value}. It does not copy: values can be large.
func unwrap(body []byte) (json.RawMessage, bool) {
	const open, shut = `{"v":`, `}`
	if len(body) < len(open)+len(shut) || !bytes.HasPrefix(body, []byte(open)) || !bytes.HasSuffix(body, []byte(shut)) {
		return nil, false
	}
	value := body[len(open) : len(body)-len(shut)]
	return value, json.Valid(value)
}

// message takes a whole one. What steers the exchange (need, done) is read as it came; a secret that happens to be
// "ok" must not break it. What a caller gets to see is searched for secrets.
func (x *exchange) message(kind string, body []byte) error {
	raw, ok := unwrap(body)
	if !ok {
		return fmt.Errorf("%s frame: not the JSON we know", x.hide.text(kind))
	}
	it := item{Event: Event{Kind: kind}}
	var err error
	switch kind {
	case "output":
		it.Value, err = x.hide.json(raw)
	case "error":
		it.Error, err = x.record(raw)
	case "warning", "verbose", "debug", "information":
		err = json.Unmarshal(raw, &it.Text)
		it.Text = x.hide.value(it.Text)
	case "need":
		err = x.need(raw, &it)
	case "failure":
		x.failure, err = x.record(raw)
		return err
	case "done":
		return x.end(raw)
	default:
		return fmt.Errorf("frame of unknown kind %q", x.hide.text(kind))
	}
	if err != nil {
		return err
	}
	x.items <- it
	return nil
}

func (x *exchange) record(raw json.RawMessage) (*host.Error, error) {
	var e *host.Error
	if err := json.Unmarshal(raw, &e); err != nil || e == nil {
		return nil, errors.New("error record: not the JSON we know")
	}
	for _, s := range []*string{&e.ID, &e.Category, &e.Message, &e.Exception, &e.Root, &e.RootMessage, &e.Target, &e.Stack} {
		*s = x.hide.value(*s)
	}
	return e, nil
}

func (x *exchange) need(raw json.RawMessage, it *item) error {
	if err := json.Unmarshal(raw, &it.need); err != nil {
		return err
	}
	if len(x.needs) == 0 || x.needs[0] != it.need {
		return fmt.Errorf("asks for secret %q out of turn", x.hide.text(it.need))
	}
	x.needs = x.needs[1:]
	return nil
}

func (x *exchange) end(raw json.RawMessage) error {
	if err := json.Unmarshal(raw, &x.done); err != nil || x.done == nil {
		return errors.New("done frame: not the JSON we know")
	}
	if len(x.done.Exit) > 0 && string(x.done.Exit) != "null" {
		x.items <- item{Event: Event{Kind: "exit", Value: x.done.Exit}}
	}
	return nil
}

// text hands on a line that no frame holds, and returns it as it may be shown.
func (x *exchange) text(line []byte, cut bool) (string, bool) {
	if x.textSize > maxText {
		return "", false
	}
	s := x.hide.line(line, cut, x.page)
	if x.textSize += len(s) + 1; x.textSize > maxText {
		s = "[more text: dropped]"
	}
	x.items <- item{Event: Event{Kind: "text", Text: s}}
	return s, true
}

// outcome says how the call went, once items is closed.
func (x *exchange) outcome() error {
	switch {
	case x.err != nil:
		return &lost{x.err}
	case x.id == 0:
		return nil
	case x.done == nil:
		return &lost{errors.New("the answer ended without its last frame")}
	case x.refused:
		return x.unread()
	case x.failure != nil:
		return x.failure
	case !x.done.OK:
		return &host.Error{ID: "ExrUnfinished", Message: "left in the middle, by a break or continue outside a loop"}
	}
	return nil
}

// unread is the finding that PowerShell could not read the request: no function was called.
func (x *exchange) unread() *host.Error {
	e := host.Error{ID: "ExrRequestUnreadable"}
	if x.failure != nil {
		e = *x.failure
	}
	e.Message = "the request could not be read: " + e.Message
	return &e
}

// secretLine is a secret as Read-ExrSecret reads it.
func secretLine(secret []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(nil, secret), '\n')
}
