package recorder

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"sync"
	"time"

	"filippo.io/age"
)

// Open begins a recording. Its folder, sealed key and journal are on disk when
// Open returns; without them there is no session.
func (s *Shelf) Open(words Session, how How) (*Recording, error) {
	if err := words.check(); err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	if words.Began.IsZero() {
		words.Began = s.now()
	}
	words.Began = words.Began.UTC().Round(time.Millisecond)
	w, err := s.scribe(words)
	if err != nil {
		return nil, fmt.Errorf("open recording %s: %w", words.ID, err)
	}
	r := &Recording{
		now: s.now, patience: s.Patience, failed: make(chan struct{}),
		done: make(chan struct{}), wake: make(chan struct{}, 1), soon: stopped(nil),
	}
	if r.patience == 0 {
		r.patience = 5 * time.Second
	}
	r.dog = stopped(func() { r.fail(errStalled) })
	r.moved = sync.NewCond(&r.mu)
	w.disk.alive = r.alive
	go r.run(w) // Close waits for it
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
func (s *Shelf) scribe(words Session) (*scribe, error) {
	d, err := s.disk()
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.root.Close() }() // the scribe has its own
	if err := s.room(); err != nil {
		return nil, err
	}
	enc, err := s.take(words.ID)
	if err != nil {
		return nil, err
	}
	w := &scribe{shelf: s, words: words, enc: enc, rest: stopped(nil)}
	folder, err := makeFolder(d, words)
	if err != nil {
		w.leave()
		return nil, err
	}
	if err := w.found(d, folder); err != nil {
		w.leave()
		_ = d.root.RemoveAll(folder) // nothing was recorded; Recover moves away what is left
		return nil, err
	}
	return w, nil
}

// found puts key, reserve and journal into the new folder.
func (w *scribe) found(d *disk, folder string) error {
	root, err := d.root.OpenRoot(folder)
	if err != nil {
		return err
	}
	w.disk = &disk{root: root, before: d.before}
	_, _ = rand.Read(w.next[:]) // never fails; the session key is the first of the chain
	key, err := sealKey(w.next, w.shelf.Recipients)
	if err != nil {
		return err
	}
	hash := sha256.Sum256(key)
	w.keyHash = hash[:]
	if err := w.disk.write(keyName, key); err != nil {
		return err
	}
	if err := w.disk.fill(reserveName, reserveSize); err != nil {
		return err
	}
	if w.journal, err = w.newJournal(journalName); err != nil {
		return err
	}
	return errors.Join(w.journal.flush(), w.disk.syncDir("."))
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

// makeFolder makes yyyy/mm/session.
func makeFolder(d *disk, words Session) (string, error) {
	year := words.Began.Format("2006")
	month := path.Join(year, words.Began.Format("01"))
	folder := path.Join(month, words.ID)
	for _, dir := range []string{year, month, folder} {
		made, err := d.mkdir(dir)
		if err != nil {
			return "", err
		}
		if dir == folder && !made {
			return "", errors.New("there is such a recording already")
		}
	}
	return folder, nil
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
}
