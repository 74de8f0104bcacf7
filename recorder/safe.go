package recorder

import "lockbox/recorder/screen"

// A Safe takes from a terminal's output what acts on the viewer instead of
// showing something: titles, the clipboard, links, reports that the terminal
// answers, window operations, mouse and keyboard modes, resets. Text, colours
// and cursor movement stay: what a screen.Screen follows. What it does not
// know, it takes away. The output is UTF-8, and never ends inside an escape
// sequence. The zero Safe is ready; a Safe is for one stream.
type Safe struct{ filter screen.Filter }

// restore undoes what a Safe lets through: the other screen, a hidden cursor,
// colours, margins, origin, insert and wrap modes, character sets.
const restore = "\x1b[?1049l\x1b[?25h\x1b[0m\x1b[r\x1b[?6l\x1b[4l\x1b[?7h\x1b(B\x0f"

// Filter takes the next bytes, cut anywhere, and gives what may be shown.
func (s *Safe) Filter(p []byte) []byte { return s.filter.Filter(p) }

// End gives what puts the viewer's terminal back in order.
func (s *Safe) End() []byte {
	*s = Safe{}
	return []byte(restore)
}
