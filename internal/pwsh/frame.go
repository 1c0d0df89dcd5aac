package pwsh

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
)

const (
	recordSeparator = "\x1e"
	maxFrame        = 3584 // host.ps1 writes no longer line; what is longer has been torn by another program's text
)

// A frame is one line of an answer:
//
//	RS nonce SP id SP seq SP part/parts SP kind SP length SP base64-of-JSON LF
type frame struct {
	id, seq, part, parts int
	kind                 string
	data                 []byte // this part's share of the JSON; it lies in the buffer that was given to parseFrame
}

// A frameBuffer holds the data of one frame at a time.
type frameBuffer [maxFrame]byte

var errTorn = errors.New("torn frame")

// strictBase64 refuses stray bits at the end. Line breaks, which it would skip, cannot be in what parseFrame gives it.
var strictBase64 = base64.StdEncoding.Strict()

// parseFrame reads what follows "RS nonce SP" on a line. It accepts nothing that host.ps1 would not write.
func parseFrame(line []byte, into *frameBuffer) (frame, error) {
	var f frame
	var fields [6][]byte
	if n := split(line, &fields); n != len(fields) || len(line) > maxFrame {
		return f, fmt.Errorf("%w: %d bytes, %d fields", errTorn, len(line), n)
	}
	part, parts, _ := bytes.Cut(fields[2], []byte("/"))
	f.id, f.seq, f.part, f.parts = number(fields[0]), number(fields[1]), number(part), number(parts)
	f.kind = kindOf(fields[3])
	if f.id < 0 || f.seq < 1 || f.part < 1 || f.parts < f.part {
		return f, fmt.Errorf("%w: bad numbers", errTorn)
	}
	if n := number(fields[4]); n != len(fields[5]) {
		return f, fmt.Errorf("%w: %d of %d bytes", errTorn, len(fields[5]), n)
	}
	if bytes.ContainsAny(fields[5], "\r\n") {
		return f, fmt.Errorf("%w: a line break inside", errTorn)
	}
	n, err := strictBase64.Decode(into[:], fields[5])
	if err != nil {
		return f, fmt.Errorf("%w: not base64", errTorn)
	}
	f.data = into[:n]
	return f, nil
}

// split cuts a line at its spaces and says how many fields there are, or one more than there is room for.
func split(line []byte, fields *[6][]byte) int {
	for i := range fields {
		field, rest, more := bytes.Cut(line, []byte(" "))
		fields[i] = field
		if !more {
			return i + 1
		}
		line = rest
	}
	return len(fields) + 1
}

var kinds = []string{"output", "error", "warning", "verbose", "debug", "information", "need", "failure", "done"}

// kindOf spares an allocation for every frame of an answer.
func kindOf(b []byte) string {
	for _, k := range kinds {
		if string(b) == k {
			return k
		}
	}
	return string(b)
}

// number reads a decimal number as PowerShell writes one: no sign, no leading zero. Anything else is -1.
func number(b []byte) int {
	if len(b) == 0 || len(b) > 9 || b[0] == '0' && len(b) > 1 {
		return -1
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}
