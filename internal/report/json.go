package report

import (
	"bytes"
	"encoding/json"
	"io"
)

// Marshal is encoding/json without its care for HTML: what a person reads in a terminal needs no \u003e for a >.
func Marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// JSON prints one event a line. The lines are described in the README, and a test holds them to it.
type JSON struct {
	W io.Writer
	// Err is the first error of W; what follows it is dropped.
	Err error
}

// Report implements Reporter. A line is written in one piece.
func (j *JSON) Report(e Event) {
	if j.Err != nil {
		return
	}
	line, err := Marshal(e)
	if err == nil {
		_, err = j.W.Write(append(line, '\n'))
	}
	j.Err = err
}
