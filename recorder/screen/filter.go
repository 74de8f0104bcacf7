package screen

import "unicode/utf8"

// A Filter gives of a terminal's output what a Screen shows, in UTF-8, and
// nothing else. It never ends inside an escape sequence. The zero Filter is
// ready; a Filter is for one stream.
type Filter struct {
	parser parser
	out    collected
}

// Filter takes the next bytes, cut anywhere.
func (f *Filter) Filter(p []byte) []byte {
	f.out.b = make([]byte, 0, len(p)+utf8.UTFMax)
	f.parser.feed(p, &f.out)
	b := f.out.b
	f.out.b = nil
	return b
}

// collected is a sink that writes down what it is given.
type collected struct{ b []byte }

func (o *collected) text(p []byte)  { o.b = appendText(o.b, p) }
func (o *collected) control(c byte) { o.b = append(o.b, c) }
func (o *collected) hidden(rune)    {}

func (o *collected) escape(mid, final byte) {
	o.b = append(o.b, 0x1b)
	if mid != 0 {
		o.b = append(o.b, mid)
	}
	o.b = append(o.b, final)
}

func (o *collected) sequence(params []byte, fn byte) {
	o.b = append(append(append(o.b, "\x1b["...), params...), fn)
}
