package statement

import (
	"bytes"
	"testing"
)

// bond has a new passkey counter-signed.
func bond(t *testing.T, by, made *authenticator, change func(*Credential, *CounterSign)) Bond {
	t.Helper()
	c := Credential{Log: "l", Person: "ada@example.eu", Kind: "executive", Customer: "none", Key: made.key(t).Fingerprint(), Kept: "on one device", Model: "unknown", Nonce: "00"}
	text, err := c.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	s := CounterSign{Log: c.Log, Person: c.Person, Key: c.Key, Kept: c.Kept, Digest: sum(text), Nonce: "01"}
	change(&c, &s)
	b := Bond{By: by.key(t).Fingerprint(), Seq: 7}
	if b.Credential, err = c.Bytes(); err != nil {
		t.Fatal(err)
	}
	if b.Statement, err = s.Bytes(); err != nil {
		t.Fatal(err)
	}
	b.Assertion = by.sign(t, Challenge(ForCounterSign, b.Statement))
	return b
}

// TestABondIsOverThisCredentialByThatPasskey and nothing else.
func TestABondIsOverThisCredentialByThatPasskey(t *testing.T) {
	first, second, other := newAuthenticator(t), newAuthenticator(t), newAuthenticator(t)
	for _, c := range []struct {
		rule   string
		change func(*Credential, *CounterSign)
		spoil  func(*Bond)
		by     *authenticator
		holds  bool
	}{
		{"as it was signed", nil, nil, first, true},
		{"another passkey did not", nil, nil, other, false},
		{"not even when the row says so", nil, func(b *Bond) { b.By = other.key(t).Fingerprint() }, other, false},
		{"nor the new one itself", nil, func(b *Bond) {
			b.By = second.key(t).Fingerprint()
			b.Assertion = second.sign(t, Challenge(ForCounterSign, b.Statement))
		}, second, false},
		{"nor nobody", nil, func(b *Bond) { b.By = "" }, nil, false},
		{"another credential than was signed", nil, func(b *Bond) { b.Credential = bytes.Replace(b.Credential, []byte("executive"), []byte("customer"), 1) }, first, false},
		{"another person in it", func(_ *Credential, s *CounterSign) { s.Person = "eve@example.eu" }, nil, first, false},
		{"another passkey in it", func(_ *Credential, s *CounterSign) { s.Key = other.key(t).Fingerprint() }, nil, first, false},
		{"kept elsewhere", func(_ *Credential, s *CounterSign) { s.Kept = "anywhere" }, nil, first, false},
		{"of another log", func(_ *Credential, s *CounterSign) { s.Log = "other" }, nil, first, false},
		{"a signature on another kind", nil, func(b *Bond) { b.Assertion = first.sign(t, Challenge(ForVouch, b.Statement)) }, first, false},
		{"a credential that cannot be read", nil, func(b *Bond) { b.Credential = []byte("x") }, first, false},
		{"a counter-signature that cannot be read", nil, func(b *Bond) { b.Statement = b.Credential }, first, false},
	} {
		change := c.change
		if change == nil {
			change = func(*Credential, *CounterSign) {}
		}
		b := bond(t, first, second, change)
		if c.spoil != nil {
			c.spoil(&b)
		}
		by := Key{}
		if c.by != nil {
			by = c.by.key(t)
		}
		if _, err := b.Verify("l", party, by); (err == nil) != c.holds {
			t.Errorf("%s: got %v, want it to hold: %v", c.rule, err, c.holds)
		}
	}
}

// TestTheLeafOfABondNamesAllItsBytes so that none can be swapped later.
func TestTheLeafOfABondNamesAllItsBytes(t *testing.T) {
	b := bond(t, newAuthenticator(t), newAuthenticator(t), func(*Credential, *CounterSign) {})
	leaf, err := b.Leaf()
	if err != nil || len(leaf) != 5 || leaf["by"] != b.By || leaf["credential-sha256"] != sum(b.Credential) || leaf["statement-sha256"] != sum(b.Statement) {
		t.Errorf("got %v, %v", leaf, err)
	}
	swapped := b
	swapped.Assertion.Signature = bytes.Clone(b.Assertion.Signature)
	swapped.Assertion.Signature[0] ^= 1
	if other, err := swapped.Leaf(); err != nil || other["assertion-sha256"] == leaf["assertion-sha256"] {
		t.Errorf("another signature has the leaf %v, %v", other, err)
	}
	if _, err := (Bond{}).Leaf(); err == nil {
		t.Error("a bond of nothing has a leaf")
	}
}
