package identity

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"golang.org/x/crypto/ssh"
	"golang.org/x/mod/sumdb/note"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
)

var _ approvals.People = (*Directory)(nil)

const (
	origin = "https://lock.example.eu"
	host   = "lock.example.eu"
)

// A world is a directory over a real ledger in a real file, and a clock that the test turns.
type world struct {
	*Directory
	t      *testing.T
	path   string
	engine *liar
	pol    *policy.Policy

	mu   sync.Mutex // guards gone
	gone time.Duration
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, path: filepath.Join(t.TempDir(), "ledger.db"), pol: &policy.Policy{
		Groups:    map[string][]string{policy.Operators: {"op@example.eu"}},
		Customers: map[string]policy.Customer{"nord": {ID: "nord"}, "syd": {ID: "syd"}},
	}}
	skey, vkey, err := note.GenerateKey(rand.Reader, "lockbox.test")
	w.must(err)
	signer, err := note.NewSigner(skey)
	w.must(err)
	verifier, err := note.NewVerifier(vkey)
	w.must(err)
	engine, err := boltengine.Open(w.path)
	w.must(err)
	w.engine = &liar{Engine: engine}
	l, err := ledger.Open(t.Context(), w.engine, ledger.Options{
		Origin: "lockbox.test", Signer: signer, Verifier: verifier, Now: w.now, Elapsed: w.elapsed,
	})
	w.must(err)
	t.Cleanup(func() {
		w.engine.lie(nil, nil)
		if err := l.Check(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("the ledger does not hold: %v", err)
		}
		w.must(l.Close())
	})
	w.Directory = &Directory{
		Ledger: l, Log: "lockbox.test", Party: statement.Party{ID: host, Origins: []string{origin}},
		Policy: func() *policy.Policy { return w.pol }, Now: w.now,
	}
	w.must(w.Check())
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) now() time.Time {
	return time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC).Add(w.elapsed())
}

func (w *world) elapsed() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gone
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone += d
}

// A liar is an engine whose file somebody edited: where a row held was, it holds is.
type liar struct {
	ledger.Engine
	was, is []byte
}

func (e *liar) lie(was, is []byte) { e.was, e.is = was, is }

func (e *liar) View(ctx context.Context, fn func(ledger.Reader) error) error {
	return e.Engine.View(ctx, func(r ledger.Reader) error { return fn(lies{r, e}) })
}

type lies struct {
	ledger.Reader
	e *liar
}

func (r lies) Get(key []byte) ([]byte, error) {
	b, err := r.Reader.Get(key)
	if len(r.e.was) > 0 && bytes.HasSuffix(b, []byte("}")) { // a row, not a leaf beside it
		b = bytes.ReplaceAll(b, r.e.was, r.e.is)
	}
	return b, err
}

// kinds counts the events of a kind.
func (w *world) kinds(kind string) (n int) {
	w.t.Helper()
	all, err := w.Ledger.After(w.t.Context(), -1, 10_000)
	w.must(err)
	for _, e := range all {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// A device is a virtual authenticator that holds one passkey.
type device struct {
	t    *testing.T
	rp   virtualwebauthn.RelyingParty
	auth virtualwebauthn.Authenticator
	cred virtualwebauthn.Credential
}

func newDevice(t *testing.T, kind virtualwebauthn.KeyType) *device {
	d := &device{
		t: t, rp: virtualwebauthn.RelyingParty{ID: host, Name: "Lockbox", Origin: origin},
		auth: virtualwebauthn.NewAuthenticator(), cred: virtualwebauthn.NewCredential(kind),
	}
	for kind == virtualwebauthn.KeyTypeEC2 && short(t, d.cred) {
		d.cred = virtualwebauthn.NewCredential(kind)
	}
	return d
}

// short says whether virtualwebauthn would leave out leading zeros of the key, as no authenticator does.
func short(t *testing.T, c virtualwebauthn.Credential) bool {
	k, err := x509.ParsePKCS8PrivateKey(c.Key.Data)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := k.(*ecdsa.PrivateKey).PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return raw[1] == 0 || raw[33] == 0
}

// create answers navigator.credentials.create.
func (d *device) create(options []byte) []byte {
	d.t.Helper()
	o, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		d.t.Fatal(err)
	}
	d.auth.Options.UserHandle = []byte(o.UserID)
	return []byte(virtualwebauthn.CreateAttestationResponse(d.rp, d.auth, d.cred, *o))
}

// get answers navigator.credentials.get.
func (d *device) get(options []byte) []byte {
	d.t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(string(options))
	if err != nil {
		d.t.Fatal(err)
	}
	return []byte(virtualwebauthn.CreateAssertionResponse(d.rp, d.auth, d.cred, *o))
}

// sign is get for a statement, parsed.
func (d *device) sign(dom statement.Domain, text []byte) statement.Assertion {
	d.t.Helper()
	a, err := statement.ParseAssertion([]byte(virtualwebauthn.CreateAssertionResponse(d.rp, d.auth, d.cred,
		virtualwebauthn.AssertionOptions{Challenge: statement.Challenge(dom, text), RelyingPartyID: d.rp.ID})))
	if err != nil {
		d.t.Fatal(err)
	}
	return a
}

// resign signs a with other client data.
func (d *device) resign(a statement.Assertion, client map[string]any) []byte {
	d.t.Helper()
	b, err := json.Marshal(client)
	if err != nil {
		d.t.Fatal(err)
	}
	a.ClientDataJSON = b
	sum := sha256.Sum256(b)
	digest := sha256.Sum256(append(append([]byte{}, a.AuthenticatorData...), sum[:]...))
	if a.Signature, err = d.cred.Key.Sign(digest[:]); err != nil {
		d.t.Fatal(err)
	}
	out, err := json.Marshal(a)
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

func challengeOf(t *testing.T, a Ask) string {
	t.Helper()
	var o struct {
		PublicKey struct {
			Challenge string `json:"challenge"`
		} `json:"publicKey"`
	}
	if err := json.Unmarshal(a.Options, &o); err != nil {
		t.Fatal(err)
	}
	if want := base64.RawURLEncoding.EncodeToString(statement.Challenge(a.domain, a.Text)); o.PublicKey.Challenge != want {
		t.Fatalf("challenge %s, want %s", o.PublicKey.Challenge, want)
	}
	return o.PublicKey.Challenge
}

var here = Meta{Source: "203.0.113.7", Agent: "test"}

// enrol makes somebody with a passkey.
func (w *world) enrol(v Invite) (*device, Enrolled) {
	w.t.Helper()
	if v.Name == "" {
		v.Name = "Somebody"
	}
	token, err := w.NewLink(w.t.Context(), "lockbox", v)
	w.must(err)
	return w.use(token)
}

func (w *world) use(token string) (*device, Enrolled) {
	w.t.Helper()
	d := newDevice(w.t, virtualwebauthn.KeyTypeEC2)
	_, options, err := w.BeginEnroll(w.t.Context(), token, here)
	w.must(err)
	e, err := w.FinishEnroll(w.t.Context(), token, d.create(options), here)
	w.must(err)
	return d, e
}

// ceo founds the executives; eng is staff that ceo confirms.
func (w *world) ceo() (*device, Enrolled) {
	w.t.Helper()
	return w.enrol(Invite{ID: "ceo@example.eu", Kind: policy.Executive, Founds: true})
}

func (w *world) eng(by *device, key string) (*device, Enrolled) {
	w.t.Helper()
	d, e := w.enrol(Invite{ID: "eng@example.eu", Kind: policy.Staff, SSHKey: key})
	w.must(w.vouch(by, "ceo@example.eu", e.ID, e.Fingerprint))
	return d, e
}

// addSSHKey adds the key of the invitation.
func (w *world) addSSHKey(d *device, who string) {
	w.t.Helper()
	ask, err := w.BeginSSHKey(w.t.Context(), who, "")
	w.must(err)
	_, err = w.AddSSHKey(w.t.Context(), ask.ID, d.get(ask.Options))
	w.must(err)
}

func (w *world) vouch(by *device, id, about, fingerprint string) error {
	ask, err := w.BeginVouch(w.t.Context(), id, about, fingerprint)
	if err != nil {
		return err
	}
	return w.Vouch(w.t.Context(), ask.ID, by.get(ask.Options))
}

func (w *world) signIn(d *device) (string, policy.Principal, error) {
	ask, err := w.BeginSignIn(w.t.Context(), here)
	w.must(err)
	return w.FinishSignIn(w.t.Context(), ask.ID, d.get(ask.Options), here)
}

// assert runs Assert in a transaction of its own.
func (w *world) assert(who string, dom statement.Domain, text []byte, a statement.Assertion) (p policy.Proof, err error) {
	err = w.update(w.t.Context(), func(tx *ledger.Tx) error {
		if p, _, err = w.Assert(tx, who, dom, text, a); err != nil {
			return err
		}
		_, err = tx.Append(ledger.Event{Kind: "test", Actor: who})
		return err
	})
	return p, err
}

// sshLine makes a new ed25519 key.
func sshLine(t *testing.T) (string, ssh.PublicKey) {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return lineOf(t, pub)
}

func lineOf(t *testing.T, pub any) (string, ssh.PublicKey) {
	t.Helper()
	k, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return string(ssh.MarshalAuthorizedKey(k)), k
}

// wantRefusal fails unless err is a refusal that says why.
func wantRefusal(t *testing.T, err error, why string) {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got %v, want a refusal: %s", err, why)
	}
	if why != "" && !contains(r, why) {
		t.Errorf("got %q (%v), want it to say %q", r.Why, r.Err, why)
	}
}

func contains(r *Refusal, why string) bool {
	return strings.Contains(r.Why, why) || r.Err != nil && strings.Contains(r.Err.Error(), why)
}

func assertOnly(w *world, who, text string, d *device) func(*ledger.Tx) error {
	return func(tx *ledger.Tx) error {
		_, _, err := w.Assert(tx, who, statement.ForTouch, []byte(text), d.sign(statement.ForTouch, []byte(text)))
		return err
	}
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
