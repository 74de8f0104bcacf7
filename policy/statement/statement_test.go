package statement

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"encoding/pem"

	"github.com/google/go-cmp/cmp"
)

var party = Party{ID: "lock.example", Origins: []string{"https://lock.example"}}

// An authenticator signs as real ones do, or as a test breaks it.
type authenticator struct {
	signer     crypto.Signer
	flags      byte
	rp, origin string
	kind       string
	more       string // further client data
	tail       []byte // after the authenticator data
}

func newAuthenticator(t testing.TB) *authenticator {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &authenticator{signer: k, flags: 0x1d, rp: party.ID, origin: party.Origins[0], kind: "webauthn.get"}
}

func (a *authenticator) key(t testing.TB) Key {
	der, err := x509.MarshalPKIXPublicKey(a.signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParseKey(der)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (a *authenticator) sign(t testing.TB, challenge []byte) Assertion {
	rp := sha256.Sum256([]byte(a.rp))
	data := append(rp[:], a.flags, 0, 0, 0, 7)
	data = append(data, a.tail...)
	client := []byte(`{"type":"` + a.kind + `","challenge":"` + base64.RawURLEncoding.EncodeToString(challenge) + `","origin":"` + a.origin + `"` + a.more + `}`)
	hash := sha256.Sum256(client)
	message := slices.Concat(data, hash[:])
	opts := crypto.SignerOpts(crypto.SHA256)
	digest := sha256.Sum256(message)
	input := digest[:]
	if _, ok := a.signer.(ed25519.PrivateKey); ok {
		opts, input = crypto.Hash(0), message
	}
	sig, err := a.signer.Sign(rand.Reader, input, opts)
	if err != nil {
		t.Fatal(err)
	}
	return Assertion{CredentialID: []byte("id"), AuthenticatorData: data, ClientDataJSON: client, Signature: sig}
}

var text = []byte("lockbox-approval/v1\nlog: x\n")

func TestVerifyNamesTheStepThatDoesNotHold(t *testing.T) {
	for _, c := range []struct {
		rule  string
		spoil func(*authenticator)
		step  int
	}{
		{"all holds", func(*authenticator) {}, 0},
		{"not cross-origin, said so", func(a *authenticator) { a.more = `,"crossOrigin":false` }, 0},
		{"extensions may follow", func(a *authenticator) { a.flags |= 0x80; a.tail = []byte{0xa0} }, 0},
		{"a registration is no approval", func(a *authenticator) { a.kind = "webauthn.create" }, StepClientData},
		{"another origin", func(a *authenticator) { a.origin = "https://evil.example" }, StepClientData},
		{"http for https", func(a *authenticator) { a.origin = "http://lock.example" }, StepClientData},
		{"inside another page", func(a *authenticator) { a.more = `,"crossOrigin":true` }, StepClientData},
		{"under another page", func(a *authenticator) { a.more = `,"topOrigin":"https://evil.example"` }, StepClientData},
		{"another relying party", func(a *authenticator) { a.rp = "evil.example" }, StepAuthenticator},
		{"nobody present", func(a *authenticator) { a.flags &^= 0x01 }, StepAuthenticator},
		{"user not verified", func(a *authenticator) { a.flags &^= 0x04 }, StepAuthenticator},
		{"a new credential inside", func(a *authenticator) { a.flags |= 0x40 }, StepAuthenticator},
		{"backed up but not eligible", func(a *authenticator) { a.flags = 0x15 }, StepAuthenticator},
		{"bytes too many", func(a *authenticator) { a.tail = []byte{0} }, StepAuthenticator},
		{"bytes without end", func(a *authenticator) { a.flags |= 0x80; a.tail = make([]byte, 4096) }, StepAuthenticator},
	} {
		t.Run(c.rule, func(t *testing.T) {
			a := newAuthenticator(t)
			c.spoil(a)
			challenge := Challenge(ForApproval, text)
			_, err := Verify(a.sign(t, challenge), a.key(t), challenge, party)
			wantStep(t, err, c.step)
		})
	}
}

func wantStep(t *testing.T, err error, step int) {
	t.Helper()
	var got *StepError
	switch {
	case step == 0 && err != nil:
		t.Errorf("got %v, want it to hold", err)
	case step != 0 && (!errors.As(err, &got) || got.Step != step):
		t.Errorf("got %v, want step %d", err, step)
	}
}

func TestAnAssertionCountsForOneStatement(t *testing.T) {
	a := newAuthenticator(t)
	challenge := Challenge(ForApproval, text)
	good := a.sign(t, challenge)
	other := bytes.Replace(text, []byte("x"), []byte("y"), 1)
	for rule, against := range map[string][]byte{
		"another text":   Challenge(ForApproval, other),
		"another domain": Challenge(ForTouch, text),
		"no challenge":   nil,
	} {
		_, err := Verify(good, a.key(t), against, party)
		t.Log(rule)
		wantStep(t, err, StepChallenge)
	}
	_, err := Verify(good, newAuthenticator(t).key(t), challenge, party)
	wantStep(t, err, StepSignature)
	_, err = Verify(good, Key{}, challenge, party)
	wantStep(t, err, StepSignature)
	for i := range good.ClientDataJSON {
		bad := good
		bad.ClientDataJSON = bytes.Clone(good.ClientDataJSON)
		bad.ClientDataJSON[i] ^= 1
		if _, err := Verify(bad, a.key(t), challenge, party); err == nil {
			t.Errorf("byte %d of the client data may change", i)
		}
	}
	for i := range good.AuthenticatorData {
		bad := good
		bad.AuthenticatorData = bytes.Clone(good.AuthenticatorData)
		bad.AuthenticatorData[i] ^= 1
		if _, err := Verify(bad, a.key(t), challenge, party); err == nil {
			t.Errorf("byte %d of the authenticator data may change", i)
		}
	}
}

func TestClientDataNamesAreExact(t *testing.T) {
	a := newAuthenticator(t)
	a.kind, a.more = "webauthn.create", `,"Type":"webauthn.get"`
	challenge := Challenge(ForApproval, text)
	_, err := Verify(a.sign(t, challenge), a.key(t), challenge, party)
	wantStep(t, err, StepClientData)
	bad := a.sign(t, challenge)
	bad.ClientDataJSON = []byte("no json")
	_, err = Verify(bad, a.key(t), challenge, party)
	wantStep(t, err, StepClientData)
}

func TestKeysOfAllKinds(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, signer := range map[string]crypto.Signer{"EdDSA": ed, "RS256": rs} {
		a := newAuthenticator(t)
		a.signer = signer
		challenge := Challenge(ForTouch, text)
		good := a.sign(t, challenge)
		flags, err := Verify(good, a.key(t), challenge, party)
		if err != nil || flags != (Flags{Eligible: true, BackedUp: true, Counter: 7}) || flags != good.Flags() || (Assertion{}).Flags() != (Flags{}) {
			t.Errorf("%s: got %+v, %v", name, flags, err)
		}
		good.Signature[0] ^= 1
		_, err = Verify(good, a.key(t), challenge, party)
		wantStep(t, err, StepSignature)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, pub := range map[string]any{"P-384": p384.Public(), "short RSA": &rsa.PublicKey{N: rs.N.Rsh(rs.N, 1100), E: 65537}} {
		der, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseKey(der); err == nil {
			t.Errorf("%s is taken for a passkey", name)
		}
	}
	if _, err := ParseKey([]byte("x")); err == nil {
		t.Error("rubbish is taken for a passkey")
	}
	if got := (Key{}).Fingerprint(); got != "" {
		t.Errorf("the zero key has the fingerprint %q", got)
	}
	k := newAuthenticator(t).key(t)
	if !strings.HasPrefix(k.Fingerprint(), "SHA256:") || !bytes.Equal(k.PKIX(), k.der) {
		t.Errorf("got %q", k.Fingerprint())
	}
}

// TestOpensslAgrees: the signature verifies without any code of ours.
func TestOpensslAgrees(t *testing.T) {
	a := newAuthenticator(t)
	good := a.sign(t, Challenge(ForApproval, text))
	dir := t.TempDir()
	client := sha256.Sum256(good.ClientDataJSON)
	for name, data := range map[string][]byte{
		"key.pem": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: a.key(t).PKIX()}),
		"signed":  slices.Concat(good.AuthenticatorData, client[:]),
		"sig":     good.Signature,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "sig", "signed")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "Verified OK") {
		t.Errorf("openssl says %s, %v", out, err)
	}
}

func TestAssertionsPrintAsTheyParse(t *testing.T) {
	a := newAuthenticator(t)
	want := a.sign(t, Challenge(ForApproval, text))
	want.UserHandle = []byte("who")
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Assertion
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for rule, bad := range map[string]string{
		"null":        `null`,
		"not JSON":    `{`,
		"two ids":     strings.Replace(string(data), `"id":"aWQ"`, `"id":"aWR"`, 1),
		"other type":  strings.Replace(string(data), `public-key`, `password`, 1),
		"not base64":  strings.Replace(string(data), `"signature":"`, `"signature":"*`, 1),
		"no response": `{"id":"aWQ","rawId":"aWQ","type":"public-key"}`,
		"too long":    `"` + strings.Repeat("x", 20<<10) + `"`,
	} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s is taken for an assertion", rule)
		}
	}
}

func approval() Approval {
	return Approval{Log: "l", Request: "7KQM", Digest: "d", Requester: "r", Reason: "outage", Need: "Ærø: two rows", Ticket: "none", Target: "t", Login: "l",
		Customers: "c", May: "m", Window: "1h", Start: "s", Recording: "required", Policy: "p", Stage: "1", Decision: "approve", Decider: "d", Nonce: "n",
		MayNot: "none", NotBefore: "none", Conditions: "read only", Promise: "call first", Behalf: "none"}
}

func TestStatementsPrintAsTheyParse(t *testing.T) {
	want := approval()
	text, err := want.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseApproval(text); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	touch, signIn, key, vouch := Touch{Log: "a", Nonce: "b"}, SignIn{"a", "b"}, SSHKey{Log: "a"}, Vouch{By: "a"}
	for _, c := range []struct {
		print func() ([]byte, error)
		parse func([]byte) (any, error)
		want  any
	}{
		{touch.Bytes, func(b []byte) (any, error) { return ParseTouch(b) }, touch},
		{signIn.Bytes, func(b []byte) (any, error) { return ParseSignIn(b) }, signIn},
		{key.Bytes, func(b []byte) (any, error) { return ParseSSHKey(b) }, key},
		{vouch.Bytes, func(b []byte) (any, error) { return ParseVouch(b) }, vouch},
	} {
		text, err := c.print()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.parse(text); err != nil || got != c.want {
			t.Errorf("got %+v, %v, want %+v", got, err, c.want)
		}
		if _, err := ParseApproval(text); err == nil {
			t.Errorf("%T is taken for an approval", c.want)
		}
	}
}

func TestAStatementCannotSayTwoThings(t *testing.T) {
	for rule, need := range map[string]string{
		"a new line":            "fix\ndecision: approve",
		"a carriage return":     "fix\rdecision",
		"an escape":             "fix\x1b[2K",
		"turned writing":        "fix \u202egnp.exe",
		"a width of nothing":    "fi\u200bx",
		"a line separator":      "fix\u2028x",
		"a space of other kind": "fix\u00a0x",
		"no UTF-8":              "fix\xff",
		"without end":           strings.Repeat("x", 20<<10),
	} {
		a := approval()
		a.Need = need
		if _, err := a.Bytes(); err == nil {
			t.Errorf("%s may stand in a statement", rule)
		}
	}
	good, err := approval().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for rule, bad := range map[string][]byte{
		"something after it": append(bytes.Clone(good), "x: y\n"...),
		"its end cut off":    good[:len(good)-3],
		"a line missing":     bytes.Replace(good, []byte("ticket: none\n"), nil, 1),
		"lines swapped":      bytes.Replace(good, []byte("stage: 1\ndecision: approve\n"), []byte("decision: approve\nstage: 1\n"), 1),
		"an escape":          bytes.Replace(good, []byte("need: "), []byte("need: \x1b"), 1),
		"without end":        append(bytes.Clone(good), make([]byte, 20<<10)...),
		"another head":       bytes.Replace(good, []byte("v1"), []byte("v2"), 1),
	} {
		if _, err := ParseApproval(bad); err == nil {
			t.Errorf("%s is taken for an approval", rule)
		}
	}
}

// FuzzParseApproval: what is accepted prints back the same.
func FuzzParseApproval(f *testing.F) {
	good, err := approval().Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("lockbox-approval/v1\nlog: \n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := ParseApproval(text)
		if err != nil {
			return
		}
		if got, err := a.Bytes(); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%q prints as %q, %v", text, got, err)
		}
	})
}
