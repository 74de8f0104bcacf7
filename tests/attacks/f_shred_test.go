package attacks

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// A bin takes what a gateway destroys.
type bin []string

func (b *bin) Destroy(_ context.Context, session string) ([]string, error) {
	*b = append(*b, session)
	return []string{"here"}, nil
}

// shredding lets w erase recordings, and gives the id of one whose session is open.
func shredding(t *testing.T) (w *world.World, b *bin, session string, leave func()) {
	t.Helper()
	w, b = newWorld(t), new(bin)
	w.Charter.Idle, w.Charter.Over, w.Desk.Over, w.Gateway.Archive = w.Desk.Idle, w.Gateway.Over, w.Gateway.Over, b
	w.Charter.Effect = func(tx *ledger.Tx, m *policy.Motion) error {
		return errors.Join(w.People.Effect(tx, m), w.Desk.OrderErasure(tx, m))
	}
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, knock(w.Eng))
	return w, b, v.Session.ID, v.Leave
}

func shred(session, customer string) policy.Motion {
	return policy.Motion{Kind: policy.ToErase, Customer: customer, About: policy.OfRecording(session), Text: "the person in it asked for it"}
}

// F20: a recording is erased by two executives, or by those alone whose data it
// is; not while it is written, not while it is held, and once.
func TestF20ARecordingIsErasedByThoseWhoMay(t *testing.T) {
	w, b, session, leave := shredding(t)
	_, err := w.Charter.Propose(t.Context(), w.Ceo.Principal, shred(session, ""))
	wantNo(t, err, "is open")
	leave()
	for rule, try := range map[string]func() error{
		"a foreign customer": func() error {
			_, err := w.Charter.Propose(t.Context(), w.Bo.Principal, shred(session, "syd"))
			return err
		},
		"who works there": func() error {
			_, err := w.Charter.Propose(t.Context(), w.Eng.Principal, shred(session, ""))
			return err
		},
		"another session": func() error {
			_, err := w.Charter.Propose(t.Context(), w.Ceo.Principal, shred("01ARZ3NDEKTSV4RRFFQ69G5FAV", ""))
			return err
		},
		"one executive": func() error {
			w.Propose(t, w.Ceo, shred(session, ""))
			return errors.Join(w.SignMotion(t, w.Ceo, w.Propose(t, w.Ceo, shred(session, ""))), w.Gateway.Retain(t.Context()), destroyed(b))
		},
		"while it is held": func() error {
			must(t, w.Gateway.Keep(t.Context(), w.Ceo.Principal, session, "a dispute"))
			_, err := w.Charter.Propose(t.Context(), w.Cto.Principal, shred(session, ""))
			must(t, w.Gateway.Release(t.Context(), w.Cto.Principal, session, "it is settled"))
			return err
		},
	} {
		if err := try(); err == nil {
			t.Errorf("%s erases it", rule)
		}
		if len(*b) > 0 {
			t.Fatalf("%s: destroyed %v", rule, *b)
		}
	}
	must(t, w.SignMotion(t, w.Cto, w.Propose(t, w.Cto, shred(session, "")))) // the ceo signed it above
	var motion string
	must(t, w.Ledger.View(t.Context(), func(tx *ledger.Tx) (err error) { motion, err = w.Desk.Shreds(tx, session); return err }))
	_, err = w.Charter.Propose(t.Context(), w.Ann.Principal, shred(session, "nord"))
	wantNo(t, err, "is to be erased already, by motion "+motion)
	must(t, w.Gateway.Retain(t.Context()))
	if !slices.Equal(*b, bin{session}) {
		t.Errorf("destroyed %v", *b)
	}
	_, err = w.Charter.Propose(t.Context(), w.Ceo.Principal, shred(session, ""))
	wantNo(t, err, "is erased already")
	must(t, w.Ledger.Check(t.Context()))
}

// destroyed is an error where nothing was: the attack did not work.
func destroyed(b *bin) error {
	if len(*b) == 0 {
		return errors.New("nothing is destroyed")
	}
	return nil
}

func TestF20ACustomerErasesWhatIsItsAlone(t *testing.T) {
	w, b, session, leave := shredding(t)
	leave()
	w.Pass(t, shred(session, "nord"), w.Ann)
	must(t, w.Gateway.Retain(t.Context()))
	if !slices.Equal(*b, bin{session}) {
		t.Errorf("destroyed %v", *b)
	}
}

// F20: an order that nobody signed is none, whoever wrote it into the file.
func TestF20AnOrderToEraseThatNobodySignedIsNone(t *testing.T) {
	w, _, session, leave := shredding(t)
	leave()
	other := w.Pass(t, policy.Motion{Kind: policy.ToSet, Customer: "nord", Notice: true}, w.Ann)
	for rule, o := range map[string]approvals.Shred{"of no motion": {Motion: "ZZZZ"}, "of another motion": {Motion: other}, "of nothing": {}} {
		must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
			_, err := tx.Append(ledger.Event{Kind: "test", Actor: "test"})
			return errors.Join(err, tx.Put(approvals.ShredKey(session), o))
		}))
		must(t, w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
			if m, err := w.Desk.Shreds(tx, session); err == nil {
				t.Errorf("%s: it is proven by %s", rule, m)
			}
			return nil
		}))
	}
	row, err := json.Marshal(approvals.Shred{Motion: other})
	must(t, err)
	edit(t, w, "r"+approvals.ShredKey(session), func([]byte) []byte { return row })
	must(t, w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
		if _, err := w.Desk.Shreds(tx, session); err == nil {
			t.Error("a row that was edited is believed")
		}
		return nil
	}))
}
