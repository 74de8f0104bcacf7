package screen

import "bytes"

// floodStep is how many bytes are read before it is looked again whether those
// that follow are a flood.
const floodStep = 4 << 10

// flood says how much of p need not be looked at, but for colours: lines that
// are gone again because enough others follow, up to end.
func (s *Screen) flood(p []byte) (gone, end int) {
	if s.parser.state != inText || s.parser.kept > 0 || s.top > 0 || s.bottom < s.rows-1 || len(p) < 8*s.rows {
		return 0, 0
	}
	end = lined(p)
	for left, lines, most := end, 0, 0; ; lines++ {
		left = bytes.LastIndexByte(p[:left], '\n')
		if left < 1 {
			return 0, end
		}
		// Each feed goes down a row or scrolls: after rows of them the cursor is
		// in the last row, after as many more no old row is there.
		if gone == 0 && lines >= s.rows && p[left-1] == '\r' {
			gone, most = left+1, lines+s.rows
		}
		if gone > 0 && lines > most {
			s.x, s.y, s.pending = 0, s.rows-1, false
			s.style.follow(p[:gone])
			return gone, end
		}
	}
}

// lined is how many bytes at the beginning of p change nothing but the style,
// the row of the cursor and, by ends of lines, those above it.
func lined(p []byte) int {
	end := 0
	for {
		n := bytes.IndexByte(p[end:], 0x1b)
		if n < 0 {
			end = len(p)
			break
		}
		end += n
		if n = inRow(p[end:]); n == 0 {
			break
		}
		end += n
	}
	for _, c := range []byte("\x0e\x0f") { // other characters
		if n := bytes.IndexByte(p[:end], c); n >= 0 {
			end = n
		}
	}
	for from := 0; ; { // 0xc2 begins U+0080 to U+009F, which are ESC and a letter in one
		n := bytes.IndexByte(p[from:end], 0xc2)
		if n < 0 {
			return end
		}
		if from += n + 1; from < len(p) && p[from] >= 0x80 && p[from] < 0xa0 {
			return from - 1
		}
	}
}

// inRow is the length of the control sequence at the beginning of p, if it only
// has to do with the row of the cursor and the style.
func inRow(p []byte) int {
	n, params := sequence(p)
	if n == 0 {
		return 0
	}
	if _, ok := shows(params, p[n-1]); ok && bytes.IndexByte([]byte("mKGCDPX@"), p[n-1]) < 0 {
		return 0
	}
	return n
}

// follow does what the control sequences in p, all of them inRow, do to a style.
func (st *style) follow(p []byte) {
	from := len(p)
	for from > 0 { // what came before a reset is gone
		from = max(0, bytes.LastIndexByte(p[:from], 0x1b))
		if bytes.HasPrefix(p[from:], []byte("\x1b[m")) || bytes.HasPrefix(p[from:], []byte("\x1b[0m")) {
			break
		}
	}
	for p = p[from:]; ; {
		i := bytes.IndexByte(p, 0x1b)
		if i < 0 {
			return
		}
		n, given := sequence(p[i:])
		if params, ok := shows(given, p[i+n-1]); ok && p[i+n-1] == 'm' {
			st.change(params)
		}
		p = p[i+n:]
	}
}
