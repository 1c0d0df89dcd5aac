package fetch

import "time"

// An Event is how far a download is. At most five a second are sent, from one goroutine, and the last one is.
type Event struct {
	Name      string
	Bytes     int64         // there
	Size      int64         // of the whole file; -1 unknown
	Rate      float64       // bytes a second, lately
	Remaining time.Duration // -1 unknown
	Resumed   int64         // bytes that were there from before
	Source    string        // the mirror, without user and query
	Waiting   time.Duration // not 0: nothing comes for so long, for this reason
	Why       string
	Done      bool
}

const eventEvery = 200 * time.Millisecond

type meter struct {
	event Event
	send  func(Event)
	last  time.Time // when an event was sent
	since int64     // bytes then
}

func newMeter(name string, resumed int64, send func(Event)) *meter {
	return &meter{event: Event{Name: name, Bytes: resumed, Size: -1, Remaining: -1, Resumed: resumed}, send: send, last: time.Now(), since: resumed}
}

// begin says where bytes come from now, how many are there, and how many there will be.
func (m *meter) begin(source string, bytes, size int64) {
	m.event.Source, m.event.Bytes, m.event.Size, m.since = source, bytes, size, bytes
}

func (m *meter) moved(n int) {
	m.event.Bytes += int64(n)
	m.event.Waiting, m.event.Why = 0, ""
	m.tick(false)
}

// waiting says that nothing comes for a while.
func (m *meter) waiting(d time.Duration, why string) {
	m.event.Waiting, m.event.Why = d, why
	m.tick(false)
}

func (m *meter) done() {
	m.event.Done, m.event.Size = true, m.event.Bytes
	m.tick(true)
}

func (m *meter) tick(now bool) {
	passed := time.Since(m.last)
	if m.send == nil || !now && passed < eventEvery {
		return
	}
	if passed > 0 {
		// Half of it is the last moment, half all before: steady enough to read, quick enough to show a stall.
		lately := float64(max(m.event.Bytes-m.since, 0)) / passed.Seconds()
		m.event.Rate = (m.event.Rate + lately) / 2
	}
	m.event.Remaining = -1
	if left := m.event.Size - m.event.Bytes; m.event.Size >= 0 && m.event.Rate > 0 && left >= 0 {
		m.event.Remaining = time.Duration(float64(left) / m.event.Rate * float64(time.Second))
	}
	m.last, m.since = time.Now(), m.event.Bytes
	m.send(m.event)
}
