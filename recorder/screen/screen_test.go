package screen

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// state prints all that a screen is and will do.
func (s *Screen) state() string {
	var b strings.Builder
	saved := func(c *cursor) cursor {
		if c == nil {
			return newCursor()
		}
		return *c
	}
	fmt.Fprintf(&b, "%d×%d %+v saved %+v %+v margins %d-%d wrap %t insert %t unseen %t alt %t tabs %v\n", s.cols, s.rows, s.cursor,
		saved(s.saved[0]), saved(s.saved[1]), s.top, s.bottom, s.wrap, s.insert, s.unseen, s.alt(), s.tabs[:s.cols])
	for _, page := range [][]row{s.main, s.other} {
		for y := range s.rows {
			w := &row{}
			if page != nil {
				w = &page[y]
			}
			for x := range s.cols {
				c := w.at(x)
				fmt.Fprintf(&b, "%c%s", c.r, w.marks[x])
				if c.style != (style{}) {
					fmt.Fprintf(&b, "%v", c.style)
				}
			}
			fmt.Fprintf(&b, " %t\n", w.wrapped)
		}
	}
	return b.String()
}

// sound says what is wrong with a screen inside.
func (s *Screen) sound() string {
	for _, page := range [][]row{s.main, s.other} {
		for y := range page {
			w := &page[y]
			for x := range s.cols {
				c, next := w.at(x), cell{r: ' '}
				if x+1 < s.cols {
					next = w.at(x + 1)
				}
				if c.r == 0 && (x == 0 || Width(w.at(x-1).r) != 2) || Width(c.r) == 2 && c.r != 0 && next.r != 0 {
					return fmt.Sprintf("half a character at %d,%d", x, y)
				}
			}
			if len(w.cells) > s.cols {
				return "a row is too long"
			}
		}
	}
	return ""
}

func written(cols, rows int, ps ...[]byte) *Screen {
	s := New(cols, rows)
	for _, p := range ps {
		_, _ = s.Write(p)
	}
	return s
}

// goesOn says how a screen made from a's dump differs from a, before and after b.
func goesOn(a *Screen, b []byte) string {
	again := written(a.cols, a.rows, a.Dump())
	if got, want := again.state(), a.state(); got != want {
		return fmt.Sprintf("dump %q\ngot\n%s\nwant\n%s", a.Dump(), got, want)
	}
	_, _ = a.Write(b)
	_, _ = again.Write(b)
	if got, want := again.state(), a.state(); got != want {
		return fmt.Sprintf("after %q\ngot\n%s\nwant\n%s", b, got, want)
	}
	return ""
}

// ended leaves no sequence half done: that is not on the screen.
func ended(p []byte) []byte { return append(bytes.Clone(p), 0x18) }

// chance makes output of a terminal: all that a Screen knows, and some that it does not.
func chance(r *rand.Rand, n int) []byte {
	var b []byte
	texts := []string{"hello", "æøå", "漢字", "e\u0301", "😀", "a\u200db", "x", " ", strings.Repeat("long ", 9), "lqqk~_", "#"}
	styles := []string{"0", "1", "2", "3", "4", "5", "7", "8", "9", "21", "22", "24", "27", "31", "42", "97", "103", "39", "49",
		"38;5;123", "48;2;1;2;3", "38:2::9:8:7", "4:3", "", "53", "48:5:7", "58;5;1"}
	for range n {
		num := func() int { return r.IntN(14) }
		switch r.IntN(13) {
		case 0, 1, 2:
			b = append(b, texts[r.IntN(len(texts))]...)
		case 3:
			b = fmt.Appendf(b, "\x1b[%s;%sm", styles[r.IntN(len(styles))], styles[r.IntN(len(styles))])
		case 4:
			b = append(b, "\b\t\n\v\f\r\x0e\x0f"[r.IntN(8)])
		case 5:
			b = append(b, 0x1b, "78DEMH"[r.IntN(6)])
		case 6:
			b = append(b, 0x1b, "()*+"[r.IntN(4)], "0AB1"[r.IntN(4)])
		case 7:
			b = fmt.Appendf(b, "\x1b[%d;%dH", num(), num())
		case 8:
			b = fmt.Appendf(b, "\x1b[%d%c", num(), "@ABCDEFGILMPSTXZ`abde"[r.IntN(21)])
		case 9:
			b = fmt.Appendf(b, "\x1b[%d%c", r.IntN(4), "JKg"[r.IntN(3)])
		case 10:
			b = fmt.Appendf(b, "\x1b[?%d%c", []int{6, 7, 25, 47, 1047, 1048, 1049, 1000}[r.IntN(8)], "hl"[r.IntN(2)])
		case 11:
			b = fmt.Appendf(b, "\x1b[%d;%dr", num(), num())
		case 12:
			b = append(b, []string{"\x1b[4h", "\x1b[4l", "\x1b[s", "\x1b[u", "\x1b[r", "\x1b]0;t\x07", "\r\n", "\x1b[?7h", "\x1b[m"}[r.IntN(9)]...)
		}
	}
	return b
}

func TestADumpGoesOnTheSame(t *testing.T) {
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 5))
		s := written(1+r.IntN(14), 1+r.IntN(10), chance(r, r.IntN(60)))
		if r.IntN(3) == 0 {
			s.Resize(1+r.IntN(14), 1+r.IntN(10))
			_, _ = s.Write(chance(r, 10))
		}
		if bad := s.sound(); bad != "" {
			t.Fatalf("seed %d: %s\n%s", seed, bad, s.state())
		}
		if d := goesOn(s, chance(r, 40)); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
}

func TestWhatAScreenIsTakesAwayIsNotSeen(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 7))
		p := chance(r, 80)
		var f Filter
		s, safe := written(12, 6, p), written(12, 6, f.Filter(p))
		if got, want := safe.state(), s.state(); got != want {
			t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, got, want)
		}
	}
}

func TestAFloodEndsAsIfAllOfItWasRead(t *testing.T) {
	between := []string{"\x1b[31m", "\x1b[0m", "\x1b[m", "\x1b[1;44m", "\x1b[K", "\x1b[5G", "\x1b[2P", "\x1b[3@", "\x1b[?2004h", "\x1b[?7;1000z",
		"\x1b[38;5;9m", "\x1b[;m", "\b", "\x00", "æøå漢e\u0301", "\xff\xc2", "\u00a0", "\x7f", "\v", "\r\n\xe6\xbc", "\xe2\xc2\x9f", "\x1b[4\rm"}
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 9))
		s := written(1+r.IntN(14), 1+r.IntN(6), chance(r, 30))
		again := written(s.cols, s.rows, ended(s.Dump()))
		var p []byte
		for n := range 20 + r.IntN(600) {
			p = fmt.Appendf(p, "%s%d%s", strings.Repeat("x", r.IntN(20)), n, []string{"\r\n", "\n", "\r", "\t", "\r\n\r\n"}[r.IntN(5)])
			if r.IntN(4) == 0 {
				p = append(p, between[r.IntN(len(between))]...)
			}
			if r.IntN(400) == 0 {
				p = append(p, chance(r, 2)...)
			}
		}
		_, _ = s.Write(p)
		for len(p) > 0 { // too little at once to be passed over
			n := min(len(p), 1+r.IntN(7))
			_, _ = again.Write(p[:n])
			p = p[n:]
		}
		if got, want := s.state(), again.state(); got != want {
			t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, got, want)
		}
	}
}

func TestWhatIsShown(t *testing.T) {
	for _, row := range []struct{ name, in, want string }{
		{"text", "ab\r\ncd", "ab|cd"},
		{"a line feed keeps the column", "ab\ncd", "ab|  cd"},
		{"a full row waits", "12345678\r9", "92345678"},
		{"a full row goes on", "123456789", "12345678|9"},
		{"no wrapping", "\x1b[?7l123456789", "12345679"},
		{"wide", "a漢字", "a漢字"},
		{"wide at the edge", "1234567漢", "1234567|漢"},
		{"half a wide character written over", "漢\b\bx", "x"},
		{"its second half", "漢\bx", " x"},
		{"combining", "e\u0301x", "e\u0301x"},
		{"combining at the edge", "1234567e\u0301x", "1234567e\u0301|x"},
		{"line drawing", "\x1b(0lqk\x1b(B l", "┌─┐ l"},
		{"shifted in and out", "\x1b)0\x0eq\x0fq", "─q"},
		{"british", "\x1b(A#", "£"},
		{"erase to the end", "abcdef\x1b[3G\x1b[K", "ab"},
		{"erase from the beginning", "abcdef\x1b[3G\x1b[1K", "   def"},
		{"insert and delete", "abcdef\x1b[3G\x1b[2@XY\x1b[5G\x1b[P", "abXYdef"},
		{"insert mode", "abc\r\x1b[4hXY\x1b[4lZ", "XYZbc"},
		{"insert lines", "a\r\nb\r\nc\x1b[2;1H\x1b[L", "a||b|c"},
		{"delete lines", "a\r\nb\r\nc\x1b[2;1H\x1b[M", "a|c"},
		{"margins", "1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[3;1H\n", "1|3||4"},
		{"reverse index", "1\r\n2\x1b[H\x1bM0", "0|1|2"},
		{"scrolled by hand", "1\r\n2\r\n3\x1b[S\x1b[2T", "||2|3"},
		{"origin", "\x1b[2;3r\x1b[?6h\x1b[Hx\x1b[9;1Hy", "|x|y"},
		{"saved", "ab\x1b7\x1b[4;4Hx\x1b8c", "abc||| x"[:len("abc|||")] + "   x"},
		{"the other screen", "main\x1b[?1049hother\x1b[?1049l!", "main!"},
		{"shows", "main\x1b[?1049h\x1b[Hother", "other"},
		{"tabs", "\tx\r\x1b[3g\ty", "       y"},
		{"repeat", "ab\x1b[3b", "abbbb"},
		{"strings", "a\x1b]0;title\x07b\x1bPq#1\x1b\\c", "abc"},
		{"clipboard and links", "\x1b]52;c;eA==\x07\x1b]8;;file:///\x1b\\link\x1b]8;;\x1b\\", "link"},
		{"too large a number", "a\x1b[1000000000Cb\x1b[9999Cc", "ab     c"},
		{"bytes that are not UTF-8", "a\xffb", "a\uFFFDb"},
	} {
		s := written(8, 4, []byte(row.in))
		got := strings.TrimRight(strings.Join(s.Text(), "|"), "|")
		if got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

func TestSizesAreBounded(t *testing.T) {
	for _, row := range [][4]int{{0, 0, 1, 1}, {-5, 1 << 30, 1, 300}, {65535, 65535, 500, 300}, {80, 24, 80, 24}} {
		s := New(row[0], row[1])
		if c, r := s.Size(); c != row[2] || r != row[3] {
			t.Errorf("New(%d, %d): got %d×%d", row[0], row[1], c, r)
		}
		s = written(80, 24, []byte("漢\x1b[24;80Hx"))
		s.Resize(row[0], row[1])
		_, _ = s.Write([]byte("\x1b[9999;9999Hx\x1b[1000000000;1000000000Hy"))
		if c, r := s.Size(); c != row[2] || r != row[3] {
			t.Errorf("Resize(%d, %d): got %d×%d", row[0], row[1], c, r)
		}
	}
}

func TestLinesAreToldWhenTheyAreLeft(t *testing.T) {
	for _, row := range []struct {
		in   string
		want []string
	}{
		{"one\r\ntwo\r\nhalf", []string{"one", "two", "half"}},
		{"a line too long\r\nx\r\n", []string{"a line too long", "x"}},
		{"1%\r2%\r3%\r\n", []string{"3%"}},
		{"\x1b[2;1Hbelow\x1b[1;1Habove\x1b[2J", []string{"above", "below"}},
		{"x\x1b[?1049h\x1b[Hother\x1b[?1049l", []string{"x", "other"}},
		{"\r\na\r\n", []string{"", "a"}},
		{"gone\r\x1b[Kshort", []string{"short"}},
		{"1\n2\n3\n4\n5\n6", []string{"1", " 2", "  3", "   4", "    5", "     6"}},
	} {
		s := New(8, 4)
		var got []string
		s.Tell(func(line string) { got = append(got, line) })
		_, _ = s.Write([]byte(row.in))
		s.Rest()
		if !slices.Equal(got, row.want) {
			t.Errorf("%q: got %q, want %q", row.in, got, row.want)
		}
	}
}

func FuzzScreen(f *testing.F) {
	f.Add([]byte("\x1b[2;3r\x1b[?6h漢e\u0301\x1b[4h\x1b(0q\x1b[5b\x1b[?1049h"), []byte("x\x1b8"), 5, 4)
	f.Add([]byte("\x1b[1000000000C\x1b]52;c;eA==\x07\u009b6n\xe2\x82"), []byte("\xac"), 1, 1)
	f.Add(chance(rand.New(rand.NewPCG(1, 1)), 50), []byte("\x1b[S"), 9, 5)
	f.Add(bytes.Repeat([]byte("\x1b[1;42m漢\xff e\u0301\x1b[K\r\n"), 30), []byte("\x1b[b"), 7, 2)
	f.Fuzz(func(t *testing.T, a, b []byte, cols, rows int) {
		cols, rows = 1+(cols&0x7fff)%30, 1+(rows&0x7fff)%20
		s := written(cols, rows, ended(a))
		if bad := s.sound(); bad != "" {
			t.Fatal(bad)
		}
		bytewise := New(cols, rows)
		for _, c := range ended(a) {
			_, _ = bytewise.Write([]byte{c})
		}
		if got, want := s.state(), bytewise.state(); got != want {
			t.Fatalf("got\n%s\nbyte by byte\n%s", got, want)
		}
		if d := goesOn(s, b); d != "" {
			t.Fatal(d)
		}
		s.Resize(rows, cols)
		if bad := s.sound(); bad != "" {
			t.Fatal(bad)
		}
		if d := goesOn(s, nil); s.parser.state == inText && s.parser.kept == 0 && d != "" {
			t.Fatal(d)
		}
	})
}
