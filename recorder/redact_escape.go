package recorder

// escaping is where in an escape sequence (ECMA-48) a stream stands. What is in a
// string, as a title is, counts as text.
type escaping byte

const (
	ground  escaping = iota
	escaped          // behind ESC
	control          // in CSI
	charset          // behind ESC and an intermediate byte
)

func (s escaping) next(b byte) escaping {
	switch {
	case b == 0x1b:
		return escaped
	case b >= 0x80, b == 0x18, b == 0x1a:
		return ground
	case b < ' ': // it acts, and the sequence goes on
		return s
	}
	switch s {
	case escaped:
		switch {
		case b == '[':
			return control
		case b < 0x30:
			return charset
		}
	case control:
		if b < 0x40 {
			return control
		}
	case charset:
		if b < 0x30 {
			return charset
		}
	}
	return ground
}

// sequences is what of p is escape sequences.
func (s escaping) sequences(p []byte) (kept []byte) {
	for _, b := range p {
		was := s
		if s = s.next(b); was == ground && s == ground || was != ground && b < ' ' && b != 0x1b || b >= 0x80 {
			continue
		}
		kept = append(kept, b)
	}
	return kept
}

// moved says what the end of a sequence does to the text: a space, a new line,
// or nothing (0).
func moved(was escaping, b byte) byte {
	if was != control {
		return 0
	}
	switch b {
	case 'C', 'G', '`', 'a':
		return ' '
	case 'A', 'B', 'E', 'F', 'H', 'J', 'd', 'e', 'f':
		return '\n'
	}
	return 0
}
