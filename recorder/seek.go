package recorder

import (
	"context"
	"iter"
	"time"
)

// From plays a track from a moment on: first a CodeKey with the screen as it
// was then, where it is a terminal's, then what followed. It reads the segment
// of that moment and those after it, no other.
func (p *Playback) From(track string, at time.Duration) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {}
}

// Length is when the last event of a track came. It reads one segment.
func (p *Playback) Length(track string) (time.Duration, error) { return 0, nil }

// A Line is what a track says in words at a moment: the feed of search.
type Line struct {
	At   time.Duration
	Kind string // "text" that was shown, "typed", "command", "file", "url", "sql", "mark"
	Text string
}

// Lines gives what a track says, in order.
func (p *Playback) Lines(track string) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {}
}

// A Mark is a moment of a timeline.
type Mark struct {
	At    time.Duration
	Until time.Duration // of "idle"
	Kind  string        // "idle", "command", "resize", "exit", "signal", "mark", "file"
	Text  string
}

// Timeline gives the moments of a track worth a line. Idle is what lasts 2 s and longer.
func (p *Playback) Timeline(ctx context.Context, track string) ([]Mark, error) { return nil, nil }

// Find gives the lines that hold all the words or beginnings of words, at most so many.
func (p *Playback) Find(ctx context.Context, track, words string, most int) ([]Line, error) {
	return nil, nil
}
