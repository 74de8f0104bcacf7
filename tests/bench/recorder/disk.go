package main

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"

	"lockbox/recorder"
)

// newShelf is where this program records by itself.
func newShelf(dir string) (*recorder.Shelf, error) {
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return nil, err
	}
	skey, vkey, err := note.GenerateKey(rand.Reader, "bench.test")
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(vkey)
	s := &recorder.Shelf{Dir: dir, Recipients: []age.Recipient{id.Recipient()}, Signer: signer, Verifier: verifier, MinFree: -1, MinFreePercent: -1}
	_, _ = rand.Read(s.AtRest[:]) // never fails
	return s, err
}

// disk finds how large recordings are: all their files, beside what was shown.
func (b *bench) disk() error {
	text, random := terminal(stock), make([]byte, stock)
	_, _ = rand.Read(random) // never fails
	for range b.rounds {
		for _, row := range []struct {
			name string
			data []byte
			each int
			must float64
		}{
			{"on disk, text in 200 B writes", text, 200, 0.30},
			{"on disk, text in 32 KiB writes", text, 32 << 10, 0.30},
			{"on disk, random in 32 KiB writes", random, 32 << 10, 1.02},
		} {
			size, err := b.stored(row.data, row.each)
			if err != nil {
				return err
			}
			b.result(row.name, "B/B", row.must).add(float64(size) / float64(len(row.data)))
		}
	}
	return nil
}

// stored records what a terminal shows, and says how large all of it is.
func (b *bench) stored(data []byte, each int) (size int64, err error) {
	dir, err := os.MkdirTemp(b.dir, "disk")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := newShelf(dir)
	if err != nil {
		return 0, err
	}
	rec, err := s.Open(recorder.Session{ID: recorder.NewID(time.Now())}, recorder.How{})
	if err != nil {
		return 0, err
	}
	t, err := rec.Track(recorder.Header{Kind: "pty", Cols: 80, Rows: 24})
	for ; len(data) > 0 && err == nil; data = data[min(each, len(data)):] {
		err = t.Output(data[:min(each, len(data))])
	}
	if _, cerr := rec.Close("done"); err != nil || cerr != nil {
		return 0, errors.Join(err, cerr)
	}
	return sizeOf(dir)
}

func sizeOf(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}
