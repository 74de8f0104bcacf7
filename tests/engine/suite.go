package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"lockbox/recorder/ledger"
)

// An Opener opens one store, again and again: each time after the engine that
// it gave before was closed.
type Opener func() (ledger.Engine, error)

// Test runs the suite. fresh gives the opener of a store that holds nothing.
func Test(t *testing.T, fresh func(t *testing.T) Opener) {
	for _, law := range []struct {
		name string
		test func(t *testing.T, s *store)
	}{
		{"what is not there is nil, and what is empty is not", absent},
		{"keys and values are any bytes, and long", bytesOfAnyKind},
		{"a scan gives a prefix in the order of bytes, until it is told to stop", scans},
		{"a writer reads its own changes", ownChanges},
		{"what is put is copied", copies},
		{"a function is called once", once},
		{"a function that fails writes nothing", failures},
		{"a function that panics writes nothing", panics},
		{"a function that ends its goroutine writes nothing", exits},
		{"writers are one at a time, and see all that was written before", turns},
		{"several goroutines may use a Writer, one after another", passesOn},
		{"a View is one snapshot", snapshots},
		{"a View sees what was said before it, and nothing that was not", said},
		{"what was said is there after reopening", reopens},
		{"an ended ctx ends waiting, and writes nothing", ends},
		{"Close waits, and then all is refused", closes},
		{"whatever is done in whatever order, it is as a map would have it", likeAMap},
		{"every Watch gives every event once, in order, while many write", watches},
		{"of those who race for one grant one gets it", races},
		{"a ledger is whole after reopening", ledgers},
	} {
		t.Run(law.name, func(t *testing.T) { law.test(t, newStore(t, fresh(t))) })
	}
}

var errOwn = errors.New("the function's own error")

// A store is one test's, with its engine.
type store struct {
	ledger.Engine
	open Opener
}

func newStore(t *testing.T, open Opener) *store {
	t.Helper()
	e, err := open()
	if err != nil {
		t.Fatal(err)
	}
	s := &store{e, open}
	t.Cleanup(func() { _ = s.Close() }) // most are closed by then
	return s
}

func (s *store) reopen(t testing.TB) {
	t.Helper()
	err := s.Close()
	if err == nil {
		s.Engine, err = s.open()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// write is an Update that works: "k=v" puts, "-k" deletes.
func (s *store) write(t testing.TB, what ...string) {
	t.Helper()
	err := s.Update(t.Context(), func(w ledger.Writer) error { return apply(w, what...) })
	if err != nil {
		t.Fatal(err)
	}
}

func apply(w ledger.Writer, what ...string) error {
	for _, s := range what {
		var err error
		if k, ok := strings.CutPrefix(s, "-"); ok {
			err = w.Delete([]byte(k))
		} else {
			k, v, _ := strings.Cut(s, "=")
			err = w.Put([]byte(k), []byte(v))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// all is "k=v k=v" of the keys with a prefix.
func all(r ledger.Reader, prefix string) (string, error) {
	var kvs []string
	err := r.Scan([]byte(prefix), func(k, v []byte) (bool, error) {
		kvs = append(kvs, fmt.Sprintf("%s=%s", k, v))
		return true, nil
	})
	return strings.Join(kvs, " "), err
}

// holds wants the store to hold just that.
func (s *store) holds(t testing.TB, want string) {
	t.Helper()
	err := s.View(context.WithoutCancel(t.Context()), func(r ledger.Reader) error {
		got, err := all(r, "")
		if got != want {
			t.Errorf("the store holds %q, want %q", got, want)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// both runs a test in a View, and in an Update that was preceded by none.
func (s *store) both(t *testing.T, test func(t *testing.T, r ledger.Reader) error) {
	t.Helper()
	t.Run("View", func(t *testing.T) {
		if err := s.View(t.Context(), func(r ledger.Reader) error { return test(t, r) }); err != nil {
			t.Error(err)
		}
	})
	t.Run("Update", func(t *testing.T) {
		if err := s.Update(t.Context(), func(w ledger.Writer) error { return test(t, w) }); err != nil {
			t.Error(err)
		}
	})
}
