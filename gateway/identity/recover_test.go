package identity

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

func recovery(m member) policy.Motion {
	return policy.Motion{Kind: policy.ToRecover, Customer: m.Customer, About: m.ID, Text: "lost the phone and the key"}
}

// enrolAnew uses a link of a recovery.
func (b *board) enrolAnew(token string) (member, error) {
	d := newDevice(b.world.t, virtualwebauthn.KeyTypeEC2)
	_, options, err := b.BeginEnroll(b.world.t.Context(), token, here)
	if err != nil {
		return member{}, err
	}
	e, err := b.FinishEnroll(b.world.t.Context(), token, d.create(options), here)
	return member{d, e}, err
}

// wider is a board with a third executive and an engineer with an SSH key.
func wider(t *testing.T) (b *board, ada, eng member) {
	b = newBoard(t)
	ada = b.join("ada@example.eu", policy.Executive, "")
	b.carries(admission(ada), b.ceo, b.cto)
	line, _ := sshLine(t)
	d, e := b.enrol(Invite{ID: "eng@example.eu", Kind: policy.Staff, SSHKey: line})
	b.must(b.vouch(b.ceo.device, b.ceo.ID, e.ID, e.Fingerprint))
	b.addSSHKey(d, e.ID)
	return b, ada, member{d, e}
}

func TestWhoLostAllPasskeysIsRecoveredByTwoExecutives(t *testing.T) {
	b, ada, eng := wider(t)
	second := b.second(eng)
	cookie, _, err := b.signIn(second.device)
	b.must(err)
	id := b.propose(b.ceo, recovery(eng))
	_, err = b.RecoveryLink(t.Context(), b.ceo.ID, id)
	wantRefusal(t, err, "not signed by those")
	b.must(b.sign(id, b.ceo))
	b.must(b.sign(id, ada))
	if _, err := b.Session(t.Context(), cookie); !errors.Is(err, ErrSignedOut) {
		t.Errorf("the old session goes on: %v", err)
	}
	for _, old := range []member{eng, second} {
		_, _, err := b.signIn(old.device)
		wantRefusal(t, err, "ended")
	}
	if keys, err := b.SSHKeys(t.Context(), eng.ID); err != nil || len(keys) != 0 {
		t.Errorf("SSH keys stay: %v, %v", keys, err)
	}
	_, err = b.RecoveryLink(t.Context(), ada.ID, id)
	wantRefusal(t, err, "only who proposed")
	first, err := b.RecoveryLink(t.Context(), b.ceo.ID, id)
	b.must(err)
	token, err := b.RecoveryLink(t.Context(), b.ceo.ID, id)
	b.must(err)
	_, err = b.enrolAnew(first)
	wantRefusal(t, err, "replaced")
	anew, err := b.enrolAnew(token)
	b.must(err)
	if anew.ID != eng.ID || anew.Confirmed {
		t.Fatalf("got %+v, want somebody who waits", anew.Enrolled)
	}
	_, err = b.enrolAnew(token)
	wantRefusal(t, err, "was used")
	_, err = b.RecoveryLink(t.Context(), b.ceo.ID, id)
	wantRefusal(t, err, "over")
	wantRefusal(t, b.vouch(b.ceo.device, b.ceo.ID, anew.ID, anew.Fingerprint), "you invited") // who got the link confirms nothing
	b.must(b.vouch(b.cto.device, b.cto.ID, anew.ID, anew.Fingerprint))
	if _, who, err := b.signIn(anew.device); err != nil || who.ID != eng.ID {
		t.Errorf("got %v, %v", who, err)
	}
}

func TestARecoveredExecutiveHasNoSeatUntilAdmitted(t *testing.T) {
	b, ada, _ := wider(t)
	lone := b.join("lone@example.eu", policy.Executive, "")
	open := b.propose(b.ceo, admission(lone))
	b.must(b.sign(open, ada))
	before := b.last()
	id := b.carries(recovery(ada), b.ceo, b.cto)
	b.must(b.sign(open, b.ceo))
	if b.sits(executives, lone) {
		t.Error("a vote by a passkey that was lost carries")
	}
	token, err := b.RecoveryLink(t.Context(), b.ceo.ID, id)
	b.must(err)
	anew, err := b.enrolAnew(token)
	b.must(err)
	if b.sits(executives, anew) || b.sits(executives, ada) {
		t.Fatal("whoever has the link has a seat")
	}
	if made, err := b.add(anew); err == nil { // nor does a second passkey help
		b.must(b.counterSign(anew, made))
		if b.sits(executives, made) {
			t.Error("a second passkey has a seat")
		}
	}
	b.carries(admission(anew), b.ceo, b.cto)
	if !b.sits(executives, anew) || b.sits(executives, ada) {
		t.Error("the admission does not name the passkey that counts")
	}
	b.look(func(tx *ledger.Tx) error {
		if ok, err := b.Sat(tx, executives, ada.Fingerprint, before); !ok || err != nil {
			t.Errorf("what the lost passkey signed does not stand: %v, %v", ok, err)
		}
		return nil
	})
}

func TestNobodyRecoversAlone(t *testing.T) {
	b, ada, eng := wider(t)
	op := b.join("op@example.eu", policy.Staff, "")
	b.must(b.vouch(b.ceo.device, b.ceo.ID, op.ID, op.Fingerprint))
	id := b.propose(b.ceo, recovery(ada))
	for rule, c := range map[string]struct {
		by member
		m  policy.Motion
	}{
		"an operator":                      {op, recovery(eng)},
		"the person":                       {ada, recovery(ada)},
		"executives a reviewer":            {b.ceo, recovery(b.ann)},
		"executives one as their own":      {b.ceo, policy.Motion{Kind: policy.ToRecover, About: b.ann.ID, Text: "lost"}},
		"another customer's reviewer":      {b.ann, policy.Motion{Kind: policy.ToRecover, Customer: "syd", About: b.bea.ID, Text: "lost"}},
		"a reviewer an engineer":           {b.ann, policy.Motion{Kind: policy.ToRecover, Customer: "nord", About: eng.ID, Text: "lost"}},
		"one of two reviewers the other":   {b.ann, recovery(b.bea)},
		"without saying why":               {b.ceo, policy.Motion{Kind: policy.ToRecover, About: ada.ID}},
		"with a passkey that it may admit": {b.ceo, policy.Motion{Kind: policy.ToRecover, About: ada.ID, Key: op.Fingerprint, Text: "lost"}},
		"somebody who is not there":        {b.ceo, policy.Motion{Kind: policy.ToRecover, About: "x@example.eu", Text: "lost"}},
	} {
		if _, err := b.Propose(t.Context(), b.as(c.by), c.m); err == nil {
			t.Errorf("%s may propose it", rule)
		}
	}
	b.must(b.sign(id, b.ceo))
	if err := b.sign(id, ada); err == nil {
		t.Error("the person signs for themselves")
	}
	if err := b.sign(id, b.ceo); err == nil || !b.sits(executives, ada) {
		t.Error("one executive is two")
	}
	if _, err := b.NewLink(t.Context(), op.ID, Invite{ID: ada.ID, Name: "Ada", Kind: policy.Executive}); err == nil {
		t.Error("an operator invites somebody who is there")
	}
}

func TestACustomersReviewersRecoverTheirOwn(t *testing.T) {
	b := newBoard(t)
	cid := b.join("cid@nord.example", policy.Reviewer, "nord")
	b.carries(admission(cid), b.ann, b.bea)
	id := b.carries(recovery(cid), b.ann, b.bea)
	if b.sits(nord, cid) {
		t.Error("the lost passkey still counts")
	}
	token, err := b.RecoveryLink(t.Context(), b.ann.ID, id)
	b.must(err)
	anew, err := b.enrolAnew(token)
	b.must(err)
	wantRefusal(t, b.vouch(b.ann.device, b.ann.ID, anew.ID, anew.Fingerprint), "")
	b.carries(admission(anew), b.ann, b.bea)
	if !b.sits(nord, anew) {
		t.Error("who was recovered and admitted does not count")
	}
}

func TestALinkOfARecoveryIsForOneDayAndOnePerson(t *testing.T) {
	b, ada, eng := wider(t)
	id := b.carries(recovery(eng), b.ceo, b.cto)
	token, err := b.RecoveryLink(t.Context(), b.ceo.ID, id)
	b.must(err)
	other := b.carries(recovery(ada), b.ceo, b.cto)
	theirs, err := b.RecoveryLink(t.Context(), b.ceo.ID, other)
	b.must(err)
	b.must(b.update(t.Context(), func(tx *ledger.Tx) error { // whoever can write rows gives the one link to the other
		var l link
		if _, err := tx.Verified(linkKey(token), &l); err != nil {
			return err
		}
		l.Motion = other
		if err := tx.Put(linkKey(token), l); err != nil {
			return err
		}
		p, err := person(tx, eng.ID)
		if err != nil {
			return err
		}
		p.Recovering = other
		if err := tx.Put(personKey(p.ID), p); err != nil {
			return err
		}
		_, err = tx.Append(ledger.Event{Kind: "test", Actor: "op@example.eu"})
		return err
	}))
	_, err = b.enrolAnew(token)
	wantRefusal(t, err, "somebody else")
	b.pass(recoverLife - time.Second)
	if _, err := b.Invited(t.Context(), theirs, here); err != nil {
		t.Errorf("it ends too early: %v", err)
	}
	b.pass(time.Minute)
	_, err = b.enrolAnew(theirs)
	wantRefusal(t, err, "too old")
	_, err = b.RecoveryLink(t.Context(), b.ceo.ID, other)
	wantRefusal(t, err, "more than 24 hours ago")
}

func TestOnlyWhoHasNothingLeftIsErased(t *testing.T) {
	b, ada, eng := wider(t)
	erase := func(m member) policy.Motion {
		return policy.Motion{Kind: policy.ToErase, About: m.ID, Text: "asked for it"}
	}
	_, err := b.Propose(t.Context(), b.as(b.ceo), erase(eng))
	if err == nil {
		t.Error("erased where nobody knows who has access")
	}
	var left error
	b.Charter.Idle = func(*ledger.Tx, string) error { return left }
	if _, err := b.Propose(t.Context(), b.as(b.ceo), erase(ada)); err == nil || !strings.Contains(err.Error(), "dismiss them first") {
		t.Errorf("somebody with a seat: %v", err)
	}
	id := b.propose(b.ceo, erase(eng))
	b.must(b.sign(id, b.ceo))
	left = errors.New("request 7KQM is not over")
	if err := b.sign(id, ada); !errors.Is(err, left) {
		t.Errorf("somebody with access: %v", err)
	}
	left = nil
	b.must(b.sign(id, ada))
	_, _, err = b.signIn(eng.device)
	wantRefusal(t, err, "")
	if p, err := b.Person(t.Context(), eng.ID); err != nil || p.Name != "erased" || len(p.Passkeys)+len(p.SSHKeys) > 0 {
		t.Errorf("got %+v, %v", p, err)
	}
}

// TestAPasskeyThatIsCopiedCountsOnlyWhereThePolicyTakesIt at every door, from the moment that the policy says so.
func TestAPasskeyThatIsCopiedCountsOnlyWhereThePolicyTakesIt(t *testing.T) {
	b := newBoard(t)
	synced := newDevice(t, virtualwebauthn.KeyTypeEC2)
	synced.auth.Options.BackupEligible, synced.auth.Options.BackupState = true, true
	cookie, _, err := b.signIn(b.ceo.device)
	b.must(err)
	l, err := b.Session(t.Context(), cookie)
	b.must(err)
	begin := func() (Credential, error) {
		ask, err := b.BeginPasskey(t.Context(), l)
		b.must(err)
		return b.AddPasskey(t.Context(), b.ceo.ID, ask.ID, synced.create(ask.Options), here)
	}
	bound := func(k ...policy.Kind) { b.pol.DeviceBound = k }
	bound(policy.Executive)
	_, err = begin()
	wantRefusal(t, err, "stays on one device")
	bound(policy.Staff)
	c, err := begin()
	b.must(err)
	m := member{synced, Enrolled{Principal: b.ceo.Principal, Fingerprint: c.Fingerprint}}
	bound(policy.Executive)
	wantRefusal(t, b.counterSign(b.ceo, m), "stays on one device")
	bound()
	b.must(b.counterSign(b.ceo, m))
	id := b.propose(b.ceo, admission(b.join("ada@example.eu", policy.Executive, "")))
	ballot, err := b.Prepare(t.Context(), b.as(b.ceo), id)
	b.must(err)
	theirs, _, err := b.signIn(synced)
	b.must(err)
	bound(policy.Executive)
	_, err = b.Charter.Sign(t.Context(), b.as(b.ceo), ballot.Nonce, synced.sign(ballot.Domain, ballot.Statement))
	wantRefusal(t, err, "stays on one device")
	_, _, err = b.signIn(synced)
	wantRefusal(t, err, "stays on one device")
	if _, err := b.Session(t.Context(), theirs); !errors.Is(err, ErrSignedOut) {
		t.Errorf("its session goes on: %v", err)
	}
	held, err := b.Held(t.Context(), b.ceo.ID)
	b.must(err)
	if len(held) != 2 || held[1].Votes || !strings.Contains(held[1].Why, "one device") || held[1].Kept() == held[0].Kept() {
		t.Errorf("got %+v", held)
	}
	bound()
	b.must(b.sign(id, m))
	synced.auth.Options.BackupEligible, synced.auth.Options.BackupState = false, false // it says something else of itself
	_, err = b.assert(b.ceo.ID, statement.ForTouch, []byte("x"), synced.sign(statement.ForTouch, []byte("x")))
	wantRefusal(t, err, "changed what it says")
}
