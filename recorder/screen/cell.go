package screen

// A color is 0 for the terminal's own, else indexed|n or direct|rgb.
type color uint32

const (
	indexed color = 1 << 24
	direct  color = 2 << 24
)

// A style is how a character looks.
type style struct {
	fg, bg color
	attr   uint16
}

// Attributes of a style. Underlines are numbered as SGR 4:n, from bit underline.
const (
	bold uint16 = 1 << iota
	faint
	italic
	blink
	inverse
	conceal
	strike
	overline
	underline
	underlines = 7 * underline
)

// A cell is a character in its place; the second half of a wide one is 0.
type cell struct {
	r rune
	style
}

func blank(bg color) cell { return cell{' ', style{bg: bg}} }

// A row is a line of the screen. Behind its cells it is blank: a row that is
// erased costs nothing, however wide.
type row struct {
	cells   []cell
	rest    color          // background behind cells
	marks   map[int]string // combining characters, by column
	wrapped bool           // it goes on in the next
	fresh   bool           // it was written to since it was last told
}

const marksMost = 32 // bytes of combining characters in a cell

func (w *row) erase(bg color) {
	*w = row{cells: w.cells[:0], rest: bg}
}

// need makes cells of the first n columns of a row of cols.
func (w *row) need(n, cols int) {
	if cap(w.cells) < n {
		w.cells = append(make([]cell, 0, cols), w.cells...)
	}
	b := blank(w.rest)
	for len(w.cells) < n {
		w.cells = append(w.cells, b)
	}
}

func (w *row) at(x int) cell {
	if x < len(w.cells) {
		return w.cells[x]
	}
	return blank(w.rest)
}

// part readies columns [from, to) to be written over: no half of a wide
// character stays, and no mark.
func (w *row) part(from, to, cols int) {
	w.need(to, cols)
	if from < to && w.cells[from].r == 0 {
		w.lose(from - 1)
	}
	w.wipe(from, to)
}

// lose blanks the first half of a wide character, where there is one.
func (w *row) lose(x int) {
	if x >= 0 {
		w.set(x, blank(w.cells[x].bg))
	}
}

// wipe takes marks away, and a half of a wide character behind.
func (w *row) wipe(from, to int) {
	if to > from && to < len(w.cells) && w.cells[to].r == 0 {
		w.cells[to] = blank(w.cells[to].bg)
	}
	if w.marks == nil {
		return
	}
	for x := range w.marks {
		if x >= from && x < to {
			delete(w.marks, x)
		}
	}
}

func (w *row) set(x int, c cell) {
	w.cells[x] = c
	delete(w.marks, x)
}

// shift moves columns from x on by n, to the right if n is positive; what
// leaves the row is lost, what comes is blank.
func (w *row) shift(x, n, cols int, bg color) {
	w.need(cols, cols)
	if w.cells[x].r == 0 && x > 0 {
		w.part(x, x+1, cols)
		w.cells[x] = blank(w.cells[x].bg)
	}
	n = max(x-cols, min(n, cols-x))
	lo, hi := x, x+n // the columns that become blank
	if n > 0 {
		w.part(cols-n, cols, cols)
		copy(w.cells[x+n:], w.cells[x:cols-n])
	} else {
		w.part(x, x-n, cols)
		copy(w.cells[x:], w.cells[x-n:])
		lo, hi = cols+n, cols
	}
	for i := lo; i < hi; i++ {
		w.cells[i] = blank(bg)
	}
	w.moveMarks(x, n)
}

func (w *row) moveMarks(x, n int) {
	if len(w.marks) == 0 {
		return
	}
	moved := map[int]string{}
	for at, m := range w.marks {
		if at >= x {
			at += n
		}
		moved[at] = m
	}
	w.marks = moved
}
