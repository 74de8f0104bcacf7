package recorder

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"sort"
	"strconv"
	"time"

	"lockbox/recorder/screen"
)

// From plays a track from a moment on: first a CodeKey with the screen as it
// was then, where it is a terminal's, then what came later; from 0 on all of
// it. It reads the segment of that moment, at most a few before it that have no
// CodeKey, and those after it, no other. What it reads is authenticated.
func (p *Playback) From(track string, at time.Duration) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := p.from(track, at, func(ev Event) bool { return yield(ev, nil) }); err != nil {
			yield(Event{}, fmt.Errorf("play %s from %v: %w", track, at, err))
		}
	}
}

func (p *Playback) from(track string, at time.Duration, more func(Event) bool) error {
	t, root, err := p.reading(track)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // read only
	n, err := p.segmentAt(root, t, at)
	for early := true; early && err == nil; n-- {
		early = false
		v := viewer{at: max(at, 0), more: more, pty: t.Header.Kind == "pty"}
		err = p.eachFrom(root, t, n, func(ms int64, lines []byte) (bool, error) {
			if v.screen == nil {
				if early = v.pty && n > 0 && !keyed(lines); early {
					return false, nil
				}
				if v.screen, err = begun(t.Header, lines); err != nil {
					return false, err
				}
			}
			return eventsIn(lines, time.Duration(ms)*time.Millisecond, v.event)
		})
		if err == nil && v.screen != nil {
			v.reach() // the track is over before that moment
		}
	}
	return err
}

// keyed says whether lines begin with what a terminal shows.
func keyed(lines []byte) bool {
	line, _, _ := bytes.Cut(lines, []byte("\n"))
	ev, err := parseEvent(line)
	return err == nil && ev.Code == CodeKey
}

// reading gives a track and the folder it is in.
func (p *Playback) reading(track string) (*playTrack, *os.Root, error) {
	t, err := p.track(track)
	if err != nil {
		return nil, nil, err
	}
	root, err := os.OpenRoot(p.folder)
	return t, root, err
}

// A viewer follows a track to a moment, and then hands on what comes.
type viewer struct {
	at     time.Duration
	more   func(Event) bool
	pty    bool
	screen *screen.Screen
	there  bool
	over   bool
}

func (v *viewer) event(ev Event) bool {
	switch {
	case ev.At > v.at, v.at == 0:
		if !v.reach() {
			return false
		}
		v.over = ev.Code != CodeKey && !v.more(ev)
	case v.pty:
		follow(v.screen, ev)
	}
	return !v.over
}

// reach gives what the terminal shows at the moment.
func (v *viewer) reach() bool {
	if !v.there && v.pty && !v.over {
		v.over = !v.more(Event{At: v.at, Code: CodeKey, Data: keyOf(v.screen)})
	}
	v.there = true
	return !v.over
}

// begun is what the terminal shows before lines.
func begun(h Header, lines []byte) (*screen.Screen, error) {
	line, _, _ := bytes.Cut(lines, []byte("\n"))
	if len(line) == 0 || line[0] == '{' { // the header
		return newScreen(h), nil
	}
	ev, err := parseEvent(line)
	if err != nil || ev.Code != CodeKey {
		return newScreen(h), err
	}
	return screenOf(ev.Data)
}

// A screenKey is the data of a CodeKey.
type screenKey struct {
	Cols   int    `json:"cols"`
	Rows   int    `json:"rows"`
	Screen string `json:"screen"`
}

// newScreen makes the screen that a track begins with.
func newScreen(h Header) *screen.Screen {
	if h.Cols <= 0 || h.Rows <= 0 {
		return screen.New(80, 24)
	}
	return screen.New(h.Cols, h.Rows)
}

// keyOf makes the data of a CodeKey.
func keyOf(s *screen.Screen) []byte {
	cols, rows := s.Size()
	b := fmt.Appendf(nil, `{"cols":%d,"rows":%d,"screen":"`, cols, rows)
	return append(appendText(b, bytes.ToValidUTF8(s.Dump(), nil)), `"}`...)
}

// follow does to a screen what an event does.
func follow(s *screen.Screen, ev Event) {
	switch ev.Code {
	case CodeOutput, CodeStderr:
		_, _ = s.Write(ev.Data) // never fails
	case CodeResize:
		if cols, rows, ok := sizeIn(ev.Data); ok {
			s.Resize(cols, rows)
		}
	}
}

// screenOf makes the screen that a CodeKey holds.
func screenOf(data []byte) (*screen.Screen, error) {
	var k screenKey
	if err := json.Unmarshal(data, &k); err != nil {
		return nil, fmt.Errorf("read what was shown: %w", err)
	}
	s := screen.New(k.Cols, k.Rows)
	_, err := s.Write([]byte(k.Screen))
	return s, err
}

// sizeIn reads the data of a CodeResize.
func sizeIn(data []byte) (cols, rows int, ok bool) {
	a, b, found := bytes.Cut(data, []byte("x"))
	cols, err := strconv.Atoi(string(a))
	rows, bad := strconv.Atoi(string(b))
	return cols, rows, found && err == nil && bad == nil && cols > 0 && rows > 0
}

// Length is when the last event of a track came. It reads one segment.
func (p *Playback) Length(track string) (time.Duration, error) {
	t, root, err := p.reading(track)
	if err != nil {
		return 0, err
	}
	defer func() { _ = root.Close() }() // read only
	n, err := p.count(root, t)
	if err == nil && n == 0 && t.tail == nil {
		err = fs.ErrNotExist
	}
	if err != nil {
		return 0, fmt.Errorf("measure %s: %w", track, err)
	}
	if len(t.tail) == 0 {
		n--
	}
	var last time.Duration
	err = p.eachFrom(root, t, n, func(ms int64, lines []byte) (bool, error) {
		last = time.Duration(ms) * time.Millisecond
		return eventsIn(lines, last, func(ev Event) bool { last = ev.At; return true })
	})
	if err != nil {
		return 0, fmt.Errorf("measure %s: %w", track, err)
	}
	return last, nil
}

// count is how many segments of a track there are on disk.
func (p *Playback) count(root *os.Root, t *playTrack) (int, error) {
	if t.segments > 0 || t.tail != nil {
		return t.segments, nil
	}
	es, err := fs.ReadDir(root.FS(), t.Name)
	return len(es), err
}

// segmentAt is the number of the segment that a moment is in. The clear heads
// are trusted for the order only: what is read is authenticated.
func (p *Playback) segmentAt(root *os.Root, t *playTrack, at time.Duration) (int, error) {
	count, err := p.count(root, t)
	if err != nil {
		return 0, err
	}
	n := sort.Search(count, func(n int) bool {
		h, bad := p.head(root, t, n)
		err = errors.Join(err, bad)
		return bad == nil && time.Duration(h.at)*time.Millisecond >= at
	})
	if t.tail != nil && n == count && time.Duration(t.tailAt)*time.Millisecond < at {
		n++
	}
	return max(n-1, 0), err
}

// keyedAt is the number of the segment to begin with, to know what was shown at a moment.
func (p *Playback) keyedAt(root *os.Root, t *playTrack, at time.Duration) (int, error) {
	n, err := p.segmentAt(root, t, at)
	for key := false; !key && n > 0 && err == nil && t.Header.Kind == "pty"; {
		err = p.eachFrom(root, t, n, func(_ int64, lines []byte) (bool, error) {
			key = keyed(lines)
			return false, nil
		})
		if !key {
			n--
		}
	}
	return n, err
}

// head reads the clear beginning of a segment.
func (p *Playback) head(root *os.Root, t *playTrack, n int) (head, error) {
	name := segmentName(t.Name, n)
	f, err := root.Open(name)
	if err != nil {
		return head{}, fmt.Errorf("read segment %s: %w", name, err)
	}
	defer func() { _ = f.Close() }() // read only
	b := make([]byte, headSize)
	if _, err := f.ReadAt(b, 0); err != nil {
		return head{}, fmt.Errorf("read segment %s: %w", name, err)
	}
	h, err := parseHead(b)
	if err != nil {
		return head{}, fmt.Errorf("read segment %s: %w", name, err)
	}
	return h, nil
}

// before is the hash of the segment before n: as the manifest has it, else as it is on disk.
func (p *Playback) before(root *os.Root, t *playTrack, n int) ([32]byte, error) {
	switch {
	case n == 0:
		return [32]byte{}, nil
	case n <= len(t.hashes):
		return t.hashes[n-1], nil
	}
	seg, err := read(root, segmentName(t.Name, n-1), segmentMost)
	return sha256.Sum256(seg), err
}
