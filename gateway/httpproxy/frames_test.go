package httpproxy

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockbox/policy"
	"lockbox/recorder"
)

// frame is a frame as RFC 6455 has it.
func frame(head byte, masked bool, payload string) string {
	b := []byte{head}
	m := byte(0)
	if masked {
		m = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, m|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, m|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, m|127), uint64(n))
	}
	if masked {
		mask := [4]byte{1, 2, 250, 7}
		b = append(b, mask[:]...)
		for i := range len(payload) {
			b = append(b, payload[i]^mask[i&3])
		}
		return string(b)
	}
	return string(b) + payload
}

// socket passes bytes of a WebSocket, each piece alone.
func (r *taper) socket(up, down []string) {
	r.t.Helper()
	x, err := r.begin(ask("GET", "/ws", "Upgrade", "websocket", "Connection", "Upgrade"))
	must(r.t, err)
	must(r.t, x.head(101, "HTTP/1.1", fields("Upgrade", "websocket")))
	for _, p := range up {
		must(r.t, x.up([]byte(p)))
	}
	for _, p := range down {
		must(r.t, x.down([]byte(p)))
	}
	must(r.t, x.end("done", nil))
}

// seen are frames in a line each.
func seen(all []recorder.HTTPObject) (lines []string) {
	for _, o := range all {
		if o.Op == recorder.HTTPFrame {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %d %q more=%t hash=%t code=%d", o.From, o.Type, o.Bytes, o.Text+string(o.Data), o.More, o.SHA256 != "", o.Code)))
		}
	}
	return lines
}

func TestWebSocketMessagesAreKept(t *testing.T) {
	r := tapeOf(t, policy.Recording{HTTP: "full"})
	long := strings.Repeat("0123456789", 7000)
	r.socket(
		[]string{frame(0x81, true, "hej æ"), frame(0x01, true, "one ") + frame(0x89, true, "p") + frame(0x80, true, "two"), frame(0x82, true, "\x00\x01"), frame(0x88, true, "\x03\xe9bye")},
		[]string{frame(0x81, false, ""), frame(0xc1, false, strings.Repeat("packed", 20)), frame(0x82, false, "0words of a terminal"), frame(0x81, false, long), frame(0x80, false, "stray")},
	)
	all := r.objects()
	got := seen(all)
	want := []string{
		`client text 6 "hej æ" more=false hash=false code=0`,
		`client text 0 "one " more=true hash=false code=0`, // the ping came between
		`client ping 1 "p" more=false hash=false code=0`,
		`client text 7 "two" more=false hash=false code=0`,
		`client binary 2 "" more=false hash=false code=0`,
		`client close 5 "bye" more=false hash=false code=1001`,
		`server text 0 "" more=false hash=false code=0`,
		`server text 120 "" more=false hash=true code=0`,
		`server binary 20 "0words of a terminal" more=false hash=false code=0`,
	}
	for i := range 9 {
		n, bytes, more := 8192, 0, true
		if i == 8 {
			n, bytes, more = 70000-8*8192, 70000, false
		}
		want = append(want, fmt.Sprintf("server text %d %q more=%t hash=false code=0", bytes, long[i*8192:i*8192+n], more))
	}
	want = append(want, `server 0 5 "stray" more=false hash=false code=0`)
	if d := cmp.Diff(want, got); d != "" {
		t.Error("want -, got +", d)
	}
	end := all[len(all)-1]
	if end.In.Messages != 3 || end.Out.Messages != 5 || end.In.Kept != 17 {
		t.Errorf("got %+v, %+v", end.In, end.Out)
	}
}

func TestFramesCutAnywhereAreTheSame(t *testing.T) {
	whole := frame(0x01, true, "first æø") + frame(0x80, true, strings.Repeat("å", 200)) + frame(0x8a, true, "pong") + frame(0x82, true, strings.Repeat("\x00", 70000)) + frame(0x88, true, "\x03\xe8")
	text := func(cuts []string) (s string, end *recorder.HTTPBody) {
		r := tapeOf(t, policy.Recording{HTTP: "full"})
		r.socket(cuts, nil)
		for _, o := range r.objects() {
			if s += o.Text + string(o.Data); o.Op == "end" {
				end = o.In
			}
			if o.Op == recorder.HTTPFrame && !o.More {
				s += fmt.Sprintf("|%s %d %s %d|", o.Type, o.Bytes, o.SHA256, o.Code)
			}
		}
		return s, end
	}
	want, end := text([]string{whole})
	if !strings.Contains(want, "åå|text 410") || !strings.Contains(want, "|binary 70000 ") {
		t.Fatalf("got %.300q", want)
	}
	for seed := range 8 {
		rnd := rand.New(rand.NewPCG(uint64(seed), 7))
		var cuts []string
		for rest := whole; rest != ""; {
			n := min(len(rest), 1+rnd.IntN(1+rnd.IntN(1500)))
			cuts, rest = append(cuts, rest[:n]), rest[n:]
		}
		got, ends := text(cuts)
		if got != want {
			t.Errorf("seed %d: got %.300q, want %.300q", seed, got, want)
		}
		if d := cmp.Diff(end, ends); d != "" {
			t.Errorf("seed %d: %s", seed, d)
		}
	}
}

func TestOfFramesMetadataHoldsSizesOnly(t *testing.T) {
	r := tapeOf(t, policy.Recording{})
	r.socket([]string{frame(0x81, true, "words"), frame(0x82, true, "more")}, []string{frame(0x81, false, "answer")})
	all := r.objects()
	if end := all[len(all)-1]; len(all) != 3 || end.In.Messages != 2 || end.Out.Messages != 1 || end.Out.Bytes != 8 || r.counts()["websockets"] != "1" {
		t.Errorf("got %+v, %+v", all, end)
	}
}

func TestAMessageThatNeverEndsIsKept(t *testing.T) {
	r := tapeOf(t, policy.Recording{HTTP: "full", Redact: policy.RedactCPR})
	r.socket([]string{frame(0x01, true, "half a wo")}, []string{frame(0x81, false, "cpr 010190-1234 there")[:17]})
	got := seen(r.objects())
	want := []string{`client text 0 "half a wo" more=true hash=false code=0`, `server text 0 "cpr " more=true hash=false code=0`, `server text 0 "‹redacted:cpr›" more=true hash=false code=0`}
	if d := cmp.Diff(want, got); d != "" {
		t.Error("want -, got +", d)
	}
}

func TestAnotherUpgradeIsKeptAsItIs(t *testing.T) {
	r := tapeOf(t, policy.Recording{HTTP: "full"})
	x, err := r.begin(ask("GET", "/", "Upgrade", "chat"))
	must(t, err)
	must(t, x.head(101, "HTTP/1.1", fields("Upgrade", "chat")))
	must(t, x.up([]byte("words\xff")))
	must(t, x.end("done", nil))
	all := r.objects()
	if len(all) != 4 || string(all[2].Data) != "words\xff" {
		t.Errorf("got %+v", all)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte(frame(0x81, true, "text")+frame(0x88, false, "")), uint8(3))
	f.Add([]byte("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xffwords"), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, cut uint8) {
		read := func(step int) (said string) {
			r := &reel{full: true, rule: policy.Recording{HTTP: "full", Bulk: 1 << 20}, now: time.Now}
			r.put = func(v any) error {
				o, ok := v.(*recorder.HTTPObject)
				if !ok || len(o.Text)+len(o.Data) > pieceMost {
					t.Errorf("got %v", v)
					return nil
				}
				if !o.More { // what is kept of what is half text goes by pieces
					said += fmt.Sprintf("|%s %d %d|", o.Type, o.Bytes, o.Code)
				}
				return nil
			}
			s := newFrames(&flow{t: &take{r: r}, from: recorder.FromClient})
			for i := 0; i < len(b); i += step {
				must(t, s.write(b[i:min(i+step, len(b))]))
			}
			_, err := s.end()
			must(t, err)
			return said
		}
		if whole, pieces := read(len(b)+1), read(int(cut%17)+1); whole != pieces {
			t.Errorf("whole %q, in pieces %q", whole, pieces)
		}
	})
}
