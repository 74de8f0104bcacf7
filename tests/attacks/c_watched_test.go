package attacks

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// watchedStill says whether what Eng holds must be watched, as whoever opens it finds.
func watchedStill(t *testing.T, w *world.World, code string) bool {
	t.Helper()
	v, err := w.Desk.See(t.Context(), w.Eng.Principal, code)
	must(t, err)
	return v.Grant != nil && v.Grant.Watched
}

// Leans on: what one yes asks for, no other yes takes back, whoever gives it and
// whatever stands for it.
func TestC01NoLaterYesTakesTheWatcherAway(t *testing.T) {
	w := newWorld(t)
	w.Pass(t, budget(9), w.Ann)
	code := w.Ask(t, w.Eng, "nord", time.Hour) // the customer's yes stands already
	must(t, yes(t, w, w.Ceo, code, policy.Terms{Watched: true}))
	if !watchedStill(t, w, code) {
		t.Error("an instruction that was signed before takes the watcher away")
	}
	must(t, w.Desk.GiveBack(t.Context(), w.Eng.Principal, code))

	code = w.Ask(t, w.Mate, "nord", time.Hour)
	must(t, w.Approve(t, w.Ceo, code))
	if v, err := w.Desk.See(t.Context(), w.Mate.Principal, code); err != nil || v.Grant.Watched {
		t.Errorf("nobody asked to watch, and somebody must: %+v, %v", v.Grant, err)
	}
}

// Leans on: more time is the same access, under what was asked for before.
func TestC06MoreTimeKeepsTheWatcher(t *testing.T) {
	w := newWorld(t)
	code := given(t, w, policy.Terms{Watched: true})
	visit(t, w, knock(w.Eng))
	next := more(t, w, code, "the migration is still running")
	must(t, w.Approve(t, w.Ceo, next))
	must(t, w.Approve(t, w.Ann, next))
	if !watchedStill(t, w, next) {
		t.Error("more time is not watched")
	}
	edit(t, w, "rgrant/"+next, func(b []byte) []byte { return bytes.Replace(b, []byte(`"watched":true,`), nil, 1) })
	must(t, w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
		if g, err := w.Desk.Standing(tx, next); err == nil {
			t.Errorf("more time out of which somebody took the watcher stands: %+v", g)
		}
		return nil
	}))
}

// Leans on: the text that is signed says it, and is built again from the vote by
// everybody who rests on it.
func TestC02WhatIsSignedSaysThatSomebodyWatches(t *testing.T) {
	w := newWorld(t)
	const says = "\nconditions: nothing passes while none of those who decide watches\n"
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	b, err := w.Desk.Prepare(t.Context(), w.Ceo.Principal, code, policy.Terms{Watched: true})
	must(t, err)
	plain, err := w.Desk.Prepare(t.Context(), w.Ceo.Principal, code, policy.Terms{})
	must(t, err)
	if !strings.Contains(string(b.Statement), says) || strings.Contains(string(plain.Statement), says) {
		t.Errorf("got\n%s\nand\n%s", b.Statement, plain.Statement)
	}
	if _, err := w.Desk.Approve(t.Context(), w.Ceo.Principal, plain.Nonce, w.Sign(t, w.Ceo, statement.ForApproval, b.Statement)); err == nil {
		t.Error("a signature on the one counts for the other")
	}
	signed := w.Sign(t, w.Ceo, statement.ForApproval, b.Statement)
	edit(t, w, "rballot/"+b.Nonce, func(v []byte) []byte { return bytes.Replace(v, []byte(`,"watched":true`), nil, 1) })
	if _, err := w.Desk.Approve(t.Context(), w.Ceo.Principal, b.Nonce, signed); err != nil {
		return // found at once
	}
	must(t, w.Approve(t, w.Ann, code))
	if lets(t, w.Gateway, knock(w.Eng)) {
		t.Error("a ballot out of which somebody took the watcher opens")
	}
}

// Leans on: votes, grants and the log are held against each other.
func TestC01AWatcherIsNotTakenOutOfTheFile(t *testing.T) {
	for name, key := range map[string]string{"the grant": "rgrant/", "the vote": "rrequest/"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			code := given(t, w, policy.Terms{Watched: true})
			if !lets(t, w.Gateway, knock(w.Eng)) {
				t.Fatal("it does not open before")
			}
			edit(t, w, key+code, func(v []byte) []byte {
				out := bytes.Replace(v, []byte(`"watched":true,`), nil, 1)
				return bytes.Replace(out, []byte(`,"watched":true`), nil, 1)
			})
			if lets(t, w.Gateway, knock(w.Eng)) {
				t.Errorf("it opens without a watcher in %s", name)
			}
		})
	}
}
