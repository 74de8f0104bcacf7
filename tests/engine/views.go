package engine

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"lockbox/recorder/ledger"
)

func snapshots(t *testing.T, s *store) {
	s.write(t, "a=0", "z=0")
	err := s.View(t.Context(), func(r ledger.Reader) error {
		for n := 1; n < 20; n++ {
			s.write(t, fmt.Sprint("a=", n), fmt.Sprint("m", n, "=x"), fmt.Sprint("z=", n))
			if got, err := all(r, ""); err != nil || got != "a=0 z=0" {
				t.Errorf("after %d Updates: got %q, %v", n, got, err)
			}
			err := s.View(t.Context(), func(later ledger.Reader) error {
				v, err := later.Get([]byte("z"))
				if string(v) != strconv.Itoa(n) {
					t.Errorf("a later View: got %s, want %d", v, n)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// said lets many read while one writes two numbers that must always be the same.
func said(t *testing.T, s *store) {
	const last = 150
	var began, told atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for told.Load() < last && !t.Failed() {
				least, a, z := told.Load(), int64(0), int64(0)
				err := s.View(t.Context(), func(r ledger.Reader) (err error) {
					if a, err = number(r, "a"); err != nil {
						return err
					}
					z, err = number(r, "z")
					return err
				})
				if most := began.Load(); err != nil || a != z || a < least || a > most {
					t.Errorf("a View sees %d and %d of at least %d and at most %d: %v", a, z, least, most, err)
				}
			}
		})
	}
	for n := int64(1); n <= last; n++ {
		err := s.Update(t.Context(), func(w ledger.Writer) error {
			if err := apply(w, fmt.Sprint("a=", n)); err != nil {
				return err
			}
			err := s.View(t.Context(), func(r ledger.Reader) error { // not even its own goroutine sees it
				a, err := number(r, "a")
				if a != n-1 {
					t.Errorf("a View inside Update %d sees %d", n, a)
				}
				return err
			})
			if err != nil {
				return err
			}
			began.Store(n) // fn is done with: from here on it may become durable
			return apply(w, fmt.Sprint("z=", n))
		})
		if err != nil {
			t.Error(err)
			break
		}
		told.Store(n)
	}
	told.Store(last)
	wg.Wait()
}

func number(r ledger.Reader, key string) (int64, error) {
	b, err := r.Get([]byte(key))
	if err != nil || b == nil {
		return 0, err
	}
	return strconv.ParseInt(string(b), 10, 64)
}

// A model is what the store must be, as a map has it.
type model struct {
	s    *store
	want map[string]string
}

func likeAMap(t *testing.T, s *store) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{s, map[string]string{}}
		if err := s.Update(t.Context(), empty); err != nil {
			rt.Fatal(err)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"":       func(rt *rapid.T) { m.compare(rt, t) },
			"update": func(rt *rapid.T) { m.update(rt, t) },
			"reopen": func(*rapid.T) { s.reopen(t) },
		})
	})
}

func empty(w ledger.Writer) error {
	var keys [][]byte
	err := w.Scan(nil, func(k, _ []byte) (bool, error) { keys = append(keys, append([]byte{}, k...)); return true, nil })
	for _, k := range keys {
		if err == nil {
			err = w.Delete(k)
		}
	}
	return err
}

// update does some changes, and at times fails after them.
func (m *model) update(rt *rapid.T, t *testing.T) {
	key := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', 'b', 0xff}), 1, 4)
	after := map[string]string{}
	for k, v := range m.want {
		after[k] = v
	}
	fails := rapid.IntRange(0, 3).Draw(rt, "fails") == 0
	err := m.s.Update(t.Context(), func(w ledger.Writer) error {
		for range rapid.IntRange(0, 6).Draw(rt, "changes") {
			k := key.Draw(rt, "key")
			var err error
			if rapid.Bool().Draw(rt, "delete") {
				delete(after, string(k))
				err = w.Delete(k)
			} else {
				v := make([]byte, rapid.SampledFrom([]int{0, 1, 100, 5000}).Draw(rt, "size"))
				after[string(k)] = string(v)
				err = w.Put(k, v)
			}
			if err != nil {
				return err
			}
		}
		if fails {
			return errOwn
		}
		return same(rt, w, after)
	})
	if fails != (err == errOwn) || err != nil && !fails {
		rt.Fatalf("got %v", err)
	}
	if !fails {
		m.want = after
	}
}

func (m *model) compare(rt *rapid.T, t *testing.T) {
	if err := m.s.View(t.Context(), func(r ledger.Reader) error { return same(rt, r, m.want) }); err != nil {
		rt.Fatal(err)
	}
}

func same(rt *rapid.T, r ledger.Reader, want map[string]string) error {
	n, before := 0, ""
	err := r.Scan(nil, func(k, v []byte) (bool, error) {
		if old, ok := want[string(k)]; !ok || old != string(v) || n > 0 && before >= string(k) {
			rt.Fatalf("%q after %q: got %d bytes, want it: %t, of %d", k, before, len(v), ok, len(old))
		}
		n++
		before = string(k)
		return true, nil
	})
	if n != len(want) {
		rt.Fatalf("got %d keys, want %d", n, len(want))
	}
	return err
}
