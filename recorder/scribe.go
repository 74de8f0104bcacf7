package recorder

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	restAfter = 30 * time.Second // a segment is closed so long after its first event
	openMost  = 512 << 10        // bytes of open lines of all tracks, before all are closed

	reserveName = "reserve"
	reserveSize = 64 << 10 // room to write the end in, when the disk is full
)

// A scribe is the writer's side of a recording; only the writer touches it.
type scribe struct {
	shelf    *Shelf
	disk     *disk
	words    Session
	enc      *zstd.Encoder
	keyHash  []byte // SHA-256 of key.age
	next     secret // of the tracks to come
	tapes    []*tape
	segments []Segment
	journal  *journal
	flags    byte
	stale    bool        // the journal holds what would open a closed segment
	waits    bool        // some stream ends in half a character
	busy     bool        // some lines are open, and rest is set
	rest     *time.Timer // when to close them
}

// write records a batch and makes it durable.
func (w *scribe) write(b *batch, rest bool) error {
	data := b.data
	for _, p := range b.pieces {
		if p.ask != nil {
			if err := p.ask.do(w); err != nil {
				return err
			}
			continue
		}
		if err := w.record(p.track.tape, p.at, p.code, data[:p.n]); err != nil {
			return err
		}
		data = data[p.n:]
	}
	w.waits = false
	for _, t := range w.tapes {
		if err := w.mend(t, false); err != nil {
			return err
		}
	}
	if rest || w.open() > openMost {
		if err := w.closeAll(); err != nil {
			return err
		}
	}
	if err := w.persist(); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

// begin starts a track: from next comes its secret, and then the next one.
func (w *scribe) begin(t *Track) error {
	if len(w.tapes) >= maxTracks {
		return fmt.Errorf("more than %d tracks", maxTracks)
	}
	t.name = fmt.Sprintf("%s%d", t.head.Kind, len(w.tapes))
	line, err := json.Marshal(header(w.words, t))
	if err != nil {
		return err
	}
	t.tape = &tape{
		track: t, chain: w.next.derive(labelTrack, w.words.ID+" "+t.name), lines: append(line, '\n'),
		state: trackState{Name: t.name, Began: t.began, Prev: make([]byte, 32)},
	}
	w.next = w.next.derive(labelNextTrack, w.words.ID)
	w.tapes = append(w.tapes, t.tape)
	rec, err := json.Marshal(newTrack{Next: w.next[:], Track: t.tape.saved()})
	if err != nil {
		return err
	}
	w.journal.add(ofTrack, rec)
	w.stir()
	return nil
}

// stir notes that lines are open.
func (w *scribe) stir() {
	if !w.busy {
		w.busy = true
		w.rest.Reset(restAfter)
	}
}

// open is how many bytes of lines no segment holds.
func (w *scribe) open() (n int) {
	for _, t := range w.tapes {
		n += len(t.lines)
	}
	return n
}

// closeAll closes the open segment of every track.
func (w *scribe) closeAll() error {
	for _, t := range w.tapes {
		if err := w.total(t); err != nil {
			return err
		}
		if err := w.seal(t); err != nil {
			return err
		}
		t.lines = nil // a session at rest holds no memory
	}
	return nil
}

// persist makes every line durable, and forgets what opens closed segments.
func (w *scribe) persist() error {
	if w.open() == 0 {
		w.busy = false
		w.rest.Stop()
	}
	if w.stale {
		return w.rotate()
	}
	w.keep()
	return w.journal.flush()
}

// keep adds the lines to the journal that it has not.
func (w *scribe) keep() {
	for i, t := range w.tapes {
		if t.kept < len(t.lines) {
			w.journal.add(uint16(i), t.lines[t.kept:])
			t.kept = len(t.lines)
		}
	}
}

// rotate begins the journal anew with the state as it is.
func (w *scribe) rotate() error {
	const tmp = journalName + ".tmp"
	j, err := w.newJournal(tmp)
	if err != nil {
		return err
	}
	old := w.journal
	w.journal = j
	_ = old.file.Close() // all of it is in the new one
	for _, t := range w.tapes {
		t.kept = 0
	}
	w.keep()
	if err := j.flush(); err != nil {
		return err
	}
	w.stale = false
	j.file.name = journalName
	return w.disk.rename(tmp, journalName)
}

// newJournal makes a journal that begins with the state.
func (w *scribe) newJournal(name string) (*journal, error) {
	s := state{Session: w.words, Key: w.keyHash, Next: w.next[:], Segments: len(w.segments)}
	for _, t := range w.tapes {
		s.Tracks = append(s.Tracks, t.saved())
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	j, err := newJournal(w.disk, name, w.words.ID, w.shelf.AtRest)
	if err != nil {
		return nil, err
	}
	j.add(ofState, b)
	return j, nil
}

// finish ends the tracks and signs the manifest. After a failure it only signs
// for the segments there are, and leaves the journal to Recover.
func (w *scribe) finish(cause string, ended time.Time, failed bool) (Seal, error) {
	for _, t := range w.tapes {
		if failed {
			break
		}
		if err := w.end(t); err != nil {
			return Seal{}, err
		}
	}
	if err := w.disk.remove(reserveName); err != nil { // the room that the manifest needs
		return Seal{}, err
	}
	m := w.manifest(cause, ended)
	text, err := m.sign(w.shelf.Signer)
	if err != nil {
		return Seal{}, fmt.Errorf("sign manifest: %w", err)
	}
	if err := w.disk.put(manifestName, text); err != nil {
		return Seal{}, fmt.Errorf("write manifest: %w", err)
	}
	if failed {
		return m.seal(), nil
	}
	if err := errors.Join(w.disk.remove(journalName), w.disk.syncDir(".")); err != nil {
		return Seal{}, fmt.Errorf("remove journal: %w", err)
	}
	return m.seal(), nil
}
