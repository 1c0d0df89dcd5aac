package pwsh

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exorunner/internal/pwsh/internal/fake"
)

// A recorder is an exchange without a process: it notes what the demux finds and what the exchange makes of it.
type recorder struct {
	x      *exchange
	buffer frameBuffer
	seen   []string // what the demux found
	events []string // what a caller gets
	ended  bool
}

func (r *recorder) frame(afterMark []byte) {
	f, err := parseFrame(afterMark, &r.buffer)
	if err == nil && !r.ended {
		r.seen = append(r.seen, fmt.Sprintf("%s %d/%d", f.kind, f.part, f.parts))
		err = r.x.accept(f)
	}
	if err != nil {
		r.seen = append(r.seen, err.Error())
	}
	r.drain()
}

func (r *recorder) text(line []byte, cut bool) {
	if r.ended {
		r.seen = append(r.seen, "late "+string(line))
		return
	}
	r.seen = append(r.seen, fmt.Sprintf("text %v %s", cut, line))
	r.x.text(line, cut)
	r.drain()
}

func (r *recorder) end() { r.ended = true; r.seen = append(r.seen, "end") }

func (r *recorder) drain() {
	for len(r.x.items) > 0 {
		if it := <-r.x.items; it.need != "" {
			r.events = append(r.events, "need "+it.need)
		} else {
			collect(&r.events)(it.Event)
		}
	}
}

// play feeds the bytes in pieces of random size; no random: in one piece.
func play(x *exchange, nonce, boundary string, stream []byte, random *rand.Rand) *recorder {
	r := &recorder{x: x}
	d := demux{to: r, mark: []byte(recordSeparator + nonce + " "), boundary: []byte(boundary)}
	for len(stream) > 0 {
		n := len(stream)
		if random != nil {
			n = min(n, 1+random.IntN(1<<random.IntN(13)))
		}
		d.feed(slices.Clone(stream[:n])) // a receiver must not keep what it is given
		stream = stream[n:]
	}
	d.flush()
	return r
}

func newRandom(t testing.TB, seed uint64) *rand.Rand {
	t.Helper()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// eachExchange runs a test for every recorded one.
func eachExchange(t *testing.T, test func(t *testing.T, file string, e recordedExchange)) {
	t.Helper()
	here, _ := filepath.Glob(filepath.Join(transcripts, "*.json"))
	windows, _ := filepath.Glob(filepath.Join(transcripts, "windows", "*.json"))
	files := append(here, windows...)
	if len(files) < 50 {
		t.Fatalf("%d transcripts, want all of them", len(files))
	}
	for _, file := range files {
		exchanges, err := fake.ReadTranscript(file)
		if err != nil {
			t.Fatal(err)
		}
		name, _ := filepath.Rel(transcripts, strings.TrimSuffix(file, ".json"))
		for i, e := range exchanges {
			t.Run(fmt.Sprintf("%s/%d", filepath.ToSlash(name), i), func(t *testing.T) { test(t, filepath.ToSlash(name), readExchange(t, e)) })
		}
	}
}

func TestEveryTranscriptIsReadTheSameInAnyPieces(t *testing.T) {
	random := newRandom(t, 1)
	eachExchange(t, func(t *testing.T, _ string, e recordedExchange) {
		whole := play(e.exchange(), e.Nonce, e.boundary, []byte(e.Stdout), nil)
		if want := e.Ended == "boundary" || strings.Contains(e.Stdout, e.boundary); whole.ended != want {
			t.Errorf("boundary seen: %v, want %v; it ended by %s", whole.ended, want, e.Ended)
		}
		if want := e.called && e.Ended != "silence"; (whole.x.done != nil) != want {
			t.Errorf("last frame seen: %v, want %v: %q", whole.x.done != nil, want, whole.seen)
		}
		for _, bad := range []string{"torn", "of call", "after frame", "JSON we know", "unknown kind"} {
			if i := slices.IndexFunc(whole.seen, func(s string) bool { return strings.Contains(s, bad) && !strings.HasPrefix(s, "text") }); i >= 0 {
				t.Errorf("got %q", whole.seen[i])
			}
		}
		for range 30 {
			pieces := play(e.exchange(), e.Nonce, e.boundary, []byte(e.Stdout), random)
			if diff := cmp.Diff([][]string{whole.seen, whole.events}, [][]string{pieces.seen, pieces.events}); diff != "" {
				t.Fatalf("whole -, in pieces +:\n%s", diff)
			}
		}
	})
}

// A counter is a receiver that keeps nothing.
type counter struct{ frames, texts, ends, bytes int }

func (c *counter) frame(b []byte)        { c.frames++; c.bytes += len(b) }
func (c *counter) text(b []byte, _ bool) { c.texts++; c.bytes += len(b) }
func (c *counter) end()                  { c.ends++ }

// A frame and a boundary are found behind a line of any length, whatever the pieces, and little is held.
func TestFramesAndBoundariesAreFoundBehindLongLines(t *testing.T) {
	const boundary = "$gorilla000000000000000000000001$"
	long := bytes.Repeat([]byte("z"), 4<<20)
	stream := slices.Concat(long, []byte("\x1eNONCE 1 1 1/1 done 12 eyJ2Ijo0Mn0=\n"), long, []byte(boundary+"\r\n"))
	for _, piece := range []int{64 << 10, 4096, 77} {
		c := &counter{}
		d := demux{to: c, mark: []byte("\x1eNONCE "), boundary: []byte(boundary)}
		for part := range slices.Chunk(stream, piece) {
			d.feed(part)
		}
		if c.frames != 1 || c.ends != 1 || c.texts != 2 {
			t.Errorf("pieces of %d: got %+v, want a frame, an end and the beginnings of two lines", piece, *c)
		}
		if cap(d.line) > 8*maxLine {
			t.Errorf("pieces of %d: %d bytes are held, want at most %d", piece, cap(d.line), 8*maxLine)
		}
	}
}

// In quotes the boundary is our own command line, in an error or a trace.
func TestABoundaryInQuotesIsText(t *testing.T) {
	r := play(newExchange(0, nil, nil, codePage{}), "N", "$B$", []byte("1 +; echo '$B$'; [Console]\nand$B$late\n"), nil)
	want := []string{"text false 1 +; echo '$B$'; [Console]", "text false and", "end", "late late"}
	if diff := cmp.Diff(want, r.seen); diff != "" {
		t.Error(diff)
	}
}

// Whatever comes, in whatever pieces: the same is found, and nothing that was not there.
func FuzzDemux(f *testing.F) {
	f.Add([]byte("noise\x1eN 1 1 1/1 output 12 eyJ2Ijo0Mn0=\nB\r\nlate"), uint64(1))
	f.Add([]byte("\x1eN 1 1 1/2 output 4 eyJ2\n\x1eN 1 2 2/2 output 8 Ijo0Mn0=\nxB"), uint64(2))
	f.Add(append(bytes.Repeat([]byte("y"), maxLine), "\x1eN 1 1 1/1 done 12 eyJ2Ijo0Mn0=\n"...), uint64(3))
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		whole := play(newExchange(1, nil, nil, codePage{}), "N", "B", stream, nil)
		pieces := play(newExchange(1, nil, nil, codePage{}), "N", "B", stream, rand.New(rand.NewPCG(seed, 0)))
		if len(stream) < maxLine { // beyond that the place of a cut depends on the pieces
			if !slices.Equal(whole.seen, pieces.seen) {
				t.Fatalf("whole -, in pieces +:\n%s", cmp.Diff(whole.seen, pieces.seen))
			}
		}
		for _, r := range []*recorder{whole, pieces} {
			if frames := bytes.Count(stream, []byte("\x1eN ")); len(r.events) > frames+bytes.Count(stream, []byte("\n"))*3+4 {
				t.Fatalf("%d events from %d frames", len(r.events), frames)
			}
			if r.ended && !bytes.Contains(stream, []byte("B")) {
				t.Fatal("an end without a boundary")
			}
		}
	})
}

const goodFrame = "7 1 1/1 output 12 eyJ2Ijo0Mn0="

func TestParseFrame(t *testing.T) {
	f, err := parseFrame([]byte(goodFrame), new(frameBuffer))
	if err != nil || string(f.data) != `{"v":42}` || f.id != 7 || f.kind != "output" {
		t.Errorf("got %+v, %v", f, err)
	}
	for name, bad := range map[string]string{
		"nothing":                 "",
		"one field":               "7",
		"a sign":                  "-7 1 1/1 output 12 eyJ2Ijo0Mn0=",
		"a leading zero":          "07 1 1/1 output 12 eyJ2Ijo0Mn0=",
		"sequence 0":              "7 0 1/1 output 12 eyJ2Ijo0Mn0=",
		"part 2 of 1":             "7 1 2/1 output 12 eyJ2Ijo0Mn0=",
		"part 0":                  "7 1 0/1 output 12 eyJ2Ijo0Mn0=",
		"no parts":                "7 1 1 output 12 eyJ2Ijo0Mn0=",
		"three parts":             "7 1 1/1/1 output 12 eyJ2Ijo0Mn0=",
		"another length":          "7 1 1/1 output 13 eyJ2Ijo0Mn0=",
		"stray bits":              "7 1 1/1 output 12 eyJ2Ijo0Mn1=",
		"a carriage return":       goodFrame + "\r",
		"a space behind":          goodFrame + " ",
		"two spaces":              "7  1 1/1 output 12 eyJ2Ijo0Mn0=",
		"no padding":              "7 1 1/1 output 11 eyJ2Ijo0Mn0",
		"a line break inside":     "7 1 1/1 output 13 eyJ2\rIjo0Mn0=",
		"a number beyond numbers": "99999999999999999999 1 1/1 output 12 eyJ2Ijo0Mn0=",
		"longer than any":         "7 1 1/1 output 4000 " + strings.Repeat("A", 4000),
	} {
		t.Run(name, func(t *testing.T) {
			if f, err := parseFrame([]byte(bad), new(frameBuffer)); err == nil {
				t.Errorf("got %+v; want it refused", f)
			}
		})
	}
}

// A frame that is accepted is one that host.ps1 would write: written again it is the same line.
func FuzzFrame(f *testing.F) {
	f.Add([]byte(goodFrame))
	f.Add([]byte("0 1 1/2 failure 4 eyJ2"))
	f.Add([]byte("7 1 1/1 output 13 eyJ2\rIjo0Mn0="))
	f.Fuzz(func(t *testing.T, line []byte) {
		frame, err := parseFrame(line, new(frameBuffer))
		if err != nil {
			return
		}
		text := base64.StdEncoding.EncodeToString(frame.data)
		again := fmt.Sprintf("%d %d %d/%d %s %d %s", frame.id, frame.seq, frame.part, frame.parts, frame.kind, len(text), text)
		if again != string(line) {
			t.Fatalf("got %q, written again %q", line, again)
		}
	})
}

// go-powershell is given its boundary as the end of a Read, and text up to a limit.
func TestFeedEndsWithTheBoundary(t *testing.T) {
	f := newFeed()
	f.begin()
	for range 10000 {
		f.text("0123456789")
	}
	f.boundary("B")
	all := ""
	buf := make([]byte, 64)
	for !strings.HasSuffix(all, "B\r\n") {
		n, err := f.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		all += string(buf[:n])
	}
	if len(all) > maxForward+3 || len(all) < maxForward-12 {
		t.Errorf("got %d bytes, want about %d", len(all), maxForward)
	}
}
