package notify

import "context"

// An EventLog writes a notice to the Application log of Windows, source exorunner. `exorunner service install` makes the
// source known; without that Windows shows the text with a remark around it.
//
// The ids, those of Described, are a promise, for rules of a monitoring system.
type EventLog struct{}

var _ Sender = EventLog{}

// EventSource is the name under which events are written.
const EventSource = "exorunner"

// A Description says what a kind of notice is about, and the id of its event.
type Description struct {
	Kind  Kind
	ID    uint32
	Level string // error, warning, information
	About string
}

// Described are all kinds, by id.
func Described() []Description {
	return []Description{
		{Test, 100, "information", "somebody typed `exorunner service notify`"},
		{Failed, 101, "error", "a slot failed and is not tried again, or did not come to its end in time"},
		{Drift, 102, "error", "a verification found a difference"},
		{Waiting, 103, "warning", "something outside (a person, Cloud Extender's own update) has been waited for too long"},
		{Recovered, 104, "information", "the first slot that went well after one of those three; for targets that heard of it"},
		{Missed, 105, "warning", "a slot did not run"},
		{Certificate, 106, "warning", "a certificate ends soon; once a week each"},
		{Config, 107, "warning", "a changed configuration is wrong, and the one before stays in force"},
		{Restart, 108, "warning", "the machine wants a restart that the service does not do, or could not"},
		{Ended, 109, "error", "the service ended by itself: its configuration is wrong at the start, or its journal cannot be used; in the event log alone"},
	}
}

// EventID is that of a kind.
func EventID(k Kind) uint32 { return describe(k).ID }

func describe(k Kind) Description {
	for _, d := range Described() {
		if d.Kind == k {
			return d
		}
	}
	return Description{Level: "warning"}
}

// Send implements Sender. Away from Windows there is no such log, and the notice is a line on stderr.
func (EventLog) Send(_ context.Context, n Notice) error {
	return writeEvent(n.Kind, EventID(n.Kind), clip(n.Title()+"\r\n\r\n"+n.Body(), 15000))
}
