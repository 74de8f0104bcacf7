package screen

import (
	"strconv"
	"unicode/utf8"
)

// Dump gives what, written to an empty terminal of this size, makes it show and
// go on the same: both screens, cursors, styles, margins, modes, character
// sets, tab stops, and a sequence that has begun, but not half a character. It
// grows with what is on the screen: a full one of 80×24 in colours has some
// KiB, a hostile one 45 bytes a cell.
func (s *Screen) Dump() []byte {
	d := dump{sets: newCursor().sets}
	d.page(s.main, s.cols)
	d.saved(s.saved[0], s.main, s.cols)
	if s.alt() || s.saved[1] != nil || drawn(s.other) {
		d.add("\x1b[?47h")
		d.page(s.other, s.cols)
		d.saved(s.saved[1], s.other, s.cols)
		if !s.alt() {
			d.add("\x1b[?47l")
		}
	}
	d.tabs(s)
	if s.top > 0 || s.bottom < s.rows-1 {
		d.csi("r", s.top+1, s.bottom+1)
	}
	top := 0
	if s.origin {
		top = s.top
	}
	d.cursor(&s.cursor, s.page, s.cols, top)
	for _, m := range []struct {
		is   bool
		then string
	}{{!s.wrap, "\x1b[?7l"}, {s.insert, "\x1b[4h"}, {s.unseen, "\x1b[?25l"}} {
		if m.is {
			d.add(m.then)
		}
	}
	return append(d.b, s.parser.begun()...)
}

// A dump is what is written, and what the terminal that reads it is then in.
type dump struct {
	b       []byte
	style   style
	sets    [2]byte
	shifted bool
}

func (d *dump) add(s string) { d.b = append(d.b, s...) }

// csi adds a control sequence.
func (d *dump) csi(fn string, nums ...int) {
	d.add("\x1b[")
	for i, n := range nums {
		if i > 0 {
			d.add(";")
		}
		d.b = strconv.AppendInt(d.b, int64(n), 10)
	}
	d.add(fn)
}

func drawn(page []row) bool {
	for y := range page {
		if page[y].drawn() > 0 || page[y].wrapped || page[y].rest != 0 {
			return true
		}
	}
	return false
}

// drawn is how many columns are not blank behind.
func (w *row) drawn() int {
	n := len(w.cells)
	for n > 0 && w.cells[n-1] == blank(0) && w.marks[n-1] == "" {
		n--
	}
	return n
}

// page draws a whole screen.
func (d *dump) page(page []row, cols int) {
	follows := false // the row goes on from the one above
	for y := range page {
		w := &page[y]
		n := w.drawn()
		if w.rest != 0 || w.wrapped {
			n = cols
		}
		if follows {
			n = max(n, 1)
		} else if n > 0 {
			d.csi("H", y+1)
		}
		for x := 0; x < n; {
			x += d.cells(w, x, n)
		}
		follows = w.wrapped
	}
}

// cells draws some cells from x on, and gives how many columns.
func (d *dump) cells(w *row, x, n int) int {
	c, same := w.at(x), 1
	for w.marks == nil && x+same < n && w.at(x+same) == c {
		same++
	}
	switch {
	case c == blank(0) && same > 5 && x > 0 && x+same < n: // else it would not go on in the next row
		d.csi("C", same)
		return same
	case same > 6 && Width(c.r) == 1:
		d.cell(w, x)
		d.csi("b", same-1)
		return same
	}
	d.cell(w, x)
	return max(1, Width(c.r))
}

// cell draws one cell.
func (d *dump) cell(w *row, x int) {
	c := w.at(x)
	d.look(c.style)
	d.b = utf8.AppendRune(d.b, c.r)
	d.add(w.marks[x])
}

// saved makes c the saved cursor of the screen that shows.
func (d *dump) saved(c *cursor, page []row, cols int) {
	if c == nil {
		return
	}
	d.cursor(c, page, cols, 0)
	d.add("\x1b7")
	if c.origin {
		d.add("\x1b[?6l")
	}
	d.charsets(&cursor{sets: newCursor().sets})
}

// cursor puts the cursor where c is, as c is. A row that is full is made full again.
func (d *dump) cursor(c *cursor, page []row, cols, top int) {
	if c.origin {
		d.add("\x1b[?6h")
	}
	x := c.x
	if c.pending && x > 0 && page[c.y].at(x).r == 0 {
		x--
	}
	d.csi("H", c.y-top+1, x+1)
	if c.pending {
		d.cell(&page[c.y], x)
	}
	d.look(c.style)
	d.charsets(c)
}

func (d *dump) charsets(c *cursor) {
	for i, set := range c.sets {
		if set != d.sets[i] {
			d.b = append(d.b, 0x1b, '('+byte(i), set)
		}
	}
	if c.shifted != d.shifted {
		d.b = append(d.b, "\x0f\x0e"[b2i(c.shifted)])
	}
	d.sets, d.shifted = c.sets, c.shifted
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (d *dump) tabs(s *Screen) {
	same := true
	for x := range s.cols {
		same = same && s.tabs[x] == (x%8 == 0)
	}
	if same {
		return
	}
	d.add("\x1b[3g")
	for x := range s.cols {
		if s.tabs[x] {
			d.csi("G", x+1)
			d.add("\x1bH")
		}
	}
}

// look changes the style.
func (d *dump) look(st style) {
	if st == d.style {
		return
	}
	from := d.style
	d.style = st
	d.add("\x1b[")
	if from.attr&^underlines&^st.attr != 0 || st == (style{}) {
		from = style{}
		d.add("0;")
	}
	for i, a := range []uint16{bold, faint, italic, blink, inverse, conceal, strike, overline} {
		if (st.attr&^from.attr)&a != 0 {
			d.add([]string{"1;", "2;", "3;", "5;", "7;", "8;", "9;", "53;"}[i])
		}
	}
	if u := st.attr & underlines; u != from.attr&underlines {
		d.add([]string{"24;", "4;", "21;", "4:3;", "4:4;", "4:5;", "24;", "24;"}[u/underline])
	}
	if st.fg != from.fg {
		d.color(30, st.fg)
	}
	if st.bg != from.bg {
		d.color(40, st.bg)
	}
	d.b[len(d.b)-1] = 'm'
}

func (d *dump) color(base int, c color) {
	nums := []int{base + 9}
	switch n := int(c & 0xffffff); {
	case c >= direct:
		nums = []int{base + 8, 2, n >> 16, n >> 8 & 0xff, n & 0xff}
	case c >= indexed && n < 8:
		nums = []int{base + n}
	case c >= indexed && n < 16:
		nums = []int{base + 60 + n - 8}
	case c >= indexed:
		nums = []int{base + 8, 5, n}
	}
	for _, n := range nums {
		d.b = strconv.AppendInt(d.b, int64(n), 10)
		d.add(";")
	}
}
