package identity

import (
	"encoding/json"
	"testing"

	"github.com/descope/virtualwebauthn"

	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

var _ charter.Binder = (*Directory)(nil)

// add enrols one more passkey for a person, who signs in with theirs.
func (w *world) add(who member) (member, error) {
	w.t.Helper()
	cookie, _, err := w.signIn(who.device)
	w.must(err)
	l, err := w.Session(w.t.Context(), cookie)
	w.must(err)
	ask, err := w.BeginPasskey(w.t.Context(), l)
	if err != nil {
		return member{}, err
	}
	d := newDevice(w.t, virtualwebauthn.KeyTypeEC2)
	c, err := w.AddPasskey(w.t.Context(), who.ID, ask.ID, d.create(ask.Options), here)
	return member{d, Enrolled{Principal: who.Principal, Fingerprint: c.Fingerprint}}, err
}

func (w *world) counterSign(by, made member) error {
	ask, err := w.BeginCounterSign(w.t.Context(), made.ID, made.Fingerprint)
	if err != nil {
		return err
	}
	return w.CounterSign(w.t.Context(), made.ID, ask.ID, by.get(ask.Options))
}

func (w *world) retire(by, old member) error {
	ask, err := w.BeginRetire(w.t.Context(), old.ID, old.Fingerprint)
	if err != nil {
		return err
	}
	return w.Retire(w.t.Context(), old.ID, ask.ID, by.get(ask.Options))
}

// second adds a passkey and has it counter-signed.
func (b *board) second(who member) member {
	b.world.t.Helper()
	made, err := b.add(who)
	b.must(err)
	b.must(b.counterSign(who, made))
	return made
}

func TestASecondPasskeyCountsOnceItIsCounterSigned(t *testing.T) {
	b := newBoard(t)
	made, err := b.add(b.ceo)
	b.must(err)
	ada := b.join("ada@example.eu", policy.Executive, "")
	id := b.propose(b.ceo, admission(ada))
	if b.sits(executives, made) {
		t.Error("it counts before anybody signed for it")
	}
	wantRefusal(t, b.sign(id, made), "waits for another one of yours")
	wantRefusal(t, b.vouch(b.cto.device, b.cto.ID, made.ID, made.Fingerprint), "counter-sign") // a second person does not do for it
	b.must(b.counterSign(b.ceo, made))
	if !b.sits(executives, made) || b.sits(nord, made) {
		t.Error("it does not count where the one that signed for it does, and there alone")
	}
	b.must(b.sign(id, made))
	if err := b.sign(id, b.ceo); err == nil {
		t.Error("two passkeys of one person are two votes")
	}
	b.must(b.sign(id, b.cto))
	if !b.sits(executives, ada) {
		t.Error("a vote by the second passkey does not carry")
	}
	b.wantVoters(executives, "ceo@example.eu", "cto@example.eu", "ada@example.eu")
	b.look(func(tx *ledger.Tx) error {
		_, err := b.Proven(tx, id)
		return err
	})
	if n := b.kinds(statement.Bonded); n != 1 {
		t.Errorf("got %d events of the counter-signature", n)
	}
}

// TestOnlyAnotherPasskeyOfTheSamePersonCounterSigns and only one that counts.
func TestOnlyAnotherPasskeyOfTheSamePersonCounterSigns(t *testing.T) {
	b := newBoard(t)
	made, err := b.add(b.ceo)
	b.must(err)
	other, err := b.add(b.ceo)
	b.must(err)
	for _, c := range []struct {
		rule string
		by   member
		why  string
	}{
		{"somebody else's", b.cto, "not yours"},
		{"itself", made, "cannot counter-sign"},
		{"one that nobody signed for", other, "cannot counter-sign"},
	} {
		t.Log(c.rule)
		wantRefusal(t, b.counterSign(c.by, made), c.why)
	}
	ask, err := b.BeginCounterSign(t.Context(), made.ID, made.Fingerprint)
	b.must(err)
	answer := b.ceo.get(ask.Options)
	wantRefusal(t, b.CounterSign(t.Context(), b.cto.ID, ask.ID, answer), "begin again") // in somebody else's session
	wantRefusal(t, b.CounterSign(t.Context(), b.ceo.ID, ask.ID, answer), "used already")
	ask, err = b.BeginCounterSign(t.Context(), made.ID, made.Fingerprint)
	b.must(err)
	wantRefusal(t, b.CounterSign(t.Context(), b.ceo.ID, ask.ID, answer), "signature does not hold") // over other bytes
	ask, err = b.BeginRetire(t.Context(), made.ID, made.Fingerprint)
	b.must(err)
	wantRefusal(t, b.CounterSign(t.Context(), b.ceo.ID, ask.ID, b.ceo.get(ask.Options)), "begin again") // of another kind
	_, err = b.BeginCounterSign(t.Context(), b.cto.ID, made.Fingerprint)
	wantRefusal(t, err, "no such passkey")
	_, err = b.BeginCounterSign(t.Context(), b.ceo.ID, b.ceo.Fingerprint)
	wantRefusal(t, err, "no such passkey")
	b.must(b.counterSign(b.ceo, made))
	_, err = b.BeginCounterSign(t.Context(), made.ID, made.Fingerprint)
	wantRefusal(t, err, "counter-signed already")
	b.must(b.counterSign(made, other)) // one hangs on the other
	if !b.sits(executives, other) {
		t.Error("a chain does not hold")
	}
}

func TestWhatHangsOnAPasskeyEndsWithIt(t *testing.T) {
	b := newBoard(t)
	ada := b.join("ada@example.eu", policy.Executive, "")
	b.carries(admission(ada), b.ceo, b.cto)
	second := b.second(ada)
	third, err := b.add(ada)
	b.must(err)
	b.must(b.counterSign(second, third))
	wantRefusal(t, b.retire(second, ada), "vote hangs on this passkey")
	before := b.last()
	b.carries(admission(third), b.ceo, b.cto) // now it counts by itself
	b.must(b.retire(third, ada))
	for _, c := range []struct {
		rule string
		key  member
		want bool
	}{{"the one that ended", ada, false}, {"what it signed for", second, false}, {"what was admitted by itself", third, true}} {
		if got := b.sits(executives, c.key); got != c.want {
			t.Errorf("%s: %v", c.rule, got)
		}
	}
	b.look(func(tx *ledger.Tx) error {
		for _, m := range []member{ada, second, third} { // what they signed while they counted stands
			if ok, err := b.Sat(tx, executives, m.Fingerprint, before); !ok || err != nil {
				t.Errorf("the past is forgotten: %v, %v", ok, err)
			}
		}
		return nil
	})
	if _, _, err := b.signIn(ada.device); err == nil {
		t.Error("an ended passkey signs in")
	}
	b.carries(policy.Motion{Kind: policy.ToDismiss, About: ada.ID}, b.ceo, b.cto)
	if b.sits(executives, third) || b.as(ada).Admitted {
		t.Error("who was dismissed keeps a passkey that counts")
	}
}

func TestTheLastPasskeyDoesNotEnd(t *testing.T) {
	b := newBoard(t)
	_, err := b.BeginRetire(t.Context(), b.ceo.ID, b.ceo.Fingerprint)
	wantRefusal(t, err, "last passkey")
	made, err := b.add(b.ceo)
	b.must(err)
	_, err = b.BeginRetire(t.Context(), b.ceo.ID, b.ceo.Fingerprint) // one that waits is no other
	wantRefusal(t, err, "last passkey")
	_, err = b.BeginRetire(t.Context(), b.cto.ID, made.Fingerprint)
	wantRefusal(t, err, "no such passkey")
	b.must(b.counterSign(b.ceo, made))
	wantRefusal(t, b.retire(made, made), "ended by another")
	wantRefusal(t, b.retire(b.cto, made), "not yours")
	b.must(b.retire(b.ceo, made))
	if err := b.counterSign(b.ceo, made); err == nil || b.sits(executives, made) {
		t.Error("what has ended comes back")
	}
	all, err := b.Passkeys(t.Context(), b.ceo.ID)
	b.must(err)
	if len(all) != 1 || all[0].Fingerprint != b.ceo.Fingerprint {
		t.Errorf("got %d passkeys", len(all))
	}
}

// TestACopyOfAPasskeyTakesWhatHangsOnItAlong: nobody knows who of the two signed for it.
func TestACopyOfAPasskeyTakesWhatHangsOnItAlong(t *testing.T) {
	b := newBoard(t)
	second, err := b.add(b.ceo)
	b.must(err)
	b.ceo.device.cred.Counter = 7
	b.must(b.counterSign(b.ceo, second))
	_, _, err = b.signIn(b.ceo.device)
	wantRefusal(t, err, "locked")
	if b.sits(executives, second) {
		t.Error("it counts by the word of a passkey of which there are two")
	}
}

func TestTwoMayBeEnrolledBeforeAnybodyConfirmsOne(t *testing.T) {
	b := newBoard(t)
	ada := b.join("ada@example.eu", policy.Executive, "")
	eve := b.join("eve@example.eu", policy.Staff, "")
	first, second := b.second(ada), b.second(eve)
	for _, m := range []member{first, second} {
		if keys, err := b.Passkeys(t.Context(), m.ID); err != nil || !keys[1].Confirmed.IsZero() || b.sits(executives, m) {
			t.Errorf("%s: it counts before anybody confirmed the first: %v", m.ID, err)
		}
	}
	b.carries(admission(ada), b.ceo, b.cto)
	b.must(b.vouch(b.ceo.device, b.ceo.ID, eve.ID, eve.Fingerprint))
	for _, m := range []member{first, second} {
		if keys, err := b.Passkeys(t.Context(), m.ID); err != nil || keys[1].How != Bonded {
			t.Errorf("%s: it does not count with the first: %+v, %v", m.ID, keys[1].How, err)
		}
	}
	if b.sits(executives, first) {
		t.Error("it was signed for before the first was admitted") // who signed did not count then
	}
	b.must(b.counterSign(ada, first))
	if !b.sits(executives, first) {
		t.Error("it cannot be signed for again")
	}
	wantRefusal(t, b.counterSign(ada, first), "already")
	wantRefusal(t, b.counterSign(eve, second), "already")
}

func TestOnePasskeyIsOfOnePerson(t *testing.T) {
	b := newBoard(t)
	cookie, _, err := b.signIn(b.ceo.device)
	b.must(err)
	l, err := b.Session(t.Context(), cookie)
	b.must(err)
	for _, theirs := range []*device{b.cto.device, b.ceo.device} {
		ask, err := b.BeginPasskey(t.Context(), l)
		b.must(err)
		_, err = b.AddPasskey(t.Context(), b.ceo.ID, ask.ID, theirs.create(ask.Options), here)
		wantRefusal(t, err, "enrolled already")
	}
	ask, err := b.BeginPasskey(t.Context(), l)
	b.must(err)
	var o struct {
		PublicKey struct {
			ExcludeCredentials []json.RawMessage `json:"excludeCredentials"`
		} `json:"publicKey"`
	}
	b.must(json.Unmarshal(ask.Options, &o))
	if len(o.PublicKey.ExcludeCredentials) != 1 {
		t.Errorf("the browser may make it on the same authenticator: %d are left out", len(o.PublicKey.ExcludeCredentials))
	}
	d := newDevice(t, virtualwebauthn.KeyTypeEC2)
	_, err = b.AddPasskey(t.Context(), b.cto.ID, ask.ID, d.create(ask.Options), here)
	wantRefusal(t, err, "begin again")
	_, err = b.AddPasskey(t.Context(), b.ceo.ID, ask.ID, d.create(ask.Options), here)
	wantRefusal(t, err, "used already")
}

// last is the number of the newest event.
func (w *world) last() int64 {
	all, err := w.Ledger.After(w.t.Context(), -1, 10_000)
	w.must(err)
	return all[len(all)-1].Seq
}
