package approvals

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// rewrite changes the ledger as somebody would who has stolen the log key and
// runs code of ours: every row is committed to, and still nobody gets in.
func (w *world) rewrite(t *testing.T, fn func(tx *ledger.Tx) error) {
	t.Helper()
	err := w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		_, err := tx.Append(ledger.Event{Kind: "attack", Actor: "mallory"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func changeRow(t *testing.T, tx *ledger.Tx, code string, change func(*row)) error {
	t.Helper()
	var r row
	if ok, err := tx.Get(requestKey(code), &r); err != nil || !ok {
		t.Fatal("no such request", err)
	}
	change(&r)
	return tx.Put(requestKey(code), r)
}

func changeBody(t *testing.T, tx *ledger.Tx, code string, change func(*policy.Request)) error {
	return changeRow(t, tx, code, func(r *row) {
		q, err := r.request()
		if err != nil {
			t.Fatal(err)
		}
		q.Votes = nil
		change(q)
		if r.Body, err = json.Marshal(q); err != nil {
			t.Fatal(err)
		}
	})
}

func changeGrant(t *testing.T, tx *ledger.Tx, code string, change func(*policy.Grant)) error {
	g, err := loadGrant(tx.Get, code)
	if err != nil || g == nil {
		t.Fatal("no such grant", err)
	}
	change(g)
	return tx.Put(grantKey(code), *g)
}

// TestAGrantWithoutValidVotesOpensNothing: whatever rows somebody writes, a
// grant stands only on what approvers signed.
func TestAGrantWithoutValidVotesOpensNothing(t *testing.T) {
	for _, c := range []struct {
		rule   string
		attack func(t *testing.T, w *world, tx *ledger.Tx, code string) error
	}{
		{"a vote removed", func(t *testing.T, _ *world, tx *ledger.Tx, code string) error {
			return changeRow(t, tx, code, func(r *row) { r.Votes = r.Votes[:1] })
		}},
		{"all votes removed", func(t *testing.T, _ *world, tx *ledger.Tx, code string) error {
			return changeRow(t, tx, code, func(r *row) { r.Votes = nil })
		}},
		{"the signature spoilt", func(t *testing.T, _ *world, tx *ledger.Tx, code string) error {
			return changeRow(t, tx, code, func(r *row) {
				r.Votes[0].Assertion = bytes.Replace(r.Votes[0].Assertion, []byte(`"signature":"`), []byte(`"signature":"A`), 1)
			})
		}},
		{"the statement altered after approval", func(t *testing.T, _ *world, tx *ledger.Tx, code string) error {
			return changeRow(t, tx, code, func(r *row) {
				r.Votes[0].Statement = bytes.Replace(r.Votes[0].Statement, []byte("window: 1h0m0s"), []byte("window: 4h0m0s"), 1)
				r.Votes[0].For = 4 * time.Hour
			})
		}},
		{"the request altered after approval", func(t *testing.T, _ *world, tx *ledger.Tx, code string) error {
			return changeBody(t, tx, code, func(q *policy.Request) { q.Need.Text = "something else entirely" })
		}},
		{"a stage taken out of the request", func(t *testing.T, _ *world, tx *ledger.Tx, code string) error {
			return changeBody(t, tx, code, func(q *policy.Request) { q.Stages = q.Stages[:1] })
		}},
		{"the board's vote counted for the customer", func(t *testing.T, _ *world, tx *ledger.Tx, code string) error {
			return changeRow(t, tx, code, func(r *row) { r.Votes[1] = r.Votes[0]; r.Votes[1].Stage = 1 })
		}},
		{"a vote said to be another's", func(t *testing.T, w *world, tx *ledger.Tx, code string) error {
			return changeRow(t, tx, code, func(r *row) { r.Votes[0].By = w.cto.Principal })
		}},
		{"a vote signed by a key nobody pinned", func(t *testing.T, w *world, tx *ledger.Tx, code string) error {
			return changeRow(t, tx, code, func(r *row) {
				q, err := r.request()
				if err != nil {
					t.Fatal(err)
				}
				b := Ballot{Nonce: charter.NewNonce(), Stage: 0, Terms: policy.Terms{For: q.For}}
				if b.Statement, err = w.approval(q, r.digest(), w.lone.Principal, b).Bytes(); err != nil {
					t.Fatal(err)
				}
				signed, err := json.Marshal(w.lone.sign(b.Challenge()))
				if err != nil {
					t.Fatal(err)
				}
				r.Votes[0].By, r.Votes[0].Statement, r.Votes[0].Assertion, r.Votes[0].Key = w.lone.Principal, b.Statement, signed, w.lone.public().Fingerprint()
			})
		}},
		{"a no made a yes", func(t *testing.T, _ *world, tx *ledger.Tx, code string) error {
			return changeRow(t, tx, code, func(r *row) { r.Votes[1].Verdict, r.Votes[1].Assertion = policy.Yes, nil })
		}},
		{"a stage that is not there", func(t *testing.T, _ *world, tx *ledger.Tx, code string) error {
			return changeRow(t, tx, code, func(r *row) { r.Votes[0].Stage = 7 })
		}},
		{"the grant made longer", func(t *testing.T, _ *world, tx *ledger.Tx, code string) error {
			return changeGrant(t, tx, code, func(g *policy.Grant) { g.For = 2 * time.Hour })
		}},
		{"the grant's end put off", func(t *testing.T, _ *world, tx *ledger.Tx, code string) error {
			return changeGrant(t, tx, code, func(g *policy.Grant) {
				g.Activated, g.NotAfter = g.Made.Add(time.Minute), g.Made.Add(3*time.Hour)
			})
		}},
		{"the grant's start put off", func(t *testing.T, _ *world, tx *ledger.Tx, code string) error {
			return changeGrant(t, tx, code, func(g *policy.Grant) { g.ActivateBefore = g.ActivateBefore.Add(24 * time.Hour) })
		}},
		{"started before it was made", func(t *testing.T, _ *world, tx *ledger.Tx, code string) error {
			return changeGrant(t, tx, code, func(g *policy.Grant) { g.Activated, g.NotAfter = g.Made.Add(-time.Minute), g.Made })
		}},
		{"an action added", func(t *testing.T, _ *world, tx *ledger.Tx, code string) error {
			return changeGrant(t, tx, code, func(g *policy.Grant) { g.Actions = append(g.Actions, policy.Forward) })
		}},
		{"a customer added", func(t *testing.T, _ *world, tx *ledger.Tx, code string) error {
			return changeGrant(t, tx, code, func(g *policy.Grant) { g.Customers = append(g.Customers, "syd") })
		}},
		{"another person", func(t *testing.T, w *world, tx *ledger.Tx, code string) error {
			return changeGrant(t, tx, code, func(g *policy.Grant) { g.Who = w.mate.Principal })
		}},
		{"another login", func(t *testing.T, _ *world, tx *ledger.Tx, code string) error {
			return changeGrant(t, tx, code, func(g *policy.Grant) { g.Login = "deploy" })
		}},
		{"another target", func(t *testing.T, _ *world, tx *ledger.Tx, code string) error {
			return changeGrant(t, tx, code, func(g *policy.Grant) { g.Target = "db2.prod" })
		}},
		{"made before the votes", func(t *testing.T, _ *world, tx *ledger.Tx, code string) error {
			return changeGrant(t, tx, code, func(g *policy.Grant) { g.Made = g.Made.Add(-200 * time.Hour) })
		}},
		{"no grant at all", func(_ *testing.T, _ *world, tx *ledger.Tx, code string) error { return tx.Delete(grantKey(code)) }},
		{"no request at all", func(_ *testing.T, _ *world, tx *ledger.Tx, code string) error { return tx.Delete(requestKey(code)) }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			code := w.granted(t)
			if _, err := w.standing(t, code); err != nil {
				t.Fatal(err)
			}
			w.rewrite(t, func(tx *ledger.Tx) error { return c.attack(t, w, tx, code) })
			if g, err := w.standing(t, code); err == nil {
				t.Errorf("the grant stands: %+v", g)
			}
		})
	}
}

func TestWhoMayNotVoteAnyMoreDoesNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.policy.Rules[0].Stages = []policy.Stage{{Kind: policy.ByExecutive, Group: "board", Count: 1, Expires: time.Hour}}
	w.policy.Groups["board"] = []string{w.ceo.ID}
	code := w.granted(t)
	w.policy.Groups["board"] = []string{w.cto.ID}
	if _, err := w.standing(t, code); err == nil {
		t.Error("the vote of somebody who left the board counts")
	}
	w.policy.Groups["board"] = []string{w.ceo.ID}
	w.ann.pinned = false
	if _, err := w.standing(t, code); err == nil {
		t.Error("the vote of a reviewer who is not pinned any more counts")
	}
}

// TestEveryByteOfTheStoreIsProven flips a bit in every value of the store: the
// grant then stands as it did, or not at all.
func TestEveryByteOfTheStoreIsProven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.granted(t)
	want, err := w.standing(t, code)
	if err != nil {
		t.Fatal(err)
	}
	type pair struct{ key, value []byte }
	var all []pair
	err = w.engine.View(t.Context(), func(r ledger.Reader) error {
		return r.Scan(nil, func(k, v []byte) (bool, error) {
			all = append(all, pair{bytes.Clone(k), bytes.Clone(v)})
			return true, nil
		})
	})
	if err != nil || len(all) < 20 {
		t.Fatalf("%d values, %v", len(all), err)
	}
	put := func(p pair) {
		t.Helper()
		if err := w.engine.Update(context.WithoutCancel(t.Context()), func(e ledger.Writer) error { return e.Put(p.key, p.value) }); err != nil {
			t.Fatal(err)
		}
	}
	caught := 0
	for _, p := range all {
		for _, i := range []int{0, len(p.value) / 2, len(p.value) - 1} {
			if i < 0 || i >= len(p.value) {
				continue
			}
			bad := pair{p.key, bytes.Clone(p.value)}
			bad.value[i] ^= 1
			put(bad)
			var g *policy.Grant
			err := w.Ledger.View(t.Context(), func(tx *ledger.Tx) (err error) { g, err = w.Standing(tx, code); return err })
			if err != nil {
				caught++
			} else if !sameGrant(g, want) {
				t.Errorf("%q with byte %d changed: the grant is %+v", p.key, i, g)
			}
		}
		put(p)
	}
	if caught < 10 {
		t.Errorf("only %d changes were caught", caught)
	}
	if _, err := w.standing(t, code); err != nil {
		t.Errorf("put right again: %v", err)
	}
}

func sameGrant(a, b *policy.Grant) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
