package screen

import (
	"unicode"
	"unicode/utf8"
)

// Width is how many columns a character takes: none if it joins the one before
// (marks and format characters of Unicode, the later parts of a Hangul
// syllable), two if it is of an East Asian script or a pictograph (UAX #11, W
// and F), else one. A soft hyphen takes one.
func Width(r rune) int {
	switch {
	case r < 0x300, r == utf8.RuneError:
		return 1
	case r >= 0x30a0 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3: // none of them marks
		return 2
	case r >= 0x1160 && r <= 0x11ff, unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r < 0x1100 || !wide(r):
		return 1
	}
	return 2
}

func wide(r rune) bool {
	switch {
	case r <= 0x115f, r == 0x2329, r == 0x232a:
		return true
	case r < 0x2e80:
		return unicode.In(r, unicode.So, unicode.Sm) && pictured(r)
	case r <= 0x303e, r >= 0x3041 && r <= 0xa4cf, r >= 0xa960 && r <= 0xa97c, r >= 0xac00 && r <= 0xd7a3:
		return true
	case r >= 0xf900 && r <= 0xfaff, r >= 0xfe10 && r <= 0xfe19, r >= 0xfe30 && r <= 0xfe6f:
		return true
	case r >= 0xff01 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6, r >= 0x16fe0 && r <= 0x18aff, r >= 0x1b000 && r <= 0x1b2ff:
		return true
	case r >= 0x20000 && r <= 0x3fffd:
		return true
	}
	return r >= 0x1f000 && pictured(r)
}

// pictured lists what has a picture by default (Emoji_Presentation of UTS #51).
func pictured(r rune) bool {
	switch {
	case r < 0x1f000:
		return picturedSign(r)
	case r <= 0x1f0cf:
		return r == 0x1f004 || r == 0x1f0cf
	case r <= 0x1f2ff:
		return r == 0x1f18e || r >= 0x1f191 && r <= 0x1f19a || r >= 0x1f200
	case r <= 0x1f5ff:
		return r <= 0x1f320 || r >= 0x1f32d && r <= 0x1f335 || r >= 0x1f337 && r <= 0x1f37c || r >= 0x1f37e && r <= 0x1f393 ||
			r >= 0x1f3a0 && r <= 0x1f3ca || r >= 0x1f3cf && r <= 0x1f3d3 || r >= 0x1f3e0 && r <= 0x1f3f0 || r == 0x1f3f4 ||
			r >= 0x1f3f8 && r <= 0x1f43e || r == 0x1f440 || r >= 0x1f442 && r <= 0x1f4fc || r >= 0x1f4ff && r <= 0x1f53d ||
			r >= 0x1f54b && r <= 0x1f54e || r >= 0x1f550 && r <= 0x1f567 || r == 0x1f57a || r == 0x1f595 || r == 0x1f596 ||
			r == 0x1f5a4 || r >= 0x1f5fb
	case r <= 0x1f6ff:
		return r <= 0x1f64f || r >= 0x1f680 && r <= 0x1f6c5 || r == 0x1f6cc || r >= 0x1f6d0 && r <= 0x1f6d2 ||
			r >= 0x1f6d5 && r <= 0x1f6df || r >= 0x1f6eb && r <= 0x1f6ec || r >= 0x1f6f4 && r <= 0x1f6fc
	}
	return r >= 0x1f7e0 && r <= 0x1f7f0 || r >= 0x1f90c && r <= 0x1f9ff && r != 0x1f93b && r != 0x1f946 || r >= 0x1fa70 && r <= 0x1faff
}

func picturedSign(r rune) bool {
	switch r {
	case 0x231a, 0x231b, 0x23e9, 0x23ea, 0x23eb, 0x23ec, 0x23f0, 0x23f3, 0x25fd, 0x25fe, 0x2614, 0x2615, 0x267f, 0x2693,
		0x26a1, 0x26aa, 0x26ab, 0x26bd, 0x26be, 0x26c4, 0x26c5, 0x26ce, 0x26d4, 0x26ea, 0x26f2, 0x26f3, 0x26f5, 0x26fa,
		0x26fd, 0x2705, 0x270a, 0x270b, 0x2728, 0x274c, 0x274e, 0x2753, 0x2754, 0x2755, 0x2757, 0x2795, 0x2796, 0x2797,
		0x27b0, 0x27bf, 0x2b1b, 0x2b1c, 0x2b50, 0x2b55:
		return true
	}
	return r >= 0x2648 && r <= 0x2653
}
