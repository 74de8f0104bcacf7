package approvals

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
)

var party = statement.Party{ID: "localhost", Origins: []string{"http://localhost:1"}}

// A person of the tests holds a passkey in software.
type human struct {
	policy.Principal
	key    *ecdsa.PrivateKey
	pinned bool
	left   bool // the organisation
}

func newHuman(t testing.TB, p policy.Principal, pinned bool) *human {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &human{p, k, pinned, false}
}

func (h *human) public() statement.Key {
	der, err := x509.MarshalPKIXPublicKey(h.key.Public())
	if err != nil {
		panic(err)
	}
	k, err := statement.ParseKey(der)
	if err != nil {
		panic(err)
	}
	return k
}

func (h *human) sign(challenge []byte) statement.Assertion {
	rp := sha256.Sum256([]byte(party.ID))
	data := append(rp[:], 0x05, 0, 0, 0, 0)
	client := []byte(`{"type":"webauthn.get","challenge":"` + base64.RawURLEncoding.EncodeToString(challenge) + `","origin":"` + party.Origins[0] + `"}`)
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(slices.Concat(data, hash[:]))
	sig, err := ecdsa.SignASN1(rand.Reader, h.key, sum[:])
	if err != nil {
		panic(err)
	}
	return statement.Assertion{CredentialID: []byte(h.ID), AuthenticatorData: data, ClientDataJSON: client, Signature: sig}
}

// crowd is a People that keeps no counters; the real one is gateway/identity.
type crowd struct {
	all    []*human
	logins []statement.Login
}

func (c *crowd) find(f func(*human) bool) *human {
	if i := slices.IndexFunc(c.all, f); i >= 0 {
		return c.all[i]
	}
	return nil
}

func (c *crowd) Assert(tx *ledger.Tx, who string, d statement.Domain, text []byte, a statement.Assertion) (policy.Proof, statement.Key, error) {
	h := c.find(func(h *human) bool { return string(a.CredentialID) == h.ID })
	if h == nil || h.ID != who {
		return policy.Proof{}, statement.Key{}, errors.New("no such passkey of that person")
	}
	challenge := statement.Challenge(d, text)
	if _, err := statement.Verify(a, h.public(), challenge, party); err != nil {
		return policy.Proof{}, statement.Key{}, err
	}
	return policy.Proof{Kind: policy.Passkey, Of: who, At: tx.Now(), For: string(challenge)}, h.public(), nil
}

func (c *crowd) Passkey(_ *ledger.Tx, fingerprint string) (statement.Key, string, error) {
	h := c.find(func(h *human) bool { return h.public().Fingerprint() == fingerprint })
	if h == nil || h.left {
		return statement.Key{}, "", errors.New("no such passkey")
	}
	return h.public(), h.ID, nil
}

func (c *crowd) Current(_ *ledger.Tx, id string) (policy.Principal, error) {
	h := c.find(func(h *human) bool { return h.ID == id && !h.left })
	if h == nil {
		return policy.Principal{}, errors.New("no such person")
	}
	p := h.Principal
	p.Admitted = h.pinned
	return p, nil
}

func (c *crowd) Pinned(_ *ledger.Tx, s policy.Stage, fingerprint string) (bool, error) {
	h := c.find(func(h *human) bool { return h.public().Fingerprint() == fingerprint })
	return h != nil && h.pinned && (s.Kind == policy.ByExecutive && h.Kind == policy.Executive ||
		s.Kind == policy.ByCustomer && h.Kind == policy.Reviewer && h.Customer == s.Customer) ||
		h != nil && !h.left && (s.Kind == policy.ByPeer || s.Kind == policy.ByOwner) && h.Kind == policy.Staff, nil
}

func (c *crowd) HoldsKey(*ledger.Tx, string, string) (bool, error) { return true, nil }
func (c *crowd) HoldsWeb(*ledger.Tx, string, string) (bool, error) { return true, nil }

func (c *crowd) Logins(_ *ledger.Tx, person, key string) ([]statement.Login, bool, error) {
	hardware := strings.HasPrefix(key, "SHA256:sk")
	var all []statement.Login
	for _, l := range c.logins {
		if l.Person == person && (hardware || l.Key == key) {
			all = append(all, l)
		}
	}
	return all, hardware, nil
}

func (c *crowd) Voters(tx *ledger.Tx, s policy.Stage) (all []policy.Principal, err error) {
	for _, h := range c.all {
		if ok, _ := c.Pinned(tx, s, h.public().Fingerprint()); ok {
			all = append(all, h.Principal)
		}
	}
	return all, nil
}

// A world is a desk with people around it.
type world struct {
	*Desk
	policy                                  *policy.Policy
	eng, mate, ceo, cto, ann, bo, aud, lone *human
	clock                                   atomic.Int64 // seconds added to the time
	verifier                                note.Verifier
	vkey                                    string
	crowd                                   *crowd
	path                                    string
	engine                                  *boltengine.Engine
}

func newWorld(t testing.TB) *world {
	w := &world{path: filepath.Join(t.TempDir(), "ledger.db")}
	who := func(id, name string, k policy.Kind, customer string, pinned bool) *human {
		h := newHuman(t, policy.Principal{ID: id, Name: name, Kind: k, Customer: customer, Admitted: pinned}, pinned)
		w.crowd.all = append(w.crowd.all, h)
		return h
	}
	w.crowd = &crowd{}
	w.eng, w.mate = who("eng@x.eu", "Eng", policy.Staff, "", false), who("mate@x.eu", "Mate", policy.Staff, "", false)
	w.ceo, w.cto = who("ceo@x.eu", "Ceo", policy.Executive, "", true), who("cto@x.eu", "Cto", policy.Executive, "", true)
	w.lone = who("new@x.eu", "New", policy.Executive, "", false) // added by an operator alone
	w.ann, w.bo = who("ann@nord.x", "Ann", policy.Reviewer, "nord", true), who("bo@syd.x", "Bo", policy.Reviewer, "syd", true)
	w.aud = who("aud@x.eu", "Aud", policy.Auditor, "", false)
	w.policy = &policy.Policy{
		Digest: "d1", Groups: map[string][]string{"engineers": {w.eng.ID, w.mate.ID}},
		Targets: map[string]*policy.Target{"db1.prod": {Name: "db1.prod", Kind: "ssh", Customers: []string{"nord", "syd"},
			Logins: []policy.Login{{Name: "support_{{customer}}", One: true}, {Name: "deploy"}}}},
		Rules: []policy.Rule{{Name: "prod", Actions: []policy.Action{policy.Shell, policy.Exec}, Groups: []string{"engineers"}, Targets: []string{"db1.prod"},
			Reasons: []policy.Reason{"outage"}, Ticket: `INC-[0-9]+`, Fresh: 15 * time.Minute,
			Limits: policy.Limits{Default: time.Hour, Max: 4 * time.Hour, ActivateWithin: time.Hour}}},
	}
	skey, vkey, err := note.GenerateKey(rand.Reader, "lockbox.test")
	if err != nil {
		t.Fatal(err)
	}
	w.vkey = vkey
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	if w.verifier, err = note.NewVerifier(vkey); err != nil {
		t.Fatal(err)
	}
	if w.engine, err = boltengine.Open(w.path); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	elapsed := func() time.Duration { return time.Since(start) + time.Duration(w.clock.Load())*time.Second }
	l, err := ledger.Open(t.Context(), w.engine, ledger.Options{
		Origin: "lockbox.test", Signer: signer, Verifier: w.verifier,
		Now: func() time.Time { return start.Add(elapsed()) }, Elapsed: elapsed,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	w.Desk = &Desk{Ledger: l, People: w.crowd, Policy: func() *policy.Policy { return w.policy }, Log: "lockbox.test", Party: party}
	return w
}

func (w *world) later(d time.Duration) { w.clock.Add(int64(d / time.Second)) }

func app() Application {
	return Application{Target: "db1.prod", Login: "support_nord", Do: policy.Shell, Need: policy.Need{Reason: "outage", Text: "contract stuck in state 7", Ticket: "INC-1"}}
}

func (w *world) submit(t testing.TB) string {
	t.Helper()
	v, err := w.Submit(t.Context(), w.eng.Principal, app())
	if err != nil {
		t.Fatal(err)
	}
	return v.Request.ID
}

func (w *world) submitFor(t testing.TB, long time.Duration) string {
	t.Helper()
	a := app()
	a.For = long
	v, err := w.Submit(t.Context(), w.eng.Principal, a)
	if err != nil {
		t.Fatal(err)
	}
	return v.Request.ID
}

func (w *world) approve(t testing.TB, h *human, code string, long time.Duration) error {
	t.Helper()
	return w.vote(h, code, policy.Terms{For: long})
}

func (w *world) vote(h *human, code string, terms policy.Terms) error {
	b, err := w.Prepare(context.Background(), h.Principal, code, terms)
	if err != nil {
		return err
	}
	_, err = w.Approve(context.Background(), h.Principal, b.Nonce, h.sign(b.Challenge()))
	return err
}

// granted has a request approved by the board and nord, for these terms of the board.
func (w *world) grantedFor(t testing.TB, terms policy.Terms) string {
	t.Helper()
	code := w.submit(t)
	if err := w.vote(w.ceo, code, terms); err != nil {
		t.Fatal(err)
	}
	if err := w.vote(w.ann, code, policy.Terms{}); err != nil {
		t.Fatal(err)
	}
	return code
}

// activate starts a session as the gateway does: only under what policy lets in and what is proven.
func (w *world) activate(code string) error {
	return w.Ledger.Update(context.Background(), func(tx *ledger.Tx) error {
		g, err := w.Standing(tx, code)
		if err != nil {
			return err
		}
		if over := g.Over(tx.Now()); over != "" {
			return errors.New(over)
		}
		if err := w.Activate(tx, g); err != nil {
			return err
		}
		_, err = tx.Append(ledger.Event{Kind: "session.open", Actor: g.Who.ID, Subjects: []string{code}, Detail: map[string]string{"not-after": moment(g.NotAfter)}})
		return err
	})
}

func (w *world) grant(t testing.TB, code string) *policy.Grant {
	t.Helper()
	v, err := w.See(t.Context(), w.eng.Principal, code)
	if err != nil || v.Grant == nil {
		t.Fatalf("request %s has no grant: %v", code, err)
	}
	return v.Grant
}

func (w *world) granted(t testing.TB) string {
	t.Helper()
	code := w.submit(t)
	for _, h := range []*human{w.ceo, w.ann} {
		if err := w.approve(t, h, code, 0); err != nil {
			t.Fatal(err)
		}
	}
	return code
}

func (w *world) standing(t testing.TB, code string) (g *policy.Grant, err error) {
	t.Helper()
	verr := w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
		g, err = w.Standing(tx, code)
		return nil
	})
	if verr != nil {
		t.Fatal(verr)
	}
	return g, err
}

func loopback() netip.Addr { return netip.MustParseAddr("127.0.0.1") }
