package recorder

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
	"unicode/utf8"
)

// quickEvent reads a line as appendEvent writes it: the same as parseEvent, but
// for what else JSON allows, which is left to that.
func quickEvent(line []byte) (ev Event, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte("["))
	if !ok {
		return ev, false
	}
	ms, rest, ok := quickWait(rest)
	code, rest, found := bytes.Cut(rest, []byte(`", "`))
	text, end := bytes.CutSuffix(rest, []byte("\"]\n"))
	if !ok || !found || !end || len(code) == 0 || bytes.ContainsAny(code, "\\\"") || !printable(code) {
		return ev, false
	}
	ev = Event{At: time.Duration(ms) * time.Millisecond, Code: string(code)}
	if plain, is := strings.CutSuffix(ev.Code, raw); is && plain != "" {
		b, err := base64.StdEncoding.AppendDecode(nil, text)
		ev.Code, ev.Data = plain, b
		return ev, err == nil && bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(text, '\r') < 0
	}
	ev.Data, ok = quickText(text)
	return ev, ok
}

func printable(code []byte) bool {
	for _, c := range code {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// quickWait reads `12.345, "`.
func quickWait(p []byte) (ms int64, rest []byte, ok bool) {
	i := 0
	for ; i < len(p) && i < 9 && p[i] >= '0' && p[i] <= '9'; i++ {
		ms = ms*10 + int64(p[i]-'0')
	}
	if i == 0 || i > 1 && p[0] == '0' || len(p) < i+7 || p[i] != '.' || string(p[i+4:i+7]) != `, "` {
		return 0, nil, false
	}
	for _, c := range p[i+1 : i+4] {
		if c < '0' || c > '9' {
			return 0, nil, false
		}
		ms = ms*10 + int64(c-'0')
	}
	return ms, p[i+7:], true
}

// quickText reads the inside of a JSON string.
func quickText(p []byte) ([]byte, bool) {
	if !utf8.Valid(p) {
		return nil, false
	}
	b := make([]byte, 0, len(p))
	for len(p) > 0 {
		n := bytes.IndexByte(p, '\\')
		if n < 0 {
			n = len(p)
		}
		if dirty(p[:n]) {
			return nil, false
		}
		b = append(b, p[:n]...)
		if p = p[n:]; len(p) == 0 {
			break
		}
		c, n := quickEscape(p)
		if n == 0 {
			return nil, false
		}
		b, p = append(b, c), p[n:]
	}
	return b, true
}

// dirty says whether p holds what must not stand in a JSON string as it is.
func dirty(p []byte) bool {
	for ; len(p) >= 8; p = p[8:] { // eight at a time: below space, or a quote
		const ones, tops = 0x0101010101010101, 0x8080808080808080
		v := binary.LittleEndian.Uint64(p)
		q := v ^ ones*'"'
		if ((v-ones*' ')&^v|(q-ones)&^q)&tops != 0 {
			return true
		}
	}
	for _, c := range p {
		if c < ' ' || c == '"' {
			return true
		}
	}
	return false
}

// quickEscape reads an escape of a byte, and gives its length; 0 if it is of something else.
func quickEscape(p []byte) (byte, int) {
	if len(p) < 2 {
		return 0, 0
	}
	switch p[1] {
	case '"', '\\':
		return p[1], 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	if len(p) < 6 || string(p[1:4]) != "u00" || p[4] < '0' || p[4] > '7' {
		return 0, 0
	}
	lo := bytes.IndexByte([]byte("0123456789abcdef"), p[5])
	if lo < 0 {
		return 0, 0
	}
	return (p[4]-'0')<<4 | byte(lo), 6
}
