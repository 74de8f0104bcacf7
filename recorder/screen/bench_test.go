package screen

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// streams are the kinds of output that a terminal gets.
func streams() map[string][]byte {
	log, colours, full := []byte{}, []byte{}, []byte{}
	for n := range 400 {
		log = fmt.Appendf(log, "Nov 21 12:00:%02d db1 postgres[%d]: %s\r\n", n%60, n, strings.Repeat("checkpoint ", n%9))
		colours = fmt.Appendf(colours, "\x1b[0m\x1b[01;34mfolder%d\x1b[0m  \x1b[01;32mrun%d.sh\x1b[0m  file%d\r\n", n, n, n)
		full = fmt.Appendf(full, "\x1b[%d;%dH\x1b[38;5;%dmtop %d\x1b[39m\x1b[K  %d.%d%%", n%24+1, n%40+1, n%256, n, n%100, n%10)
	}
	return map[string][]byte{
		"log": log, "colours": colours, "full screen": full, "yes": bytes.Repeat([]byte("y\r\n"), 6000),
		"danish": bytes.Repeat([]byte("Rødgrød med fløde på en ø, sagde han. "), 300),
		"wide":   bytes.Repeat([]byte("漢字かな交じり文"), 700), "chance": chance(rand.New(rand.NewPCG(2, 2)), 3000),
		"carriage returns": bytes.Repeat([]byte("\r 42% [#######      ] 1.2 MB/s"), 600),
	}
}

func BenchmarkScreen(b *testing.B) {
	for name, p := range streams() {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			s := New(80, 24)
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = s.Write(p)
			}
		})
	}
}

func BenchmarkDump(b *testing.B) {
	s := written(80, 24, coloured())
	b.ReportMetric(float64(len(s.Dump())), "bytes")
	for b.Loop() {
		_ = s.Dump()
	}
}

// coloured fills 80×24 with colours, as an editor does.
func coloured() (p []byte) {
	for y := range 24 {
		p = fmt.Appendf(p, "\x1b[%d;1H\x1b[48;5;235m", y+1)
		for x := range 16 {
			p = fmt.Appendf(p, "\x1b[38;2;%d;%d;99mword%d", x*9, y*9, x%10)
		}
	}
	return p
}

func TestADumpIsSmall(t *testing.T) {
	if n := len(written(80, 24, coloured()).Dump()); n > 10<<10 {
		t.Errorf("got %d bytes, want at most %d", n, 10<<10)
	}
	if n := len(New(80, 24).Dump()); n > 16 {
		t.Errorf("an empty one: got %d bytes, want at most 16", n)
	}
}

// What is hostile may cost more for each byte than what is not, but not so much
// that a stream of it holds a recorder up.
func TestNothingCostsTooMuch(t *testing.T) {
	for _, seq := range []string{"\x1b[2J", "\x1b[9999S", "\x1b[9999T", "\x1b[9999L", "\x1b[9999b", "\x1b[500GX\x1b[2K", "\x1b[9999@", "e\u0301", "\x1b[?1049h\x1b[?1049l", "\x1b[9999I\x1b[9999Z"} {
		s := New(500, 300)
		p := bytes.Repeat([]byte("x"+seq), 1000)
		if n := testing.AllocsPerRun(1, func() { _, _ = s.Write(p) }); n > 20000 {
			t.Errorf("%q: %g allocations for %d bytes", seq, n, len(p))
		}
	}
}
