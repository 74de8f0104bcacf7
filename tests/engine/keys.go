package engine

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"lockbox/recorder/ledger"
)

func absent(t *testing.T, s *store) {
	err := s.Update(t.Context(), func(w ledger.Writer) error {
		err := errors.Join(w.Put([]byte("empty"), []byte{}), w.Put([]byte("nil"), nil), w.Delete([]byte("none")))
		return errors.Join(err, found(t, w))
	})
	if err != nil {
		t.Fatal(err)
	}
	s.both(t, func(t *testing.T, r ledger.Reader) error { return found(t, r) })
	s.reopen(t)
	s.both(t, func(t *testing.T, r ledger.Reader) error { return found(t, r) })
}

func found(t *testing.T, r ledger.Reader) error {
	t.Helper()
	var errs []error
	for key, want := range map[string]bool{"empty": true, "nil": true, "none": false, "emp": false, "empty2": false, "\x00": false} {
		v, err := r.Get([]byte(key))
		if (v != nil) != want || len(v) != 0 {
			t.Errorf("Get %q: got %v, want it there: %t", key, v, want)
		}
		errs = append(errs, err)
	}
	got, err := all(r, "")
	if got != "empty= nil=" {
		t.Errorf("Scan: got %q", got)
	}
	return errors.Join(append(errs, err)...)
}

func bytesOfAnyKind(t *testing.T, s *store) {
	want := map[string][]byte{}
	for b := range 256 {
		want[string([]byte{byte(b)})] = []byte{byte(b), 0, byte(b)}
		want[string([]byte{byte(b), 0})] = nil
		want[string([]byte{byte(b), 0xff})] = bytes.Repeat([]byte{byte(b)}, b*10)
	}
	want[string(bytes.Repeat([]byte("k"), 2<<10))] = bytes.Repeat([]byte{0xff, 0}, 4<<20)
	err := s.Update(t.Context(), func(w ledger.Writer) error {
		for k, v := range want {
			if err := w.Put([]byte(k), v); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.reopen(t)
	s.both(t, func(t *testing.T, r ledger.Reader) error {
		var keys []string
		err := r.Scan(nil, func(k, v []byte) (bool, error) {
			if !bytes.Equal(v, want[string(k)]) {
				t.Errorf("Scan %.9q: %d bytes, want %d", k, len(v), len(want[string(k)]))
			}
			got, err := r.Get(k)
			if !bytes.Equal(got, v) {
				t.Errorf("Get %.9q: %d bytes, want %d", k, len(got), len(v))
			}
			keys = append(keys, string(k))
			return true, err
		})
		if len(keys) != len(want) || !slices.IsSorted(keys) {
			t.Errorf("got %d keys, in order: %t, want %d", len(keys), slices.IsSorted(keys), len(want))
		}
		return err
	})
}

func scans(t *testing.T, s *store) {
	s.write(t, "b\xff\xff=5", "a=1", "b/2=3", "b=2", "b0=4", "c=6", "\xff=7", "\xff\xff=8")
	s.both(t, func(t *testing.T, r ledger.Reader) error {
		for _, c := range []struct{ prefix, want string }{
			{"", "a=1 b=2 b/2=3 b0=4 b\xff\xff=5 c=6 \xff=7 \xff\xff=8"},
			{"b", "b=2 b/2=3 b0=4 b\xff\xff=5"}, {"b/", "b/2=3"}, {"b\xff", "b\xff\xff=5"}, {"\xff", "\xff=7 \xff\xff=8"},
			{"\xff\xff", "\xff\xff=8"}, {"c=6", ""}, {"d", ""}, {"\xff\xff\xff", ""},
		} {
			if got, err := all(r, c.prefix); err != nil || got != c.want {
				t.Errorf("Scan %q: got %q, %v, want %q", c.prefix, got, err, c.want)
			}
		}
		n := 0
		err := r.Scan([]byte("b"), func(_, _ []byte) (bool, error) { n++; return n < 2, nil })
		if n != 2 || err != nil {
			t.Errorf("told to stop at 2, it stopped at %d: %v", n, err)
		}
		n = 0
		err = r.Scan(nil, func(_, _ []byte) (bool, error) { n++; return true, errOwn })
		if n != 1 || err != errOwn {
			t.Errorf("after an error it went on to %d: %v", n, err)
		}
		return nil
	})
}

func ownChanges(t *testing.T, s *store) {
	s.write(t, "a=1", "b=2", "c=3")
	err := s.Update(t.Context(), func(w ledger.Writer) error {
		for _, step := range []struct{ do, want string }{
			{"b=two", "a=1 b=two c=3"}, {"-a", "b=two c=3"}, {"bb=4", "b=two bb=4 c=3"}, {"a=again", "a=again b=two bb=4 c=3"},
			{"-none", "a=again b=two bb=4 c=3"}, {"-bb", "a=again b=two c=3"}, {"c=", "a=again b=two c="},
		} {
			if err := apply(w, step.do); err != nil {
				return err
			}
			if got, err := all(w, ""); err != nil || got != step.want {
				t.Errorf("after %s: got %q, %v, want %q", step.do, got, err, step.want)
			}
		}
		v, err := w.Get([]byte("bb"))
		if v != nil {
			t.Errorf("Get of what was deleted: got %q", v)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	s.holds(t, "a=again b=two c=")
}

func copies(t *testing.T, s *store) {
	err := s.Update(t.Context(), func(w ledger.Writer) error {
		k, v := []byte("key"), []byte("value")
		err := w.Put(k, v)
		copy(k, "XXX")
		copy(v, "XXXXX")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.holds(t, "key=value")
}
