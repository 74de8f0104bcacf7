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
		ev, err := parseEvent(line)
		if err != nil {
			return false, err
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
	chain, prev := t.chain, [32]byte{}
	for n := 0; ; n++ {
		name := segmentName(t.Name, n)
		if t.tail != nil && n == t.segments {
			_, err := do(t.tailAt, t.tail)
			return err
		}
		seg, err := read(root, name, segmentMost)
		if errors.Is(err, fs.ErrNotExist) && n >= t.segments && n > 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read segment %s: %w", name, err)
		}
		h, err := parseHead(seg)
		if err == nil && (h.session != p.id || h.track != t.Name || int(h.number) != n || h.prev != prev) {
			err = errors.New("it is not the one that follows")
		}
		var lines []byte
		if err == nil {
			lines, err = h.open(chain, p.dec, seg)
		}
		if err != nil {
			return fmt.Errorf("open segment %s: %w", name, err)
		}
		if more, err := do(h.at, lines); err != nil || !more {
			return err
		}
		chain, prev = chain.derive(labelNextSegment, ""), sha256.Sum256(seg)
	}
}
