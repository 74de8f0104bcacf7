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

// add takes data in. What comes of a stream in the same millisecond becomes one
// event, or as many as pieceMost makes of it.
func (b *batch) add(t *Track, code string, at int64, p []byte) {
	b.data = append(b.data, p...)
	if !slices.Contains(streams(), code) {
		b.pieces = append(b.pieces, piece{track: t, code: code, at: at, n: len(p)})
		return
	}
	for left := len(p); left > 0; {
		n := min(left, pieceMost)
		left -= n
		if last := b.last(); last != nil && last.track == t && last.code == code && last.at == at && last.n+n <= pieceMost {
			last.n += n
			continue
		}
		b.pieces = append(b.pieces, piece{track: t, code: code, at: at, n: n})
	}
}

// last is the newest piece; nil for none.
func (b *batch) last() *piece {
	if b.empty() {
		return nil
	}
	return &b.pieces[len(b.pieces)-1]
}

// reset empties b and keeps its memory.
func (b *batch) reset() {
	clear(b.pieces) // let tracks go
	clear(b.data)   // and what was said on them
	b.pieces, b.data = b.pieces[:0], b.data[:0]
}
