package approvals

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
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
				b := Ballot{Nonce: nonce(), Stage: 0, For: q.For}
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

func TestATouchCountsForOneTerminal(t *testing.T) {
	w := newWorld(t)
	code := w.granted(t)
	at := Terminal{Person: w.eng.Principal, Key: "SHA256:key", Source: "127.0.0.1", Target: "db1.prod", Login: "support_nord", Grant: code}
	ask := func() Touch {
		t.Helper()
		touch, err := w.AskTouch(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		return touch
	}
	asked := ask()
	if open, err := w.Touches(t.Context(), w.eng.Principal, code); err != nil || len(open) != 1 || open[0].Number != "" {
		t.Errorf("got %+v, %v; the page must not know the number", open, err)
	}
	for _, h := range []*human{w.mate, w.ceo, w.ann} {
		if _, err := w.Touches(t.Context(), h.Principal, code); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s sees the touch: %v", h.ID, err)
		}
		if _, err := w.PrepareTouch(t.Context(), h.Principal, asked.ID, asked.Number); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s types the number: %v", h.ID, err)
		}
	}
	wantRefusal(t, w.Touched(t.Context(), w.eng.Principal, asked.ID, w.eng.sign(asked.Challenge())), "type the number")
	wrong := "10"
	if asked.Number == wrong {
		wrong = "11"
	}
	for _, want := range []string{"2 tries left", "1 tries left", "third wrong number"} {
		_, err := w.PrepareTouch(t.Context(), w.eng.Principal, asked.ID, wrong)
		wantRefusal(t, err, want)
	}
	if _, err := w.PrepareTouch(t.Context(), w.eng.Principal, asked.ID, asked.Number); !errors.Is(err, ErrUnknown) {
		t.Errorf("a fourth try: %v", err)
	}
	asked = ask()
	shown, err := w.PrepareTouch(t.Context(), w.eng.Principal, asked.ID, " "+asked.Number+" ")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Touched(t.Context(), w.eng.Principal, asked.ID, w.mate.sign(shown.Challenge())); err == nil {
		t.Error("somebody else's touch counts")
	}
	if err := w.Touched(t.Context(), w.eng.Principal, asked.ID, w.eng.sign(shown.Challenge())); err != nil {
		t.Fatal(err)
	}
	proofs := func(at Terminal) int {
		t.Helper()
		var got []policy.Proof
		err := w.Ledger.View(t.Context(), func(tx *ledger.Tx) (err error) { got, err = w.Proofs(tx, at); return err })
		if err != nil {
			t.Fatal(err)
		}
		return len(got)
	}
	if proofs(at) != 1 {
		t.Error("the touch does not count")
	}
	for _, change := range []func(*Terminal){
		func(a *Terminal) { a.Person = w.mate.Principal }, func(a *Terminal) { a.Key = "SHA256:other" }, func(a *Terminal) { a.Source = "127.0.0.2" },
		func(a *Terminal) { a.Target = "db2.prod" }, func(a *Terminal) { a.Login = "deploy" }, func(a *Terminal) { a.Grant = "ZZZZ" },
	} {
		other := at
		change(&other)
		if proofs(other) != 0 {
			t.Errorf("the touch counts for %+v", other)
		}
	}
	if _, err := w.PrepareTouch(t.Context(), w.eng.Principal, asked.ID, asked.Number); !errors.Is(err, ErrUnknown) {
		t.Errorf("the touch can be used again: %v", err)
	}
	asked = ask()
	w.later(touchLife)
	_, err = w.PrepareTouch(t.Context(), w.eng.Principal, asked.ID, asked.Number)
	wantRefusal(t, err, "waited too long")
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range touchOpen {
		ask()
	}
	_, err = w.AskTouch(t.Context(), at)
	wantRefusal(t, err, "too many terminals")
}

func (w *world) pins() Pinned {
	return Pinned{
		Log: "lockbox.test", LogKey: w.vkey, Party: party, Executives: []string{w.ceo.public().Fingerprint(), w.cto.public().Fingerprint()},
		Customers: map[string][]string{"nord": {w.ann.public().Fingerprint()}},
	}
}

func failed(steps []Step) (all []int) {
	for _, s := range steps {
		if !s.OK {
			all = append(all, s.Step)
		}
	}
	return all
}

func TestAReceiptVerifiesOfflineAndNamesWhatDoesNotHold(t *testing.T) {
	w := newWorld(t)
	code := w.granted(t)
	made, err := w.Receipt(t.Context(), w.eng.Principal, code)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	read := func() Receipt {
		t.Helper()
		r, err := ParseReceipt(data)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	steps, err := read().Verify(w.pins())
	if err != nil || failed(steps) != nil || len(steps) != 2*9+1 {
		t.Fatalf("got %+v, %v", steps, err)
	}
	other := newWorld(t)
	for _, c := range []struct {
		rule  string
		spoil func(*Receipt, *Pinned)
		step  int
	}{
		{"another origin pinned", func(_ *Receipt, p *Pinned) { p.Party.Origins = []string{"https://x"} }, statement.StepClientData},
		{"another relying party pinned", func(_ *Receipt, p *Pinned) { p.Party.ID = "x" }, statement.StepAuthenticator},
		{"the board not pinned", func(_ *Receipt, p *Pinned) { p.Executives = nil }, StepPinned},
		{"the customer's reviewer pinned for another customer", func(_ *Receipt, p *Pinned) { p.Customers = map[string][]string{"syd": p.Customers["nord"]} }, StepPinned},
		{"another log key pinned", func(_ *Receipt, p *Pinned) { p.LogKey = other.vkey }, StepInclusion},
		{"another log name pinned", func(_ *Receipt, p *Pinned) { p.Log = "x" }, StepScope},
		{"a signature spoilt", func(r *Receipt, _ *Pinned) {
			r.Case.Votes[0].Assertion = w.cto.mustSign(t, r.Case.Votes[0].Statement)
		}, statement.StepSignature},
		{"a statement spoilt", func(r *Receipt, _ *Pinned) {
			r.Case.Votes[0].Statement = bytes.Replace(r.Case.Votes[0].Statement, []byte("deploy"), []byte("root"), 1)
			r.Case.Votes[0].Statement = bytes.Replace(r.Case.Votes[0].Statement, []byte("window: 1h"), []byte("window: 9h"), 1)
		}, statement.StepChallenge},
		{"the request spoilt", func(r *Receipt, _ *Pinned) {
			r.Case.Body = bytes.Replace(r.Case.Body, []byte("stuck"), []byte("stock"), 1)
		}, StepScope},
		{"the leaves swapped", func(r *Receipt, _ *Pinned) { r.Votes[0], r.Votes[1] = r.Votes[1], r.Votes[0] }, StepLeaf},
		{"a proof spoilt", func(r *Receipt, _ *Pinned) { r.Votes[0].Hashes[0][0] ^= 1 }, StepInclusion},
		{"a grant widened", func(r *Receipt, _ *Pinned) { r.Grant.For = 9 * time.Hour }, StepScope},
		{"a key exchanged", func(r *Receipt, _ *Pinned) {
			for f := range r.Keys {
				r.Keys[f] = w.cto.public().PKIX()
			}
		}, StepPinned},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r, p := read(), w.pins()
			c.spoil(&r, &p)
			steps, err := r.Verify(p)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(failed(steps), c.step) {
				t.Errorf("failed %v, want step %d: %+v", failed(steps), c.step, steps)
			}
		})
	}
	for rule, bad := range map[string]string{
		"an unknown field": strings.Replace(string(data), `"format"`, `"trust":1,"format"`, 1),
		"something after":  string(data) + "{}",
	} {
		if _, err := ParseReceipt([]byte(bad)); err == nil {
			t.Errorf("%s is read", rule)
		}
	}
	if _, err := ParsePinned([]byte(`{"lgo":"x"}`)); err == nil {
		t.Error("an unknown pin is read")
	}
	r := read()
	r.Votes = r.Votes[:1]
	if _, err := r.Verify(w.pins()); err == nil {
		t.Error("a leaf is missing")
	}
	r = read()
	r.Format = "x"
	if _, err := r.Verify(w.pins()); err == nil {
		t.Error("another format is read")
	}
}

func (h *human) mustSign(t *testing.T, text []byte) []byte {
	t.Helper()
	a := h.sign(statement.Challenge(statement.ForApproval, text))
	data, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
