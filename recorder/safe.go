package recorder

import (
	"strings"
	"unicode/utf8"
)

// A Safe takes from a terminal's output what acts on the viewer instead of
// showing something: titles, the clipboard, links, reports that the terminal
// answers, window operations, mouse and keyboard modes, resets. Text, colours
// and cursor movement stay. What it does not know, it takes away. The output is
// UTF-8, and never ends inside an escape sequence. The zero Safe is ready; a
// Safe is for one stream.
type Safe struct {
	half  cut
	state safeState
	seq   []byte // of the sequence that has begun, without ESC and [
	eaten int    // of a string
}

type safeState int

const (
	inText safeState = iota
	inEscape
	inControl // CSI
	inString  // OSC, DCS, SOS, PM or APC: taken away
)

const (
	safeSeq    = 64   // bytes of a sequence
	safeString = 4096 // characters of a string; then it is text again, lest it hide what follows
)

// restore undoes what a Safe lets through: the other screen, a hidden cursor,
// colours, margins, origin, insert and wrap modes, character sets.
const restore = "\x1b[?1049l\x1b[?25h\x1b[0m\x1b[r\x1b[?6l\x1b[4l\x1b[?7h\x1b(B\x0f"

// Filter takes the next bytes, cut anywhere, and gives what may be shown.
func (s *Safe) Filter(p []byte) []byte {
	p = s.half.join(p)
	out := make([]byte, 0, len(p))
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		p = p[n:]
		out = s.next(out, r)
	}
	return out
}

// End gives what puts the viewer's terminal back in order.
func (s *Safe) End() []byte {
	*s = Safe{}
	return []byte(restore)
}

func (s *Safe) next(out []byte, r rune) []byte {
	switch {
	case r == 0x1b:
		s.begin(inEscape)
	case r == 0x18 || r == 0x1a: // CAN and SUB end whatever has begun
		s.begin(inText)
	case r >= 0x80 && r < 0xa0:
		s.c1(r)
	case s.state == inString:
		s.swallow(r)
	case r < 0x20: // done at once, even inside a sequence
		if strings.ContainsRune("\b\t\n\v\f\r\x0e\x0f", r) {
			out = append(out, byte(r))
		}
	case r == 0x7f:
	case r > 0x7f || s.state == inText:
		s.begin(inText)
		out = utf8.AppendRune(out, r)
	case s.state == inEscape:
		out = s.escape(out, byte(r))
	default:
		out = s.control(out, byte(r))
	}
	return out
}

func (s *Safe) begin(st safeState) { s.state, s.seq, s.eaten = st, s.seq[:0], 0 }

// c1 takes a control of the upper half, which is ESC and a letter in one.
func (s *Safe) c1(r rune) {
	switch r {
	case 0x9b:
		s.begin(inControl)
	case 0x90, 0x98, 0x9d, 0x9e, 0x9f:
		s.begin(inString)
	default: // ST among them
		s.begin(inText)
	}
}

func (s *Safe) swallow(r rune) {
	s.eaten++
	if r == 0x07 || s.eaten == safeString {
		s.begin(inText)
	}
}

// escape goes on after ESC.
func (s *Safe) escape(out []byte, c byte) []byte {
	switch {
	case c < 0x30: // an intermediate
		if len(s.seq) < safeSeq {
			s.seq = append(s.seq, c)
		}
		return out
	case len(s.seq) == 0 && c == '[':
		s.begin(inControl)
		return out
	case len(s.seq) == 0 && strings.IndexByte("]PX^_", c) >= 0:
		s.begin(inString)
		return out
	case len(s.seq) == 0 && strings.IndexByte("78DEMH", c) >= 0: // cursor, lines, tabs
		out = append(out, 0x1b, c)
	case len(s.seq) == 1 && strings.IndexByte("()*+", s.seq[0]) >= 0: // character sets
		out = append(out, 0x1b, s.seq[0], c)
	}
	s.begin(inText)
	return out
}

// control goes on after CSI.
func (s *Safe) control(out []byte, c byte) []byte {
	if c < 0x40 {
		if len(s.seq) < safeSeq {
			s.seq = append(s.seq, c)
		}
		return out
	}
	if seq, ok := safeControl(string(s.seq), c); ok {
		out = append(append(append(out, "\x1b["...), seq...), c)
	}
	s.begin(inText)
	return out
}

// safeControl says whether a control sequence only shows something, and gives
// the part of its parameters that does.
func safeControl(params string, final byte) (string, bool) {
	if len(params) >= safeSeq {
		return "", false
	}
	if modes, ok := strings.CutPrefix(params, "?"); ok {
		return safeModes(modes, final)
	}
	for _, n := range strings.FieldsFunc(params, func(r rune) bool { return r == ';' || r == ':' && final == 'm' }) {
		if len(n) > 4 || strings.Trim(n, "0123456789") != "" {
			return "", false
		}
	}
	switch final {
	case 'J':
		return params, strings.Trim(params, "012") == "" // 3 clears what the viewer could scroll back to
	case 'T':
		return params, !strings.Contains(params, ";") // with more it tracks the mouse
	case 'h', 'l':
		return params, params == "4"
	}
	return params, strings.IndexByte("@ABCDEFGHIKLMPSXZ`abdefgmrsu", final) >= 0
}

// safeModes keeps origin, wrap, cursor and the other screen of a list of private modes.
func safeModes(modes string, final byte) (string, bool) {
	if final != 'h' && final != 'l' {
		return "", false
	}
	var keep []string
	for _, m := range strings.Split(modes, ";") {
		switch m {
		case "6", "7", "25", "47", "1047", "1048", "1049":
			keep = append(keep, m)
		}
	}
	return "?" + strings.Join(keep, ";"), len(keep) > 0
}
