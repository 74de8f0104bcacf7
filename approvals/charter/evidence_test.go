package charter

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// offline is what a verifier holds: the founders it pinned, and what the evidence says of keys.
func (w *world) offline(e Evidence, pinned ...*human) Trust {
	return Trust{
		Log: w.Log, Party: party,
		Key: func(f string) (statement.Key, string, error) {
			k, err := statement.ParseKey(e.Keys[f])
			if err == nil && k.Fingerprint() != f {
				err = errors.New("the evidence has another key")
			}
			return k, e.KeyOf[f], err
		},
		Pinned: func(s policy.Stage, f string, _ int64) (bool, error) {
			return slices.ContainsFunc(pinned, func(h *human) bool {
				at := seat(h.Principal)
				return h.print() == f && at.Kind == s.Kind && at.Customer == s.Customer
			}), nil
		},
	}
}

func (w *world) evidence(codes []string, signatures ...Signature) (e Evidence) {
	w.view(func(tx *ledger.Tx) (err error) { e, err = w.Evidence(tx, codes, signatures); return err })
	return e
}

// TestAVerifierBelievesWhomItsOwnPinsAdmitted, back through every admission, and nobody else.
func TestAVerifierBelievesWhomItsOwnPinsAdmitted(t *testing.T) {
	w := newWorld(t)
	w.admits(w.ada, w.ceo, w.cto)
	w.admits(w.lone, w.ada, w.cto)
	w.dismisses(w.cto, w.ada, w.lone)
	id := w.propose(w.lone, policy.Motion{Kind: policy.ToDelegate, About: w.eng.ID, Key: w.eng.print(), Until: w.start.Add(24 * time.Hour)})
	w.sign(id, w.lone)
	board := policy.Stage{Kind: policy.ByExecutive}
	e := w.evidence([]string{id}, Signature{board, w.lone.print(), w.Ledger.Last()})
	if len(e.Cases) != 3 { // the delegation, and the admissions of lone and ada
		t.Fatalf("got %d cases", len(e.Cases))
	}
	byCode := func(code string) Case {
		i := slices.IndexFunc(e.Cases, func(c Case) bool { m, err := c.Motion(); must(t, err); return m.ID == code })
		return e.Cases[i]
	}
	now := w.start.Add(time.Hour)
	believes := func(trust Trust, h *human) bool {
		ok, err := trust.Pinned(board, h.print(), w.Ledger.Last())
		must(t, err)
		return ok
	}
	plain := w.offline(e, w.ceo, w.cto)
	if _, err := byCode(id).Verify(plain, now); err == nil {
		t.Error("a key that nobody pinned is believed")
	}
	trust := plain.Chain(e.Cases)
	if m, err := byCode(id).Verify(trust, now); err != nil || m.By.ID != w.lone.ID {
		t.Errorf("got %+v, %v", m, err)
	}
	if !believes(trust, w.ada) || !believes(trust, w.lone) || believes(trust, w.eng) {
		t.Error("believed are not ada and lone alone")
	}
	if _, err := byCode(id).Verify(trust, now.Add(48*time.Hour)); err == nil {
		t.Error("it holds after its time")
	}
	for rule, spoilt := range map[string]Trust{
		"another pins":             w.offline(e, w.ceo).Chain(e.Cases),
		"half the chain":           plain.Chain(slices.DeleteFunc(slices.Clone(e.Cases), func(c Case) bool { m, _ := c.Motion(); return m.About == w.ada.ID })),
		"somebody else's key":      w.offline(Evidence{Keys: e.Keys, KeyOf: map[string]string{w.lone.print(): w.ada.ID}}, w.ceo, w.cto).Chain(e.Cases),
		"another log":              func() Trust { x := plain; x.Log = "other"; return x.Chain(e.Cases) }(),
		"another place to sign at": func() Trust { x := plain; x.Party.ID = "evil"; return x.Chain(e.Cases) }(),
		"a case without its votes": plain.Chain([]Case{{Body: byCode(id).Body, Passed: 5}}),
		"a case that did not pass": plain.Chain(func() (all []Case) {
			for _, c := range e.Cases {
				c.Passed = 0
				all = append(all, c)
			}
			return all
		}()),
		"rubbish":                   plain.Chain([]Case{{Body: []byte("{"), Passed: 1}}),
		"a smaller quorum in words": plain.Chain([]Case{{Body: []byte(`{"id":"AAAA","kind":"admit","stage":{"kind":"executive","count":1}}`), Passed: 1}}),
	} {
		if _, err := byCode(id).Verify(spoilt, now); err == nil {
			t.Errorf("%s: believed", rule)
		}
	}
	lies := Evidence{Keys: e.Keys, KeyOf: maps.Clone(e.KeyOf)}
	lies.KeyOf[w.lone.print()] = w.cto.ID
	if _, _, err := w.offline(lies, w.ceo, w.cto).Chain(e.Cases).Key(w.lone.print()); err == nil {
		t.Error("a passkey that was admitted as one person's is another's")
	}
	gone := w.evidence([]string{w.list(policy.ToDismiss)})
	gone.Cases = append(gone.Cases, e.Cases...)
	for f, k := range e.Keys {
		gone.Keys[f], gone.KeyOf[f] = k, e.KeyOf[f]
	}
	if believes(w.offline(gone, w.ceo, w.cto).Chain(gone.Cases), w.cto) {
		t.Error("who was dismissed is believed")
	}
}

// list is the code of the one motion of a kind.
func (w *world) list(k policy.MotionKind) string {
	all, err := w.List(w.t.Context(), policy.Principal{ID: "aud@x.eu", Kind: policy.Auditor}, k)
	must(w.t, err)
	return all[0].Motion.ID
}

// BenchmarkProven: a chain of eight admissions, each by the two before it.
func BenchmarkProven(b *testing.B) {
	w := newWorld(b)
	last := []*human{w.ceo, w.cto}
	id := ""
	for i := range 8 {
		h := newHuman(b, policy.Principal{ID: string(rune('a'+i)) + "@x.eu", Name: "N", Kind: policy.Executive})
		w.crowd.all = append(w.crowd.all, h)
		id = w.admits(h, last...)
		last = []*human{last[1], h}
	}
	for _, cold := range []bool{true, false} {
		name := "warm"
		if cold {
			name = "cold"
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if cold {
					w.seen = statement.Memory{}
				}
				if _, err := w.proven(id); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
