package recorder

import (
	"context"
	"errors"
	"iter"
	"time"
)

// ErrNotLive: no such session is being recorded here.
var ErrNotLive = errors.New("that session is not being recorded now")

// A Live shows a recording while it is made: what is on disk, not what is not.
type Live struct{ rec *Recording }

// Live gives a recording of this process that goes on.
func (s *Shelf) Live(session string) (*Live, error) { return nil, ErrNotLive }

// Tracks lists the tracks that go on now.
func (l *Live) Tracks() []TrackInfo { return nil }

// Follow gives what is recorded on a track from now on: first a CodeKey with
// the screen as it is, where it is a terminal's, then events as they become
// durable. Who reads too slowly to keep up gets another CodeKey instead of what
// they missed. It ends without an error when the track does.
func (l *Live) Follow(ctx context.Context, track string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) { yield(Event{}, ErrNotLive) }
}

// A Health is what a shelf can do.
type Health struct {
	Level Level
	Why   []string // sentences; none when it is Green
	Free  int64    // bytes
	Wait  Wait
}

// A Level is how well recordings can be kept.
type Level int

// Levels: the zero Level opens nothing.
const (
	Red   Level = iota // no session is opened
	Amber              // none whose rule is strict; others are warned
	Green
)

// A Wait is what is closed and not yet in the object storage.
type Wait struct {
	Segments int
	Bytes    int64
	Oldest   time.Time // when the oldest of them was closed; zero where none waits
}

// Health says how well recordings can be kept now.
func (s *Shelf) Health() Health { return Health{} }

// Trouble says since when, and why, a recording has not been able to write:
// nothing is taken meanwhile. Zero where it can. The channel is closed at the
// next change. Failed is closed when it is given up.
func (r *Recording) Trouble() (since time.Time, why error, changed <-chan struct{}) {
	return time.Time{}, nil, nil
}
