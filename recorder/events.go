package recorder

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"time"
)

// Tracks lists the tracks in the order they began.
func (p *Playback) Tracks() []TrackInfo {
	infos := make([]TrackInfo, len(p.tracks))
	for i, t := range p.tracks {
		infos[i] = t.TrackInfo
	}
	return infos
}

// Events plays a track. After an error there is nothing more; what came before stands.
func (p *Playback) Events(track string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		err := p.play(track, func(ev Event) bool { return yield(ev, nil) })
		if err != nil {
			yield(Event{}, fmt.Errorf("play %s: %w", track, err))
		}
	}
}

func (p *Playback) track(name string) (*playTrack, error) {
	for _, t := range p.tracks {
		if t.Name == name {
			return t, nil
		}
	}
	return nil, fmt.Errorf("no such track in session %s", p.id)
}

// play gives the events of a track until more is false.
func (p *Playback) play(track string, more func(Event) bool) error {
	t, err := p.track(track)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(p.folder)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // read only
	return p.each(root, t, func(at int64, lines []byte) (bool, error) {
		return eventsIn(lines, time.Duration(at)*time.Millisecond, more)
	})
}

// eventsIn gives the events of lines that follow an event at the time given.
func eventsIn(lines []byte, at time.Duration, more func(Event) bool) (bool, error) {
	for line := range bytes.Lines(lines) {
		if line[0] == '{' { // the header
			continue
		}
		ev, ok := quickEvent(line)
		if !ok {
			var err error
			if ev, err = parseEvent(line); err != nil {
				return false, err
			}
		}
		at += ev.At
		ev.At = at
		if !more(ev) {
			return false, nil
		}
	}
	return true, nil
}

// each opens a track's segments in turn, and gives their lines and the time
// before the first of them.
func (p *Playback) each(root *os.Root, t *playTrack, do func(at int64, lines []byte) (more bool, err error)) error {
	return p.eachFrom(root, t, 0, do)
}

// eachFrom is each from segment n on.
func (p *Playback) eachFrom(root *os.Root, t *playTrack, n int, do func(at int64, lines []byte) (more bool, err error)) error {
	prev, err := p.before(root, t, n)
	if err != nil {
		return err
	}
	chain := t.chain.forward(n)
	for ; ; n++ {
		if t.tail != nil && n == t.segments {
			_, err := do(t.tailAt, t.tail)
			return err
		}
		seg, err := read(root, segmentName(t.Name, n), segmentMost)
		if errors.Is(err, fs.ErrNotExist) && n >= t.segments && n > 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read segment %s: %w", segmentName(t.Name, n), err)
		}
		sum := sha256.Sum256(seg)
		at, lines, err := p.opened(t, n, chain, prev, seg, sum)
		if err != nil {
			return fmt.Errorf("open segment %s: %w", segmentName(t.Name, n), err)
		}
		if more, err := do(at, lines); err != nil || !more {
			return err
		}
		chain, prev = chain.derive(labelNextSegment, ""), sum
	}
}

// opened gives the lines of segment n, if it is the one that follows prev and
// that the manifest names.
func (p *Playback) opened(t *playTrack, n int, chain secret, prev [32]byte, seg []byte, sum [32]byte) (int64, []byte, error) {
	h, err := parseHead(seg)
	switch {
	case err != nil:
		return 0, nil, err
	case h.session != p.id || h.track != t.Name || int(h.number) != n || h.prev != prev:
		return 0, nil, errors.New("it is not the one that follows")
	}
	lines, err := h.open(chain, p.dec, seg)
	if err == nil && n < len(t.hashes) && t.hashes[n] != sum {
		err = errors.New("it is not the one that was signed for")
	}
	return h.at, lines, err
}
