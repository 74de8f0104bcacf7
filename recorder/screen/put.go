package screen

import (
	"slices"
	"unicode/utf8"
)

// text puts characters where the cursor is.
func (s *Screen) text(p []byte) {
	for len(p) > 0 {
		if n := s.run(p); n > 0 {
			p = p[n:]
			continue
		}
		r, n := utf8.DecodeRune(p)
		s.put(s.drawn(r))
		p = p[n:]
	}
}

// run puts the characters of one column at the beginning of p that fit into
// the row, where nothing is to be thought of, and gives the bytes of them.
func (s *Screen) run(p []byte) (size int) {
	if s.insert || s.pending || s.set() != 'B' {
		return 0
	}
	w, st, x := &s.page[s.y], s.style, s.x
	w.need(min(s.x+len(p), s.cols), s.cols)
	half := w.cells[x].r == 0 // of a wide one
	for ; size < len(p) && x < s.cols; x++ {
		r, m := rune(p[size]), 1
		if r >= utf8.RuneSelf {
			if r, m = decode(p[size:]); r >= 0x300 && Width(r) != 1 {
				break
			}
		}
		w.cells[x] = cell{r, st}
		size += m
	}
	if size == 0 {
		return 0
	}
	if half {
		w.lose(s.x - 1)
	}
	w.wipe(s.x, x)
	w.fresh = true
	s.advance(x - s.x)
	return size
}

// advance moves the cursor behind what was put.
func (s *Screen) advance(n int) {
	s.x += n
	if s.x >= s.cols {
		s.x, s.pending = s.cols-1, s.wrap
	}
}

// put puts a character.
func (s *Screen) put(r rune) {
	n := Width(r)
	switch {
	case n == 0:
		s.join(r)
		return
	case n > s.cols:
		return
	case s.pending, s.wrap && s.x+n > s.cols:
		s.wrapLine()
	}
	s.x = min(s.x, s.cols-n)
	w := &s.page[s.y]
	if s.insert {
		w.shift(s.x, n, s.cols, s.style.bg)
	}
	w.part(s.x, s.x+n, s.cols)
	w.cells[s.x] = cell{r, s.style}
	if n == 2 {
		w.cells[s.x+1] = cell{0, s.style}
	}
	w.fresh = true
	s.advance(n)
}

// before is the column of the character before the cursor; -1 if there is none.
func (s *Screen) before() int {
	x := s.x - 1
	if s.pending {
		x = s.x
	}
	if x > 0 && s.page[s.y].at(x).r == 0 {
		x--
	}
	return x
}

// join adds a combining character to the one before the cursor.
func (s *Screen) join(r rune) {
	x, w := s.before(), &s.page[s.y]
	if x < 0 || len(w.marks[x])+utf8.RuneLen(r) > marksMost {
		return
	}
	w.need(x+1, s.cols)
	if w.marks == nil {
		w.marks = map[int]string{}
	}
	w.marks[x] += string(r)
	w.fresh = true
}

// wrapLine goes on in the next row.
func (s *Screen) wrapLine() {
	w := &s.page[s.y]
	w.need(s.cols, s.cols)
	s.x, s.pending = 0, false
	if s.y == s.bottom || s.y < s.rows-1 {
		w.wrapped = s.rows > 1
		s.index()
	}
}

// index goes down a row, and scrolls at the bottom margin.
func (s *Screen) index() {
	switch {
	case s.y == s.bottom:
		s.scroll(s.top, 1)
	case s.y < s.rows-1:
		s.y++
	}
}

// scroll moves the rows from y to the bottom margin up by n, or down by -n.
func (s *Screen) scroll(y, n int) {
	part := s.page[y : s.bottom+1]
	n = max(-len(part), min(n, len(part)))
	switch {
	case n == 1: // the usual case, without a detour
		s.tell(y)
		first := part[0]
		copy(part, part[1:])
		first.erase(s.style.bg)
		part[len(part)-1] = first
	case n > 0:
		s.clear(y, y+n)
		rotate(part, n)
	case n < 0:
		s.clear(s.bottom+1+n, s.bottom+1)
		rotate(part, len(part)+n)
	}
	if y > 0 {
		s.page[y-1].wrapped = false
	}
	part[len(part)-1].wrapped = false
}

// rotate moves rows up by n, the first ones to the end.
func rotate(rows []row, n int) {
	if n > 0 && n < len(rows) {
		slices.Reverse(rows[:n])
		slices.Reverse(rows[n:])
		slices.Reverse(rows)
	}
}

// clear erases rows [from, to).
func (s *Screen) clear(from, to int) {
	for y := from; y < to; y++ {
		s.tell(y)
		s.page[y].erase(s.style.bg)
	}
	if from > 0 && to > from {
		s.page[from-1].wrapped = false
	}
}

// set is the letter of the character set in use.
func (s *Screen) set() byte {
	if s.shifted {
		return s.sets[1]
	}
	return s.sets[0]
}

// drawn is the character that r is in the character set in use.
func (s *Screen) drawn(r rune) rune {
	switch c := s.set(); {
	case c == '0' && r >= '_' && r <= '~': // DEC special graphics
		return []rune(" ◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·")[r-'_']
	case c == 'A' && r == '#':
		return '£'
	}
	return r
}
