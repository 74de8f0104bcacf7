package charter

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// TestAnOldMotionDoesNotTakeTheOldQuorum: what was proposed while a customer
// asked fewer of its reviewers is not carried by fewer later.
func TestAnOldMotionDoesNotTakeTheOldQuorum(t *testing.T) {
	w := newWorld(t)
	early := w.propose(w.syd, policy.Motion{Kind: policy.ToSet, Customer: "syd", Notice: true, Text: "alone"})
	ballot, err := w.Prepare(t.Context(), w.as(w.syd), early)
	must(t, err)
	w.admits(w.sid, w.syd)
	if _, err := w.Prepare(t.Context(), w.as(w.syd), early); err == nil || !strings.Contains(err.Error(), "takes 2 signatures now") {
		t.Errorf("shown: got %v", err)
	}
	if v, err := w.Sign(t.Context(), w.as(w.syd), ballot.Nonce, w.syd.sign(ballot.Challenge())); err == nil {
		t.Errorf("one of two reviewers carried it: %+v", v.Status)
	}
	w.admits(w.cid, w.ann, w.bea)
	early = w.propose(w.ann, policy.Motion{Kind: policy.ToSet, Customer: "nord", Notice: true})
	w.sign(early, w.ann)
	w.sign(w.propose(w.ann, policy.Motion{Kind: policy.ToSet, Customer: "nord", Quorum: 3}), w.bea, w.cid)
	if v, err := w.trySign(w.bea, early); err == nil {
		t.Errorf("two of three reviewers carried it: %+v", v.Status)
	}
}

// TestACustomersSettingsAreNotTakenAway: who can remove a row of the file, or put
// an old one back, does not bring down what is asked of a customer.
func TestACustomersSettingsAreNotTakenAway(t *testing.T) {
	w := newWorld(t)
	key := []byte("r" + settingsKey("nord"))
	var old []byte
	get := func() (v []byte) {
		must(t, w.engine.View(t.Context(), func(r ledger.Reader) (err error) { v, err = r.Get(key); v = bytes.Clone(v); return err }))
		return v
	}
	w.sign(w.propose(w.ann, policy.Motion{Kind: policy.ToSet, Customer: "nord", Notice: true}), w.ann, w.bea)
	old = get()
	w.sign(w.propose(w.ann, policy.Motion{Kind: policy.ToSet, Customer: "nord", Quorum: 2}), w.ann, w.bea)
	for name, put := range map[string]func(o ledger.Writer) error{
		"removed":  func(o ledger.Writer) error { return o.Delete(key) },
		"put back": func(o ledger.Writer) error { return o.Put(key, old) },
	} {
		now := get()
		must(t, w.engine.Update(t.Context(), put))
		w.view(func(tx *ledger.Tx) error {
			q := &policy.Request{ID: "7KQM", At: tx.Now(), Target: "db1.prod", Customers: []string{"nord"}, For: time.Hour}
			if n, err := w.Quorum(tx, "nord"); !errors.Is(err, ledger.ErrTampered) {
				t.Errorf("%s: the quorum is %d, %v", name, n, err)
			}
			if m, err := w.Instruction(tx, "nord", q); !errors.Is(err, ledger.ErrTampered) {
				t.Errorf("%s: %+v stands for them, %v", name, m, err)
			}
			return nil
		})
		must(t, w.engine.Update(t.Context(), func(o ledger.Writer) error { return o.Put(key, now) }))
	}
}

// TestAReviewerLearnsNoNamesOfOthers: whether somebody is enrolled elsewhere is not told.
func TestAReviewerLearnsNoNamesOfOthers(t *testing.T) {
	w := newWorld(t)
	for _, kind := range []policy.MotionKind{policy.ToAdmit, policy.ToDismiss, policy.ToDelegate} {
		said := map[string]bool{}
		for _, id := range []string{w.syd.ID, w.sid.ID, w.eng.ID, w.ceo.ID, "nobody@x.eu"} {
			m := policy.Motion{Kind: kind, About: id, Key: w.cid.print()}
			if kind == policy.ToDelegate {
				m.Until = w.start.Add(time.Hour)
			} else {
				m.Customer = "nord"
			}
			_, err := w.Propose(t.Context(), w.as(w.ann), m)
			if err == nil {
				t.Fatalf("%s %s: no refusal", kind, id)
			}
			said[strings.ReplaceAll(err.Error(), id, "X")] = true
		}
		if len(said) != 1 {
			t.Errorf("%s: told apart by %v", kind, said)
		}
	}
}
