package identity

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"testing"

	"github.com/descope/virtualwebauthn"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"lockbox/policy"
	"lockbox/policy/statement"
)

func TestAnAssertionIsAProofForOneTextOnce(t *testing.T) {
	w := newWorld(t)
	d, e := w.ceo()
	text := []byte("one")
	a := d.sign(statement.ForApproval, text)
	p, err := w.assert(e.ID, statement.ForApproval, text, a)
	w.must(err)
	if want := (policy.Proof{Kind: policy.Passkey, Of: e.ID, At: w.now(), For: binding(statement.ForApproval, text)}); p != want {
		t.Errorf("got %+v, want %+v", p, want)
	}
	_, err = w.assert(e.ID, statement.ForApproval, text, a)
	wantRefusal(t, err, "used already")
	_, err = w.assert(e.ID, statement.ForApproval, text, d.sign(statement.ForApproval, text)) // signed anew, the same challenge
	wantRefusal(t, err, "used already")
}

func TestAnAssertionThatDoesNotHold(t *testing.T) {
	w := newWorld(t)
	d, e := w.ceo()
	other, o := w.eng(d, "")
	text := []byte("text")
	for _, c := range []struct {
		name string
		who  string
		dom  statement.Domain
		sign func() statement.Assertion
		want string
	}{
		{"of another person", e.ID, statement.ForApproval, func() statement.Assertion { return other.sign(statement.ForApproval, text) }, "not yours"},
		{"of this person for another", o.ID, statement.ForApproval, func() statement.Assertion { return d.sign(statement.ForApproval, text) }, "not yours"},
		{"of nobody", "", statement.ForApproval, func() statement.Assertion { return d.sign(statement.ForApproval, text) }, "nothing else"},
		{"of another domain", e.ID, statement.ForApproval, func() statement.Assertion { return d.sign(statement.ForTouch, text) }, "challenge"},
		{"of a sign-in", e.ID, statement.ForApproval, func() statement.Assertion { return d.sign(statement.ForSignIn, text) }, "challenge"},
		{"for a sign-in", e.ID, statement.ForSignIn, func() statement.Assertion { return d.sign(statement.ForSignIn, text) }, "nothing else"},
		{"of another text", e.ID, statement.ForApproval, func() statement.Assertion { return d.sign(statement.ForApproval, []byte("texts")) }, "challenge"},
		{"without user verification", e.ID, statement.ForApproval, with(d, func(x *device) { x.auth.Options.UserNotVerified = true }, text), "not verified"},
		{"without a user", e.ID, statement.ForApproval, with(d, func(x *device) { x.auth.Options.UserNotPresent = true }, text), "present"},
		{"at another origin", e.ID, statement.ForApproval, with(d, func(x *device) { x.rp.Origin = "https://evil.example" }, text), "origin"},
		{"over http", e.ID, statement.ForApproval, with(d, func(x *device) { x.rp.Origin = "http://" + host }, text), "origin"},
		{"at another port", e.ID, statement.ForApproval, with(d, func(x *device) { x.rp.Origin = origin + ":1" }, text), "origin"},
		{"for another party", e.ID, statement.ForApproval, with(d, func(x *device) { x.rp.ID = "example.eu" }, text), "relying party"},
		{"that may be synced now", e.ID, statement.ForApproval, with(d, func(x *device) { x.auth.Options.BackupEligible = true }, text), "changed"},
		{"with another person's handle", e.ID, statement.ForApproval, with(d, func(x *device) { x.auth.Options.UserHandle = other.auth.Options.UserHandle }, text), "for this person"},
		{"by an unknown passkey", e.ID, statement.ForApproval, with(d, func(x *device) { x.cred.ID = []byte("unknown") }, text), "not enrolled"},
		{"by another key under its id", e.ID, statement.ForApproval, with(d, func(x *device) { x.cred.Key = other.cred.Key }, text), "not made by this key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := w.assert(c.who, c.dom, text, c.sign())
			wantRefusal(t, err, c.want)
		})
	}
	_, err := w.assert(e.ID, statement.ForApproval, text, d.sign(statement.ForApproval, text))
	w.must(err) // none of them used it up
}

// with signs by a copy of d that was changed.
func with(d *device, change func(*device), text []byte) func() statement.Assertion {
	return func() statement.Assertion {
		x := *d
		change(&x)
		return x.sign(statement.ForApproval, text)
	}
}

func TestAnAssertionMadeInsideAnotherPageDoesNotHold(t *testing.T) {
	w := newWorld(t)
	d, e := w.ceo()
	text := []byte("text")
	a := d.sign(statement.ForApproval, text)
	var client map[string]any
	w.must(json.Unmarshal(a.ClientDataJSON, &client))
	client["crossOrigin"] = true
	framed, err := statement.ParseAssertion(d.resign(a, client))
	w.must(err)
	_, err = w.assert(e.ID, statement.ForApproval, text, framed)
	wantRefusal(t, err, "another origin")
	client["crossOrigin"] = false
	plain, err := statement.ParseAssertion(d.resign(a, client))
	w.must(err)
	_, err = w.assert(e.ID, statement.ForApproval, text, plain)
	w.must(err)
}

func TestAPasskeyNobodyConfirmedProvesNothing(t *testing.T) {
	w := newWorld(t)
	d, e := w.enrol(Invite{ID: "eng@example.eu", Kind: policy.Staff})
	for _, dom := range []statement.Domain{statement.ForApproval, statement.ForTouch, statement.ForSSHKey, statement.ForVouch} {
		_, err := w.assert(e.ID, dom, []byte("text"), d.sign(dom, []byte("text")))
		wantRefusal(t, err, "waits for a second person")
	}
	_, err := w.Options(t.Context(), e.ID, statement.ForTouch, []byte("text"))
	wantRefusal(t, err, "no passkey")
}

func TestACopiedPasskeyIsLocked(t *testing.T) {
	for _, c := range []struct {
		name       string
		last, next uint32
		locked     bool
	}{
		{"never counts", 0, 0, false},
		{"begins to count", 0, 1, false},
		{"counts on", 7, 8, false},
		{"jumps", 7, 1 << 31, false},
		{"stands still", 7, 7, true},
		{"goes back", 7, 6, true},
		{"stops counting", 7, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			d, e := w.ceo()
			cookie, _, err := w.signIn(d)
			w.must(err)
			if c.last > 0 {
				d.cred.Counter = c.last
				_, err := w.assert(e.ID, statement.ForTouch, []byte("1"), d.sign(statement.ForTouch, []byte("1")))
				w.must(err)
			}
			d.cred.Counter = c.next
			_, err = w.assert(e.ID, statement.ForTouch, []byte("2"), d.sign(statement.ForTouch, []byte("2")))
			if !c.locked {
				w.must(err)
				_, err = w.Session(t.Context(), cookie)
				w.must(err)
				return
			}
			wantRefusal(t, err, "locked")
			var clone *Cloned
			if !errors.As(err, &clone) || clone.Of != e.ID {
				t.Errorf("got %v, want *Cloned of %s", err, e.ID)
			}
			d.cred.Counter = 100
			_, err = w.assert(e.ID, statement.ForTouch, []byte("3"), d.sign(statement.ForTouch, []byte("3")))
			wantRefusal(t, err, "locked")
			_, _, err = w.signIn(d)
			wantRefusal(t, err, "locked")
			if got := w.kinds("credential.clone"); got != 1 {
				t.Errorf("got %d events credential.clone, want 1", got)
			}
			keys, err := w.Passkeys(t.Context(), e.ID)
			w.must(err)
			if len(keys) != 1 || keys[0].Locked.IsZero() {
				t.Errorf("got %+v, want it locked in the ledger", keys)
			}
		})
	}
}

func TestACopySeenInSomebodyElsesTransactionIsLockedAtOnceAndWrittenDownLater(t *testing.T) {
	w := newWorld(t)
	d, e := w.ceo()
	cookie, _, err := w.signIn(d)
	w.must(err)
	d.cred.Counter = 5
	_, err = w.assert(e.ID, statement.ForTouch, []byte("1"), d.sign(statement.ForTouch, []byte("1")))
	w.must(err)
	err = w.Ledger.Update(t.Context(), assertOnly(w, e.ID, "2", d)) // as package approvals does
	wantRefusal(t, err, "locked")
	_, err = w.Session(t.Context(), cookie)
	if !errors.Is(err, ErrSignedOut) {
		t.Errorf("got %v, want ErrSignedOut", err)
	}
	if got := w.kinds("credential.clone"); got != 0 {
		t.Fatalf("got %d events already", got)
	}
	w.must(w.Sweep(t.Context()))
	if got := w.kinds("credential.clone"); got != 1 {
		t.Errorf("got %d events credential.clone, want 1", got)
	}
}

func TestAReplayDoesNotLockThePasskey(t *testing.T) {
	w := newWorld(t)
	d, e := w.ceo()
	d.cred.Counter = 5
	a := d.sign(statement.ForTouch, []byte("1"))
	_, err := w.assert(e.ID, statement.ForTouch, []byte("1"), a)
	w.must(err)
	_, err = w.assert(e.ID, statement.ForTouch, []byte("1"), a)
	wantRefusal(t, err, "used already")
	if got := w.kinds("credential.clone"); got != 0 {
		t.Errorf("got %d events credential.clone, want 0", got)
	}
}

func coseEC(t *testing.T, c elliptic.Curve, alg webauthncose.COSEAlgorithmIdentifier, crv webauthncose.COSEEllipticCurve) any {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := k.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	n := (len(raw) - 1) / 2
	return webauthncose.EC2PublicKeyData{
		PublicKeyData: webauthncose.PublicKeyData{KeyType: 2, Algorithm: int64(alg)}, Curve: int64(crv), XCoord: raw[1 : 1+n], YCoord: raw[1+n:],
	}
}

func TestKeysOfThreeKindsAreKept(t *testing.T) {
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs := func(bits int, alg webauthncose.COSEAlgorithmIdentifier) any {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		return webauthncose.RSAPublicKeyData{
			PublicKeyData: webauthncose.PublicKeyData{KeyType: 3, Algorithm: int64(alg)}, Modulus: k.N.Bytes(), Exponent: []byte{1, 0, 1},
		}
	}
	okp := func(alg, crv int64) any {
		return webauthncose.OKPPublicKeyData{PublicKeyData: webauthncose.PublicKeyData{KeyType: 1, Algorithm: alg}, Curve: crv, XCoord: ed}
	}
	for _, c := range []struct {
		name string
		key  any
		ok   bool
	}{
		{"ES256", coseEC(t, elliptic.P256(), webauthncose.AlgES256, webauthncose.P256), true},
		{"EdDSA", okp(int64(webauthncose.AlgEdDSA), int64(webauthncose.Ed25519)), true},
		{"RS256", rs(2048, webauthncose.AlgRS256), true},
		{"ES384", coseEC(t, elliptic.P384(), webauthncose.AlgES384, webauthncose.P384), false},
		{"ES512", coseEC(t, elliptic.P521(), webauthncose.AlgES512, webauthncose.P521), false},
		{"ES256 on another curve", coseEC(t, elliptic.P384(), webauthncose.AlgES256, webauthncose.P384), false},
		{"PS256", rs(2048, webauthncose.AlgPS256), false},
		{"RS1", rs(2048, webauthncose.AlgRS1), false},
		{"small RSA", rs(1024, webauthncose.AlgRS256), false},
		{"another Edwards curve", okp(int64(webauthncose.AlgEdDSA), 7), false},
		{"no key", "nothing", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cose, err := webauthncbor.Marshal(c.key)
			if err != nil {
				t.Fatal(err)
			}
			k, err := pkix(cose)
			if (err == nil) != c.ok {
				t.Fatalf("got %v, want taken: %v", err, c.ok)
			}
			if c.ok && !isFingerprint(k.Fingerprint()) {
				t.Errorf("got fingerprint %q", k.Fingerprint())
			}
		})
	}
}

func TestOptionsNameTheChallengeAndThePasskeysOfThePerson(t *testing.T) {
	w := newWorld(t)
	d, e := w.ceo()
	o, err := w.Options(t.Context(), e.ID, statement.ForTouch, []byte("text"))
	w.must(err)
	ao, err := virtualwebauthn.ParseAssertionOptions(string(o))
	w.must(err)
	if string(ao.Challenge) != string(statement.Challenge(statement.ForTouch, []byte("text"))) || !d.cred.IsAllowedForAssertion(*ao) ||
		ao.RelyingPartyID != host || len(ao.AllowCredentials) != 1 {
		t.Errorf("got %s", o)
	}
	a, err := statement.ParseAssertion(d.get(o))
	w.must(err)
	_, err = w.assert(e.ID, statement.ForTouch, []byte("text"), a)
	w.must(err)
}
