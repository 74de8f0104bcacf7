package screen

import (
	"bytes"
	"unicode/utf8"
)

// hidden is of strings, which no screen shows.
func (s *Screen) hidden(rune) {}

func (s *Screen) control(c byte) {
	switch c {
	case '\b':
		s.x, s.pending = max(s.x-1, 0), false
	case '\t':
		s.tab(1)
	case '\r':
		s.x, s.pending = 0, false
	case 0x0e:
		s.shifted = true
	case 0x0f:
		s.shifted = false
	default: // LF, VT and FF
		s.feed()
	}
}

// feed ends a line.
func (s *Screen) feed() {
	if w := &s.page[s.y]; s.told != nil && !w.fresh && w.drawn() == 0 {
		s.told("")
	}
	s.tell(s.y)
	s.pending = false
	s.index()
}

// tab goes n stops to the right, or -n to the left.
func (s *Screen) tab(n int) {
	s.pending = false
	for ; n > 0 && s.x < s.cols-1; n-- {
		for s.x++; s.x < s.cols-1 && !s.tabs[s.x]; s.x++ {
		}
	}
	for ; n < 0 && s.x > 0; n++ {
		for s.x--; s.x > 0 && !s.tabs[s.x]; s.x-- {
		}
	}
}

func (s *Screen) escape(mid, final byte) {
	if mid != 0 {
		if mid <= ')' { // nothing takes G2 or G3 into use
			s.sets[mid-'('] = known(final)
		}
		return
	}
	switch final {
	case '7':
		s.save()
	case '8':
		s.restore()
	case 'D':
		s.feed()
	case 'E':
		s.x = 0
		s.feed()
	case 'M':
		s.pending = false
		if s.y == s.top {
			s.scroll(s.top, -1)
		} else {
			s.y = max(s.y-1, 0)
		}
	case 'H':
		s.tabs[s.x] = true
	}
}

// known is a character set: line drawing, British, or ASCII for all others.
func known(set byte) byte {
	if set == '0' || set == 'A' {
		return set
	}
	return 'B'
}

// page number of the screen that shows, for saved.
func (s *Screen) which() int {
	if s.alt() {
		return 1
	}
	return 0
}

func (s *Screen) save() {
	c := s.cursor
	s.saved[s.which()] = &c
}

func (s *Screen) restore() {
	s.cursor = newCursor()
	if c := s.saved[s.which()]; c != nil {
		s.cursor = *c
	}
	if s.origin { // it does not leave the margins, which may be new
		s.y = max(s.top, min(s.y, s.bottom))
	}
	s.pending = s.pending && s.wrap
}

// mode sets or resets a mode.
func (s *Screen) mode(n int, on bool) {
	switch n {
	case 6:
		s.origin = on
		s.home(0, 0)
	case 7:
		s.wrap = on
		s.pending = s.pending && on
	case 25:
		s.unseen = !on
	case 47:
		s.swap(on)
	case 1047:
		if !on && s.alt() {
			s.clear(0, s.rows)
		}
		s.swap(on)
	case 1048:
		s.keep(on)
	case 1049:
		if on {
			s.save()
			s.swap(true)
			s.clear(0, s.rows)
			return
		}
		s.swap(false)
		s.restore()
	}
}

func (s *Screen) keep(on bool) {
	if on {
		s.save()
	} else {
		s.restore()
	}
}

func (s *Screen) swap(alt bool) {
	if s.alt() != alt {
		s.tellAll()
		s.show(alt)
	}
}

// home moves the cursor to a column and row, counted from the margins where
// the origin mode is on.
func (s *Screen) home(x, y int) {
	lo, hi := 0, s.rows-1
	if s.origin {
		lo, hi = s.top, s.bottom
	}
	s.x, s.y, s.pending = max(0, min(x, s.cols-1)), max(lo, min(lo+y, hi)), false
}

// up moves the cursor up by n, or down by -n, not over a margin.
func (s *Screen) up(n int) {
	lo, hi := 0, s.rows-1
	if s.y >= s.top {
		lo = s.top
	}
	if s.y <= s.bottom {
		hi = s.bottom
	}
	s.y, s.pending = max(lo, min(s.y-n, hi)), false
}

func (s *Screen) right(n int) {
	s.x, s.pending = max(0, min(s.x+n, s.cols-1)), false
}

// margins sets the rows that scroll.
func (s *Screen) margins(top, bottom int) {
	if bottom == 0 || bottom > s.rows {
		bottom = s.rows
	}
	if top = max(top, 1); top >= bottom {
		return
	}
	s.top, s.bottom = top-1, bottom-1
	s.home(0, 0)
}

// again repeats the character before the cursor.
func (s *Screen) again(n int) {
	if x := s.before(); x >= 0 {
		r := s.page[s.y].at(x).r
		if n = min(n, s.cols); s.set() == 'B' {
			s.text(bytes.Repeat(utf8.AppendRune(nil, r), n))
			return
		}
		for range n {
			s.put(r)
		}
	}
}
