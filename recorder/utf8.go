package recorder

import "unicode/utf8"

// A cut is the beginning of a character whose end has not come yet.
type cut struct {
	b   [utf8.UTFMax]byte
	n   int
	old bool // it has waited for one flush
}

// join returns p behind what was held back, without the character that p
// itself ends in the middle of: that is held back now.
func (c *cut) join(p []byte) []byte {
	if c.n > 0 {
		p = append(c.b[:c.n:c.n], p...)
	}
	whole := wholeRunes(p)
	c.n, c.old = copy(c.b[:], p[whole:]), false
	return p[:whole]
}

// wholeRunes is the length of p without a character cut at its end.
func wholeRunes(p []byte) int {
	for i := len(p) - 1; i >= 0 && i >= len(p)-utf8.UTFMax+1; i-- {
		if !utf8.RuneStart(p[i]) {
			continue
		}
		if utf8.FullRune(p[i:]) {
			break
		}
		return i
	}
	return len(p)
}

// worth is how long a text between bytes must be to have a line of its own.
const worth = 32

// pieces cuts p where it changes between UTF-8 and other bytes. Where it finds
// no text it looks less and less often.
func pieces(p []byte, each func([]byte) error) error {
	if utf8.Valid(p) {
		return each(p)
	}
	from, skip := 0, 1 // where bytes began that are not out yet; how many to pass over
	for i := 0; i < len(p); {
		n := textLen(p[i:])
		if n < worth {
			i, skip = min(i+n+skip, len(p)), min(skip*2, 256)
			continue
		}
		if from < i {
			if err := each(p[from:i]); err != nil {
				return err
			}
		}
		if err := each(p[i : i+n]); err != nil {
			return err
		}
		i += n
		from, skip = i, 1
	}
	if from == len(p) {
		return nil
	}
	return each(p[from:])
}

// textLen is how many bytes of p, from its beginning, are UTF-8.
func textLen(p []byte) int {
	for i := 0; i < len(p); {
		if p[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(p[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(p)
}
