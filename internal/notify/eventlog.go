package notify

import "context"

// An EventLog writes a notice to the Application log of Windows, source exorunner. `exorunner service install` makes the
// source known; without that Windows shows the text with a remark around it.
//
// The ids are a promise, for rules of a monitoring system:
//
//	100 test   101 failed   102 drift   103 waiting   104 recovered   105 missed   106 certificate   107 config   108 restart
type EventLog struct{}

var _ Sender = EventLog{}

// EventSource is the name under which events are written.
const EventSource = "exorunner"

// EventID is that of a kind.
func EventID(k Kind) uint32 {
	ids := map[Kind]uint32{Test: 100, Failed: 101, Drift: 102, Waiting: 103, Recovered: 104, Missed: 105, Certificate: 106, Config: 107, Restart: 108}
	return ids[k]
}

// Send implements Sender. Away from Windows there is no such log, and the error is a permanent one.
func (EventLog) Send(_ context.Context, n Notice) error {
	return writeEvent(n.Kind, EventID(n.Kind), clip(n.Title()+"\r\n\r\n"+n.Body(), 15000))
}
