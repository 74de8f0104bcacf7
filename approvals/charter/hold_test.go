package charter

import (
	"lockbox/policy"
	"lockbox/recorder/ledger"
	"strings"
	"testing"
	"time"
)

func TestADelegationEndsWithItsTimeAndItsMaker(t *testing.T) {
	w := newWorld(t)
	w.admits(w.ada, w.ceo, w.cto)
	m := policy.Motion{Kind: policy.ToDelegate, About: w.eng.ID, Key: w.eng.print(), From: w.start.Add(time.Hour), Until: w.start.Add(48 * time.Hour)}
	deputy := func() (n int) {
		w.view(func(tx *ledger.Tx) error {
			all, err := w.Delegations(tx, w.eng.ID)
			for _, m := range all {
				if m.By.ID == w.ceo.ID && m.By.Admitted {
					n++
				}
			}
			return err
		})
		return n
	}
	id := w.propose(w.ceo, m)
	if _, err := w.trySign(w.cto, id); err == nil {
		t.Error("another signs a delegation")
	}
	w.sign(id, w.ceo)
	if deputy() != 0 {
		t.Error("it holds before its time")
	}
	w.gone = time.Hour
	if deputy() != 1 {
		t.Error("it does not hold in its time")
	}
	seq, at := w.Ledger.Last(), w.start.Add(90*time.Minute)
	w.gone = 2 * time.Hour
	w.dismisses(w.ceo, w.cto, w.ada)
	if deputy() != 0 {
		t.Error("it holds after its maker was dismissed")
	}
	w.view(func(tx *ledger.Tx) error {
		if _, err := w.ProvenAt(tx, id, at, seq); err != nil {
			t.Errorf("it was not so when it was: %v", err)
		}
		if _, err := w.ProvenAt(tx, id, at, w.Ledger.Last()); err == nil {
			t.Error("it is so after its maker was dismissed")
		}
		return nil
	})
	w.admits(w.ceo, w.cto, w.ada)
	if deputy() != 1 {
		t.Error("it does not hold although its maker is back")
	}
	w.gone = 48*time.Hour + time.Second
	if deputy() != 0 {
		t.Error("it holds after its time")
	}
	if _, err := w.proven(id); err == nil {
		t.Error("it is proven after its time")
	}
}

func TestADelegationIsTakenBack(t *testing.T) {
	w := newWorld(t)
	id := w.propose(w.ceo, policy.Motion{Kind: policy.ToDelegate, About: w.eng.ID, Key: w.eng.print(), Until: w.start.Add(48 * time.Hour)})
	w.sign(id, w.ceo)
	_, err := w.End(t.Context(), w.as(w.cto), id, "")
	wantRefusal(t, err, ErrUnknown.Error())
	v, err := w.End(t.Context(), w.as(w.ceo), id, "I am back")
	must(t, err)
	if v.Holds {
		t.Error("it holds")
	}
	w.view(func(tx *ledger.Tx) error {
		all, err := w.Delegations(tx, w.eng.ID)
		if len(all) != 0 {
			t.Errorf("got %v", all)
		}
		return err
	})
	if _, err := w.proven(id); err == nil || !strings.Contains(err.Error(), "ended by ceo@x.eu") {
		t.Errorf("got %v", err)
	}
}

func TestAnInstructionStandsWithinItsBudget(t *testing.T) {
	w := newWorld(t)
	id := w.propose(w.ann, policy.Motion{
		Kind: policy.ToInstruct, Customer: "nord", Uses: 2, For: time.Hour, Until: w.start.Add(24 * time.Hour), Scope: policy.Scope{Targets: []string{"db1.prod"}},
	})
	if _, err := w.trySign(w.syd, id); err == nil {
		t.Error("another customer's reviewer signs")
	}
	q := func(code, target string, long time.Duration, customers ...string) *policy.Request {
		return &policy.Request{ID: code, At: w.start, Target: target, For: long, Customers: customers}
	}
	stands := func(customer string, r *policy.Request) (yes bool) {
		w.view(func(tx *ledger.Tx) error {
			m, err := w.Instruction(tx, customer, r)
			yes = m != nil
			return err
		})
		return yes
	}
	good := q("AAAA", "db1.prod", time.Hour, "nord", "syd")
	if stands("nord", good) {
		t.Error("it stands before it is signed")
	}
	w.sign(id, w.ann, w.bea)
	for _, c := range []struct {
		rule     string
		customer string
		q        *policy.Request
		want     bool
	}{
		{"within", "nord", good, true},
		{"for another customer", "syd", good, false},
		{"for nobody", "", good, false},
		{"for a request that does not concern it", "nord", q("AAAB", "db1.prod", time.Hour, "syd"), false},
		{"on another target", "nord", q("AAAC", "db2.prod", time.Hour, "nord"), false},
		{"for longer", "nord", q("AAAD", "db1.prod", time.Hour+1, "nord"), false},
	} {
		if got := stands(c.customer, c.q); got != c.want {
			t.Errorf("%s: %v", c.rule, got)
		}
	}
	results := make(chan error, 8)
	for i := range 8 { // at once
		go func() {
			results <- w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error { return w.Use(tx, id, "AAA"+string(rune('A'+i))) })
		}()
	}
	used := 0
	for range 8 {
		if err := <-results; err == nil {
			used++
		} else {
			wantRefusal(t, err, "for 2 requests")
		}
	}
	if used != 2 {
		t.Errorf("%d requests used a budget of 2", used)
	}
	v, err := w.See(t.Context(), w.as(w.ann), id)
	must(t, err)
	if v.Used != 2 || stands("nord", q("ZZZZ", "db1.prod", time.Hour, "nord")) {
		t.Errorf("used %d, and it stands for more", v.Used)
	}
	w.gone = 25 * time.Hour
	if stands("nord", good) {
		t.Error("it stands after its time")
	}
	wantRefusal(t, w.write(func(tx *ledger.Tx) error { return w.Use(tx, id, "YYYY") }), "time of motion")
}

func TestADeclarationCountsForOneTextOfOnePerson(t *testing.T) {
	w := newWorld(t)
	proofs := func(who, digest string) (all []policy.Proof) {
		w.view(func(tx *ledger.Tx) (err error) { all, err = w.Declared(tx, who, digest); return err })
		return all
	}
	digest := w.pol.Declaration.Digest()
	id := w.propose(w.eng, policy.Motion{Kind: policy.ToDeclare, About: "3"})
	if len(proofs(w.eng.ID, digest)) != 0 {
		t.Error("it counts before it is signed")
	}
	if _, err := w.trySign(w.op, id); err == nil {
		t.Error("another signs it")
	}
	w.sign(id, w.eng)
	got := proofs(w.eng.ID, digest)
	if len(got) != 1 || got[0].Kind != policy.Declared || got[0].Of != w.eng.ID || got[0].For != digest || got[0].At.IsZero() {
		t.Errorf("got %+v", got)
	}
	if len(proofs(w.op.ID, digest)) != 0 || len(proofs(w.eng.ID, strings.Repeat("a", 64))) != 0 || len(proofs(w.eng.ID, "../x")) != 0 {
		t.Error("it counts for another person or text")
	}
	w.change(id, func(r *row, m *policy.Motion) { m.Text = "anything" })
	if len(proofs(w.eng.ID, digest)) != 0 {
		t.Error("it counts although it was changed")
	}
}
