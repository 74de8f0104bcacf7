package charter

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// Sessions of the tests: their recordings are over, but for open.
const (
	ofNord = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	ofBoth = "01BRZ3NDEKTSV4RRFFQ69G5FAV"
	isOpen = "01CRZ3NDEKTSV4RRFFQ69G5FAV"
	ofNone = "01DRZ3NDEKTSV4RRFFQ69G5FAV"
)

// shelf lets recordings be erased; what stops one changes under a test.
func (w *world) shelf() map[string]string {
	stops := map[string]string{isOpen: "is open"}
	reach := map[string][]string{ofNord: {"nord"}, ofBoth: {"nord", "syd"}, isOpen: {"nord"}, ofNone: nil}
	w.Over = func(_ *ledger.Tx, session string) ([]string, error) {
		customers, ok := reach[session]
		switch {
		case !ok:
			return nil, refuse("there is no recording %s", session)
		case stops[session] != "":
			return customers, refuse("the recording %s", stops[session])
		}
		return customers, nil
	}
	return stops
}

func shred(session, customer string) policy.Motion {
	return policy.Motion{Kind: policy.ToErase, Customer: customer, About: policy.OfRecording(session), Text: "asked for by the person in it"}
}

func TestTwoExecutivesErase(t *testing.T) {
	w := newWorld(t)
	w.shelf()
	for _, session := range []string{ofNord, ofBoth, ofNone} {
		id := w.propose(w.ceo, shred(session, ""))
		b, err := w.Prepare(t.Context(), w.as(w.cto), id)
		must(t, err)
		for _, line := range []string{
			"\nwhose-matter: executives\n", "\nerase: the recording of session " + session + "\n", "\nerases: the key of the recording, in every copy",
			"\nkeeps: the log and its proofs", "\ncan-be-undone: never, by nobody\n", "\ntakes: 2 signatures of executives\n",
		} {
			if !strings.Contains(string(b.Statement), line) {
				t.Errorf("%q is not in\n%s", line, b.Statement)
			}
		}
		if v := w.sign(id, w.ceo); v.Holds {
			t.Error("one is enough")
		}
		w.sign(id, w.cto)
		if m, err := w.proven(id); err != nil || m.Recording() != session {
			t.Errorf("got %+v, %v", m, err)
		}
	}
}

func TestACustomersReviewersEraseWhatIsTheirsAlone(t *testing.T) {
	w := newWorld(t)
	w.shelf()
	id := w.propose(w.ann, shred(ofNord, "nord"))
	if v := w.sign(id, w.ann); v.Holds {
		t.Error("one of two is enough")
	}
	if _, err := w.trySign(w.ceo, id); err == nil {
		t.Error("an executive signs in the place of a customer")
	}
	if v := w.sign(id, w.bea); !v.Holds {
		t.Errorf("got %+v", v.Status)
	}
}

// TestARecordingIsNotErasedByAttack: each way in which somebody could have one
// destroyed that must stay is refused, and says why.
func TestARecordingIsNotErasedByAttack(t *testing.T) {
	w := newWorld(t)
	stops := w.shelf()
	propose := func(h *human, m policy.Motion) error {
		_, err := w.Propose(t.Context(), w.as(h), m)
		return err
	}
	with := func(m policy.Motion, f func(*policy.Motion)) policy.Motion { f(&m); return m }
	for _, c := range []struct {
		rule string
		try  func() error
		why  string
	}{
		{"by an engineer", func() error { return propose(w.eng, shred(ofNord, "")) }, "not yours to propose"},
		{"by an operator", func() error { return propose(w.op, shred(ofNord, "")) }, "not yours to propose"},
		{"by who is not admitted", func() error { return propose(w.lone, shred(ofNord, "")) }, "not yours to propose"},
		{"by a reviewer, as the executives", func() error { return propose(w.ann, shred(ofNord, "")) }, "not yours to propose"},
		{"by executives, as the customer", func() error { return propose(w.ceo, shred(ofNord, "nord")) }, "not yours to propose"},
		{"of a foreign customer", func() error { return propose(w.syd, shred(ofNord, "syd")) }, "yours alone"},
		{"of a foreign customer, in its name", func() error { return propose(w.syd, shred(ofNord, "nord")) }, "not yours to propose"},
		{"shared with another", func() error { return propose(w.ann, shred(ofBoth, "nord")) }, "yours alone"},
		{"of no customer", func() error { return propose(w.ann, shred(ofNone, "nord")) }, "yours alone"},
		{"that there is not", func() error { return propose(w.ceo, shred("01ZRZ3NDEKTSV4RRFFQ69G5FAV", "")) }, "there is no recording"},
		{"that there is not, to a customer", func() error { return propose(w.ann, shred("01ZRZ3NDEKTSV4RRFFQ69G5FAV", "nord")) }, "yours alone"},
		{"of a session that is open", func() error { return propose(w.ceo, shred(isOpen, "")) }, "is open"},
		{"without a reason", func() error { return propose(w.ceo, with(shred(ofNord, ""), func(m *policy.Motion) { m.Text = "" })) }, "say why"},
		{"under another name", func() error {
			return propose(w.ceo, with(shred(ofNord, ""), func(m *policy.Motion) { m.Name = "an empty one" }))
		}, "leave out"},
		{"as something like a recording", func() error { return propose(w.ceo, shred(strings.ToLower(ofNord), "")) }, "nobody with this id"},
		{"with a path", func() error { return propose(w.ceo, shred("../../ARZ3NDEKTSV4RRFFQ69G", "")) }, "nobody with this id"},
		{"as a person", func() error {
			return propose(w.ceo, with(shred(ofNord, ""), func(m *policy.Motion) { m.About = ofNord }))
		}, "nobody with this id"},
		{"by one executive twice", func() error {
			id := w.propose(w.ceo, shred(ofNord, ""))
			w.sign(id, w.ceo)
			_, err := w.trySign(w.ceo, id)
			return err
		}, "already answered"},
		{"by a signature on another's", func() error {
			b, err := w.Prepare(t.Context(), w.as(w.cto), w.propose(w.ceo, shred(ofBoth, "")))
			must(t, err)
			o, err := w.Prepare(t.Context(), w.as(w.cto), w.propose(w.ceo, shred(ofNone, "")))
			must(t, err)
			_, err = w.Sign(t.Context(), w.as(w.cto), b.Nonce, w.cto.sign(o.Challenge()))
			return err
		}, "challenge"},
		{"by a signature to dismiss", func() error {
			b, err := w.Prepare(t.Context(), w.as(w.cto), w.propose(w.ceo, shred(ofBoth, "")))
			must(t, err)
			_, err = w.Sign(t.Context(), w.as(w.cto), b.Nonce, w.cto.sign(statement.Challenge(statement.ForDismiss, b.Statement)))
			return err
		}, "challenge"},
		{"that is held by now", func() error {
			id := w.propose(w.ceo, shred(ofBoth, ""))
			w.sign(id, w.ceo)
			stops[ofBoth] = "is held"
			_, err := w.trySign(w.cto, id)
			delete(stops, ofBoth)
			return err
		}, "is held"},
		{"that is held between reading and signing", func() error {
			b, err := w.Prepare(t.Context(), w.as(w.cto), w.propose(w.ceo, shred(ofBoth, "")))
			must(t, err)
			stops[ofBoth] = "is held"
			_, err = w.Sign(t.Context(), w.as(w.cto), b.Nonce, w.cto.sign(b.Challenge()))
			delete(stops, ofBoth)
			return err
		}, "is held"},
		{"where nothing knows sessions", func() error {
			over := w.Over
			w.Over = nil
			defer func() { w.Over = over }()
			return propose(w.ceo, shred(ofNone, ""))
		}, "no recording is erased here"},
	} {
		t.Run(c.rule, func(t *testing.T) { wantRefusal(t, c.try(), c.why) })
	}
}

// TestAForgedErasureIsNone: whoever rewrites the row of a motion finds that the signatures say otherwise.
func TestAForgedErasureIsNone(t *testing.T) {
	for rule, f := range map[string]func(r *row, m *policy.Motion){
		"another session":  func(_ *row, m *policy.Motion) { m.About = policy.OfRecording(ofBoth) },
		"a person instead": func(_ *row, m *policy.Motion) { m.About = "eng@x.eu" },
		"a customer's": func(_ *row, m *policy.Motion) {
			m.Customer, m.Stage = "syd", policy.Stage{Kind: policy.ByCustomer, Customer: "syd", Count: 1}
		},
		"by fewer":             func(r *row, m *policy.Motion) { m.Stage.Count, r.Votes = 1, r.Votes[:1] },
		"one signature copied": func(r *row, _ *policy.Motion) { r.Votes[1] = r.Votes[0] },
		"one under another name": func(r *row, _ *policy.Motion) {
			r.Votes[1].Statement, r.Votes[1].Assertion = r.Votes[0].Statement, r.Votes[0].Assertion
		},
		"another code": func(_ *row, m *policy.Motion) { m.ID = "ZZZZ" },
	} {
		w := newWorld(t)
		w.shelf()
		id := w.propose(w.ceo, shred(ofNord, ""))
		w.sign(id, w.ceo, w.cto)
		w.change(id, f)
		if m, err := w.proven(id); err == nil {
			t.Errorf("%s: it is proven: %+v", rule, m)
		}
	}
}

// TestAnErasureIsVerifiedOffline, with the people that a verifier pins.
func TestAnErasureIsVerifiedOffline(t *testing.T) {
	w := newWorld(t)
	w.shelf()
	id := w.propose(w.ann, shred(ofNord, "nord"))
	w.sign(id, w.ann, w.bea)
	var k Case
	w.view(func(tx *ledger.Tx) error {
		r, err := load(tx.Get, id)
		k = r.kase()
		return err
	})
	trust := func(pinned ...*human) Trust {
		return Trust{
			Log: "lockbox.test", Party: party,
			Key: func(f string) (statement.Key, string, error) {
				i := slices.IndexFunc(w.crowd.all, func(h *human) bool { return h.print() == f })
				if i < 0 {
					return statement.Key{}, "", fmt.Errorf("no key %s", f)
				}
				return w.crowd.all[i].pub, w.crowd.all[i].ID, nil
			},
			Pinned: func(s policy.Stage, f string, _ int64) (bool, error) {
				return s.Customer == "nord" && slices.ContainsFunc(pinned, func(h *human) bool { return h.print() == f }), nil
			},
		}
	}
	if m, err := k.Verify(trust(w.ann, w.bea), atEnd()); err != nil || m.Recording() != ofNord {
		t.Errorf("got %+v, %v", m, err)
	}
	if _, err := k.Verify(trust(w.ann), atEnd()); err == nil {
		t.Error("a reviewer who is not pinned counts")
	}
}
