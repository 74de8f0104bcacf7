package attacks

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/tests/world"
)

func TestE01NothingButAnAssertionOfOnesOwnIsAStep(t *testing.T) {
	w := newWorld(t)
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	for name, sign := range map[string]func(text []byte) statement.Assertion{
		"no assertion": func([]byte) statement.Assertion { return statement.Assertion{} },
		"the passkey's id alone": func(x []byte) statement.Assertion {
			return statement.Assertion{CredentialID: own(t, w, x).CredentialID}
		},
		"without its signature": func(x []byte) statement.Assertion { a := own(t, w, x); a.Signature = nil; return a },
		"another's passkey":     func(x []byte) statement.Assertion { return w.Sign(t, w.Cto, statement.ForApproval, x) },
		"another's, called theirs": func(x []byte) statement.Assertion {
			a := w.Sign(t, w.Cto, statement.ForApproval, x)
			a.CredentialID = own(t, w, x).CredentialID
			return a
		},
		"signed as a touch":   func(x []byte) statement.Assertion { return w.Sign(t, w.Ceo, statement.ForTouch, x) },
		"signed as a sign-in": func(x []byte) statement.Assertion { return w.Sign(t, w.Ceo, statement.ForSignIn, x) },
		"signed as a vouch":   func(x []byte) statement.Assertion { return w.Sign(t, w.Ceo, statement.ForVouch, x) },
		"over other words":    func(x []byte) statement.Assertion { return own(t, w, bytes.Replace(x, []byte("1h"), []byte("4h"), 1)) },
		"not verified": func(x []byte) statement.Assertion {
			a := own(t, w, x)
			a.AuthenticatorData[32] &^= 0x04
			return a
		},
	} {
		b, err := w.Desk.Prepare(t.Context(), w.Ceo.Principal, code, policy.Terms{})
		must(t, err)
		if _, err := w.Desk.Approve(t.Context(), w.Ceo.Principal, b.Nonce, sign(b.Statement)); err == nil {
			t.Fatalf("%s: the vote counts", name)
		}
	}
	must(t, w.Approve(t, w.Ceo, code)) // the passkey was not locked by any of it
}

func own(t *testing.T, w *world.World, text []byte) statement.Assertion {
	t.Helper()
	return w.Sign(t, w.Ceo, statement.ForApproval, text)
}

// Leans on: an ask is taken before it is verified.
func TestE02AChallengeIsAnsweredOnce(t *testing.T) {
	w := newWorld(t)
	ask, err := w.People.BeginSignIn(t.Context(), identity.Meta{})
	must(t, err)
	answer := w.Ceo.Answer(t, ask.Options)
	if _, _, err = w.People.FinishSignIn(t.Context(), ask.ID, []byte(`{}`), identity.Meta{}); err == nil {
		t.Fatal("nothing signs in")
	}
	if _, _, err = w.People.FinishSignIn(t.Context(), ask.ID, answer, identity.Meta{}); err == nil {
		t.Error("a challenge is answered after it was answered wrongly")
	}
	ask, err = w.People.BeginSignIn(t.Context(), identity.Meta{})
	must(t, err)
	_, _, err = w.People.FinishSignIn(t.Context(), ask.ID, answer, identity.Meta{})
	if err == nil {
		t.Error("an answer to one challenge counts for another")
	}
	at := terminal(t, w)
	asked, err := w.Desk.AskTouch(t.Context(), at)
	must(t, err)
	shown, err := w.Desk.PrepareTouch(t.Context(), w.Eng.Principal, asked.ID, asked.Number)
	must(t, err)
	a := w.Sign(t, w.Eng, statement.ForTouch, shown.Statement)
	must(t, w.Desk.Touched(t.Context(), w.Eng.Principal, asked.ID, a))
	wantUnknown(t, "a touch given twice", w.Desk.Touched(t.Context(), w.Eng.Principal, asked.ID, a))
}

// A bare passkey signs whatever client data it is given.
type bare struct{ key *ecdsa.PrivateKey }

func (b bare) public(t *testing.T) statement.Key {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(b.key.Public())
	must(t, err)
	k, err := statement.ParseKey(der)
	must(t, err)
	return k
}

func (b bare) sign(t *testing.T, rp string, flags byte, client string) statement.Assertion {
	t.Helper()
	id := sha256.Sum256([]byte(rp))
	data := append(id[:], flags, 0, 0, 0, 0)
	sum := sha256.Sum256([]byte(client))
	all := sha256.Sum256(slices.Concat(data, sum[:]))
	sig, err := ecdsa.SignASN1(rand.Reader, b.key, all[:])
	must(t, err)
	return statement.Assertion{CredentialID: []byte("x"), AuthenticatorData: data, ClientDataJSON: []byte(client), Signature: sig}
}

func TestE05OnlyOurOriginOnItsOwnPageCounts(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	b := bare{key}
	p := statement.Party{ID: "lock.example.eu", Origins: []string{"https://lock.example.eu"}}
	challenge := statement.Challenge(statement.ForApproval, []byte("x"))
	c := base64.RawURLEncoding.EncodeToString(challenge)
	good := fmt.Sprintf(`{"type":"webauthn.get","challenge":%q,"origin":"https://lock.example.eu","crossOrigin":false}`, c)
	if _, err := statement.Verify(b.sign(t, p.ID, 0x05, good), b.public(t), challenge, p); err != nil {
		t.Fatal(err)
	}
	swap := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for name, client := range map[string]string{
		"http": swap("https://lock.example.eu", "http://lock.example.eu"), "another port": swap("lock.example.eu\"", "lock.example.eu:8443\""),
		"a sub-domain": swap("https://lock", "https://a.lock"), "a look-alike": swap("lock.example.eu\"", "lock.example.eu.evil.test\""),
		"upper case": swap("https://lock", "https://LOCK"), "a slash": swap("lock.example.eu\"", "lock.example.eu/\""), "null": swap(`"https://lock.example.eu"`, `null`),
		"the word null": swap(`https://lock.example.eu`, `null`), "a list": swap(`"https://lock.example.eu"`, `["https://lock.example.eu"]`),
		"inside another page": swap(`false`, `true`), "inside, as text": swap(`false`, `"false"`), "with a top origin": swap(`,"crossOrigin":false`, `,"crossOrigin":false,"topOrigin":"https://lock.example.eu"`),
		"a registration": swap("webauthn.get", "webauthn.create"), "another type": swap("webauthn.get", "payment.get"), "no type": swap(`"type":"webauthn.get",`, ""),
		"a name in upper case": swap(`"origin"`, `"Origin"`), "no challenge": swap(c, ""), "half a challenge": swap(c, c[:20]), "not JSON": good + "}",
		"an origin twice, the last ours not": swap(`,"crossOrigin"`, `,"origin":"https://evil.test","crossOrigin"`),
	} {
		if _, err := statement.Verify(b.sign(t, p.ID, 0x05, client), b.public(t), challenge, p); err == nil {
			t.Errorf("%s counts", name)
		}
	}
	for name, a := range map[string]statement.Assertion{
		"another relying party": b.sign(t, "evil.test", 0x05, good), "nobody present": b.sign(t, p.ID, 0x04, good),
		"nobody verified": b.sign(t, p.ID, 0x01, good), "backed up though it may not be": b.sign(t, p.ID, 0x15, good),
		"a new credential": b.sign(t, p.ID, 0x45, good),
	} {
		if _, err := statement.Verify(a, b.public(t), challenge, p); err == nil {
			t.Errorf("%s counts", name)
		}
	}
	if _, err := statement.Verify(b.sign(t, p.ID, 0x05, good), statement.Key{}, challenge, p); err == nil {
		t.Error("no key verifies")
	}
}

// A device is a passkey that counts, which a world's people do not have.
type device struct {
	auth virtualwebauthn.Authenticator
	cred virtualwebauthn.Credential
}

func (d *device) answer(t *testing.T, options []byte, count uint32) []byte {
	t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(string(options))
	must(t, err)
	d.cred.Counter = count
	rp := virtualwebauthn.RelyingParty{ID: world.Party().ID, Name: "Lockbox", Origin: world.Party().Origins[0]}
	return []byte(virtualwebauthn.CreateAssertionResponse(rp, d.auth, d.cred, *o))
}

func enrol(t *testing.T, w *world.World, v identity.Invite) (*device, identity.Enrolled) {
	t.Helper()
	token, err := w.People.NewLink(t.Context(), "operator@localhost", v)
	must(t, err)
	_, options, err := w.People.BeginEnroll(t.Context(), token, identity.Meta{})
	must(t, err)
	o, err := virtualwebauthn.ParseAttestationOptions(string(options))
	must(t, err)
	d := &device{auth: virtualwebauthn.NewAuthenticator(), cred: virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeRSA)}
	rp := virtualwebauthn.RelyingParty{ID: world.Party().ID, Name: "Lockbox", Origin: world.Party().Origins[0]}
	e, err := w.People.FinishEnroll(t.Context(), token, []byte(virtualwebauthn.CreateAttestationResponse(rp, d.auth, d.cred, *o)), identity.Meta{})
	must(t, err)
	d.auth.Options.UserHandle = []byte(o.UserID)
	return d, e
}

func TestE06ACopiedPasskeyIsLocked(t *testing.T) {
	w := newWorld(t)
	d, e := enrol(t, w, invite("new@x.eu"))
	confirm(t, w, w.Cto, e)
	signIn := func(count uint32) (string, error) {
		ask, err := w.People.BeginSignIn(t.Context(), identity.Meta{})
		must(t, err)
		cookie, _, err := w.People.FinishSignIn(t.Context(), ask.ID, d.answer(t, ask.Options, count), identity.Meta{})
		return cookie, err
	}
	cookie, err := signIn(5)
	must(t, err)
	_, err = signIn(6)
	must(t, err)
	_, err = signIn(6) // the copy
	wantNo(t, err, "locked")
	for _, n := range []uint32{7, 0, 1 << 31} {
		_, err = signIn(n)
		wantNo(t, err, "locked")
	}
	if _, err := w.People.Session(t.Context(), cookie); !errors.Is(err, identity.ErrSignedOut) {
		t.Errorf("the session of a copied passkey goes on: %v", err)
	}
	n, err := restarted(t, w, time.Now)
	must(t, err)
	if _, err := n.People.Options(t.Context(), e.ID, statement.ForTouch, []byte("x")); err == nil {
		t.Error("the lock is forgotten at a restart")
	}
}

func confirm(t *testing.T, w *world.World, by *world.Human, e identity.Enrolled) {
	t.Helper()
	a, err := w.People.BeginVouch(t.Context(), by.ID, e.ID, e.Fingerprint)
	must(t, err)
	must(t, w.People.Vouch(t.Context(), a.ID, by.Answer(t, a.Options)))
}

func TestE10OnePersonsStepIsNotAnothers(t *testing.T) {
	w := newWorld(t)
	victim, e := enrol(t, w, invite("new@x.eu"))
	ask, err := w.People.BeginSignIn(t.Context(), identity.Meta{}) // the thief begins, the victim's browser answers
	must(t, err)
	cookie, who, err := w.People.FinishSignIn(t.Context(), ask.ID, victim.answer(t, ask.Options, 0), identity.Meta{})
	must(t, err)
	l, err := w.People.Session(t.Context(), cookie)
	if err != nil || who.ID != e.ID || l.ID != e.ID || l.Confirmed {
		t.Errorf("the session is %s's, %v", l.ID, err)
	}
	for _, guess := range []string{"", ask.ID, cookie + "x", strings.ToUpper(cookie), "web/" + cookie} {
		if _, err := w.People.Session(t.Context(), guess); !errors.Is(err, identity.ErrSignedOut) {
			t.Errorf("the cookie %q: got %v", guess, err)
		}
	}
	asked, err := w.Desk.AskTouch(t.Context(), terminal(t, w))
	must(t, err)
	_, err = w.Desk.PrepareTouch(t.Context(), w.Mate.Principal, asked.ID, asked.Number)
	wantUnknown(t, "another's terminal", err)
	shown, err := w.Desk.PrepareTouch(t.Context(), w.Eng.Principal, asked.ID, asked.Number)
	must(t, err)
	a := w.Sign(t, w.Mate, statement.ForTouch, shown.Statement)
	wantUnknown(t, "another's touch", w.Desk.Touched(t.Context(), w.Mate.Principal, asked.ID, a))
	wantNo(t, w.Desk.Touched(t.Context(), w.Eng.Principal, asked.ID, a), "not yours")
	vouch, err := w.People.BeginVouch(t.Context(), w.Cto.ID, w.Lone.ID, w.Lone.Fingerprint)
	if err == nil {
		err = w.People.Vouch(t.Context(), vouch.ID, w.Ceo.Answer(t, vouch.Options))
	}
	if err == nil {
		t.Error("one executive confirms with another's passkey")
	}
}

func TestE19NothingThatSignsInIsInAFile(t *testing.T) {
	w := newWorld(t)
	d, _ := enrol(t, w, invite("new@x.eu"))
	token, err := w.People.NewLink(t.Context(), "operator@localhost", invite("other@x.eu"))
	must(t, err)
	ask, err := w.People.BeginSignIn(t.Context(), identity.Meta{})
	must(t, err)
	cookie, _, err := w.People.FinishSignIn(t.Context(), ask.ID, d.answer(t, ask.Options, 0), identity.Meta{})
	must(t, err)
	w.Grant(t, w.Eng, time.Hour)
	visit(t, w, knock(w.Eng)).Leave()
	secrets := map[string][]byte{"the cookie": []byte(cookie), "the link": []byte(token), "the key of journals": w.Keys.AtRest[:]}
	raw, err := base64.RawURLEncoding.DecodeString(cookie)
	must(t, err)
	secrets["the cookie's bytes"], secrets["the cookie in base64"] = raw, []byte(base64.StdEncoding.EncodeToString(raw))
	must(t, filepath.WalkDir(w.Dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.Contains(path, "/keys/") {
			return err
		}
		data, err := os.ReadFile(path)
		for name, s := range secrets {
			if bytes.Contains(data, s) {
				t.Errorf("%s is in %s", name, e.Name())
			}
		}
		return err
	}))
	if s := fmt.Sprintf("%v %+v %#v %s", w.Keys, w.Keys.AtRest, w.Keys.Vault, w.Keys.TargetCA); strings.Contains(strings.ToLower(s), "private") || !strings.Contains(s, "secret") {
		t.Errorf("keys print as %q", s)
	}
}

func TestE20WhatIsTooLongIsNotParsed(t *testing.T) {
	w := newWorld(t)
	dots := bytes.Repeat([]byte("."), 1<<20)
	deep := append(bytes.Repeat([]byte(`{"a":`), 1<<16), '1')
	for _, data := range [][]byte{dots, deep, bytes.Repeat([]byte("["), 1<<20), nil, []byte("null"), []byte(`{"id":"eA","rawId":"eA","type":"public-key","response":null}`)} {
		began := time.Now()
		if _, err := statement.ParseAssertion(data); err == nil {
			t.Errorf("%.20q is an assertion", data)
		}
		if took := time.Since(began); took > 500*time.Millisecond {
			t.Errorf("%.20q takes %s to refuse", data, took)
		}
		ask, err := w.People.BeginSignIn(t.Context(), identity.Meta{Source: "192.0.2.1"})
		must(t, err)
		if _, _, err := w.People.FinishSignIn(t.Context(), ask.ID, data, identity.Meta{Source: "192.0.2.1"}); err == nil {
			t.Errorf("%.20q signs in", data)
		}
	}
	if _, err := w.Desk.Approve(t.Context(), policy.Principal{}, strings.Repeat("a", 1<<20), statement.Assertion{}); err == nil {
		t.Error("a nonce of a megabyte is looked up")
	}
}
