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
}

func newHuman(t testing.TB, p policy.Principal, pinned bool) *human {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &human{p, k, pinned}
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
type crowd struct{ all []*human }

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
	if h == nil {
		return statement.Key{}, "", errors.New("no such passkey")
	}
	return h.public(), h.ID, nil
}

func (c *crowd) Pinned(_ *ledger.Tx, s policy.Stage, fingerprint string) (bool, error) {
	h := c.find(func(h *human) bool { return h.public().Fingerprint() == fingerprint })
	return h != nil && h.pinned && (s.Kind == policy.ByExecutive && h.Kind == policy.Executive ||
		s.Kind == policy.ByCustomer && h.Kind == policy.Reviewer && h.Customer == s.Customer), nil
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
	policy                                       *policy.Policy
	eng, mate, ceo, cto, own, ann, bo, aud, lone *human
	clock                                        atomic.Int64 // seconds added to the time
	verifier                                     note.Verifier
	vkey                                         string
	crowd                                        *crowd
	path                                         string
	engine                                       *boltengine.Engine
}

func newWorld(t testing.TB) *world {
	w := &world{path: filepath.Join(t.TempDir(), "ledger.db")}
	who := func(id, name string, k policy.Kind, customer string, pinned bool) *human {
		h := newHuman(t, policy.Principal{ID: id, Name: name, Kind: k, Customer: customer}, pinned)
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

func (w *world) approve(t testing.TB, h *human, code string, long time.Duration) error {
	t.Helper()
	b, err := w.Prepare(t.Context(), h.Principal, code, long)
	if err != nil {
		return err
	}
	_, err = w.Approve(t.Context(), h.Principal, b.Nonce, h.sign(b.Challenge()))
	return err
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

func wantRefusal(t *testing.T, err error, why string) {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) || !strings.Contains(r.Why, why) {
		t.Errorf("got %v, want a refusal that says %q", err, why)
	}
}

func TestTwoSignaturesMakeAGrant(t *testing.T) {
	w := newWorld(t)
	code := w.submit(t)
	if err := w.approve(t, w.ceo, code, 30*time.Minute); err != nil {
		t.Fatal(err)
	}
	if v, err := w.See(t.Context(), w.eng.Principal, code); err != nil || v.Grant != nil || v.Status.Phase != policy.Pending {
		t.Fatalf("after the board: %+v, %v", v.Status.Phase, err)
	}
	if err := w.approve(t, w.ann, code, 0); err != nil {
		t.Fatal(err)
	}
	v, err := w.See(t.Context(), w.eng.Principal, code)
	if err != nil || v.Grant == nil || v.Grant.For != 30*time.Minute {
		t.Fatalf("got %+v, %v; want a grant for the shortest window", v.Grant, err)
	}
	g, err := w.standing(t, code)
	if err != nil || g.ID != code {
		t.Errorf("got %+v, %v", g, err)
	}
}

func TestASubmissionIsRefusedWithWhatToDo(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		rule   string
		change func(*Application)
		why    string
	}{
		{"too short", func(a *Application) { a.Need.Text = "because" }, "at least 10"},
		{"too long", func(a *Application) { a.Need.Text = strings.Repeat("x", 1001) }, "at most 1000"},
		{"a new line", func(a *Application) { a.Need.Text = "contract stuck\nin state" }, "one line"},
		{"an escape", func(a *Application) { a.Need.Text = "contract \x1b[2J stuck" }, "one line"},
		{"a CPR number", func(a *Application) { a.Need.Text = "look at 010203-1234 please" }, "CPR"},
		{"a password", func(a *Application) { a.Need.Text = "login with password=hunter22" }, "password"},
		{"a key", func(a *Application) { a.Need.Text = "use -----BEGIN OPENSSH" }, "password, key"},
		{"another reason", func(a *Application) { a.Need.Reason = "curious" }, "only for [outage]"},
		{"no reason", func(a *Application) { a.Need.Reason = "" }, "reason code"},
		{"no ticket", func(a *Application) { a.Need.Ticket = "" }, "ticket is needed"},
		{"half a ticket", func(a *Application) { a.Need.Ticket = "INC-1x" }, "ticket is needed"},
		{"a long ticket", func(a *Application) { a.Need.Ticket = strings.Repeat("I", 65) }, "64"},
		{"too much time", func(a *Application) { a.For = 5 * time.Hour }, "at most 4h"},
		{"negative time", func(a *Application) { a.For = -time.Hour }, "at least one minute"},
		{"an unknown target", func(a *Application) { a.Target = "x.prod" }, "no target"},
		{"no customer", func(a *Application) { a.Login = "" }, "say which"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			a := app()
			c.change(&a)
			_, err := w.Submit(t.Context(), w.eng.Principal, a)
			wantRefusal(t, err, c.why)
		})
	}
	_, err := w.Submit(t.Context(), w.ceo.Principal, app())
	wantRefusal(t, err, "no rule permits")
	w.cto.pinned, w.ceo.pinned = false, false
	_, err = w.Submit(t.Context(), w.eng.Principal, app())
	wantRefusal(t, err, "1 executives must approve, and 0 could")
}

func TestIdenticalRequestsAreOne(t *testing.T) {
	w := newWorld(t)
	first := w.submit(t)
	if again := w.submit(t); again != first {
		t.Errorf("the same request became %s and %s", first, again)
	}
	other := app()
	for i := range openRequests {
		other.For = time.Duration(i+2) * time.Minute
		v, err := w.Submit(t.Context(), w.eng.Principal, other)
		if i < openRequests-1 {
			if err != nil || v.Request.ID == first {
				t.Fatalf("another request is %v, %v", v.Request, err)
			}
			continue
		}
		wantRefusal(t, err, "open requests")
	}
}

func TestWhoMayNotVote(t *testing.T) {
	w := newWorld(t)
	code := w.submit(t)
	for _, c := range []struct {
		rule string
		who  *human
		why  string // "" for unknown
	}{
		{"own request", w.eng, "own request"},
		{"another engineer sees nothing", w.mate, ""},
		{"the reviewer of another customer sees nothing", w.bo, ""},
		{"an auditor", w.aud, "not among those"},
		{"the customer before the board", w.ann, "not your turn"},
		{"a board member whom an operator added alone", w.lone, "not one of those that were founded"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			err := w.approve(t, c.who, code, 0)
			if c.why == "" {
				if !errors.Is(err, ErrUnknown) {
					t.Errorf("got %v, want what an unknown code gets", err)
				}
				return
			}
			wantRefusal(t, err, c.why)
		})
	}
	if v, _ := w.See(t.Context(), w.eng.Principal, code); len(v.Request.Votes) != 0 {
		t.Errorf("%d votes count", len(v.Request.Votes))
	}
}

func TestABallotCountsOnce(t *testing.T) {
	w := newWorld(t)
	code := w.submit(t)
	prepare := func(h *human) Ballot {
		t.Helper()
		b, err := w.Prepare(t.Context(), h.Principal, code, 0)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	cast := func(h *human, b Ballot, a statement.Assertion) error {
		_, err := w.Approve(t.Context(), h.Principal, b.Nonce, a)
		return err
	}
	b := prepare(w.ceo)
	if err := cast(w.cto, b, w.cto.sign(b.Challenge())); !errors.Is(err, ErrUnknown) {
		t.Errorf("another person's ballot: got %v", err)
	}
	if err := cast(w.ceo, b, w.cto.sign(b.Challenge())); err == nil {
		t.Error("another person's signature counts")
	}
	wantRefusal(t, cast(w.ceo, b, w.ceo.sign(b.Challenge())), "used already") // failing used it up
	b = prepare(w.ceo)
	longer := strings.Replace(string(b.Statement), "window: 1h0m0s", "window: 8h0m0s", 1)
	if err := cast(w.ceo, b, w.ceo.sign(statement.Challenge(statement.ForApproval, []byte(longer)))); err == nil {
		t.Error("a signature over another statement counts")
	}
	b = prepare(w.ceo)
	if err := cast(w.ceo, b, w.ceo.sign(statement.Challenge(statement.ForSignIn, b.Statement))); err == nil {
		t.Error("a signature of another domain counts")
	}
	b = prepare(w.ceo)
	w.later(ballotLife)
	wantRefusal(t, cast(w.ceo, b, w.ceo.sign(b.Challenge())), "open the page again")
	b = prepare(w.ceo)
	good := w.ceo.sign(b.Challenge())
	if err := cast(w.ceo, b, good); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, cast(w.ceo, b, good), "used already")
	for _, n := range []string{"", "x", strings.Repeat("g", 32), "../" + strings.Repeat("0", 29)} {
		if _, err := w.Approve(t.Context(), w.ceo.Principal, n, good); !errors.Is(err, ErrUnknown) {
			t.Errorf("ballot %q: got %v", n, err)
		}
	}
}

func TestANoNeedsNoTouchAndEndsIt(t *testing.T) {
	w := newWorld(t)
	code := w.submit(t)
	if _, err := w.Reject(t.Context(), w.ceo.Principal, code, "ask again on Monday"); err != nil {
		t.Fatal(err)
	}
	if v, err := w.Reject(t.Context(), w.cto.Principal, code, ""); err != nil || v.Status.Phase != policy.Rejected {
		t.Fatalf("got %s, %v", v.Status.Phase, err)
	}
	wantRefusal(t, w.approve(t, w.ann, code, 0), "the request is rejected")
	_, err := w.Reject(t.Context(), w.ann.Principal, code, "a\nb")
	wantRefusal(t, err, "one line")
}

func TestTimeEndsRequestsAndGrants(t *testing.T) {
	w := newWorld(t)
	pending := w.submit(t)
	w.later(13 * time.Hour)
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v, err := w.See(t.Context(), w.eng.Principal, pending); err != nil || v.Status.Phase != policy.Expired {
		t.Errorf("got %s, %v; an expired request stays visible", v.Status.Phase, err)
	}
	code := w.granted(t)
	w.later(time.Hour)
	if g, err := w.standing(t, code); err != nil || g.Over(time.Now().Add(14*time.Hour+time.Minute)) == "" {
		t.Errorf("got %+v, %v", g, err)
	}
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if mine, err := w.Mine(t.Context(), w.eng.ID); err != nil || len(mine) != 0 {
		t.Errorf("%d are still open, %v", len(mine), err)
	}
	wantRefusal(t, w.GiveBack(t.Context(), w.eng.Principal, code), "nothing to end")
}

func TestWhoEndsAGrant(t *testing.T) {
	w := newWorld(t)
	code := w.granted(t)
	for _, h := range []*human{w.mate, w.bo} {
		if err := w.Revoke(t.Context(), h.Principal, code, "no"); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: got %v", h.ID, err)
		}
	}
	wantRefusal(t, w.Revoke(t.Context(), w.aud.Principal, code, "no"), "not yours")
	wantRefusal(t, w.Withdraw(t.Context(), w.eng.Principal, code), "give-back")
	if err := w.Revoke(t.Context(), w.ann.Principal, code, "we see nothing stuck"); err != nil {
		t.Fatal(err)
	}
	if why, err := w.Ended(t.Context(), code); err != nil || why.Code != policy.WasRevoked {
		t.Errorf("got %+v, %v", why, err)
	}
	other := app()
	other.For = time.Minute
	v, err := w.Submit(t.Context(), w.eng.Principal, other)
	if err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, w.GiveBack(t.Context(), w.eng.Principal, v.Request.ID), "no grant")
	if err := w.Withdraw(t.Context(), w.eng.Principal, v.Request.ID); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, w.approve(t, w.ceo, v.Request.ID, 0), "withdrawn")
}

func TestACustomerSeesNothingOfAnother(t *testing.T) {
	w := newWorld(t)
	a := app()
	a.Login = "deploy"
	v, err := w.Submit(t.Context(), w.eng.Principal, a)
	if err != nil {
		t.Fatal(err)
	}
	code := v.Request.ID
	if err := w.approve(t, w.ceo, code, 0); err != nil {
		t.Fatal(err)
	}
	if err := w.approve(t, w.bo, code, 0); err != nil {
		t.Fatal(err)
	}
	b, err := w.Prepare(t.Context(), w.ann.Principal, code, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := w.See(t.Context(), w.ann.Principal, code)
	if err != nil {
		t.Fatal(err)
	}
	if len(seen.Request.Customers) != 1 || len(seen.Request.Votes) != 1 || len(seen.Request.Stages) != 2 || len(seen.Status.Stages) != 2 {
		t.Errorf("nord sees %+v", seen.Request)
	}
	if strings.Contains(string(b.Statement), "syd") {
		t.Errorf("nord signs\n%s", b.Statement)
	}
	if _, err := w.Approve(t.Context(), w.ann.Principal, b.Nonce, w.ann.sign(b.Challenge())); err != nil {
		t.Fatal(err)
	}
	if _, err := w.standing(t, code); err != nil {
		t.Error(err)
	}
	if _, err := w.Receipt(t.Context(), w.ann.Principal, code); err == nil {
		t.Error("nord gets a receipt with syd in it")
	}
}

func TestFollowTellsEveryChange(t *testing.T) {
	w := newWorld(t)
	code := w.submit(t)
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	phases := make(chan View, 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for v, err := range w.Follow(ctx, w.eng.Principal, code) {
			if err != nil {
				return
			}
			phases <- v
		}
	}()
	until := func(fit func(View) bool) {
		t.Helper()
		for {
			select {
			case v := <-phases:
				if fit(v) {
					return
				}
			case <-ctx.Done():
				t.Fatal("never told")
			}
		}
	}
	until(func(v View) bool { return v.Status.Phase == policy.Pending })
	if err := w.approve(t, w.ceo, code, 0); err != nil {
		t.Fatal(err)
	}
	until(func(v View) bool { return len(v.Request.Votes) == 1 })
	if err := w.approve(t, w.ann, code, 0); err != nil {
		t.Fatal(err)
	}
	until(func(v View) bool { return v.Grant != nil })
	if err := w.Revoke(t.Context(), w.ceo.Principal, code, ""); err != nil {
		t.Fatal(err)
	}
	until(func(v View) bool { return !v.Grant.Revoked.IsZero() })
	stop()
	<-done
	for _, err := range w.Follow(t.Context(), w.mate.Principal, code) {
		if !errors.Is(err, ErrUnknown) {
			t.Errorf("another engineer follows: %v", err)
		}
		break
	}
}
