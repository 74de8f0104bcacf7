package recorder

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"sync"
	"time"

	"filippo.io/age"
)

// Open begins a recording. Its folder, sealed key and journal are on disk when
// Open returns; without them there is no session. Nor is there while the
// shelf's Health is Red, or Amber and the recording is to be strict. An
// emergency asks only for what it needs itself, and may use the room kept for it.
func (s *Shelf) Open(words Session, how How) (*Recording, error) {
	if err := words.check(); err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	if words.Began.IsZero() {
		words.Began = s.now()
	}
	words.Began = words.Began.UTC().Round(time.Millisecond)
	w, err := s.scribe(words, how)
	if err != nil {
		return nil, fmt.Errorf("open recording %s: %w", words.ID, err)
	}
	r := &Recording{
		shelf: s, strict: how.Strict, now: s.now, patience: patienceDefault, failed: make(chan struct{}),
		done: make(chan struct{}), scribe: w,
		changed: make(chan struct{}), trouble: trouble{changed: make(chan struct{})},
	}
	if s.Patience > 0 {
		r.patience = min(s.Patience, patienceMost)
	}
	r.dog, r.soon, w.rest = stopped(r.overdue), stopped(r.come), stopped(r.rest)
	r.moved = sync.NewCond(&r.mu)
	w.rec, w.disk.alive = r, r.alive
	r.folder, r.home = filepath.FromSlash(w.folder), w.home
	s.goesOn(words.ID, r)
	w.told(keyName)
	return r, nil
}

// stopped makes a timer that waits for its Reset.
func stopped(do func()) *time.Timer {
	t := time.NewTimer(time.Hour)
	if do != nil {
		t.Stop()
		t = time.AfterFunc(time.Hour, do)
	}
	t.Stop()
	return t
}

// scribe makes the folder of a recording and what is in it from the beginning.
func (s *Shelf) scribe(words Session, how How) (*scribe, error) {
	to, err := s.readers(how)
	if err != nil {
		return nil, err
	}
	d, err := s.disk()
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.root.Close() }() // the scribe has its own
	if how.Emergency {
		err = s.squeeze(d)
	} else {
		err = s.admits(how)
	}
	if err != nil {
		return nil, err
	}
	enc, err := s.take(words.ID)
	if err != nil {
		return nil, err
	}
	w := &scribe{shelf: s, words: words, enc: enc, rest: stopped(nil)}
	_, _ = rand.Read(w.next[:]) // never fails; the session key is the first of the chain
	key, err := sealKey(w.next, to)
	if err != nil {
		w.leave()
		return nil, err
	}
	folder, err := s.makeFolder(d, words)
	if err != nil {
		w.leave()
		return nil, err
	}
	if err := w.found(d, folder, key); err != nil { // which makes the folder durable, too
		w.leave()
		_ = d.root.RemoveAll(folder) // nothing was recorded; Recover moves away what is left
		return nil, err
	}
	return w, nil
}

// found puts key, reserve and journal into the new folder.
func (w *scribe) found(d *disk, folder string, key []byte) error {
	root, err := d.root.OpenRoot(folder)
	if err != nil {
		return err
	}
	w.disk, w.folder = &disk{root: root, before: d.before}, folder
	if w.home, err = root.Stat("."); err != nil {
		return err
	}
	hash := sha256.Sum256(key)
	w.keyHash = hash[:]
	sealed, err := w.disk.draft(keyName, key)
	if err != nil {
		return err
	}
	defer func() { _ = sealed.Close() }() // synced, or not used
	if err := w.room(0); err != nil {
		return err
	}
	if w.journal, err = w.newJournal(journalName); err != nil {
		return err
	}
	for _, step := range []func() error{ // all is made before any of it is synced: then one sync does most of the work
		sealed.Sync,
		w.journal.flush,
		func() error { return w.disk.syncDir(".") },
		d.settle,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// sealKey encrypts the session key to those who may read.
func sealKey(key secret, to []age.Recipient) ([]byte, error) {
	var b bytes.Buffer
	enc, err := age.Encrypt(&b, to...)
	if err != nil {
		return nil, fmt.Errorf("seal key: %w", err)
	}
	if _, err = enc.Write(key[:]); err == nil {
		err = enc.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("seal key: %w", err)
	}
	return b.Bytes(), nil
}

// readers are those whom a recording is sealed to: of one kind, for a classic
// key would undo what the others are for.
func (s *Shelf) readers(how How) (to []age.Recipient, err error) {
	if !how.NotVault {
		to = append(to, s.Recipients...)
	}
	classic := 0
	for _, text := range how.Readers {
		var r age.Recipient
		if r, err = age.ParseHybridRecipient(text); err != nil {
			r, err = age.ParseX25519Recipient(text)
			classic++
		}
		if err != nil {
			return nil, fmt.Errorf("a reader's key %.20q is no age public key: %w", text, err)
		}
		to = append(to, r)
	}
	switch {
	case len(to) == 0:
		return nil, errors.New("there is nobody to seal it to")
	case classic > 0 && classic < len(how.Readers):
		return nil, errors.New("some readers' keys are classic (age1…), others post-quantum (age1pq1…): one recording is sealed to one kind")
	}
	return to, nil
}

// makeFolder makes yyyy/mm/session, which is durable once d is settled. The month is
// made durable once, while it stays where it is.
func (s *Shelf) makeFolder(d *disk, words Session) (string, error) {
	year := words.Began.Format("2006")
	month := path.Join(year, words.Began.Format("01"))
	folder := path.Join(month, words.ID)
	made, err := false, error(fs.ErrNotExist)
	if s.knows(month) {
		d.defers()
		made, err = d.mkdir(folder)
	}
	if errors.Is(err, fs.ErrNotExist) {
		d.late = nil // nothing was made
		for _, dir := range []string{year, month, folder} {
			if made, err = d.mkdir(dir); err != nil {
				return "", err
			}
		}
		s.learn(month)
	}
	if err == nil && !made {
		err = errors.New("there is such a recording already")
	}
	return folder, err
}

// knows says whether this shelf has made the folder of a month durable.
func (s *Shelf) knows(month string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.month == month
}

func (s *Shelf) learn(month string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.month = month
}

// leave lets go of everything that the scribe holds.
func (w *scribe) leave() {
	w.rest.Stop()
	if w.journal != nil {
		_ = w.journal.file.Close() // synced, or not trusted
	}
	if w.disk != nil {
		_ = w.disk.root.Close() // only a way in
	}
	w.shelf.give(w.words.ID)
	_ = w.shelf.stock() // else when the next one ends
}
