package fake

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// recordedLine finds the exchange in which a plain line like this was sent: the same one, or one that asks the same.
func (f *fake) recordedLine(text string) (Exchange, bool) {
	for i, e := range f.plan.Exchanges {
		recorded, _, found := strings.Cut(e.Sent[0], "; echo '$gorilla")
		if found && sameQuestion(recorded, text) && f.plan.claim("line", i) {
			return e, true
		}
	}
	return Exchange{}, false
}

func sameQuestion(recorded, text string) bool {
	if recorded == text {
		return true
	}
	bootstrap := "FromBase64String("
	return strings.HasPrefix(recorded, "try {") && strings.Contains(recorded, bootstrap) && strings.Contains(text, bootstrap)
}

// recordedCall finds the recorded answer to a call: of the same function with the same arguments, or else of the same
// function; in the order of the recording, the last one again and again. Processes of one plan share that order.
func (f *fake) recordedCall(r request) (Exchange, bool) {
	var same, every []int
	for i, e := range f.plan.Exchanges {
		recorded, ok := requestOf(e)
		if !ok || !strings.EqualFold(recorded.Func, r.Func) {
			continue
		}
		every = append(every, i)
		if len(recorded.Args) == len(r.Args) && (len(r.Args) == 0 || reflect.DeepEqual(recorded.Args, r.Args)) {
			same = append(same, i)
		}
	}
	if len(same) == 0 {
		same = every
	}
	for _, i := range same {
		if f.plan.claim("call", i) {
			return f.plan.Exchanges[i], true
		}
	}
	if len(same) == 0 {
		return Exchange{}, false
	}
	return f.plan.Exchanges[same[len(same)-1]], true
}

func requestOf(e Exchange) (request, bool) {
	var r request
	text, _, _ := strings.Cut(e.Sent[0], "; echo '")
	m := invokeText.FindStringSubmatch(text)
	if m == nil {
		return r, false
	}
	raw, err := base64.StdEncoding.DecodeString(m[1])
	return r, err == nil && json.Unmarshal(raw, &r) == nil
}

var recordedEnd = regexp.MustCompile(`; echo '(\$gorilla[0-9a-f]{24}\$)'`)

// replay writes the recorded bytes with this session's nonce, boundaries and id in them. A frame of kind need is
// followed by the reading of a secret.
func (f *fake) replay(e Exchange, c command, id int) {
	stdout, stderr := []byte(e.Stdout), []byte(e.Stderr)
	if m := recordedEnd.FindStringSubmatch(e.Sent[0]); m != nil {
		stdout = bytes.ReplaceAll(stdout, []byte(m[1]), []byte(c.outEnd))
		stderr = bytes.ReplaceAll(stderr, []byte(m[1]), []byte(c.errEnd))
	}
	if recorded, ok := requestOf(e); ok {
		stdout = bytes.ReplaceAll(stdout, fmt.Appendf(nil, "\x1e%s %d ", e.Nonce, recorded.ID), fmt.Appendf(nil, "\x1e%s %d ", f.nonce, id))
	}
	stdout = bytes.ReplaceAll(stdout, []byte("\x1e"+e.Nonce+" "), []byte("\x1e"+f.nonce+" "))
	errPieces := f.pieces(stderr) // before the goroutine: the source of chance is not shared
	var both sync.WaitGroup
	both.Go(func() { play(os.Stderr, errPieces) })
	need := regexp.MustCompile("\x1e" + f.nonce + ` \d+ \d+ \d+/\d+ need \d+ [A-Za-z0-9+/=]*\n`)
	for {
		at := need.FindIndex(stdout)
		if at == nil {
			break
		}
		f.notYet()
		play(os.Stdout, f.pieces(stdout[:at[1]]))
		f.secret()
		stdout = stdout[at[1]:]
	}
	play(os.Stdout, f.pieces(stdout))
	both.Wait()
	if status, found := strings.CutPrefix(e.Ended, "exit "); found {
		n, _ := strconv.Atoi(status)
		os.Exit(n)
	}
	if _, called := requestOf(e); called && e.Ended == "silence" {
		time.Sleep(time.Hour) // whatever was called keeps the input to itself
	}
}

// pieces are b in the sizes in which it is written.
func (f *fake) pieces(b []byte) [][]byte {
	if f.plan.Seed == 0 {
		return [][]byte{b}
	}
	var all [][]byte
	for len(b) > 0 {
		n := min(len(b), 1+f.random.IntN(1<<f.random.IntN(12)))
		all = append(all, b[:n])
		b = b[n:]
	}
	return all
}

func play(to *os.File, pieces [][]byte) {
	for i, piece := range pieces {
		_, _ = to.Write(piece)
		if i%8 == 7 {
			time.Sleep(50 * time.Microsecond) // so that the reader sees some of the seams
		}
	}
}
