package screen

// A Spy reads what was written, whether a screen shows it so or not: the text
// up to each end of a line or return to its beginning, and apart from it each
// string. Letters of another character set are the letters that were sent.
type Spy struct {
	Said    func(text string)
	parser  parser
	line    []byte
	strings []byte
}

const saidMost = 4096 // bytes of a text; a longer one comes in parts

// Write takes what a target wrote, cut anywhere.
func (s *Spy) Write(p []byte) { s.parser.feed(p, s) }

// Rest gives what is not told yet.
func (s *Spy) Rest() {
	s.say(&s.line)
	s.say(&s.strings)
}

func (s *Spy) say(b *[]byte) {
	if len(*b) > 0 {
		s.Said(string(*b))
		*b = (*b)[:0]
	}
}

func (s *Spy) text(p []byte) {
	if len(s.line)+len(p) > saidMost {
		s.say(&s.line)
	}
	s.line = appendText(s.line, p)
}

func (s *Spy) control(c byte) {
	switch c {
	case '\n', '\v', '\f', '\r':
		s.say(&s.line)
	case '\t':
		s.line = append(s.line, ' ')
	}
}

func (s *Spy) escape(mid, final byte) {
	if mid == 0 && final != '7' && final != '8' {
		s.say(&s.line)
	}
}

// sequence ends a text where the cursor goes up, down or to a place.
func (s *Spy) sequence(_ []byte, fn byte) {
	switch fn {
	case 'A', 'B', 'E', 'F', 'H', 'f', 'd', 'J', 'r', 'L', 'M', 'S', 'T', 'u', 'e':
		s.say(&s.line)
	case 'C', 'G', '`', 'a', 'I':
		s.line = append(s.line, ' ')
	}
}

func (s *Spy) hidden(r rune) {
	if r == 0 || len(s.strings) > saidMost {
		s.say(&s.strings)
		return
	}
	s.strings = append(s.strings, string(r)...)
}
