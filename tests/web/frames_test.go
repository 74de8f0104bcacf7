package web

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"lockbox/policy"
	"lockbox/tests/door"
)

// What a client of WebSockets (RFC 6455) sends in each case, and what it hears until the other side closes or falls silent.
var wsCases = []struct {
	name   string
	frames []frame
}{
	{"text", []frame{{fin: true, op: 1, data: "hello"}}},
	{"empty text", []frame{{fin: true, op: 1}}},
	{"binary of 125", []frame{{fin: true, op: 2, data: strings.Repeat("x", 125)}}},
	{"binary of 126", []frame{{fin: true, op: 2, data: strings.Repeat("x", 126)}}},
	{"binary of 65535", []frame{{fin: true, op: 2, data: strings.Repeat("x", 65535)}}},
	{"binary of 65536", []frame{{fin: true, op: 2, data: strings.Repeat("x", 65536)}}},
	{"binary of 4 MiB", []frame{{fin: true, op: 2, data: strings.Repeat("x", 4<<20)}}},
	{"ping", []frame{{fin: true, op: 9, data: "are you there"}}},
	{"empty ping", []frame{{fin: true, op: 9}}},
	{"ping of 126", []frame{{fin: true, op: 9, data: strings.Repeat("x", 126)}}},
	{"a ping in pieces", []frame{{op: 9, data: "a"}, {fin: true, op: 0, data: "b"}}},
	{"a pong that nobody asked for", []frame{{fin: true, op: 10, data: "x"}, {fin: true, op: 1, data: "after"}}},
	{"ten pings", []frame{{fin: true, op: 9, data: "0"}, {fin: true, op: 9, data: "1"}, {fin: true, op: 9, data: "2"}, {fin: true, op: 9, data: "3"}}},
	{"text in pieces", []frame{{op: 1, data: "a"}, {op: 0, data: "b"}, {fin: true, op: 0, data: "c"}}},
	{"a ping between pieces", []frame{{op: 1, data: "a"}, {fin: true, op: 9, data: "p"}, {fin: true, op: 0, data: "c"}}},
	{"a piece of nothing", []frame{{fin: true, op: 0, data: "c"}}},
	{"a text between pieces", []frame{{op: 1, data: "a"}, {fin: true, op: 1, data: "b"}}},
	{"many pieces", pieces(200)},
	{"a reserved bit", []frame{{fin: true, op: 1, data: "a", reserved: 0x40}}},
	{"all reserved bits", []frame{{fin: true, op: 1, data: "a", reserved: 0x70}}},
	{"reserved data frame", []frame{{fin: true, op: 3, data: "a"}}},
	{"reserved control frame", []frame{{fin: true, op: 11}}},
	{"no mask", []frame{{fin: true, op: 1, data: "a", bare: true}}},
	{"wrong UTF-8", []frame{{fin: true, op: 1, data: "a\xc3\x28"}}},
	{"UTF-8 cut between pieces", []frame{{op: 1, data: "\xc3"}, {fin: true, op: 0, data: "\xa6"}}},
	{"close", []frame{{fin: true, op: 8, data: "\x03\xe8"}}},
	{"close with words", []frame{{fin: true, op: 8, data: "\x03\xe8bye"}}},
	{"close without a code", []frame{{fin: true, op: 8}}},
	{"close with half a code", []frame{{fin: true, op: 8, data: "\x03"}}},
	{"close with 1005", []frame{{fin: true, op: 8, data: "\x03\xed"}}},
	{"close with 999", []frame{{fin: true, op: 8, data: "\x03\xe7"}}},
	{"close with 4000", []frame{{fin: true, op: 8, data: "\x0f\xa0"}}},
	{"text after close", []frame{{fin: true, op: 8, data: "\x03\xe8"}, {fin: true, op: 1, data: "late"}}},
}

func pieces(n int) (all []frame) {
	all = append(all, frame{op: 1, data: "begin"})
	for i := range n {
		all = append(all, frame{op: 0, data: fmt.Sprint(i)})
	}
	return append(all, frame{fin: true, op: 0, data: "end"})
}

// A frame as RFC 6455, section 5.2, has it.
type frame struct {
	fin      bool
	op       byte
	reserved byte
	bare     bool // without the mask that clients must use
	data     string
}

func (f frame) bytes() []byte {
	b := []byte{f.op | f.reserved, 0}
	if f.fin {
		b[0] |= 0x80
	}
	switch n := len(f.data); {
	case n < 126:
		b[1] = byte(n)
	case n < 1<<16:
		b[1] = 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] = 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	if f.bare {
		return append(b, f.data...)
	}
	mask := [4]byte{1, 2, 3, 4}
	b[1] |= 0x80
	b = append(b, mask[:]...)
	for i := range len(f.data) {
		b = append(b, f.data[i]^mask[i%4])
	}
	return b
}

// hears reads frames until the end, or until nothing comes for a second, one line each.
func hears(in *bufio.Reader) (lines []string) {
	for {
		head := make([]byte, 2)
		if _, err := io.ReadFull(in, head); err != nil {
			return append(lines, ended(err))
		}
		n := uint64(head[1] & 0x7f)
		switch n {
		case 126:
			var v uint16
			if err := binary.Read(in, binary.BigEndian, &v); err != nil {
				return append(lines, ended(err))
			}
			n = uint64(v)
		case 127:
			if err := binary.Read(in, binary.BigEndian, &n); err != nil {
				return append(lines, ended(err))
			}
		}
		sum := sha256.New()
		if _, err := io.CopyN(sum, in, int64(n)); err != nil {
			return append(lines, ended(err))
		}
		lines = append(lines, fmt.Sprintf("%02x, %d bytes, %x", head[0], n, sum.Sum(nil)[:6]))
	}
}

func ended(err error) string {
	if n, ok := err.(net.Error); ok && n.Timeout() {
		return "silence"
	}
	return "the end"
}

// A WebSocket is the same through the door as without it, in what is allowed and in what is not.
func TestWebSocketsConformAsDirectly(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		c.SetReadLimit(16 << 20)
		for {
			kind, p, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, p) != nil {
				return
			}
		}
	}))
	t.Cleanup(app.Close)
	at := app.Listener.Addr().String()
	w := door.NewWeb(t, at)
	in := w.In(t, w.Eng, false, policy.HTTPPut, "/")
	cookie := in.Cookie(t)
	for _, c := range wsCases {
		t.Run(c.name, func(t *testing.T) {
			plain, err := net.Dial("tcp", at)
			must(t, err)
			direct := talk(t, plain, "Host: "+at+"\r\nOrigin: http://"+at+"\r\n", c.frames)
			secure, err := tls.Dial("tcp", w.Addr, w.TLS("http/1.1"))
			must(t, err)
			through := talk(t, secure, "Host: "+w.Host+"\r\nOrigin: https://"+w.Host+"\r\nCookie: "+cookie+"\r\n", c.frames)
			if d := cmp.Diff(direct, through); d != "" {
				t.Errorf("directly (-) and through the door (+):\n%s", d)
			}
		})
	}
}

// talk opens a WebSocket, sends frames, and tells what it hears.
func talk(t *testing.T, c net.Conn, head string, frames []frame) []string {
	t.Helper()
	defer func() { _ = c.Close() }()
	must(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	_, err := io.WriteString(c, "GET / HTTP/1.1\r\n"+head+"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	must(t, err)
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	must(t, err)
	if res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("got %s", res.Status)
	}
	var all bytes.Buffer
	for _, f := range frames {
		all.Write(f.bytes())
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = c.Write(all.Bytes()) // as far as it is read
	}()
	must(t, c.SetReadDeadline(time.Now().Add(1500*time.Millisecond)))
	lines := hears(in)
	_ = c.Close()
	<-sent
	return lines
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
