package screen

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A sink takes what a parser lets through.
type sink interface {
	text(p []byte)                   // without controls; a byte that is not UTF-8 stands for U+FFFD
	control(c byte)                  // BS, HT, LF, VT, FF, CR, SO or SI
	escape(mid, final byte)          // ESC and 7, 8, D, E, M or H; or mid, one of ()*+, and a character set
	sequence(params []byte, fn byte) // CSI, with the part of its parameters that shows something
	hidden(r rune)                   // a character of a string, which no screen shows; 0 at its end
}

// A parser finds in a terminal's output what shows something, and passes over
// what acts on the viewer and what it does not know. The zero parser is ready.
type parser struct {
	half  [utf8.UTFMax]byte // of a character that was cut
	kept  int               // bytes of it
	state state
	seq   [seqMost]byte // of the sequence that has begun, without ESC and [
	n     int           // bytes of it
	eaten int           // characters of a string
}

type state int

const (
	inText state = iota
	inEscape
	inControl // CSI
	inString  // OSC, DCS, SOS, PM or APC: taken away
)

const (
	seqMost    = 64   // bytes of a sequence
	stringMost = 4096 // characters of a string; then it is text again, lest it hide what follows
)

// feed takes the next bytes, cut anywhere.
func (f *parser) feed(p []byte, to sink) {
	if f.kept > 0 {
		p = append(f.half[:f.kept:f.kept], p...)
		f.kept = 0
	}
	for len(p) > 0 {
		if f.state == inText {
			if n := plain(p); n > 0 {
				to.text(p[:n])
				p = p[n:]
				continue
			}
			if c := p[0]; c < ' ' && c != 0x1b {
				f.next(rune(c), to)
				p = p[1:]
				continue
			}
		}
		if n := f.whole(p, to); n > 0 {
			p = p[n:]
			continue
		}
		if p[0] >= utf8.RuneSelf && !utf8.FullRune(p) {
			f.kept = copy(f.half[:], p)
			return
		}
		r, n := utf8.DecodeRune(p)
		p = p[n:]
		f.next(r, to)
	}
}

// whole takes a control sequence at the beginning of p that is all there, the
// usual case, and gives its length.
func (f *parser) whole(p []byte, to sink) int {
	if f.state != inText {
		return 0
	}
	n, given := sequence(p)
	if n > 0 {
		if params, ok := shows(given, p[n-1]); ok {
			to.sequence(params, p[n-1])
		}
	}
	return n
}

// sequence is the length of the control sequence that p begins with, and its
// parameters; 0 if it is not all there, or has something else within.
func sequence(p []byte) (n int, params []byte) {
	if len(p) < 3 || p[0] != 0x1b || p[1] != '[' {
		return 0, nil
	}
	for i, c := range p[2:min(len(p), seqMost)] {
		switch {
		case c >= 0x40 && c < 0x7f:
			return i + 3, p[2 : 2+i]
		case c < ' ' || c >= 0x7f:
			return 0, nil
		}
	}
	return 0, nil
}

// plain is how many bytes at the beginning of p are text, in whole characters.
func plain(p []byte) int {
	for i := 0; i < len(p); {
		if c := p[i]; c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				return i
			}
			i++
			continue
		}
		r, n := decode(p[i:])
		if r < 0xa0 || n == 1 && len(p)-i < utf8.UTFMax && !utf8.FullRune(p[i:]) {
			return i
		}
		i += n
	}
	return len(p)
}

func (f *parser) next(r rune, to sink) {
	switch {
	case r == 0x1b:
		f.begin(inEscape, to)
	case r == 0x18 || r == 0x1a: // CAN and SUB end whatever has begun
		f.begin(inText, to)
	case r >= 0x80 && r < 0xa0:
		f.c1(r, to)
	case f.state == inString:
		f.swallow(r, to)
	case r < 0x20: // done at once, even inside a sequence
		if strings.IndexByte("\b\t\n\v\f\r\x0e\x0f", byte(r)) >= 0 {
			to.control(byte(r))
		}
	case r == 0x7f:
	case r > 0x7f || f.state == inText:
		f.begin(inText, to)
		var b [utf8.UTFMax]byte
		to.text(utf8.AppendRune(b[:0], r))
	case f.state == inEscape:
		f.escape(byte(r), to)
	default:
		f.control(byte(r), to)
	}
}

// decode is utf8.DecodeRune, quick for ASCII and for what is no UTF-8.
func decode(p []byte) (rune, int) {
	switch c := p[0]; {
	case c < utf8.RuneSelf:
		return rune(c), 1
	case c < 0xc2 || c > 0xf4 || len(p) > 1 && p[1]&0xc0 != 0x80:
		return utf8.RuneError, 1
	}
	return utf8.DecodeRune(p)
}

// appendText adds what a sink is given as text, in UTF-8.
func appendText(dst, p []byte) []byte {
	if utf8.Valid(p) {
		return append(dst, p...)
	}
	for _, r := range string(p) {
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// begun gives what of a sequence or string has come so far; what follows goes on in it.
func (f *parser) begun() []byte {
	switch f.state {
	case inEscape:
		return append([]byte{0x1b}, f.seq[:f.n]...)
	case inControl:
		return append([]byte("\x1b["), f.seq[:f.n]...)
	case inString:
		return []byte("\x1bX") // of all strings the one that does nothing
	}
	return nil
}

func (f *parser) begin(st state, to sink) {
	if f.state == inString {
		to.hidden(0)
	}
	f.state, f.n, f.eaten = st, 0, 0
}

// c1 takes a control of the upper half, which is ESC and a letter in one.
func (f *parser) c1(r rune, to sink) {
	switch r {
	case 0x9b:
		f.begin(inControl, to)
	case 0x90, 0x98, 0x9d, 0x9e, 0x9f:
		f.begin(inString, to)
	default: // ST among them
		f.begin(inText, to)
	}
}

func (f *parser) swallow(r rune, to sink) {
	f.eaten++
	if r == 0x07 || f.eaten == stringMost {
		f.begin(inText, to)
		return
	}
	to.hidden(r)
}

func (f *parser) keep(c byte) {
	if f.n < seqMost {
		f.seq[f.n] = c
		f.n++
	}
}

// escape goes on after ESC.
func (f *parser) escape(c byte, to sink) {
	switch {
	case c < 0x30: // an intermediate
		f.keep(c)
		return
	case f.n == 0 && c == '[':
		f.begin(inControl, to)
		return
	case f.n == 0 && strings.IndexByte("]PX^_", c) >= 0:
		f.begin(inString, to)
		return
	case f.n == 0 && strings.IndexByte("78DEMH", c) >= 0: // cursor, lines, tabs
		to.escape(0, c)
	case f.n == 1 && strings.IndexByte("()*+", f.seq[0]) >= 0: // character sets
		to.escape(f.seq[0], c)
	}
	f.begin(inText, to)
}

// control goes on after CSI.
func (f *parser) control(c byte, to sink) {
	if c < 0x40 {
		f.keep(c)
		return
	}
	if f.n < seqMost {
		if params, ok := shows(f.seq[:f.n], c); ok {
			to.sequence(params, c)
		}
	}
	f.begin(inText, to)
}

// shows says whether a control sequence only shows something, and gives the
// part of its parameters that does.
func shows(params []byte, final byte) ([]byte, bool) {
	if len(params) > 0 && params[0] == '?' {
		return showsModes(string(params[1:]), final)
	}
	digits := 0
	for _, c := range params {
		switch {
		case c == ';' || c == ':' && final == 'm':
			digits = 0
		case c >= '0' && c <= '9' && digits < 4:
			digits++
		default:
			return nil, false
		}
	}
	switch final {
	case 'J': // 3 clears what the viewer could scroll back to
		return params, !bytes.ContainsAny(params, "3456789;")
	case 'T': // with more it tracks the mouse
		return params, bytes.IndexByte(params, ';') < 0
	case 'h', 'l':
		return params, string(params) == "4"
	}
	return params, strings.IndexByte("@ABCDEFGHIKLMPSXZ`abdefgmrsu", final) >= 0
}

// showsModes keeps origin, wrap, cursor and the other screen of a list of private modes.
func showsModes(modes string, final byte) ([]byte, bool) {
	if final != 'h' && final != 'l' {
		return nil, false
	}
	var keep []string
	for _, m := range strings.Split(modes, ";") {
		switch m {
		case "6", "7", "25", "47", "1047", "1048", "1049":
			keep = append(keep, m)
		}
	}
	return []byte("?" + strings.Join(keep, ";")), len(keep) > 0
}
