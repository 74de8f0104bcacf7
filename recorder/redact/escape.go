package redact

// An Escape is where in an escape sequence (ECMA-48) a stream stands. What is in a
// string, as a title is, counts as text.
type Escape byte

// Where a stream can stand.
const (
	Ground  Escape = iota // in text
	Escaped               // behind ESC
	control               // in CSI
	charset               // behind ESC and an intermediate byte
)

// Next goes on by a byte.
func (s Escape) Next(b byte) Escape {
	switch {
	case b == 0x1b:
		return Escaped
	case b >= 0x80, b == 0x18, b == 0x1a:
		return Ground
	case b < ' ': // it acts, and the sequence goes on
		return s
	}
	switch s {
	case Escaped:
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
	return Ground
}

// sequences is what of p is escape sequences.
func (s Escape) sequences(p []byte) (kept []byte) {
	for _, b := range p {
		was := s
		if s = s.Next(b); was == Ground && s == Ground || was != Ground && b < ' ' && b != 0x1b || b >= 0x80 {
			continue
		}
		kept = append(kept, b)
	}
	return kept
}

// Moved says what the end of a sequence does to the text: a space, a new line,
// or nothing (0).
func (s Escape) Moved(b byte) byte {
	if s != control {
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
