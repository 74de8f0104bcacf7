package ledger_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
	"lockbox/recorder/proof"
)

const origin = "lockbox.example"

// A book is a ledger on a real file, with the file in reach.
type book struct {
	*ledger.Ledger
	t      testing.TB
	path   string
	engine ledger.Engine
	o      ledger.Options
}

// keys are the same for the same seed, for ever.
func keys(t testing.TB, seed byte, name string) (note.Signer, note.Verifier) {
	t.Helper()
	private := bytes.Repeat([]byte{seed}, ed25519.SeedSize)
	vkey, err := note.NewEd25519VerifierKey(name, ed25519.NewKeyFromSeed(private).Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	hash := strings.Split(vkey, "+")[1]
	s, err := note.NewSigner("PRIVATE+KEY+" + name + "+" + hash + "+" + base64.StdEncoding.EncodeToString(append([]byte{1}, private...)))
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return s, v
}

func options(t testing.TB) ledger.Options {
	s, v := keys(t, 1, origin)
	return ledger.Options{Origin: origin, Signer: s, Verifier: v}
}

func newBook(t testing.TB) *book { return bookOf(t, options(t)) }

func bookOf(t testing.TB, o ledger.Options) *book {
	t.Helper()
	b := &book{t: t, path: filepath.Join(t.TempDir(), "ledger.db"), o: o}
	if err := b.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.close() })
	return b
}

func (b *book) open() error {
	b.t.Helper()
	e, err := boltengine.Open(b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.engine = e
	b.Ledger, err = ledger.Open(b.t.Context(), e, b.o)
	if err != nil {
		b.close()
	}
	return err
}

func (b *book) close() {
	b.t.Helper()
	if err := b.engine.Close(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *book) reopen() error {
	b.t.Helper()
	b.close()
	return b.open()
}

// edit changes the file behind the ledger's back.
func (b *book) edit(fn func(w ledger.Writer) error) {
	b.t.Helper()
	if err := b.engine.Update(b.t.Context(), fn); err != nil {
		b.t.Fatal(err)
	}
}

// all is everything in the file.
func (b *book) all() map[string]string {
	b.t.Helper()
	m := map[string]string{}
	err := b.engine.View(b.t.Context(), func(r ledger.Reader) error {
		return r.Scan(nil, func(k, v []byte) (bool, error) { m[string(k)] = string(v); return true, nil })
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

// restore makes the file what all said.
func restore(w ledger.Writer, m map[string]string) error {
	var have [][]byte
	err := w.Scan(nil, func(k, _ []byte) (bool, error) { have = append(have, bytes.Clone(k)); return true, nil })
	for _, k := range have {
		if err == nil {
			err = w.Delete(k)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if err == nil {
			err = w.Put([]byte(k), []byte(m[k]))
		}
	}
	return err
}

// must runs one transaction.
func (b *book) must(fn func(tx *ledger.Tx) error) {
	b.t.Helper()
	if err := b.Update(b.t.Context(), fn); err != nil {
		b.t.Fatal(err)
	}
}

// put writes one row with one event.
func (b *book) put(key string, v any) {
	b.t.Helper()
	b.must(func(tx *ledger.Tx) error {
		if err := tx.Put(key, v); err != nil {
			return err
		}
		_, err := tx.Append(did("row.put"))
		return err
	})
}

func did(kind string) ledger.Event { return ledger.Event{Kind: kind, Actor: "eng@example.eu"} }

// get is "" when there is no such row.
func (b *book) get(key string) (v string) {
	b.t.Helper()
	err := b.View(b.t.Context(), func(tx *ledger.Tx) error { _, err := tx.Get(key, &v); return err })
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

func (b *book) verified(key string) error {
	return b.View(b.t.Context(), func(tx *ledger.Tx) error {
		var v any
		_, err := tx.Verified(key, &v)
		return err
	})
}

func (b *book) events() []ledger.Event {
	b.t.Helper()
	es, err := b.After(b.t.Context(), -1, 1000)
	if err != nil {
		b.t.Fatal(err)
	}
	return es
}

// says reports whether err is nil for "" or says want.
func says(err error, want string) bool {
	if want == "" || err == nil {
		return want == "" && err == nil
	}
	return strings.Contains(err.Error(), want)
}

// hands is a clock that stands still until it is set.
type hands struct {
	wall time.Time
	mono time.Duration
}

func (h *hands) options(t testing.TB) ledger.Options {
	o := options(t)
	o.Now = func() time.Time { return h.wall }
	return o
}

func (h *hands) pass(d time.Duration) { h.wall, h.mono = h.wall.Add(d), h.mono+d }

func background(t testing.TB, d time.Duration) context.Context {
	ctx, stop := context.WithTimeout(t.Context(), d)
	t.Cleanup(stop)
	return ctx
}

// reopenEngine opens the file without the ledger.
func reopenEngine(b *book) ledger.Engine {
	b.t.Helper()
	e, err := boltengine.Open(b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.engine = e
	return e
}

// entry proves one event.
func (b *book) entry(seq int64) (ledger.Entry, error) {
	p, err := b.Main().Prove(b.t.Context(), seq)
	if err != nil {
		return ledger.Entry{}, err
	}
	return p.Entries[0], nil
}

// checks is what an outsider does who has the log's key alone.
func checks(e ledger.Entry, v note.Verifier) error {
	c, err := proof.Open(e.Proof.Checkpoint, origin, v)
	if err != nil {
		return err
	}
	return e.Proof.Holds(e.Leaf, c)
}
