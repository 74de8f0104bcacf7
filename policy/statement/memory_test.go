package statement

import (
	"bytes"
	"slices"
	"testing"
)

// TestWhatIsRememberedHoldsForTheSameBytesAlone changes, once it is remembered,
// everything that was looked at, byte by byte.
func TestWhatIsRememberedHoldsForTheSameBytesAlone(t *testing.T) {
	m, a := &Memory{}, newAuthenticator(t)
	challenge := Challenge(ForApproval, text)
	good, key := a.sign(t, challenge), a.key(t)
	want, err := Verify(good, key, challenge, party)
	if err != nil {
		t.Fatal(err)
	}
	again := func() {
		t.Helper()
		for range 3 {
			if got, err := m.Verify(good, key, challenge, party); err != nil || got != want {
				t.Fatalf("got %+v, %v, want %+v", got, err, want)
			}
		}
	}
	again()
	for name, part := range map[string]func(*Assertion, *[]byte) *[]byte{
		"authenticator data": func(a *Assertion, _ *[]byte) *[]byte { return &a.AuthenticatorData },
		"client data":        func(a *Assertion, _ *[]byte) *[]byte { return &a.ClientDataJSON },
		"signature":          func(a *Assertion, _ *[]byte) *[]byte { return &a.Signature },
		"challenge":          func(_ *Assertion, c *[]byte) *[]byte { return c },
	} {
		for i := range *part(&good, &challenge) {
			bad, other := good, challenge
			p := part(&bad, &other)
			*p = bytes.Clone(*p)
			(*p)[i] ^= 1
			if _, err := m.Verify(bad, key, other, party); err == nil {
				t.Errorf("byte %d of the %s may change", i, name)
			}
		}
	}
	stranger := newAuthenticator(t).key(t)
	moved := good // a byte goes from one part to the next
	moved.AuthenticatorData = slices.Clip(good.AuthenticatorData[:len(good.AuthenticatorData)-1])
	moved.ClientDataJSON = append([]byte{good.AuthenticatorData[len(good.AuthenticatorData)-1]}, good.ClientDataJSON...)
	for rule, try := range map[string]func() error{
		"another key":    func() error { _, err := m.Verify(good, stranger, challenge, party); return err },
		"no key":         func() error { _, err := m.Verify(good, Key{}, challenge, party); return err },
		"another domain": func() error { _, err := m.Verify(good, key, Challenge(ForTouch, text), party); return err },
		"another relying party": func() error {
			_, err := m.Verify(good, key, challenge, Party{"evil.example", party.Origins})
			return err
		},
		"another origin": func() error {
			_, err := m.Verify(good, key, challenge, Party{party.ID, []string{"https://evil.example"}})
			return err
		},
		"no origin":           func() error { _, err := m.Verify(good, key, challenge, Party{ID: party.ID}); return err },
		"parts cut elsewhere": func() error { _, err := m.Verify(moved, key, challenge, party); return err },
		"nothing at all":      func() error { _, err := m.Verify(Assertion{}, key, challenge, party); return err },
	} {
		for range 2 { // what did not hold does not hold the second time
			if try() == nil {
				t.Errorf("%s: it holds", rule)
			}
		}
	}
	again()
	for i := range good.Signature { // nor is it the caller's to change
		good.Signature[i] ^= 1
	}
	if _, err := m.Verify(good, key, challenge, party); err == nil {
		t.Error("what the caller changed afterwards holds")
	}
}

func TestNoMemoryVerifiesEachTime(t *testing.T) {
	a := newAuthenticator(t)
	challenge := Challenge(ForApproval, text)
	good := a.sign(t, challenge)
	for range 2 {
		if _, err := (*Memory)(nil).Verify(good, a.key(t), challenge, party); err != nil {
			t.Error(err)
		}
	}
	good.Signature[9] ^= 1
	if _, err := (*Memory)(nil).Verify(good, a.key(t), challenge, party); err == nil {
		t.Error("it holds")
	}
}

// TestTheMemoryIsBounded: what is used stays, and what is not makes room.
func TestTheMemoryIsBounded(t *testing.T) {
	m := &Memory{}
	used := string(looked(Assertion{}, Key{der: []byte("used")}, nil, party))
	m.keep(used, Flags{Counter: 7})
	for i := range 20000 {
		m.keep(string(looked(Assertion{Signature: make([]byte, 1<<10)}, Key{}, []byte{byte(i), byte(i >> 8)}, party)), Flags{})
		if f, ok := m.holds([]byte(used)); !ok || f.Counter != 7 {
			t.Fatalf("after %d it is gone", i)
		}
		if n := len(m.young) + len(m.old); n*(1<<10) > memoryMost {
			t.Fatalf("%d are remembered", n)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	a := newAuthenticator(b)
	k := a.key(b)
	challenge := Challenge(ForApproval, text)
	good := a.sign(b, challenge)
	for name, m := range map[string]*Memory{"afresh": nil, "remembered": {}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := m.Verify(good, k, challenge, party); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
