package recorder

import (
	"slices"
	"time"
)

// A piece is one thing to be recorded, or to be done by the writer in its turn.
type piece struct {
	track *Track
	code  string
	at    int64 // ms since the track began
	n     int   // bytes of data
	ask   *ask
}

// An ask is a step of the writer that somebody waits for.
type ask struct {
	do   func(*scribe) error
	done chan error // holds one
}

// A batch is what goes to disk together.
type batch struct {
	pieces []piece
	data   []byte
	since  time.Time // when the first piece came
}

func (b *batch) empty() bool { return len(b.pieces) == 0 }

// add takes data in. What comes in the same millisecond becomes one event.
func (b *batch) add(t *Track, code string, at int64, p []byte) {
	b.data = append(b.data, p...)
	if n := len(b.pieces); n > 0 {
		last := &b.pieces[n-1]
		if slices.Contains(streams(), code) && last.track == t && last.code == code && last.at == at && last.n+len(p) <= pieceMost {
			last.n += len(p)
			return
		}
	}
	b.pieces = append(b.pieces, piece{track: t, code: code, at: at, n: len(p)})
}

// reset empties b and keeps its memory.
func (b *batch) reset() {
	clear(b.pieces) // let tracks go
	clear(b.data)   // and what was said on them
	b.pieces, b.data = b.pieces[:0], b.data[:0]
}
