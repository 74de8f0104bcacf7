package attacks

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// F20: an erasure takes two executives, and waits until nothing of the person is
// under way. Receipts verify afterwards, say what is gone, and name nobody.
func TestF20AnErasureTakesTwoAndNothingUnderWay(t *testing.T) {
	w := newWorld(t)
	w.Charter.Idle = w.Desk.Idle
	w.Charter.Effect = func(tx *ledger.Tx, m *policy.Motion) error {
		return errors.Join(w.People.Effect(tx, m), w.Desk.OrderErasure(tx, m))
	}
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	must(t, w.Approve(t, w.Ceo, code))
	must(t, w.Approve(t, w.Ann, code))
	m := policy.Motion{Kind: policy.ToErase, About: w.Eng.ID, Text: "asked for it"}
	_, err := w.Charter.Propose(t.Context(), w.Ceo.Principal, m)
	wantNo(t, err, "is not over")
	must(t, w.Desk.GiveBack(t.Context(), w.Eng.Principal, code))
	must(t, w.Desk.Erasures(t.Context()))
	if steps := checked(t, w, code); slices.ContainsFunc(steps, func(s approvals.Step) bool { return s.Erased || s.Failed() }) {
		t.Errorf("before anybody signed, something is erased or fails: %+v", steps)
	}
	w.Pass(t, m, w.Ceo, w.Cto)
	must(t, w.Desk.Erasures(t.Context()))
	p, err := w.People.Person(t.Context(), w.Eng.ID)
	must(t, err)
	if p.Name == w.Eng.Name || len(p.Passkeys) > 0 {
		t.Errorf("%q is still known, with %d passkeys", p.Name, len(p.Passkeys))
	}
	must(t, w.Ledger.Check(t.Context()))
	steps := checked(t, w, code)
	if !slices.ContainsFunc(steps, func(s approvals.Step) bool { return s.Erased && strings.Contains(s.Text, "erased by event") }) {
		t.Errorf("no step says that somebody was erased: %+v", steps)
	}
	if i := slices.IndexFunc(steps, approvals.Step.Failed); i >= 0 {
		t.Errorf("a step fails: %+v", steps[i])
	}
}

// checked is what an outsider finds in the receipt, for an auditor, as a file.
func checked(t *testing.T, w *world.World, code string) []approvals.Step {
	t.Helper()
	r, err := w.Gateway.Receipt(t.Context(), w.Ceo.Principal, code)
	must(t, err)
	file, err := json.Marshal(r)
	must(t, err)
	r, err = approvals.ParseReceipt(file)
	must(t, err)
	steps, err := r.Verify(approvals.Pinned{
		Log: world.Log, LogKey: w.Keys.LogKey, Party: world.Party(),
		Executives: []string{w.Ceo.Fingerprint, w.Cto.Fingerprint}, Customers: map[string][]string{"nord": {w.Ann.Fingerprint}, "syd": {w.Bo.Fingerprint}},
	})
	must(t, err)
	return steps
}
