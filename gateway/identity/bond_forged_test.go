package identity

import (
	"errors"
	"slices"
	"testing"

	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// TestAForgedRowOfACounterSignatureIsNotBelieved though it is in the log like any other: its bytes are verified again.
func TestAForgedRowOfACounterSignatureIsNotBelieved(t *testing.T) {
	b := newBoard(t)
	real := b.second(b.ceo)
	mallory := b.join("mal@example.eu", policy.Executive, "")
	for rule, forge := range map[string]func(c *Credential, good statement.Bond){
		"somebody else's bond":          func(c *Credential, good statement.Bond) { c.Bond = &good },
		"a founder's name under it":     func(c *Credential, good statement.Bond) { good.Credential = c.Statement; c.Bond = &good },
		"one's own signature, his name": func(c *Credential, good statement.Bond) { c.Bond = b.forged(mallory, c, b.ceo.Fingerprint) },
		"one's own signature and name":  func(c *Credential, good statement.Bond) { c.Bond = b.forged(mallory, c, mallory.Fingerprint) },
		"a row that makes it a founder's": func(c *Credential, good statement.Bond) {
			c.Of, c.Bond = b.ceo.ID, &good
		},
	} {
		b.must(b.update(t.Context(), func(tx *ledger.Tx) error {
			_, all, err := b.own(tx, b.ceo.ID)
			if err != nil {
				return err
			}
			c, err := passkey(tx, mallory.Fingerprint)
			if err != nil {
				return err
			}
			c.Of, c.Later, c.Confirmed = mallory.ID, true, tx.Now()
			forge(&c, *all[1].Bond)
			if err := tx.Put(credentialKey(c.ID), c); err != nil {
				return err
			}
			_, err = tx.Append(ledger.Event{Kind: "test", Actor: "op@example.eu"})
			return err
		}))
		b.look(func(tx *ledger.Tx) error {
			if ok, err := b.Pinned(tx, executives, mallory.Fingerprint); ok {
				t.Errorf("%s: it counts (%v)", rule, err)
			}
			if ok, err := b.Pinned(tx, executives, real.Fingerprint); !ok || err != nil {
				t.Errorf("%s: the real one does not: %v", rule, err)
			}
			return nil
		})
	}
}

// forged is a bond that mallory signs alone, in the name of by.
func (b *board) forged(mallory member, c *Credential, by string) *statement.Bond {
	text, err := statement.CounterSign{
		Log: b.world.Log, Person: c.Of, Key: c.Fingerprint, Kept: c.Kept(), Digest: hash(string(c.Statement)), Nonce: nonce(),
	}.Bytes()
	b.must(err)
	return &statement.Bond{Credential: c.Statement, Statement: text, Assertion: mallory.sign(statement.ForCounterSign, text), By: by, Seq: 3}
}

// TestBondsThatHoldEachOtherHoldNothing: neither passkey counts by itself.
func TestBondsThatHoldEachOtherHoldNothing(t *testing.T) {
	b := newBoard(t)
	one, two := b.join("mal@example.eu", policy.Executive, ""), member{}
	two = b.second(one)
	b.must(b.update(t.Context(), func(tx *ledger.Tx) error {
		c, err := passkey(tx, one.Fingerprint)
		if err != nil {
			return err
		}
		bond := b.forged(two, &c, two.Fingerprint)
		bond.Seq = b.last() + 1
		c.Bond = bond
		if err := tx.Put(credentialKey(c.ID), c); err != nil {
			return err
		}
		_, err = tx.Append(ledger.Event{Kind: "test", Actor: "op@example.eu"})
		return err
	}))
	if b.sits(executives, one) || b.sits(executives, two) {
		t.Error("two passkeys make each other count")
	}
}

// TestAnOfflineVerifierFollowsCounterSignatures from the passkeys it pinned, and no other way.
func TestAnOfflineVerifierFollowsCounterSignatures(t *testing.T) {
	b := newBoard(t)
	second := b.second(b.ceo)
	ada := b.join("ada@example.eu", policy.Executive, "")
	id := b.propose(b.ceo, admission(ada))
	b.must(b.sign(id, second))
	b.must(b.sign(id, b.cto))
	more := b.second(ada)
	lone := b.join("lone@example.eu", policy.Executive, "")
	last := b.propose(ada, admission(lone))
	b.must(b.sign(last, more))
	b.must(b.sign(last, second))
	var e charter.Evidence
	b.look(func(tx *ledger.Tx) (err error) {
		e, err = b.Evidence(tx, []string{last}, []charter.Signature{{Stage: executives, Key: more.Fingerprint, Seq: b.last()}})
		return err
	})
	if len(e.Cases) != 2 || len(e.Bonds) != 2 {
		t.Fatalf("got %d cases and %d bonds, want two of each", len(e.Cases), len(e.Bonds))
	}
	pinned := []string{b.ceo.Fingerprint, b.cto.Fingerprint}
	for _, c := range []struct {
		rule  string
		spoil func(e *charter.Evidence)
		holds bool
	}{
		{"as it is", func(*charter.Evidence) {}, true},
		{"in another order", func(e *charter.Evidence) { slices.Reverse(e.Bonds); slices.Reverse(e.Cases) }, true},
		{"without a counter-signature", func(e *charter.Evidence) { e.Bonds = e.Bonds[1:] }, false},
		{"without the other", func(e *charter.Evidence) { e.Bonds = e.Bonds[:1] }, false},
		{"without the admission it rests on", func(e *charter.Evidence) { e.Cases = e.Cases[:1] }, false},
		{"made after it was used", func(e *charter.Evidence) { e.Bonds[0].Seq, e.Bonds[1].Seq = 1<<40, 1<<40 }, false},
		{"signed by another than it says", func(e *charter.Evidence) { e.Bonds[0].By, e.Bonds[1].By = b.cto.Fingerprint, b.cto.Fingerprint }, false},
		{"of somebody else, by the word of the bundle", func(e *charter.Evidence) { e.KeyOf[second.Fingerprint] = lone.ID }, false},
	} {
		bad := charter.Evidence{Cases: slices.Clone(e.Cases), Bonds: slices.Clone(e.Bonds), Keys: e.Keys, KeyOf: map[string]string{}}
		for k, v := range e.KeyOf {
			bad.KeyOf[k] = v
		}
		c.spoil(&bad)
		trust := charter.Trust{
			Log: b.world.Log, Party: b.world.Party,
			Key: func(f string) (statement.Key, string, error) {
				k, err := statement.ParseKey(bad.Keys[f])
				if err == nil && k.Fingerprint() != f {
					err = errors.New("another key")
				}
				return k, bad.KeyOf[f], err
			},
			Pinned: func(s policy.Stage, f string, _ int64) (bool, error) {
				return s.Kind == policy.ByExecutive && slices.Contains(pinned, f), nil
			},
		}.Chain(bad.Cases, bad.Bonds...)
		ok, err := trust.Pinned(executives, more.Fingerprint, b.last())
		if ok != c.holds {
			t.Errorf("%s: got %v, %v", c.rule, ok, err)
		}
	}
}
