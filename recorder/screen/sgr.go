package screen

// change follows SGR (ECMA-48 8.3.117, and ITU-T T.416 for colours).
func (st *style) change(p params) {
	if len(p) == 0 {
		*st = style{}
		return
	}
	last := p[len(p)-1] == ';' // an empty parameter at the end is one too
	for len(p) > 0 {
		nums, n := p.next()
		switch c := nums[0]; {
		case c == 38 || c == 48 || c == 58:
			st.extended(c, nums[:n], &p)
		case c == 4 && n > 1:
			st.line(nums[1])
		default:
			st.one(c)
		}
	}
	if last {
		*st = style{}
	}
}

func (st *style) line(kind int) {
	st.attr &^= underlines
	if kind <= 5 {
		st.attr |= uint16(kind) * underline
	}
}

// extended takes a colour of the palette, or a direct one, in either way of writing.
func (st *style) extended(which int, nums []int, p *params) {
	if len(nums) == 1 { // parted by semicolons
		kind := p.number()
		nums = append(nums, kind)
		switch kind {
		case 5:
			nums = append(nums, p.number())
		case 2:
			nums = append(nums, p.number(), p.number(), p.number())
		}
	}
	var c color
	switch rest := nums[2:]; {
	case nums[1] == 5 && len(rest) > 0:
		c = indexed | color(rest[0]&0xff)
	case nums[1] == 2 && len(rest) >= 3:
		rgb := rest[len(rest)-3:] // a colour space may come before
		if len(rest) > 3 {
			rgb = rest[1:4]
		}
		c = direct | color(rgb[0]&0xff)<<16 | color(rgb[1]&0xff)<<8 | color(rgb[2]&0xff)
	default:
		return
	}
	switch which {
	case 38:
		st.fg = c
	case 48:
		st.bg = c
	}
}

func (st *style) one(c int) {
	switch {
	case c == 0:
		*st = style{}
	case c >= 30 && c <= 37:
		st.fg = indexed | color(c-30)
	case c >= 90 && c <= 97:
		st.fg = indexed | color(c-90+8)
	case c >= 40 && c <= 47:
		st.bg = indexed | color(c-40)
	case c >= 100 && c <= 107:
		st.bg = indexed | color(c-100+8)
	case c == 39:
		st.fg = 0
	case c == 49:
		st.bg = 0
	case c == 4:
		st.line(1)
	case c == 21:
		st.line(2)
	case c == 24:
		st.line(0)
	case c == 22:
		st.attr &^= bold | faint
	default:
		if a := attribute(c); c >= 20 && c != 53 {
			st.attr &^= a
		} else {
			st.attr |= a
		}
	}
}

// attribute is the one that a number sets or, from 20 on, resets.
func attribute(c int) uint16 {
	switch c {
	case 1:
		return bold
	case 2:
		return faint
	case 3, 23:
		return italic
	case 5, 6, 25:
		return blink
	case 7, 27:
		return inverse
	case 8, 28:
		return conceal
	case 9, 29:
		return strike
	case 53, 55:
		return overline
	}
	return 0
}
