package ledger_test

import (
	"bytes"
	"errors"
	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
	"maps"
	"os"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

func TestFilesThatAreNoLedgerAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(w ledger.Writer) error
		want string
	}{
		"something else": {func(w ledger.Writer) error { return w.Put([]byte("x"), nil) }, "this is not a ledger"},
		"no form":        {func(w ledger.Writer) error { return w.Delete(ledger.FormAt()) }, "this is not a ledger"},
		"later form":     {func(w ledger.Writer) error { return w.Put(ledger.FormAt(), []byte("lockbox ledger 2")) }, "use the Lockbox that wrote it"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t)
			if name == "something else" {
				b.edit(func(w ledger.Writer) error { return restore(w, nil) })
			}
			b.edit(c.edit)
			if err := b.reopen(); !says(err, c.want) || err == nil {
				t.Errorf("got %v, want %q", err, c.want)
			}
			reopenEngine(b)
		})
	}
}

func TestEachFlippedBitOfTheFileIsCaughtOrNoMatter(t *testing.T) {
	b := newBook(t)
	want := maps.Clone(story(b)[4])
	row := b.get("grant/x")
	for k, v := range want {
		for i := range len(v) {
			b.edit(func(w ledger.Writer) error {
				e := []byte(v)
				e[i] ^= 1 << (i % 8)
				return w.Put([]byte(k), e)
			})
			err := b.Check(t.Context())
			if err == nil && k != string(ledger.FormAt()) { // which is read at Open
				t.Errorf("key %q, byte %d: not caught", k, i)
			}
		}
		b.edit(func(w ledger.Writer) error { return w.Put([]byte(k), []byte(v)) })
	}
	if err := b.Check(t.Context()); err != nil || b.get("grant/x") != row {
		t.Errorf("the file as it was: %v", err)
	}
}

func TestBytesOfTheFileItselfAreCaughtOrNoMatter(t *testing.T) {
	b := newBook(t)
	story(b)
	want := b.all()
	b.close()
	good, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	used := len(bytes.TrimRight(good, "\x00")) // the rest is room to grow
	good = good[:(used+4095)/4096*4096]
	caught := 0
	for i := 0; i < used; i += 127 {
		f, err := os.OpenFile(b.path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt([]byte{good[i] ^ 1<<(i%8)}, int64(i))
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		if e, err := boltengine.Open(b.path); err != nil {
			caught++
		} else {
			b.engine = e
			b.Ledger, err = ledger.Open(t.Context(), e, b.o)
			if err != nil {
				caught++
			} else if d := gocmp.Diff(want, b.all()); d != "" {
				t.Errorf("byte %d: it opens with (-want +got):\n%s", i, d)
			}
			b.close()
		}
		if err := os.WriteFile(b.path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d edits were caught, the others did not matter", caught, used/127+1)
	if err := b.open(); err != nil {
		t.Error(err)
	}
}
