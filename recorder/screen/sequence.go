package screen

// A params is the parameters of a control sequence.
type params []byte

// next takes the first parameter off: its numbers, which colons part.
func (p *params) next() (nums [6]int, n int) {
	n = 1
	for i, c := range *p {
		switch {
		case c == ';':
			*p = (*p)[i+1:]
			return nums, n
		case c == ':':
			n = min(n+1, len(nums))
		default:
			nums[n-1] = nums[n-1]*10 + int(c-'0')
		}
	}
	*p = nil
	return nums, n
}

// number is the first number; 0 where there is none.
func (p *params) number() int {
	nums, _ := p.next()
	return nums[0]
}

// sequence does a control sequence.
func (s *Screen) sequence(seq []byte, fn byte) {
	p := params(seq)
	switch fn {
	case 'm':
		s.style.change(p)
		return
	case 'h', 'l':
		s.modes(p, fn == 'h')
		return
	case 'J', 'K', 'X', '@', 'P', 'L', 'M', 'S', 'T':
		s.edit(fn, p.number())
		return
	case 'r':
		s.margins(p.number(), p.number())
		return
	case 'g':
		s.stops(p.number())
		return
	case 's':
		s.save()
		return
	case 'u':
		s.restore()
		return
	}
	n := p.number()
	s.move(fn, n, p)
}

func (s *Screen) modes(p params, on bool) {
	if len(p) > 0 && p[0] != '?' {
		s.insert = on
		return
	}
	for p = p[1:]; len(p) > 0; {
		s.mode(p.number(), on)
	}
}

// move moves the cursor.
func (s *Screen) move(fn byte, given int, more params) {
	n := max(given, 1)
	switch fn {
	case 'A':
		s.up(n)
	case 'B', 'e':
		s.up(-n)
	case 'C', 'a':
		s.right(n)
	case 'D':
		s.right(-n)
	case 'E':
		s.up(-n)
		s.x = 0
	case 'F':
		s.up(n)
		s.x = 0
	case 'G', '`':
		s.x, s.pending = min(n, s.cols)-1, false
	case 'H', 'f':
		s.home(max(more.number(), 1)-1, n-1)
	case 'd':
		s.home(s.x, n-1)
	case 'I':
		s.tab(n)
	case 'Z':
		s.tab(-n)
	case 'b':
		s.again(n)
	}
}

// edit erases, inserts, deletes and scrolls.
func (s *Screen) edit(fn byte, given int) {
	n := max(given, 1)
	w := &s.page[s.y]
	switch fn {
	case 'J':
		s.eraseDisplay(given)
	case 'K':
		s.eraseLine(given)
	case 'X':
		s.eraseCells(s.x, min(s.x+n, s.cols))
	case '@':
		w.shift(s.x, n, s.cols, s.style.bg)
		s.pending = false
	case 'P':
		w.shift(s.x, -n, s.cols, s.style.bg)
		s.pending = false
	case 'S':
		s.scroll(s.top, n)
	case 'T':
		s.scroll(s.top, -n)
	case 'L', 'M':
		if s.y < s.top || s.y > s.bottom {
			return
		}
		s.x, s.pending = 0, false
		if fn == 'L' {
			n = -n
		}
		s.scroll(s.y, n)
	}
}

func (s *Screen) eraseDisplay(how int) {
	s.tell(s.y)
	switch how {
	case 0:
		s.eraseLine(0)
		s.clear(s.y+1, s.rows)
	case 1:
		s.clear(0, s.y)
		s.eraseLine(1)
	case 2:
		s.clear(0, s.rows)
		s.pending = false
	}
}

func (s *Screen) eraseLine(how int) {
	switch how {
	case 0:
		s.eraseCells(s.x, s.cols)
	case 1:
		s.eraseCells(0, s.x+1)
	case 2:
		s.eraseCells(0, s.cols)
	}
}

// eraseCells erases columns [from, to) of the cursor's row.
func (s *Screen) eraseCells(from, to int) {
	s.pending = false
	w := &s.page[s.y]
	if to == s.cols {
		w.part(from, max(from, len(w.cells)), s.cols)
		w.cells, w.rest, w.wrapped = w.cells[:from], s.style.bg, false
		return
	}
	w.part(from, to, s.cols)
	for x := from; x < to; x++ {
		w.cells[x] = blank(s.style.bg)
	}
}

// stops takes the tab stop at the cursor away, or all.
func (s *Screen) stops(n int) {
	switch n {
	case 0:
		s.tabs[s.x] = false
	case 3:
		s.tabs = [colsMost]bool{}
	}
}
