package ledger_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"lockbox/recorder/ledger"
)

// secretly is a book whose Open is short.
func secretly(t testing.TB) *book {
	o := options(t)
	o.Secret = bytes.Repeat([]byte{7}, 32)
	o.Newest = []string{"grant/"}
	return bookOf(t, o)
}

// foundWhen says which step finds a change that was made while the ledger was
// closed, when it opens by its seal; all that is not named here, Open finds.
func foundWhen() map[string]string {
	return map[string]string{
		"leaf edited":                           "read",
		"another leaf edited":                   "read",
		"leaf edited, hashes made again":        "open",
		"leaves exchanged":                      "read",
		"leaf removed":                          "read",
		"leaf added far off":                    "check", // nothing reads it
		"hash edited":                           "read",
		"hash removed":                          "read",
		"hash added":                            "check", // nothing reads it
		"person edited":                         "read",
		"reason edited":                         "read",
		"person of another event":               "read",
		"person nonsense":                       "read",
		"person removed":                        "check", // it looks like one that was erased
		"erased person put back":                "check", // it is the true one
		"person of no event":                    "check", // nothing reads it
		"whole file of the past, while running": "",      // only who holds a later checkpoint can tell
	}
}

func TestChangesWhileItWasClosedAreFound(t *testing.T) {
	when := foundWhen()
	for _, c := range changes(t) {
		t.Run(c.name, func(t *testing.T) {
			want, ok := when[c.name]
			if !ok {
				want = "open"
			}
			b := secretly(t)
			after := story(b)
			_, other := foreign(t)
			b.edit(func(w ledger.Writer) error { return c.edit(thief{w, after, other, b.o}) })
			got := found(b)
			if got != want {
				t.Errorf("found by %q, want %q", got, want)
			}
		})
	}
}

// found reopens a book and gives the step that finds that it was changed.
func found(b *book) string {
	b.t.Helper()
	tampered := func(what string, err error) bool {
		b.t.Helper()
		if err != nil && !errors.Is(err, ledger.ErrTampered) {
			b.t.Errorf("%s: got %v, want ErrTampered", what, err)
		}
		return err != nil
	}
	if tampered("Open", b.reopen()) {
		reopenEngine(b)
		return "open"
	}
	_, err := b.After(b.t.Context(), -1, 1000)
	read := tampered("After", err)
	read = tampered("Verified", b.View(b.t.Context(), func(tx *ledger.Tx) error {
		return tx.Scan("", func(k string, _ json.RawMessage) (bool, error) {
			_, err := tx.Verified(k, new(any))
			return err == nil, err
		})
	})) || read
	full := tampered("Check", b.Check(b.t.Context()))
	switch {
	case read && !full:
		b.t.Error("Check did not find what a read found")
	case read:
		return "read"
	case full:
		return "check"
	}
	return ""
}

func TestTheSealIsBelievedOnlyWhereItWasMade(t *testing.T) {
	x := ledger.RowAt("grant/x")
	for _, c := range []struct {
		name string
		edit func(w thief) error
		want string // which step finds it
	}{
		{"nothing", func(thief) error { return nil }, ""},
		{"seal removed", func(w thief) error { return w.Delete(ledger.StateAt()) }, ""},
		{"seal is nonsense", func(w thief) error { return w.Put(ledger.StateAt(), []byte("x")) }, ""},
		{"seal edited", func(w thief) error { return w.flip(ledger.StateAt(), 20) }, ""},
		{"seal of the past", func(w thief) error { return w.back(ledger.StateAt(), 3) }, ""},
		{"seal removed, row edited", func(w thief) error { return errors.Join(w.Delete(ledger.StateAt()), w.flip(x, -2)) }, "open"},
		{"seal and row of the past", func(w thief) error { return errors.Join(w.back(ledger.StateAt(), 1), w.back(x, 1)) }, "open"},
		{"seal, row and checkpoint of the past", func(w thief) error {
			return errors.Join(w.back(ledger.StateAt(), 1), w.back(x, 1), w.back(ledger.NoteAt(), 1))
		}, "open"},
		{"seal removed, leaf edited", func(w thief) error { return errors.Join(w.Delete(ledger.StateAt()), w.flip(ledger.LogAt(0), 60)) }, "open"},
		{"two rows exchanged", func(w thief) error {
			return errors.Join(w.back2(x, ledger.RowAt("other/y")), w.back2(ledger.RowAt("other/y"), x))
		}, "open"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := secretly(t)
			after := story(b)
			b.edit(func(w ledger.Writer) error { return c.edit(thief{w, after, nil, b.o}) })
			if got := found(b); got != c.want {
				t.Errorf("found by %q, want %q", got, c.want)
			}
			if c.want != "" {
				return
			}
			b.put("grant/x", "more")
			if got := found(b); got != "" {
				t.Errorf("after one more write: found by %q", got)
			}
		})
	}
}

func TestAnotherSecretMakesTheSealAnothers(t *testing.T) {
	b := secretly(t)
	story(b)
	seal := func() string { return b.all()[string(ledger.StateAt())] }
	first := seal()
	for _, secret := range [][]byte{nil, bytes.Repeat([]byte{8}, 32)} {
		b.o.Secret = secret
		if err := b.reopen(); err != nil {
			t.Fatal(err)
		}
		if same := seal() == first; same != (secret == nil) {
			t.Errorf("secret %v: the seal is the same: %v", secret != nil, same)
		}
	}
	b.o.Secret = []byte("short")
	b.close()
	if err := b.open(); !says(err, "not 32") {
		t.Errorf("got %v", err)
	}
	reopenEngine(b)
}

func TestTheSealFollowsEveryKindOfWrite(t *testing.T) {
	b := secretly(t)
	for i := range 3 {
		story(b)
		b.must(func(tx *ledger.Tx) error {
			_, err := tx.Append(did("x"))
			for j := range 20 {
				key := fmt.Sprintf("grant/%d", (j*7+i)%9)
				if err = errors.Join(err, tx.Put(key, strings.Repeat("x", j*100))); j%3 == i {
					err = errors.Join(err, tx.Delete(key))
				}
			}
			return err
		})
		b.edit(func(w ledger.Writer) error { // a leaf that only a full check would read
			v, err := w.Get(ledger.LogAt(0))
			v = bytes.Clone(v)
			v[60] ^= 1
			return errors.Join(err, w.Put(ledger.LogAt(0), v))
		})
		if err := b.reopen(); err != nil {
			t.Fatalf("round %d: the seal does not fit: %v", i, err)
		}
		b.edit(func(w ledger.Writer) error {
			v, err := w.Get(ledger.LogAt(0))
			v = bytes.Clone(v)
			v[60] ^= 1
			return errors.Join(err, w.Put(ledger.LogAt(0), v))
		})
		if err := b.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
