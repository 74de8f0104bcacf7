package charter

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// TestAReviewersWordIsNotItsCustomersWhole: a signature that says it stands for the customer counts as none.
func TestAReviewersWordIsNotItsCustomersWhole(t *testing.T) {
	w := newWorld(t)
	id := w.admits(w.cid, w.ann, w.bea)
	w.change(id, func(r *row, _ *policy.Motion) {
		r.Votes = r.Votes[:1]
		r.Votes[0].Standing = "AAAA"
	})
	if _, err := w.proven(id); err == nil {
		t.Error("one of two reviewers carries it")
	}
}

// TestTheTimeOfPassingIsNotChosenLater: an open motion is written down as passed
// at a time when somebody who signed it still counted.
func TestTheTimeOfPassingIsNotChosenLater(t *testing.T) {
	w := newWorld(t)
	w.admits(w.ada, w.ceo, w.cto)
	open := w.propose(w.ceo, admit(w.lone))
	w.sign(open, w.ceo)
	before := w.Ledger.Last()
	w.dismisses(w.ceo, w.cto, w.ada)
	w.sign(open, w.cto)
	for _, passed := range []int64{before, w.Ledger.Last() + 1} {
		w.change(open, func(r *row, _ *policy.Motion) { r.Phase, r.Passed = policy.Approved, passed })
		if _, err := w.proven(open); err == nil {
			t.Errorf("passed at %d: the vote of a dismissed executive carries it", passed)
		}
	}
}

// TestAMotionIsProvenUnderItsOwnCode: a copy would have a budget of its own.
func TestAMotionIsProvenUnderItsOwnCode(t *testing.T) {
	w := newWorld(t)
	id := w.propose(w.ann, policy.Motion{
		Kind: policy.ToInstruct, Customer: "nord", Uses: 1, For: time.Hour, Until: w.start.Add(24 * time.Hour), Scope: policy.Scope{Targets: []string{"db1.prod"}},
	})
	w.sign(id, w.ann, w.bea)
	must(t, w.write(func(tx *ledger.Tx) error {
		r, err := load(tx.Get, id)
		if err != nil {
			return err
		}
		return tx.Put(motionKey("CAFE"), r)
	}))
	if _, err := w.proven("CAFE"); err == nil {
		t.Error("a copy is proven")
	}
	if err := w.write(func(tx *ledger.Tx) error { return w.Use(tx, "CAFE", "AAAA") }); err == nil {
		t.Error("a copy is used")
	}
}

func TestADeclarationIsNotFoundUnderAnotherDigest(t *testing.T) {
	w := newWorld(t)
	id := w.propose(w.eng, policy.Motion{Kind: policy.ToDeclare, About: "3"})
	w.sign(id, w.eng)
	later := (&policy.Declaration{Version: "4", Text: "more"}).Digest()
	must(t, w.write(func(tx *ledger.Tx) error {
		if err := tx.Put(heldKey(policy.ToDeclare, w.op.ID, w.pol.Declaration.Digest()), id); err != nil {
			return err
		}
		return tx.Put(heldKey(policy.ToDeclare, w.eng.ID, later), id)
	}))
	w.view(func(tx *ledger.Tx) error {
		for who, digest := range map[string]string{w.eng.ID: later, w.op.ID: w.pol.Declaration.Digest()} {
			if got, err := w.Declared(tx, who, digest); len(got) != 0 || err != nil {
				t.Errorf("%s: got %v, %v", who, got, err)
			}
		}
		return nil
	})
}

func TestADeputyWithoutTheirPasskeyIsNone(t *testing.T) {
	w := newWorld(t)
	w.sign(w.propose(w.ceo, policy.Motion{Kind: policy.ToDelegate, About: w.eng.ID, Key: w.eng.print(), Until: w.start.Add(time.Hour)}), w.ceo)
	deputies := func() (n int) {
		w.view(func(tx *ledger.Tx) error {
			all, err := w.Delegations(tx, w.eng.ID)
			n = len(all)
			return err
		})
		return n
	}
	if deputies() != 1 {
		t.Error("no deputy with the passkey")
	}
	other := newHuman(t, w.eng.Principal)
	w.eng.key, w.eng.pub = other.key, other.pub // the one that was named is locked, and they have another
	if deputies() != 0 {
		t.Error("a deputy without the passkey that was named")
	}
}

// forge writes a motion as one executive would who holds the log's key: with a
// body of their own, and signatures by their own passkey under these names.
func (w *world) forge(key *human, m policy.Motion, as ...policy.Principal) string {
	m.ID, m.At, m.By = "FAKE", w.start, key.Principal
	m.Stage.Expires, m.Stage.Of = time.Hour, 3
	body, err := json.Marshal(m)
	must(w.t, err)
	r := row{Body: body, Phase: policy.Approved, At: w.start, Passed: 1000}
	for i, who := range as {
		text, err := signing{w.Log, &m, r.digest(), who, strings.Repeat("0", 32)}.statement()
		must(w.t, err)
		a, err := json.Marshal(key.sign(statement.Challenge(domain(m.Kind), text)))
		must(w.t, err)
		r.Votes = append(r.Votes, policy.Vote{By: who, At: w.start, Verdict: policy.Yes, Statement: text, Assertion: a, Key: key.print(), Seq: int64(i)})
	}
	must(w.t, w.write(func(tx *ledger.Tx) error { return tx.Put(motionKey("FAKE"), r) }))
	return "FAKE"
}

// TestOneExecutiveWithTheLedgerIsNotTwo, whatever they write down.
func TestOneExecutiveWithTheLedgerIsNotTwo(t *testing.T) {
	two := policy.Stage{Kind: policy.ByExecutive, Count: 2}
	for _, c := range []struct {
		rule  string
		stage policy.Stage
		as    func(w *world) []policy.Principal
	}{
		{"signs for both", two, func(w *world) []policy.Principal { return []policy.Principal{w.ceo.Principal, w.cto.Principal} }},
		{"signs twice", two, func(w *world) []policy.Principal { return []policy.Principal{w.ceo.Principal, w.ceo.Principal} }},
		{"makes one enough", policy.Stage{Kind: policy.ByExecutive, Count: 1}, func(w *world) []policy.Principal { return []policy.Principal{w.ceo.Principal} }},
		{"makes it their own matter", policy.Stage{Kind: policy.BySelf, Count: 1}, func(w *world) []policy.Principal { return []policy.Principal{w.ceo.Principal} }},
		{"asks a group", policy.Stage{Kind: policy.ByPeer, Group: "x", Count: 1}, func(w *world) []policy.Principal { return []policy.Principal{w.ceo.Principal} }},
		{"asks nobody", policy.Stage{Kind: policy.ByExecutive}, func(*world) []policy.Principal { return nil }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t)
			m := admit(w.ada)
			m.Stage = c.stage
			if got, err := w.proven(w.forge(w.ceo, m, c.as(w)...)); err == nil {
				t.Errorf("%+v is believed", got)
			}
		})
	}
	w := newWorld(t) // and what is forged is otherwise right
	m := policy.Motion{Kind: policy.ToSet, Customer: "syd", Notice: true, Stage: policy.Stage{Kind: policy.ByCustomer, Customer: "syd", Count: 1}}
	if _, err := w.proven(w.forge(w.syd, m, w.syd.Principal)); err != nil {
		t.Errorf("a motion that one may carry alone is not believed: %v", err)
	}
}
