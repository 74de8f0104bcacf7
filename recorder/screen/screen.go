package screen

import (
	"strings"
	"unicode/utf8"
)

// Most columns and rows of a Screen.
const (
	colsMost = 500
	rowsMost = 300
	lineMost = 4096 // of a line that is told; a longer one is cut
)

// A Screen is what a terminal shows. It is not safe for use by several goroutines.
type Screen struct {
	cols, rows  int
	parser      parser
	main, other []row // other is nil while nothing was written to the alternate screen
	page        []row // the one of them that shows
	cursor
	saved       [2]*cursor // of main and of other; nil: none
	top, bottom int        // margins, both within
	wrap        bool
	insert      bool
	unseen      bool           // the cursor
	tabs        [colsMost]bool // stops
	told        func(string)
}

// A cursor is what is saved and restored.
type cursor struct {
	x, y    int
	pending bool // the row is full: the next character goes to the next one
	style   style
	sets    [2]byte // G0 and G1, by the letter that designates them
	shifted bool    // G1 is in use
	origin  bool
}

func newCursor() cursor { return cursor{sets: [2]byte{'B', 'B'}} }

// New makes an empty screen of cols×rows, each at least 1; more than 500×300 is cut to that.
func New(cols, rows int) *Screen {
	s := &Screen{cursor: newCursor(), wrap: true}
	s.cols, s.rows = bounded(cols, rows)
	s.main = make([]row, s.rows)
	s.page, s.bottom = s.main, s.rows-1
	for x := range s.tabs {
		s.tabs[x] = x%8 == 0
	}
	return s
}

func bounded(cols, rows int) (int, int) {
	return max(1, min(cols, colsMost)), max(1, min(rows, rowsMost))
}

// Tell has do called with each line that was written to, when it is left
// behind: by a line feed, by being scrolled away or erased with others, or by
// Rest; and with "" for each line feed in an empty row. Rows that were wrapped
// are one line.
func (s *Screen) Tell(do func(line string)) { s.told = do }

// Write takes what a target wrote, cut anywhere. It never fails. What acts on a
// viewer and what it does not know it passes over, as a Filter does.
func (s *Screen) Write(p []byte) (int, error) {
	if s.told != nil {
		s.parser.feed(p, s)
		return len(p), nil
	}
	for rest := p; len(rest) > 0; {
		gone, end := s.flood(rest)
		end = max(end, min(floodStep, len(rest)))
		s.parser.feed(rest[gone:end], s)
		rest = rest[end:]
	}
	return len(p), nil
}

// Resize changes the size; what does not fit is lost at the right and at the
// top. The margins are taken away.
func (s *Screen) Resize(cols, rows int) {
	cols, rows = bounded(cols, rows)
	if cols == s.cols && rows == s.rows {
		return
	}
	s.tellAll()
	gone := max(0, s.y-rows+1) // rows at the top
	alt := s.alt()
	s.main = resized(s.main, cols, s.cols, rows, gone)
	if s.other != nil {
		s.other = resized(s.other, cols, s.cols, rows, gone)
	}
	for x := s.cols; x < cols; x++ {
		s.tabs[x] = x%8 == 0
	}
	if cols != s.cols {
		s.pending = false
	}
	s.y -= gone
	s.cols, s.rows = cols, rows
	s.top, s.bottom = 0, rows-1
	s.show(alt)
	s.x = min(s.x, cols-1)
	for _, c := range s.saved {
		if c != nil {
			c.pending = c.pending && c.x == cols-1
			c.x, c.y = min(c.x, cols-1), min(c.y, rows-1)
		}
	}
}

func resized(page []row, cols, before, rows, gone int) []row {
	to := make([]row, rows)
	copy(to, page[gone:])
	for y := range to {
		w := &to[y]
		if len(w.cells) > cols {
			w.part(cols, cols, before)
			if w.cells[cols].r == 0 {
				w.set(cols-1, blank(w.cells[cols-1].bg))
			}
			w.cells = w.cells[:cols]
		}
		w.wrapped = w.wrapped && cols == before && y < rows-1
		for x := range w.marks {
			if x >= cols {
				delete(w.marks, x)
			}
		}
	}
	return to
}

// Size is the size.
func (s *Screen) Size() (cols, rows int) { return s.cols, s.rows }

// alt says whether the alternate screen shows.
func (s *Screen) alt() bool { return s.other != nil && &s.page[0] == &s.other[0] }

// show shows the alternate screen or the main one.
func (s *Screen) show(alt bool) {
	if alt && s.other == nil {
		s.other = make([]row, s.rows)
	}
	s.page = s.main
	if alt {
		s.page = s.other
	}
}

// Text gives the rows as text, without trailing blanks.
func (s *Screen) Text() []string {
	lines := make([]string, s.rows)
	for y := range s.page {
		lines[y] = strings.TrimRight(s.page[y].text(), " ")
	}
	return lines
}

func (w *row) text() string {
	b := make([]byte, 0, len(w.cells))
	for x, c := range w.cells {
		if c.r == 0 {
			continue
		}
		b = utf8.AppendRune(b, c.r)
		if w.marks != nil {
			b = append(b, w.marks[x]...)
		}
	}
	return string(b)
}

// Rest tells the lines that were written to and not told yet: when a terminal
// has been at rest, or at its end.
func (s *Screen) Rest() { s.tellAll() }

func (s *Screen) tellAll() {
	if s.told == nil {
		return
	}
	for y := range s.page {
		s.tell(y)
	}
}

// tell tells the line that row y is part of, if any of it is fresh.
func (s *Screen) tell(y int) {
	if s.told == nil || !s.page[y].fresh {
		return
	}
	most := max(1, lineMost/s.cols)
	for n := 1; n < most && y > 0 && s.page[y-1].wrapped; n++ {
		y--
	}
	line := ""
	for more := true; more && y < s.rows && most > 0; y++ {
		most--
		w := &s.page[y]
		line += w.text()
		w.fresh, more = false, w.wrapped
	}
	if line = strings.TrimRight(line, " "); line != "" {
		s.told(line)
	}
}
