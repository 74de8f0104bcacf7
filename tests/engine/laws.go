package engine

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"lockbox/recorder/ledger"
)

// Origin is the name of the log of Options.
const Origin = "lockbox.example"

// Options are of one and the same log, always.
func Options() (ledger.Options, error) {
	private := bytes.Repeat([]byte{7}, ed25519.SeedSize)
	vkey, err := note.NewEd25519VerifierKey(Origin, ed25519.NewKeyFromSeed(private).Public().(ed25519.PublicKey))
	if err != nil {
		return ledger.Options{}, err
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return ledger.Options{}, err
	}
	s, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", Origin, v.KeyHash(), base64.StdEncoding.EncodeToString(append([]byte{1}, private...))))
	return ledger.Options{Origin: Origin, Signer: s, Verifier: v, Newest: []string{"grant/"}}, err
}

func (s *store) ledger(t *testing.T) *ledger.Ledger {
	t.Helper()
	o, err := Options()
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), s.Engine, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func event(kind string, detail ...string) ledger.Event {
	e := ledger.Event{Kind: kind, Actor: "kim@lockbox.example", Detail: map[string]string{}}
	for i := 0; i < len(detail); i += 2 {
		e.Detail[detail[i]] = detail[i+1]
	}
	return e
}

// put writes a row and says so, for a customer.
func put(l *ledger.Ledger, key, value string) func(context.Context) error {
	return func(ctx context.Context) error {
		return l.Update(ctx, func(tx *ledger.Tx) error {
			e := event("put", "key", key, "value", value)
			e.Customers = []string{"nord"}
			_, err := tx.Append(e)
			return errors.Join(err, tx.Put(key, value))
		})
	}
}

func watches(t *testing.T, s *store) {
	const many, each = 16, 10
	l := s.ledger(t)
	starts := []int64{-1, 0, 7}
	seen := make([][]ledger.Event, len(starts))
	var watchers, all sync.WaitGroup
	for i, after := range starts {
		watchers.Go(func() {
			for e, err := range l.Watch(t.Context(), after) {
				if err != nil {
					t.Error(err)
					return
				}
				if seen[i] = append(seen[i], e); e.Kind == "end" {
					return
				}
			}
		})
	}
	for i := range many {
		all.Go(func() {
			for n := range each {
				if err := put(l, fmt.Sprint("row/", i), fmt.Sprint(n))(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	err := l.Update(t.Context(), func(tx *ledger.Tx) error { _, err := tx.Append(event("end")); return err })
	if err != nil {
		t.Fatal(err)
	}
	watchers.Wait()
	for i, after := range starts {
		next := map[string]int{}
		for j, e := range seen[i] {
			if e.Seq != after+1+int64(j) {
				t.Fatalf("the Watch after %d: event %d comes in place %d", after, e.Seq, j)
			}
			if key := e.Detail["key"]; after < 0 && e.Kind == "put" {
				if e.Detail["value"] != fmt.Sprint(next[key]) {
					t.Errorf("%s: got %s, want %d", key, e.Detail["value"], next[key])
				}
				next[key]++
			}
		}
		if after < 0 && len(next) != many {
			t.Errorf("got events of %d writers, want %d", len(next), many)
		}
	}
	if err := l.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

var errUsed = errors.New("somebody used it")

func races(t *testing.T, s *store) {
	l := s.ledger(t)
	for round := range 6 {
		key := fmt.Sprint("grant/", round)
		if err := put(l, key, "free")(t.Context()); err != nil {
			t.Fatal(err)
		}
		errs := make([]error, 16)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				errs[i] = l.Update(t.Context(), func(tx *ledger.Tx) error {
					var was string
					if ok, err := tx.Verified(key, &was); err != nil || !ok || was != "free" {
						return errors.Join(err, errUsed)
					}
					_, err := tx.Append(event("used", "by", fmt.Sprint(i)))
					return errors.Join(err, tx.Put(key, fmt.Sprint(i)))
				})
			})
		}
		wg.Wait()
		winners := 0
		for i, err := range errs {
			switch {
			case err == nil:
				winners++
				if err := l.View(t.Context(), func(tx *ledger.Tx) error { return is(tx, key, fmt.Sprint(i)) }); err != nil {
					t.Error(err)
				}
			case err.Error() != errUsed.Error():
				t.Errorf("got %v, want %v", err, errUsed)
			}
		}
		if winners != 1 {
			t.Errorf("%d got the grant", winners)
		}
	}
	if err := l.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func is(tx *ledger.Tx, key, want string) error {
	var got string
	if ok, err := tx.Verified(key, &got); err != nil || !ok || got != want {
		return fmt.Errorf("%s: got %q, %t, %w, want %q", key, got, ok, err, want)
	}
	return nil
}

func ledgers(t *testing.T, s *store) {
	var note []byte
	for n := range 4 {
		l := s.ledger(t)
		if note != nil && !bytes.Equal(note, l.Checkpoint()) {
			t.Error("another checkpoint than before reopening")
		}
		for i := range 5 {
			if err := put(l, fmt.Sprint("grant/", i), fmt.Sprint(n))(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		note = l.Checkpoint()
		if err := errors.Join(l.Check(t.Context()), l.Close()); err != nil {
			t.Fatal(err)
		}
		s.reopen(t)
	}
}
