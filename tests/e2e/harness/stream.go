package harness

import (
	"regexp"
	"sync"
)

// A stream keeps all that was written to it and tells when more came.
type stream struct {
	mu      sync.Mutex // guards all below
	data    []byte
	ended   bool
	changed chan struct{} // closed at the next change
}

func newStream() *stream { return &stream{changed: make(chan struct{})} }

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = append(s.data, p...)
	close(s.changed)
	s.changed = make(chan struct{})
	return len(p), nil
}

func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	close(s.changed)
	s.changed = make(chan struct{})
}

// read returns what there is, whether more can come, and a channel that is closed when something changes.
func (s *stream) read() (text string, ended bool, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.data), s.ended, s.changed
}

func (s *stream) String() string {
	text, _, _ := s.read()
	return text
}

var escapes = regexp.MustCompile("\x1b(?:\\[[0-?]*[ -/]*[@-~]?|\\][^\x07\x1b]*(?:\x07|\x1b\\\\?)?|[()][A-Za-z0-9]?|[^\\[\\]()])?")

// Plain is terminal output without escape sequences. Half a sequence at the end is left out too, so that the plain form of a
// longer output begins with the plain form of a shorter one.
func Plain(text string) string { return escapes.ReplaceAllString(text, "") }
