package recorder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"filippo.io/age"
)

const quarantine = "quarantine"

// Recovered is what Recover did to one recording.
type Recovered struct {
	Session Session // only the ID, when it could not be read
	Root    string  // of the manifest; "" when there is none
	Lost    bool    // something that was written cannot be read
	Err     error   // why it is in quarantine, or waits for the next Recover
}

// Recover finishes what a crash or a failed disk left unfinished: it puts the
// open segments together from the journal, marks them as rebuilt and signs the
// manifest. A recording that it cannot read it moves to quarantine/. One bad
// recording does not stop it; the error is about the folder as a whole.
// It is for start-up: recordings under way in this process are left alone.
func (s *Shelf) Recover() ([]Recovered, error) {
	d, err := s.disk()
	if err != nil {
		return nil, fmt.Errorf("recover recordings: %w", err)
	}
	defer func() { _ = d.root.Close() }() // only a way in
	defer func() { _ = s.stock() }()      // else when the first recording ends
	months, err := monthsOf(d.root)
	if err != nil {
		return nil, fmt.Errorf("recover recordings: %w", err)
	}
	var done []Recovered
	for _, m := range months {
		sessions, err := folders(d.root, m, func(name string) bool { return checkID(name) == nil })
		if err != nil {
			return done, fmt.Errorf("recover recordings: %w", err)
		}
		for _, id := range sessions {
			if unfinished(d.root, path.Join(m, id)) {
				done = s.recover(done, d, m, id)
			}
		}
	}
	return done, nil
}

func unfinished(root *os.Root, folder string) bool {
	_, err := root.Lstat(path.Join(folder, manifestName))
	if err != nil {
		return true
	}
	_, err = root.Lstat(path.Join(folder, journalName))
	return err == nil
}

// recover finishes one recording, and says so.
func (s *Shelf) recover(done []Recovered, d *disk, month, id string) []Recovered {
	enc, err := s.take(id)
	if err != nil { // under way
		return done
	}
	defer s.give(id)
	r := Recovered{Session: Session{ID: id}}
	w, lost, err := s.reopen(d, path.Join(month, id))
	if err == nil {
		w.enc = enc
		r.Session, r.Lost = w.words, lost
		err = w.complete(&r)
	}
	if w != nil {
		_ = w.disk.root.Close() // only a way in
	}
	var bad unreadable
	if errors.As(err, &bad) {
		r.Lost = true
		err = errors.Join(err, isolate(d, month, id))
	}
	if err != nil {
		r.Err = fmt.Errorf("recover recording %s: %w", id, err)
	}
	return append(done, r)
}

func (s *Shelf) reopen(d *disk, folder string) (*scribe, bool, error) {
	root, err := d.root.OpenRoot(folder)
	if err != nil {
		return nil, false, unread("open folder: %w", err)
	}
	w, lost, err := s.resume(root, path.Base(folder))
	if err != nil {
		_ = root.Close() // only a way in
		return nil, false, err
	}
	return w, lost, nil
}

// complete finishes a recording as its journal says.
func (w *scribe) complete(r *Recovered) error {
	if err := w.tidy(); err != nil {
		return err
	}
	if err := w.collect(); err != nil {
		return err
	}
	cause, ended := CauseStopped, w.words.Began
	for _, t := range w.tapes {
		if at := t.state.Began.Add(time.Duration(t.last) * time.Millisecond); at.After(ended) {
			ended = at
		}
	}
	old, err := w.signed()
	if err != nil {
		return unread("manifest: %w", err)
	}
	if old != nil {
		cause, ended = old.Cause, old.Ended
	}
	var seal Seal
	if old != nil && w.open() == 0 && slices.Equal(old.Segments, w.segments) { // all but the last step was done
		seal, err = old.seal(), errors.Join(w.disk.remove(journalName), w.disk.syncDir("."))
	} else {
		seal, err = w.finish(cause, ended, false)
	}
	r.Session.Ended, r.Session.Cause, r.Session.Tracks = ended, cause, len(w.tapes)
	r.Session.Root, r.Root = seal.Root, seal.Root
	return err
}

// signed is the manifest that a failed recording, or one that was all but
// closed, already has; nil for none.
func (w *scribe) signed() (*Manifest, error) {
	b, err := read(w.disk.root, manifestName, manifestMost)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := openManifest(b, w.shelf.Verifier)
	if err != nil {
		return nil, err
	}
	return &m, nil
}

// isolate moves a recording out of the way.
func isolate(d *disk, month, id string) error {
	if _, err := d.mkdir(quarantine); err != nil {
		return err
	}
	to := path.Join(quarantine, id)
	for n := 2; ; n++ {
		if _, err := d.root.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		}
		to = path.Join(quarantine, fmt.Sprintf("%s-%d", id, n))
	}
	return errors.Join(d.rename(path.Join(month, id), to), d.syncDir(month))
}

// Play makes a recording of this shelf ready to play, up to its journal's last
// event if it is still going on.
func (s *Shelf) Play(session string, ids ...age.Identity) (*Playback, error) {
	folder, err := Find(s.Dir, session)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("play %s: %w", session, err)
	}
	defer func() { _ = root.Close() }() // read only
	var tails []*tape
	if _, err := root.Lstat(journalName); err == nil {
		w, _, err := s.resume(root, session)
		if err != nil {
			return nil, fmt.Errorf("play %s: %w", session, err)
		}
		tails = w.tapes
	}
	p, err := open(root, folder, tails, ids)
	if err == nil {
		err = s.own(root, session, p)
	}
	if err != nil {
		return nil, fmt.Errorf("play %s: %w", session, err)
	}
	return p, nil
}

// own refuses what is in the folder of a session and was not recorded of it
// here. Where there is no manifest the segments could not be opened.
func (s *Shelf) own(root *os.Root, session string, p *Playback) error {
	if p.Manifest.Session == "" {
		return nil
	}
	signed, err := read(root, manifestName, manifestMost)
	if err != nil {
		return err
	}
	m, err := openManifest(signed, s.Verifier)
	if err == nil && (m.Session != session || m.text() != p.Manifest.text()) {
		err = fmt.Errorf("it is of session %s", m.Session)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrChanged, err)
	}
	return nil
}
