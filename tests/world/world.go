package world

import (
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"

	"lockbox/approvals"
	"lockbox/approvals/charter"
	"lockbox/gateway"
	"lockbox/gateway/identity"
	"lockbox/gateway/keys"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
)

// A World is a gateway with people. Its parts are the real ones.
type World struct {
	Dir     string
	Keys    *keys.Ring
	Engine  *boltengine.Engine
	Ledger  *ledger.Ledger
	People  *identity.Directory
	Charter *charter.Charter
	Desk    *approvals.Desk
	Shelf   *recorder.Shelf
	Gateway *gateway.Gateway

	Eng  *Human // engineer
	Mate *Human // another engineer
	Ceo  *Human // executive, pinned
	Cto  *Human // executive, pinned
	Lone *Human // executive whom an operator invited alone: not pinned
	Ann  *Human // reviewer of nord, pinned
	Bo   *Human // reviewer of syd, pinned

	policy atomic.Pointer[policy.Policy]
	mu     sync.Mutex // guards failures
	fails  []error
}

// Log is the name of the world's ledger; Party is where its people sign.
const Log = "world.lockbox.test"

// Party is where people sign.
func Party() statement.Party {
	return statement.Party{ID: "localhost", Origins: []string{"http://localhost:8080"}}
}

// New makes a world whose target db1.prod has the address and host key given.
func New(t testing.TB, address, hostKey string) *World {
	t.Helper()
	w, now := &World{Dir: InMemory(t)}, Clock()
	w.SetPolicy(Policy(address, hostKey))
	ring, err := keys.Create(filepath.Join(w.Dir, "keys"), Log)
	must(t, err)
	w.Keys = ring
	w.Engine, err = boltengine.Open(filepath.Join(w.Dir, "ledger.db"))
	must(t, err)
	w.Ledger, err = ledger.Open(t.Context(), w.Engine, ledger.Options{Origin: Log, Signer: ring.Log, Verifier: ring.LogVerifier, Now: now, Newest: []string{"grant/", "extension/", "request/", "person/", "credential/", "sshkey/", "login/", "pins/", "proof/", "touched/", "motion/", "motion-held/", "policy/", "token/", "uses/", "slack/", "slack-of/", "glass/", "incident/"}})
	must(t, err)
	t.Cleanup(func() {
		if err := w.Ledger.Close(); err != nil {
			t.Error(err)
		}
	})
	w.People = &identity.Directory{Ledger: w.Ledger, Log: Log, Party: Party(), Policy: w.Policy, Now: now, PeopleCA: ring.PeopleCA}
	w.Charter = &charter.Charter{Ledger: w.Ledger, People: w.People, Policy: w.Policy, Log: Log, Party: Party(), Effect: w.People.Effect}
	w.People.Charter = w.Charter
	w.Desk = w.DeskLike()
	w.Shelf = &recorder.Shelf{
		Dir: filepath.Join(w.Dir, "recordings"), Recipients: []age.Recipient{ring.Vault.Recipient()}, AtRest: ring.AtRest,
		Signer: ring.Log, Verifier: ring.LogVerifier, Now: now, Patience: 5 * time.Second, Reserve: -1,
	}
	w.Gateway = &gateway.Gateway{Desk: w.Desk, Ledger: w.Ledger, Shelf: w.Shelf, Report: w.report}
	w.Desk.Forget, w.Desk.Over, w.Charter.Over = w.Gateway.Forget, w.Gateway.Over, w.Gateway.Over
	w.Charter.Idle, w.Charter.Glass, w.Charter.Opposed = w.Desk.Idle, w.Desk.Glass, w.Desk.Opposed
	w.Charter.Effect = func(tx *ledger.Tx, m *policy.Motion) error {
		err := errors.Join(w.People.Effect(tx, m), w.Desk.OrderErasure(tx, m))
		if err == nil && m.Kind == policy.ToRatify {
			err = w.Desk.Settle(tx, m)
		}
		return err
	}
	t.Cleanup(func() { w.Gateway.Close("the test is over") })
	w.populate(t)
	return w
}

// DeskLike is a new desk over the same ledger, to be changed before its first use.
func (w *World) DeskLike() *approvals.Desk {
	return &approvals.Desk{Ledger: w.Ledger, People: w.People, Charter: w.Charter, Policy: w.Policy, Log: Log, Party: Party()}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Policy is the one in force.
func (w *World) Policy() *policy.Policy { return w.policy.Load() }

// SetPolicy puts another in force.
func (w *World) SetPolicy(p *policy.Policy) { w.policy.Store(p) }

func (w *World) report(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fails = append(w.fails, err)
}

// Failures are what the gateway reported so far.
func (w *World) Failures() []error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]error(nil), w.fails...)
}

// Policy is the world's: db1.prod holds data of nord and syd, and a board
// member and each customer concerned must approve.
func Policy(address, hostKey string) *policy.Policy {
	return &policy.Policy{
		Digest:    "4f00",
		Groups:    map[string][]string{"engineers": {"eng@x.eu", "mate@x.eu"}, "board": {"ceo@x.eu", "cto@x.eu", "lone@x.eu"}},
		Customers: map[string]policy.Customer{"nord": {ID: "nord", Name: "Nord Legal"}, "syd": {ID: "syd", Name: "Syd Bank"}},
		Targets: map[string]*policy.Target{
			"db1.prod": {
				Name: "db1.prod", Kind: "ssh", Address: address, HostKey: hostKey, Owner: "eng@x.eu", Location: "here",
				Customers: []string{"nord", "syd"}, Labels: map[string]string{"env": "prod"},
				Logins: []policy.Login{{Name: "support_{{customer}}", One: true}, {Name: "deploy"}},
			},
		},
		Rules: []policy.Rule{{
			Name: "production", Position: "policy/rules.yaml:1:1", Actions: []policy.Action{policy.Shell, policy.Exec}, Groups: []string{"engineers"},
			Labels: map[string]string{"env": "prod"}, Fresh: 15 * time.Minute,
			Stages: []policy.Stage{
				{Kind: policy.ByExecutive, Group: "board", Count: 1, Expires: 12 * time.Hour},
				{Kind: policy.ByCustomer, Count: 1, Expires: 96 * time.Hour, Step: 1},
			},
			Limits: policy.Limits{Default: time.Hour, Max: 4 * time.Hour, ActivateWithin: time.Hour},
		}},
	}
}
