package recorder

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
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
	rec      *Recording // nil after a crash
	disk     *disk
	folder   string      // of disk, on the shelf
	home     os.FileInfo // of disk, as it was made; nil after a crash
	words    Session
	enc      *zstd.Encoder
	keyHash  []byte // SHA-256 of key.age
	next     secret // of the tracks to come
	tapes    []*tape
	unsealed int // tapes that are over
	segments []Segment
	journal  *journal
	flags    byte
	reserve  int64       // bytes of the reserve
	broken   error       // the disk could not be written: no segment is closed
	stale    bool        // the journal holds what would open a closed segment, or could not be written
	waits    bool        // some stream ends in half a character
	busy     bool        // some lines are open, and rest is set
	rest     *time.Timer // when to close them
}

// write records a batch and makes it durable; last, finish is to come and does that.
// Whatever happens all of it is taken in; after a failure it is that and no more.
func (w *scribe) write(b *batch, rest, last bool, failed error) error {
	if w.broken == nil {
		w.broken = failed
	}
	if err := w.absorb(b); err != nil {
		return err
	}
	if w.broken == nil && (rest || w.open() > openMost) {
		w.broken = w.closeAll()
	}
	if w.broken == nil && !(last && !w.strict() && len(b.data) <= undurable) {
		w.broken = w.persist()
	}
	return w.broken
}

// strict says whether somebody may wait for every byte to be durable.
func (w *scribe) strict() bool {
	return slices.ContainsFunc(w.tapes, func(t *tape) bool { return t.track != nil && t.track.head.Strict })
}

// absorb takes a batch in.
func (w *scribe) absorb(b *batch) error {
	data := b.data
	for _, p := range b.pieces {
		switch {
		case p.ask == nil:
			if err := w.record(p.track.tape, p.at, p.code, data[:p.n]); err != nil {
				return err
			}
			data = data[p.n:]
		case w.broken == nil:
			w.broken = p.ask.do(w)
		}
	}
	w.waits = false
	for _, t := range w.tapes {
		if err := w.mend(t, t.track.head.Strict); err != nil {
			return err
		}
	}
	return nil
}

// begin starts a track: from next comes its secret, and then the next one.
func (w *scribe) begin(t *Track) error {
	t.name = fmt.Sprintf("%s%d", t.head.Kind, len(w.tapes))
	line, err := json.Marshal(header(w.words, t))
	if err != nil {
		return err
	}
	t.tape = &tape{
		track: t, chain: w.next.derive(labelTrack, w.words.ID+" "+t.name), lines: append(line, '\n'),
		state: trackState{Name: t.name, Began: t.began, Prev: make([]byte, 32)}, show: newShow(t),
	}
	if err := w.room(1); err != nil {
		return err
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
		if err := w.shut(t); err != nil {
			return err
		}
	}
	return nil
}

// room keeps room to write the end of each track that goes on, and of so many more.
func (w *scribe) room(more int64) error {
	for _, t := range w.tapes {
		if !t.ended {
			more++
		}
	}
	size := max(1, more) * reserveSize
	if size <= w.reserve {
		return nil
	}
	err := w.heal(func() error { return w.disk.fill(reserveName, w.reserve, size) })
	if err != nil {
		return fmt.Errorf("keep room for the end: %w", err)
	}
	w.reserve = size
	return nil
}

// persist makes every line durable, and forgets what opens closed segments.
func (w *scribe) persist() error {
	if w.open() == 0 {
		w.busy = false
		w.rest.Stop()
		for _, t := range w.tapes {
			t.show.rest()
		}
	}
	err := w.heal(func() error {
		if w.stale {
			return w.rotate()
		}
		w.keep()
		err := w.journal.flush()
		w.stale = err != nil // the file is not trusted again
		return err
	})
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
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

// rotate begins the journal anew with the state as it is: what was closed is
// durable by then.
func (w *scribe) rotate() error {
	const tmp = journalName + ".tmp"
	if err := w.disk.settle(); err != nil {
		return err
	}
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
	j.file.name = journalName
	err = w.disk.rename(tmp, journalName)
	w.stale = err != nil
	return err
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
// for the segments there are, and leaves the journal to Recover. The journal holds
// all of it until all of it is durable.
func (w *scribe) finish(cause string, ended time.Time, failed bool) (Seal, error) {
	if !failed {
		if err := w.endAll(); err != nil {
			return Seal{}, err
		}
	}
	if err := w.heal(func() error { return w.disk.remove(reserveName) }); err != nil { // the room that the manifest needs
		return Seal{}, err
	}
	m := w.manifest(cause, ended)
	text, err := m.sign(w.shelf.Signer)
	if err != nil {
		return Seal{}, fmt.Errorf("sign manifest: %w", err)
	}
	if err := w.heal(func() error { return w.disk.putLast(manifestName, text) }); err != nil {
		return Seal{}, fmt.Errorf("write manifest: %w", err)
	}
	if failed {
		return m.seal(), nil
	}
	if err := w.heal(w.forget); err != nil {
		return Seal{}, fmt.Errorf("remove journal: %w", err)
	}
	w.told(manifestName)
	return m.seal(), nil
}

// endAll ends and seals every track. The folder of the last segment is synced with
// the manifest: no other may be there without those before it.
func (w *scribe) endAll() error {
	for _, t := range w.tapes {
		if err := w.end(t); err != nil {
			return err
		}
	}
	last := 0
	for i, t := range w.tapes {
		if len(t.lines) > 0 {
			last = i
		}
	}
	for i, t := range w.tapes {
		if i == last {
			w.disk.defers()
		}
		if err := w.shut(t); err != nil {
			return err
		}
	}
	return nil
}

// forget removes the journal: all is in the segments.
func (w *scribe) forget() error {
	return errors.Join(w.disk.remove(journalName), w.disk.syncDir("."))
}

// clear makes room for the end of a recording that failed.
func (w *scribe) clear() error {
	w.broken = nil
	return w.tidy()
}

// publish gives those who follow what is durable.
func (w *scribe) publish(end error) {
	for _, t := range w.tapes {
		if end == nil && t.over {
			t.show.publish(ErrClosed)
			t.show.term, t.show.rests, t.show.late = nil, nil, nil
		} else {
			t.show.publish(end)
		}
	}
}

// told says that a file is complete on disk.
func (w *scribe) told(name string) {
	if w.shelf.Closed != nil {
		w.shelf.Closed(w.words.ID, name)
	}
}
