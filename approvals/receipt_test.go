package approvals

import (
	"bytes"
	"encoding/json"
	"lockbox/policy/statement"
	"slices"
	"strings"
	"testing"
	"time"
)

func (w *world) pins() Pinned {
	return Pinned{
		Log: "lockbox.test", LogKey: w.vkey, Party: party, Executives: []string{w.ceo.public().Fingerprint(), w.cto.public().Fingerprint()},
		Customers: map[string][]string{"nord": {w.ann.public().Fingerprint()}},
	}
}

func failed(steps []Step) (all []int) {
	for _, s := range steps {
		if s.Failed() {
			all = append(all, s.Step)
		}
	}
	return all
}

func TestAReceiptVerifiesOfflineAndNamesWhatDoesNotHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.granted(t)
	made, err := w.Receipt(t.Context(), w.eng.Principal, code, nil)
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
	if err != nil || failed(steps) != nil {
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
		{"another log key pinned", func(_ *Receipt, p *Pinned) { p.LogKey = other.vkey }, StepNote},
		{"another log name pinned", func(_ *Receipt, p *Pinned) { p.Log = "x" }, StepScope},
		{"a signature spoilt", func(r *Receipt, _ *Pinned) {
			r.Case.Votes[0].Assertion = w.cto.mustSign(t, r.Case.Votes[0].Statement)
		}, statement.StepSignature},
		{"a statement spoilt", func(r *Receipt, _ *Pinned) {
			r.Case.Votes[0].Statement = bytes.Replace(r.Case.Votes[0].Statement, []byte("deploy"), []byte("root"), 1)
			r.Case.Votes[0].Statement = bytes.Replace(r.Case.Votes[0].Statement, []byte("window: 1h"), []byte("window: 9h"), 1)
		}, statement.StepChallenge},
		{"the request spoilt", func(r *Receipt, _ *Pinned) {
			r.Case.Body = bytes.Replace(r.Case.Body, []byte("db1.prod"), []byte("db2.prod"), 1)
		}, StepScope},
		{"the leaves swapped", func(r *Receipt, _ *Pinned) { r.Votes[0], r.Votes[1] = r.Votes[1], r.Votes[0] }, StepLeaf},
		{"a proof spoilt", func(r *Receipt, _ *Pinned) { r.Votes[0].Proof.Path[0][0] ^= 1 }, StepInclusion},
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
		"a brace too many": string(data) + "}",
		"an older form":    strings.Replace(string(data), receiptV2, "lockbox-receipt/v1", 1),
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
