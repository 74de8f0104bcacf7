package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockbox/recorder/ledger"
)

func once(t *testing.T, s *store) {
	for _, want := range []error{nil, errOwn} {
		n := 0
		err := errors.Join(s.Update(t.Context(), func(ledger.Writer) error { n++; return want }))
		if !errors.Is(err, want) || n != 1 {
			t.Errorf("Update: called %d times, got %v, want %v", n, err, want)
		}
		err = s.View(t.Context(), func(ledger.Reader) error { n++; return want })
		if !errors.Is(err, want) || n != 2 {
			t.Errorf("View: called %d times, got %v, want %v", n-1, err, want)
		}
	}
}

func failures(t *testing.T, s *store) {
	s.write(t, "k=old", "gone=x")
	if err := s.Update(t.Context(), func(w ledger.Writer) error {
		return errors.Join(apply(w, "k=new", "-gone", "more=y"), errOwn)
	}); !errors.Is(err, errOwn) {
		t.Errorf("got %v, want the function's error", err)
	}
	s.goesOn(t, "gone=x k=old")
}

// goesOn wants nothing to have changed, now and after reopening, and the next
// Update to work.
func (s *store) goesOn(t *testing.T, want string) {
	t.Helper()
	s.holds(t, want)
	s.write(t, "z=after")
	s.reopen(t)
	s.holds(t, want+" z=after")
}

func panics(t *testing.T, s *store) {
	s.write(t, "k=old")
	for _, run := range []func(){
		func() {
			_ = s.Update(t.Context(), func(w ledger.Writer) error { _ = apply(w, "k=new", "more=y"); panic(errOwn) })
		},
		func() { _ = s.View(t.Context(), func(ledger.Reader) error { panic(errOwn) }) },
	} {
		func() {
			defer func() {
				if p := recover(); p != errOwn {
					t.Errorf("got the panic %v, want the function's", p)
				}
			}()
			run()
		}()
	}
	s.goesOn(t, "k=old")
}

func exits(t *testing.T, s *store) { // as t.FailNow does
	s.write(t, "k=old")
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = s.Update(t.Context(), func(w ledger.Writer) error { _ = apply(w, "k=new", "more=y"); runtime.Goexit(); return nil })
		t.Error("Update returned")
	})
	wg.Go(func() {
		_ = s.View(t.Context(), func(ledger.Reader) error { runtime.Goexit(); return nil })
		t.Error("View returned")
	})
	wg.Wait()
	s.goesOn(t, "k=old")
}

// count adds one to a number, and says which it made.
func count(w ledger.Writer, key string) (n int, err error) {
	b, err := w.Get([]byte(key))
	if err != nil {
		return 0, err
	}
	if b != nil {
		if n, err = strconv.Atoi(string(b)); err != nil {
			return 0, err
		}
	}
	n++
	return n, w.Put([]byte(key), []byte(strconv.Itoa(n)))
}

func turns(t *testing.T, s *store) {
	const many, each = 16, 12
	var inside atomic.Int32
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() {
			for n := range each {
				err := s.Update(t.Context(), func(w ledger.Writer) error {
					if inside.Add(1) != 1 {
						t.Error("two write at once")
					}
					defer inside.Add(-1)
					_, err := count(w, "n")
					if err == nil && (i+n)%4 == 3 {
						err = errOwn // it leaves no trace
					}
					return err
				})
				if err != nil && err != errOwn {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	s.holds(t, fmt.Sprint("n=", many*each*3/4))
}

func passesOn(t *testing.T, s *store) {
	s.write(t, "a=1")
	err := s.Update(t.Context(), func(w ledger.Writer) error {
		for n := range 4 {
			done := make(chan error)
			go func() {
				got, err := all(w, "n")
				if want := []string{"", "n0=", "n0= n1=", "n0= n1= n2="}[n]; got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				done <- errors.Join(err, apply(w, fmt.Sprint("n", n, "=")))
			}()
			if err := <-done; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	s.holds(t, "a=1 n0= n1= n2= n3=")
}

func reopens(t *testing.T, s *store) {
	for n := range 8 {
		s.write(t, fmt.Sprint("n=", n))
		if n%2 == 1 {
			s.write(t, "-odd")
		} else {
			s.write(t, "odd=no")
		}
		s.reopen(t)
		if n%2 == 1 {
			s.holds(t, fmt.Sprint("n=", n))
		} else {
			s.holds(t, fmt.Sprint("n=", n, " odd=no"))
		}
	}
}

func ends(t *testing.T, s *store) {
	s.write(t, "k=old")
	ended, end := context.WithCancel(t.Context())
	end()
	never := func() error { t.Error("it was called"); return nil }
	if err := s.Update(ended, func(ledger.Writer) error { return never() }); !errors.Is(err, context.Canceled) {
		t.Errorf("Update after the end: got %v", err)
	}
	if err := s.View(ended, func(ledger.Reader) error { return never() }); !errors.Is(err, context.Canceled) {
		t.Errorf("View after the end: got %v", err)
	}
	inside, stop := context.WithCancel(t.Context())
	defer stop()
	err := s.Update(inside, func(w ledger.Writer) error { stop(); return apply(w, "k=new") })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended inside: got %v", err)
	}
	err = s.Update(t.Context(), func(ledger.Writer) error {
		waits, enough := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer enough()
		if err := s.Update(waits, func(ledger.Writer) error { return never() }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended while another writes: got %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	s.goesOn(t, "k=old")
}

func closes(t *testing.T, s *store) {
	inside, leave, closed := make(chan struct{}, 2), make(chan struct{}), make(chan error)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Update(t.Context(), func(w ledger.Writer) error { inside <- struct{}{}; <-leave; return apply(w, "k=v") }); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		err := s.View(t.Context(), func(r ledger.Reader) error {
			inside <- struct{}{}
			<-leave
			_, err := r.Get([]byte("k"))
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-inside
	<-inside
	go func() { closed <- s.Close() }()
	select {
	case err := <-closed:
		t.Errorf("it did not wait: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(leave)
	wg.Wait()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if s.Update(t.Context(), func(ledger.Writer) error { t.Error("it writes"); return nil }) == nil {
		t.Error("Update: got no error")
	}
	if s.View(t.Context(), func(ledger.Reader) error { t.Error("it reads"); return nil }) == nil {
		t.Error("View: got no error")
	}
	if err := s.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
	s.reopen(t)
	s.holds(t, "k=v")
}
