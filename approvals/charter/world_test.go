package charter

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
)

var party = statement.Party{ID: "localhost", Origins: []string{"http://localhost:1"}}

// A human of the tests holds a passkey in software.
type human struct {
	policy.Principal
	key *ecdsa.PrivateKey
	pub statement.Key
}

func newHuman(t testing.TB, p policy.Principal) *human {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	must(t, err)
	pub, err := statement.ParseKey(der)
	must(t, err)
	return &human{p, k, pub}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *human) print() string { return h.pub.Fingerprint() }

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

// A world is a charter with people around it, over a real ledger in a real file.
type world struct {
	*Charter
	t      testing.TB
	crowd  *crowd
	pol    *policy.Policy
	gone   time.Duration
	start  time.Time
	engine *liar

	ceo, cto, ada, lone     *human // executives; the founders are ceo and cto
	ann, bea, cid, syd, sid *human // reviewers of nord (founders ann, bea) and of syd (founder syd)
	eng, op                 *human // staff
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, start: time.Now()}
	w.pol = &policy.Policy{
		Digest: strings.Repeat("d", 64), Groups: map[string][]string{policy.Operators: {"op@x.eu"}},
		Customers:   map[string]policy.Customer{"nord": {ID: "nord"}, "syd": {ID: "syd"}},
		Declaration: &policy.Declaration{Version: "3", Text: "I keep to myself what I see.\nFor ever.\n"},
	}
	inForce := func() *policy.Policy { return w.pol }
	w.crowd = &crowd{policy: inForce}
	who := func(id, name string, k policy.Kind, customer string, founder bool) *human {
		h := newHuman(t, policy.Principal{ID: id, Name: name, Kind: k, Customer: customer})
		w.crowd.all = append(w.crowd.all, h)
		if founder {
			w.crowd.founders = append(w.crowd.founders, h.print())
			h.Admitted = true
		}
		return h
	}
	w.ceo, w.cto = who("ceo@x.eu", "Carla", policy.Executive, "", true), who("cto@x.eu", "Otto", policy.Executive, "", true)
	w.ada, w.lone = who("ada@x.eu", "Ada", policy.Executive, "", false), who("lone@x.eu", "Lone", policy.Executive, "", false)
	w.ann, w.bea = who("ann@nord.x", "Ann", policy.Reviewer, "nord", true), who("bea@nord.x", "Bea", policy.Reviewer, "nord", true)
	w.cid = who("cid@nord.x", "Cid", policy.Reviewer, "nord", false)
	w.syd, w.sid = who("syd@syd.x", "Syd", policy.Reviewer, "syd", true), who("sid@syd.x", "Sid", policy.Reviewer, "syd", false)
	w.eng, w.op = who("eng@x.eu", "Eng", policy.Staff, "", false), who("op@x.eu", "Op", policy.Staff, "", false)

	skey, vkey, err := note.GenerateKey(rand.Reader, "lockbox.test")
	must(t, err)
	signer, err := note.NewSigner(skey)
	must(t, err)
	verifier, err := note.NewVerifier(vkey)
	must(t, err)
	engine, err := boltengine.Open(filepath.Join(t.TempDir(), "ledger.db"))
	must(t, err)
	w.engine = &liar{Engine: engine}
	elapsed := func() time.Duration { return time.Since(w.start) + w.gone }
	l, err := ledger.Open(t.Context(), w.engine, ledger.Options{
		Origin: "lockbox.test", Signer: signer, Verifier: verifier, Newest: []string{"motion/", "motion-held/", "uses/", "pins/"},
		Now: func() time.Time { return w.start.Add(elapsed()) }, Elapsed: elapsed,
	})
	must(t, err)
	t.Cleanup(func() {
		w.engine.was = ""
		if err := l.Check(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("the ledger does not hold: %v", err)
		}
		must(t, l.Close())
	})
	w.Charter = &Charter{Ledger: l, People: w.crowd, Policy: inForce, Log: "lockbox.test", Party: party, Effect: w.crowd.Effect}
	w.crowd.charter = w.Charter
	return w
}

// A liar is an engine whose file somebody edited: where a row held was, it holds is.
type liar struct {
	ledger.Engine
	was, is string
}

func (e *liar) View(ctx context.Context, fn func(ledger.Reader) error) error {
	return e.Engine.View(ctx, func(r ledger.Reader) error { return fn(lies{r, e}) })
}

type lies struct {
	ledger.Reader
	e *liar
}

func (r lies) Get(key []byte) ([]byte, error) {
	b, err := r.Reader.Get(key)
	if r.e.was != "" && strings.HasSuffix(string(b), "}") { // a row, not a leaf beside it
		b = []byte(strings.ReplaceAll(string(b), r.e.was, r.e.is))
	}
	return b, err
}

// as is the person as they are signed in now.
func (w *world) as(h *human) (p policy.Principal) {
	w.view(func(tx *ledger.Tx) (err error) {
		p, err = w.crowd.Current(tx, h.ID)
		return err
	})
	return p
}

func (w *world) view(fn func(tx *ledger.Tx) error) {
	w.t.Helper()
	must(w.t, w.Ledger.View(w.t.Context(), fn))
}

// write runs fn in a transaction that appends.
func (w *world) write(fn func(tx *ledger.Tx) error) error {
	return w.Ledger.Update(w.t.Context(), func(tx *ledger.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		_, err := tx.Append(ledger.Event{Kind: "test", Actor: "test"})
		return err
	})
}

func (w *world) propose(h *human, m policy.Motion) string {
	w.t.Helper()
	v, err := w.Propose(w.t.Context(), w.as(h), m)
	must(w.t, err)
	return v.Motion.ID
}

func (w *world) trySign(h *human, id string) (View, error) {
	b, err := w.Prepare(w.t.Context(), w.as(h), id)
	if err != nil {
		return View{}, err
	}
	return w.Sign(w.t.Context(), w.as(h), b.Nonce, h.sign(b.Challenge()))
}

func (w *world) sign(id string, by ...*human) View {
	w.t.Helper()
	var v View
	for _, h := range by {
		var err error
		v, err = w.trySign(h, id)
		must(w.t, err)
	}
	return v
}

// admits has a person admitted by others.
func (w *world) admits(h *human, by ...*human) string {
	w.t.Helper()
	id := w.propose(by[0], admit(h))
	w.sign(id, by...)
	return id
}

func (w *world) dismisses(h *human, by ...*human) string {
	w.t.Helper()
	id := w.propose(by[0], dismiss(h))
	w.sign(id, by...)
	return id
}

func (w *world) proven(id string) (m *policy.Motion, err error) {
	w.view(func(tx *ledger.Tx) error {
		m, err = w.Proven(tx, id)
		return nil
	})
	return m, err
}

// pinned lists who counts now, by id.
func (w *world) pinned() (ids []string) {
	w.view(func(tx *ledger.Tx) error {
		for _, h := range w.crowd.all {
			p, err := w.crowd.Current(tx, h.ID)
			if err != nil {
				return err
			}
			if p.Admitted {
				ids = append(ids, p.ID)
			}
		}
		return nil
	})
	return ids
}

func admit(h *human) policy.Motion {
	return policy.Motion{Kind: policy.ToAdmit, Customer: h.Customer, About: h.ID, Key: h.print(), Text: "joins"}
}

func dismiss(h *human) policy.Motion {
	return policy.Motion{Kind: policy.ToDismiss, Customer: h.Customer, About: h.ID}
}

// wantRefusal fails unless err says why.
func wantRefusal(t testing.TB, err error, why string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("got %v, want %q", err, why)
	}
}
