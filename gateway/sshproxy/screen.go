package sshproxy

import (
	"bytes"
	"unicode/utf8"
)

// A screen follows how a program uses the terminal, as far as we must know to
// write a line of ours between its own: whether it has the alternate screen,
// and whether an escape sequence or a character is half written.
type screen struct {
	state  screenState
	params []byte // of the control sequence under way
	tail   []byte // last bytes, at most three: of a character cut off, perhaps
	alt    bool
}

type screenState int

const (
	ground     screenState = iota
	escape                 // ESC
	control                // CSI …
	text                   // OSC, DCS and the like, up to BEL or ST
	textEscape             // ESC within text
	charset                // ESC ( and one more
)

const maxParams = 64 // of a control sequence; more is not remembered

const esc = 0x1b

// write follows output.
func (s *screen) write(p []byte) {
	s.tail = append(s.tail, p[max(0, len(p)-3):]...)
	s.tail = append(s.tail[:0], s.tail[max(0, len(s.tail)-3):]...)
	for len(p) > 0 {
		if s.state == ground {
			i := bytes.IndexByte(p, esc)
			if i < 0 {
				return
			}
			p = p[i+1:]
			s.state = escape
			continue
		}
		s.step(p[0])
		p = p[1:]
	}
}

func (s *screen) step(b byte) {
	switch {
	case b == 0x18 || b == 0x1a: // CAN, SUB
		s.state = ground
	case s.state == text && b == 0x07, s.state == textEscape && b == '\\', s.state == charset:
		s.state = ground
	case s.state == text && b == esc:
		s.state = textEscape
	case s.state == text:
	case b == esc:
		s.state = escape
	case s.state == textEscape: // ESC and something else: the text was broken off
		s.state = escape
		s.step(b)
	case s.state == escape:
		s.begin(b)
	case b >= 0x40 && b <= 0x7e: // the end of a control sequence
		s.mode(b)
		s.state = ground
	case len(s.params) < maxParams:
		s.params = append(s.params, b)
	}
}

// begin is the byte after ESC.
func (s *screen) begin(b byte) {
	switch b {
	case '[':
		s.state, s.params = control, s.params[:0]
	case ']', 'P', 'X', '^', '_':
		s.state = text
	case '(', ')', '*', '+', '-', '.', '/', '#', '%', ' ':
		s.state = charset
	case 'c': // full reset
		s.state, s.alt = ground, false
	default:
		s.state = ground
	}
}

// mode notes that the alternate screen is taken or left: ESC [ ? … h or l.
func (s *screen) mode(final byte) {
	list, private := bytes.CutPrefix(s.params, []byte("?"))
	if !private || final != 'h' && final != 'l' {
		return
	}
	for m := range bytes.SplitSeq(list, []byte(";")) {
		switch string(m) {
		case "47", "1047", "1049":
			s.alt = final == 'h'
		}
	}
}

// between says whether nothing is half written.
func (s *screen) between() bool {
	if s.state != ground {
		return false
	}
	for i := len(s.tail) - 1; i >= 0; i-- {
		if utf8.RuneStart(s.tail[i]) {
			return utf8.FullRune(s.tail[i:])
		}
	}
	return true
}
