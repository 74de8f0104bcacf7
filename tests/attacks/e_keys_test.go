package attacks

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// casts votes with this very passkey, whether it was asked for or not.
func casts(t *testing.T, w *world.World, h *world.Human, code string) error {
	t.Helper()
	b, err := w.Desk.Prepare(t.Context(), h.Principal, code, policy.Terms{})
	if err == nil {
		_, err = w.Desk.Approve(t.Context(), h.Principal, b.Nonce, h.Touch(t, statement.ForApproval, b.Statement))
	}
	return err
}

// Leans on: a passkey counts by the word of one that is pinned, and of no other.
func TestE03ACounterSignatureIsByAPasskeyOfOnesOwnThatCounts(t *testing.T) {
	w := newWorld(t)
	made, err := w.Add(t, w.Ceo)
	must(t, err)
	if err := casts(t, w, made, w.Ask(t, w.Eng, "nord", time.Hour)); err == nil {
		t.Error("a passkey votes that nobody signed for")
	}
	wantNo(t, w.CounterSign(t, w.Cto, made), "not yours")
	wantNo(t, w.CounterSign(t, made, made), "cannot counter-sign")
	ask, err := w.People.BeginCounterSign(t.Context(), w.Ceo.ID, made.Fingerprint)
	must(t, err)
	answer := w.Ceo.Answer(t, ask.Options)
	must(t, w.People.CounterSign(t.Context(), w.Ceo.ID, ask.ID, answer))
	other, err := w.Add(t, w.Ceo)
	must(t, err)
	again, err := w.People.BeginCounterSign(t.Context(), w.Ceo.ID, other.Fingerprint)
	must(t, err)
	wantNo(t, w.People.CounterSign(t.Context(), w.Ceo.ID, again.ID, answer), "does not hold") // the same signature, for another passkey
	wantNo(t, w.People.CounterSign(t.Context(), w.Ceo.ID, ask.ID, answer), "used already")
	w.Admit(t)
	w.Pass(t, dismissal(w.Ceo), w.Cto, w.Lone)
	must(t, w.CounterSign(t, w.Ceo, other)) // it is still theirs; it gives no vote
	for _, h := range []*world.Human{made, other} {
		if err := casts(t, w, h, w.Ask(t, w.Eng, "nord", 20*time.Minute)); err == nil {
			t.Error("a passkey votes by the word of one that was dismissed")
		}
	}
}

// Leans on: what a receipt shows is verified from the passkeys that its reader pinned.
func TestE03AReceiptFollowsTheCounterSignature(t *testing.T) {
	w := newWorld(t)
	second := w.Second(t, w.Ceo)
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	must(t, casts(t, w, second, code))
	must(t, w.Approve(t, w.Ann, code))
	r := receipt(t, w, code)
	if !holds(t, w, r) {
		t.Fatal("a vote by the second passkey does not hold offline")
	}
	for rule, spoil := range map[string]func(r *approvals.Receipt){
		"without the counter-signature": func(r *approvals.Receipt) { r.Charter = nil },
		"over another credential":       func(r *approvals.Receipt) { r.Charter.Bonds[0].Credential[20] ^= 1 },
		"by another passkey":            func(r *approvals.Receipt) { r.Charter.Bonds[0].By = w.Cto.Fingerprint },
		"with another signature":        func(r *approvals.Receipt) { r.Charter.Bonds[0].Assertion.Signature[9] ^= 1 },
		"made afterwards":               func(r *approvals.Receipt) { r.Charter.Bonds[0].Seq += 1000 },
	} {
		bad := with(r, func(r *approvals.Receipt) {
			e := *r.Charter
			e.Bonds = slices.Clone(e.Bonds)
			e.Bonds[0].Credential = bytes.Clone(e.Bonds[0].Credential)
			e.Bonds[0].Assertion.Signature = bytes.Clone(e.Bonds[0].Assertion.Signature)
			r.Charter = &e
			spoil(r)
		})
		if holds(t, w, bad) {
			t.Errorf("%s: it holds", rule)
		}
	}
}

// Leans on: rows are proven by the log, and what they say by its signatures.
func TestE03ACounterSignaturePutIntoTheFileIsNotBelieved(t *testing.T) {
	w := newWorld(t)
	second := w.Second(t, w.Ceo)
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	before := copyOf(t, w)
	for key := range before {
		if strings.HasPrefix(key, "rcredential/") {
			edit(t, w, key, func(v []byte) []byte {
				return bytes.Replace(v, []byte(second.Fingerprint), []byte(w.Lone.Fingerprint), 1)
			})
		}
	}
	if err := casts(t, w, second, code); !errors.Is(err, ledger.ErrTampered) {
		t.Errorf("a row that somebody edited: got %v", err)
	}
	before.putBack(t, w, "rcredential/")
	must(t, casts(t, w, second, code))
}

func TestE03OneKeyIsNotAPasskeyOfOneAndAnSSHKeyOfAnother(t *testing.T) {
	w := newWorld(t)
	key, public := world.Twins(t)
	ask, err := w.People.BeginSSHKey(t.Context(), w.Mate.ID, string(ssh.MarshalAuthorizedKey(public)))
	must(t, err)
	_, err = w.People.AddSSHKey(t.Context(), ask.ID, w.Mate.Answer(t, ask.Options))
	must(t, err)
	for _, h := range []*world.Human{w.Ceo, w.Mate} {
		_, err := w.AddKey(t, h, key, false)
		wantNo(t, err, "enrolled already")
	}
	key, public = world.Twins(t)
	_, err = w.AddKey(t, w.Ceo, key, false)
	must(t, err)
	_, err = w.AddKey(t, w.Cto, key, false)
	wantNo(t, err, "enrolled already")
	_, err = w.People.BeginSSHKey(t.Context(), w.Mate.ID, string(ssh.MarshalAuthorizedKey(public)))
	wantNo(t, err, "enrolled already")
}

func TestE07ASyncedPasskeyDoesNothingWhereThePolicyExcludesIt(t *testing.T) {
	w := newWorld(t)
	key, _ := world.Twins(t)
	synced, err := w.AddKey(t, w.Ceo, key, true)
	must(t, err)
	must(t, w.CounterSign(t, w.Ceo, synced))
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	must(t, w.Approve(t, synced, code))
	bound := *w.Policy()
	bound.DeviceBound = []policy.Kind{policy.Executive}
	w.SetPolicy(&bound)
	must(t, w.Approve(t, w.Ann, code))
	if lets(t, w.Gateway, knock(w.Eng)) {
		t.Error("a door opens on a vote by a passkey that the policy does not take any more")
	}
	if err := casts(t, w, synced, w.Ask(t, w.Eng, "nord", 20*time.Minute)); err == nil {
		t.Error("it votes")
	}
	key, _ = world.Twins(t)
	_, err = w.AddKey(t, w.Ceo, key, true)
	wantNo(t, err, "stays on one device")
}

func TestE09ARecoveryTakesTwoOthersAndGivesNoSeat(t *testing.T) {
	w := newWorld(t)
	w.Admit(t)
	lost := func(about string) policy.Motion {
		return policy.Motion{Kind: policy.ToRecover, About: about, Text: "lost the phone"}
	}
	for _, by := range []*world.Human{w.Mate, w.Eng, w.Ann, w.Lone} { // the operator's staff, a customer's reviewer, the person
		if _, err := w.Charter.Propose(t.Context(), by.Principal, lost(w.Lone.ID)); err == nil {
			t.Errorf("%s recovers Lone", by.Name)
		}
	}
	for _, m := range []policy.Motion{lost(w.Ann.ID), {Kind: policy.ToRecover, Customer: "nord", About: w.Ann.ID, Text: "lost"}} {
		if _, err := w.Charter.Propose(t.Context(), w.Ceo.Principal, m); err == nil {
			t.Error("executives recover a customer's reviewer")
		}
	}
	if _, err := w.Charter.Propose(t.Context(), w.Bo.Principal, policy.Motion{Kind: policy.ToRecover, Customer: "nord", About: w.Ann.ID, Text: "lost"}); err == nil {
		t.Error("another customer's reviewer recovers Ann")
	}
	id := w.Propose(t, w.Ceo, lost(w.Lone.ID))
	must(t, w.SignMotion(t, w.Ceo, id))
	if err := w.SignMotion(t, w.Lone, id); err == nil {
		t.Error("the person is the second signature")
	}
	_, err := w.People.RecoveryLink(t.Context(), w.Ceo.ID, id)
	wantNo(t, err, "not signed")
	must(t, w.SignMotion(t, w.Cto, id))
	for _, by := range []*world.Human{w.Cto, w.Mate, w.Lone} {
		_, err := w.People.RecoveryLink(t.Context(), by.ID, id)
		wantNo(t, err, "only who proposed")
	}
	token, err := w.People.RecoveryLink(t.Context(), w.Ceo.ID, id)
	must(t, err)
	thief, err := w.Anew(t, token)
	must(t, err)
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	for _, h := range []*world.Human{thief, w.Lone} {
		if err := casts(t, w, h, code); err == nil {
			t.Error("whoever has the link, or the lost passkey, votes")
		}
	}
	if made, err := w.Add(t, thief); err == nil {
		must(t, w.CounterSign(t, thief, made))
		if err := casts(t, w, made, code); err == nil {
			t.Error("a second passkey of a thief's votes")
		}
	}
	if _, err := w.People.BeginVouch(t.Context(), w.Ceo.ID, w.Lone.ID, thief.Fingerprint); err == nil {
		t.Error("who got the link confirms what came of it")
	}
}

func TestE11ALinkOfARecoveryIsUsedOnce(t *testing.T) {
	w := newWorld(t)
	token := w.Recover(t, w.Mate, w.Ceo, w.Cto)
	var all sync.WaitGroup
	var made atomic.Int32
	for range 4 {
		all.Go(func() {
			if _, err := w.Anew(t, token); err == nil {
				made.Add(1)
			}
		})
	}
	all.Wait()
	if n := made.Load(); n > 1 {
		t.Errorf("%d passkeys by one link", n)
	}
	if made.Load() == 1 {
		_, err := w.Anew(t, token)
		wantNo(t, err, "was used")
	}
	p, err := w.People.Person(t.Context(), w.Mate.ID)
	must(t, err)
	if len(p.Passkeys) > 1 {
		t.Errorf("got %d passkeys", len(p.Passkeys))
	}
}

// Leans on: who may approve is computed when a vote is cast and again when a door opens.
func TestC28ARecoveryThatRacesAVoteWins(t *testing.T) {
	w := newWorld(t)
	w.Admit(t)
	id := w.Propose(t, w.Ceo, policy.Motion{Kind: policy.ToRecover, About: w.Lone.ID, Text: "lost the phone"})
	must(t, w.SignMotion(t, w.Ceo, id))
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	b, a := ballot(t, w, w.Lone, code)
	var both sync.WaitGroup
	both.Go(func() { _, _ = w.Desk.Approve(t.Context(), w.Lone.Principal, b.Nonce, a) }) // either may come first
	both.Go(func() {
		if err := w.SignMotion(t, w.Cto, id); err != nil {
			t.Errorf("the recovery: %v", err)
		}
	})
	both.Wait()
	_ = w.Approve(t, w.Ann, code) // it may be refused: nobody has opened her stage
	if lets(t, w.Gateway, knock(w.Eng)) {
		t.Error("a door opens on the vote of a passkey that was lost")
	}
}
