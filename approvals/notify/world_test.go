package notify

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
	house "lockbox/tests/world"
)

// A crowd is a People in which everybody's passkey is believed; the real one is gateway/identity.
type crowd struct {
	all    []policy.Principal
	left   map[string]bool
	policy *policy.Policy
	key    statement.Key

	broken atomic.Bool
}

func (c *crowd) Assert(tx *ledger.Tx, who string, d statement.Domain, text []byte, _ statement.Assertion) (policy.Proof, statement.Key, error) {
	return policy.Proof{Kind: policy.Passkey, Of: who, At: tx.Now(), For: string(statement.Challenge(d, text))}, c.key, nil
}

func (c *crowd) Passkey(*ledger.Tx, string) (statement.Key, string, error) { return c.key, "", nil }
func (c *crowd) Pinned(*ledger.Tx, policy.Stage, string) (bool, error)     { return true, nil }
func (c *crowd) HoldsKey(*ledger.Tx, string, string) (bool, error)         { return true, nil }
func (c *crowd) HoldsWeb(*ledger.Tx, string, string) (bool, error)         { return true, nil }

func (c *crowd) Logins(*ledger.Tx, string, string) ([]statement.Login, bool, error) {
	return nil, false, nil
}

func (c *crowd) Voters(_ *ledger.Tx, s policy.Stage) (all []policy.Principal, err error) {
	for _, p := range c.all {
		if !c.left[p.ID] && c.policy.Decides(p, s) {
			all = append(all, p)
		}
	}
	return all, nil
}

func (c *crowd) Current(_ *ledger.Tx, id string) (policy.Principal, error) {
	if c.broken.Load() {
		return policy.Principal{}, errors.New("the ledger cannot be read")
	}
	i := slices.IndexFunc(c.all, func(p policy.Principal) bool { return p.ID == id })
	if i < 0 || c.left[id] {
		return policy.Principal{}, policy.ErrNobody
	}
	return c.all[i], nil
}

// A world is a desk with people around it, and what tells them.
type world struct {
	*approvals.Desk
	policy  *policy.Policy
	crowd   *crowd
	planner *Planner
	dir     string
}

const engineers = 220

func newWorld(t testing.TB, channels ...Channel) *world {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	must(t, err)
	key, err := statement.ParseKey(der)
	must(t, err)
	w := &world{dir: house.InMemory(t), crowd: &crowd{key: key, left: map[string]bool{}}}
	add := func(id string, k policy.Kind, customer string) {
		name, _, _ := strings.Cut(id, "@")
		w.crowd.all = append(w.crowd.all, policy.Principal{ID: id, Name: name, Kind: k, Customer: customer, Admitted: k != policy.Staff})
	}
	groups := map[string][]string{"board": {"ceo@x.eu", "cto@x.eu"}, "deputies": {"dep@x.eu"}, policy.Operators: {"ops@x.eu", "ops2@x.eu"}}
	for i := range engineers {
		id := fmt.Sprintf("eng%d@x.eu", i)
		add(id, policy.Staff, "")
		groups["engineers"] = append(groups["engineers"], id)
	}
	for _, id := range []string{"ceo@x.eu", "cto@x.eu", "dep@x.eu"} {
		add(id, policy.Executive, "")
	}
	for _, id := range []string{"ops@x.eu", "ops2@x.eu"} {
		add(id, policy.Staff, "")
	}
	add("ann@nord.x", policy.Reviewer, "nord")
	add("abe@nord.x", policy.Reviewer, "nord")
	add("bo@syd.x", policy.Reviewer, "syd")
	w.policy = &policy.Policy{
		Digest: "d1", Groups: groups,
		Customers: map[string]policy.Customer{"nord": {ID: "nord", Name: "Nord Legal"}, "syd": {ID: "syd", Name: "Syd Bank"}},
		Targets: map[string]*policy.Target{"db1.prod": {Name: "db1.prod", Kind: "ssh", Customers: []string{"nord", "syd"},
			Logins: []policy.Login{{Name: "support_{{customer}}", One: true}, {Name: "deploy"}}}},
		Rules: []policy.Rule{{Name: "prod", Actions: []policy.Action{policy.Shell, policy.Exec}, Groups: []string{"engineers"}, Targets: []string{"db1.prod"},
			Fresh: 15 * time.Minute,
			Stages: []policy.Stage{
				{Kind: policy.ByExecutive, Group: "board", Count: 1, Expires: 12 * time.Hour, Escalate: []policy.Rung{
					{After: 5 * time.Minute, Remind: "all"}, {After: 15 * time.Minute, To: "deputies"}}},
				{Kind: policy.ByCustomer, Count: 1, Expires: 96 * time.Hour, Step: 1},
			},
			Limits: policy.Limits{Default: time.Hour, Max: 4 * time.Hour, ActivateWithin: time.Hour}}},
	}
	w.crowd.policy = w.policy
	skey, vkey, err := note.GenerateKey(rand.Reader, "lockbox.test")
	must(t, err)
	signer, err := note.NewSigner(skey)
	must(t, err)
	verifier, err := note.NewVerifier(vkey)
	must(t, err)
	engine, err := boltengine.Open(filepath.Join(w.dir, "ledger.db"))
	must(t, err)
	l, err := ledger.Open(t.Context(), engine, ledger.Options{Origin: "lockbox.test", Signer: signer, Verifier: verifier})
	must(t, err)
	w.Desk = &approvals.Desk{
		Ledger: l, People: w.crowd, Policy: func() *policy.Policy { return w.policy }, Log: "lockbox.test", Daily: 1000,
		Party: statement.Party{ID: "localhost", Origins: []string{"http://localhost:1"}},
	}
	w.planner = &Planner{Desk: w.Desk, People: w.crowd, Channels: channels}
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) who(id string) policy.Principal {
	p, err := w.crowd.Current(nil, id)
	if err != nil {
		panic(id)
	}
	return p
}

func (w *world) submit(t testing.TB, id, login string) string {
	t.Helper()
	v, err := w.Submit(t.Context(), w.who(id), approvals.Application{
		Target: "db1.prod", Login: login, Do: policy.Shell, From: netip.MustParseAddr("127.0.0.1"),
		Need: policy.Need{Reason: "outage", Text: "contract stuck in state 7"},
	})
	must(t, err)
	return v.Request.ID
}

func (w *world) approve(id, code string) error {
	b, err := w.Prepare(context.Background(), w.who(id), code, policy.Terms{})
	if err != nil {
		return err
	}
	_, err = w.Approve(context.Background(), w.who(id), b.Nonce, statement.Assertion{})
	return err
}

func (w *world) outbox(t testing.TB) *Outbox {
	t.Helper()
	o, err := OpenOutbox(filepath.Join(w.dir, "notify.db"))
	must(t, err)
	return o
}
