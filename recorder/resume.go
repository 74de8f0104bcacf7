package recorder

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// An unreadable error is about what is on disk, not about the disk.
type unreadable struct{ error }

func unread(format string, args ...any) error { return unreadable{fmt.Errorf(format, args...)} }

// resume makes a scribe go on from a journal, with no file changed yet. lost
// says that the journal is damaged, not just torn.
func (s *Shelf) resume(root *os.Root, session string) (w *scribe, lost bool, err error) {
	b, err := read(root, journalName, journalMost)
	if err != nil {
		return nil, false, unread("read journal: %w", err)
	}
	records, left, err := readJournal(b, session, s.AtRest)
	if err != nil {
		return nil, false, unread("read journal: %w", err)
	}
	w = &scribe{shelf: s, disk: &disk{root: root, before: s.before}, rest: stopped(nil), flags: rebuilt}
	for n, r := range records {
		if (n == 0) != (r.of == ofState) {
			return nil, false, unread("read journal: record %d is out of place", n)
		}
		if err := w.apply(r); err != nil {
			return nil, false, unread("read journal: record %d: %w", n, err)
		}
	}
	if len(records) == 0 || w.words.ID != session {
		return nil, false, unread("read journal: the first record does not open")
	}
	for _, t := range w.tapes {
		if t.last, err = lastOf(t.lines, t.state.At); err != nil {
			return nil, false, unread("read journal: %s: %w", t.state.Name, err)
		}
	}
	return w, !torn(left), nil
}

// apply takes a record of the journal in.
func (w *scribe) apply(r record) error {
	switch {
	case r.of == ofState:
		var s state
		if err := json.Unmarshal(r.data, &s); err != nil {
			return err
		}
		w.words, w.keyHash, w.next = s.Session, s.Key, secret(pad(s.Next))
		for _, t := range s.Tracks {
			w.tapes = append(w.tapes, newTape(t))
		}
	case r.of == ofTrack:
		var n newTrack
		if err := json.Unmarshal(r.data, &n); err != nil {
			return err
		}
		w.next = secret(pad(n.Next))
		w.tapes = append(w.tapes, newTape(n.Track))
	case int(r.of) < len(w.tapes):
		t := w.tapes[r.of]
		t.lines = append(t.lines, r.data...)
	default:
		return fmt.Errorf("there is no track %d", r.of)
	}
	return nil
}

func newTape(s trackState) *tape {
	s.Prev = pad(s.Prev)
	return &tape{state: s, chain: secret(pad(s.Chain)), over: s.Chain == nil, ended: s.Chain == nil}
}

// pad makes 32 bytes of what should be so many: a wrong key opens nothing.
func pad(b []byte) []byte { return append(make([]byte, 0, 64), append(b, make([]byte, 32)...)[:32]...) }

// lastOf is the time of the last event in lines, in ms.
func lastOf(lines []byte, at int64) (int64, error) {
	last := time.Duration(at) * time.Millisecond
	_, err := eventsIn(lines, last, func(ev Event) bool { last = ev.At; return true })
	return last.Milliseconds(), err
}

// collect takes the closed segments in, those too that the journal does not
// know of: it was to begin anew when they were closed.
func (w *scribe) collect() error {
	dec, err := newDecoder()
	if err != nil {
		return err
	}
	var found []foundSegment
	for _, t := range w.tapes {
		f, err := w.collectTrack(t, dec)
		if err != nil {
			return err
		}
		found = append(found, f...)
	}
	slices.SortFunc(found, func(a, b foundSegment) int { return int(a.ordinal) - int(b.ordinal) })
	for i, f := range found {
		if int(f.ordinal) != i {
			return unread("segment closed as number %d is missing", i)
		}
		w.segments = append(w.segments, f.Segment)
	}
	return nil
}

type foundSegment struct {
	ordinal uint32
	Segment
}

// collectTrack follows a track's chain to its end.
func (w *scribe) collectTrack(t *tape, dec *zstd.Decoder) (fs []foundSegment, err error) {
	var prev [32]byte
	known := t.state.Number
	for n := uint32(0); ; n++ {
		if n == known && prev != [32]byte(t.state.Prev) {
			return nil, unread("segment %s is not the one that was closed", segmentName(t.state.Name, int(n)-1))
		}
		h, seg, err := w.segment(t, n, prev)
		if errors.Is(err, errNone) && n >= known {
			return fs, nil
		}
		if err == nil && n >= known {
			err = w.accept(t, h, seg, dec)
		}
		if err != nil {
			return nil, unread("segment %s: %w", segmentName(t.state.Name, int(n)), err)
		}
		prev = sha256.Sum256(seg)
		fs = append(fs, foundSegment{h.ordinal, segmentOf(h, seg)})
	}
}

// errNone: there is no such segment.
var errNone = errors.New("it is missing")

// segment reads segment n of a track, which must follow prev.
func (w *scribe) segment(t *tape, n uint32, prev [32]byte) (head, []byte, error) {
	seg, err := read(w.disk.root, segmentName(t.state.Name, int(n)), segmentMost)
	if errors.Is(err, fs.ErrNotExist) {
		return head{}, nil, errNone
	}
	if err != nil {
		return head{}, nil, err
	}
	h, err := parseHead(seg)
	if err == nil && (h.session != w.words.ID || h.track != t.state.Name || h.number != n || h.prev != prev) {
		err = errors.New("it is not the one that follows")
	}
	return h, seg, err
}

// accept moves a track on behind a segment that was closed just before the
// crash. It holds every line that the journal has.
func (w *scribe) accept(t *tape, h head, seg []byte, dec *zstd.Decoder) error {
	if t.ended {
		return errors.New("the track had ended before it")
	}
	lines, err := h.open(t.chain, dec, seg)
	if err != nil {
		return err
	}
	if t.last, err = lastOf(lines, h.at); err != nil {
		return err
	}
	s := segmentOf(h, seg)
	t.state.Number, t.state.Prev, t.state.At = t.state.Number+1, s.Hash[:], t.last
	t.chain = t.chain.derive(labelNextSegment, "")
	t.lines = nil
	return nil
}

// tidy removes what was being written when the crash came.
func (w *scribe) tidy() error {
	var names []string
	err := fs.WalkDir(w.disk.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(name, ".tmp") {
			names = append(names, name)
		}
		return err
	})
	for _, n := range append(names, reserveName) {
		err = errors.Join(err, w.disk.remove(n))
	}
	return err
}
