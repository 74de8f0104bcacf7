package attacks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/gateway/rulebook"
	"lockbox/policy"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

const signedFiles = `version: 1
activation: { executives: %d }
groups: { engineers: { members: [eng@x.eu, mate@x.eu] }, board: { members: [ceo@x.eu, cto@x.eu, lone@x.eu] } }
customers: { nord: { name: Nord Legal }, syd: { name: Syd Bank } }
targets:
  db1.prod:
    kind: ssh
    address: 127.0.0.1:1
    host_key: SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
    logins: { "support_{{customer}}": { reaches: one }, deploy: { reaches: all } }
    class: production
    owner: eng@x.eu
    location: here
    customers: [nord, syd]
rules:
  - name: production
    permit: [shell]
    who: { groups: [engineers] }
    on: { targets: [db1.prod] }
    stages: [ { executive: { count: 1 } }, { customer: { count: 1 } } ]
    limits: { default: 1h, max: 2h }
`

// A ruled world has its policy from files, as the gateway has.
type ruled struct {
	*world.World
	book *rulebook.Book
	file string // what the files say
}

// newRuled is in production under files that three executives signed.
func newRuled(t *testing.T) *ruled {
	t.Helper()
	w := newWorld(t)
	w.Admit(t)
	r := &ruled{World: w, file: fmt.Sprintf(signedFiles, 3)}
	id := r.restarts(t, "config-1", true, rulebook.Offered).Motion
	r.signs(t, id, w.Ceo, w.Cto)
	if r.restarts(t, "config-1", true, rulebook.Offered); r.most() != 0 {
		t.Error("two executives signed what says that it takes three")
	}
	r.signs(t, id, w.Lone)
	r.restarts(t, "config-1", true, rulebook.Unchanged)
	return r
}

// offers asks people for signatures in the gateway's own name, as it does when it is served.
type offers struct{ w *world.World }

func lockbox() policy.Principal {
	return policy.Principal{ID: "lockbox", Name: "Lockbox", Kind: policy.Machine}
}

func (o offers) Offer(ctx context.Context, m policy.Motion) (string, error) {
	v, err := o.w.Charter.Propose(ctx, lockbox(), m)
	if err != nil {
		return "", err
	}
	return v.Motion.ID, nil
}

func (o offers) Drop(ctx context.Context, id, why string) error {
	_, err := o.w.Charter.End(ctx, lockbox(), id, why)
	return err
}

func (o offers) Proven(tx *ledger.Tx, id string) (*policy.Motion, error) {
	return o.w.Charter.Proven(tx, id)
}

// starts is a gateway that starts with this configuration.
func (r *ruled) starts(t *testing.T, config string, production bool) (rulebook.Result, error) {
	t.Helper()
	r.book = &rulebook.Book{
		Ledger: r.Ledger, Motions: offers{r.World}, Found: r.People.Found, MayFound: r.People.MayFound, Production: production, Config: strings.Repeat(config[len(config)-1:], 64),
		Read:   func() (map[string][]byte, error) { return map[string][]byte{"policy/p.yaml": []byte(r.file)}, nil },
		Report: func(err error) { t.Log(err) }, Actor: "ops@localhost",
	}
	r.People.Policy, r.Charter.Policy, r.Desk.Policy = r.book.InForce, r.book.InForce, r.book.InForce
	r.Charter.Effect = func(tx *ledger.Tx, m *policy.Motion) error {
		return errors.Join(r.People.Effect(tx, m), r.book.Effect(tx, m))
	}
	return r.book.Open(t.Context())
}

func (r *ruled) restarts(t *testing.T, config string, production bool, want rulebook.Outcome) rulebook.Result {
	t.Helper()
	got, err := r.starts(t, config, production)
	must(t, err)
	if got.Outcome != want {
		t.Fatalf("started as %s (%s), want %s", got.Outcome, got.Why, want)
	}
	return got
}

func (r *ruled) reloads(t *testing.T, want rulebook.Outcome) rulebook.Result {
	t.Helper()
	got, err := r.book.Reload(t.Context())
	must(t, err)
	if got.Outcome != want {
		t.Fatalf("reloaded as %s (%s), want %s", got.Outcome, got.Why, want)
	}
	return got
}

func (r *ruled) signs(t *testing.T, id string, by ...*world.Human) {
	t.Helper()
	for _, h := range by {
		must(t, r.SignMotion(t, h, id))
	}
}

func (r *ruled) edit(old, text string) { r.file = strings.Replace(r.file, old, text, 1) }

// most is the longest time that the policy in force gives; 0 where it gives none.
func (r *ruled) most() time.Duration {
	d := r.book.InForce().Decide(policy.Question{Now: time.Now(), Who: r.Eng.Principal, Do: policy.Shell, On: "db1.prod", Login: "deploy", Reason: "outage"})
	if d.Verdict != policy.Ask {
		return 0
	}
	return d.Limits.Max
}

// Leans on: the row of the policy in force, its files and its signatures are proven at every start.
func TestC05AnOperatorAloneWidensNoPolicy(t *testing.T) {
	r := newRuled(t)
	if r.most() != 2*time.Hour {
		t.Fatalf("in force is at most %s", r.most())
	}
	old := r.file
	r.edit("max: 2h", "max: 8h")
	id := r.reloads(t, rulebook.Offered).Motion
	r.signs(t, id, r.Ceo, r.Cto)
	r.restarts(t, "config-1", true, rulebook.Offered)
	if r.most() != 2*time.Hour {
		t.Errorf("two of three signatures give %s", r.most())
	}
	past := copyOf(t, r.World)
	r.signs(t, id, r.Lone)
	r.restarts(t, "config-1", true, rulebook.Unchanged)
	if r.most() != 8*time.Hour {
		t.Fatalf("three signatures give %s", r.most())
	}
	r.file = old
	r.restarts(t, "config-1", true, rulebook.Offered)
	if r.most() != 8*time.Hour {
		t.Errorf("a restart with old files gives %s", r.most())
	}
	now := copyOf(t, r.World)
	for _, row := range []string{"rpolicy/active", "rpolicy/", "rmotion/"} {
		past.putBack(t, r.World, row)
		if _, err := r.starts(t, "config-1", true); !errors.Is(err, ledger.ErrTampered) {
			t.Errorf("with %s of the past: got %v", row, err)
		}
		now.putBack(t, r.World, row)
	}
	must(t, r.Engine.Update(t.Context(), func(o ledger.Writer) error { return o.Delete([]byte("rpolicy/active")) }))
	if _, err := r.starts(t, "config-1", false); !errors.Is(err, ledger.ErrTampered) {
		t.Errorf("as development, with the row of what is in force removed: got %v", err)
	}
	now.putBack(t, r.World, "rpolicy/")
	for _, production := range []bool{true, false} {
		r.restarts(t, "config-2", production, rulebook.Offered)
		if r.most() != 0 {
			t.Errorf("another configuration gives %s before anybody signed", r.most())
		}
	}
}

// Leans on: fewer never sign for how many have to sign, whatever file is changed.
func TestC03FewerExecutivesDoNotLowerTheirNumber(t *testing.T) {
	r := newRuled(t)
	for _, config := range []string{"config-1", "config-2"} {
		r.file = strings.Replace(fmt.Sprintf(signedFiles, 2), "max: 2h", "max: 8h", 1)
		id := r.restarts(t, config, true, rulebook.Offered).Motion
		for _, h := range []*world.Human{r.Ceo, r.Cto} {
			if err := r.SignMotion(t, h, id); err != nil {
				t.Error(err)
			}
		}
		r.restarts(t, config, true, rulebook.Offered)
		if got := r.most(); got == 8*time.Hour {
			t.Errorf("%s: two executives signed that two are enough, where three are", config)
		}
	}
}

// Leans on: what is signed is the digest of the files, and those are read again when it passes.
func TestC01SignaturesOnOnePolicyAreNoneOnAnother(t *testing.T) {
	r := newRuled(t)
	r.edit("max: 2h", "max: 4h")
	first := r.reloads(t, rulebook.Offered).Motion
	r.signs(t, first, r.Ceo, r.Cto)
	b, err := r.Charter.Prepare(t.Context(), r.Lone.Principal, first)
	must(t, err)
	signed := r.Sign(t, r.Lone, b.Domain, b.Statement)
	r.edit("max: 4h", "max: 8h")
	second := r.reloads(t, rulebook.Offered).Motion
	if _, err := r.Charter.Sign(t.Context(), r.Lone.Principal, b.Nonce, signed); err == nil {
		t.Error("a change that was dropped is carried")
	}
	v, err := r.Charter.See(t.Context(), r.Ceo.Principal, second)
	if err != nil || second == first || len(v.Motion.Votes) != 0 {
		t.Errorf("another policy has the signatures of the one before: %+v, %v", v.Motion, err)
	}
	r.signs(t, second, r.Ceo, r.Cto)
	whole := copyOf(t, r.World)
	edit(t, r.World, "rpolicy/files/"+v.Motion.About, func(f []byte) []byte { f[len(f)/2] ^= 1; return f })
	if err := r.SignMotion(t, r.Lone, second); err == nil {
		t.Error("a policy is activated whose kept files were edited")
	}
	whole.putBack(t, r.World, "rpolicy/")
	r.signs(t, second, r.Lone)
	r.restarts(t, "config-1", true, rulebook.Unchanged)
	if r.most() != 8*time.Hour {
		t.Errorf("signed by three, it gives %s", r.most())
	}
}

// Leans on: whom a machine is taken away from stays concerned, by whatever way it goes.
func TestC34NoWayOfTakingAMachineAwayFromACustomerIsAtOnce(t *testing.T) {
	const before, gone = "customers: [nord, syd]\nrules", "customers: [syd]\nrules"
	for name, steps := range map[string][]func(r *ruled){
		"in one step": {func(r *ruled) { r.edit(before, gone) }},
		"by several reloads": {
			func(r *ruled) { r.edit(before, gone) }, func(r *ruled) { r.edit("max: 2h", "max: 3h") }, func(r *ruled) { r.edit("location: here", "location: there") },
		},
		"deleted and added again": {
			func(r *ruled) {
				r.edit("  db1.prod:\n", "  db2.prod:\n")
				r.edit("127.0.0.1:1", "127.0.0.1:9")
				r.edit("AAAA", "BBBB")
				r.edit("targets: [db1.prod]", "targets: [db2.prod]")
			},
			func(r *ruled) { r.file = strings.Replace(fmt.Sprintf(signedFiles, 2), before, gone, 1) },
		},
		"under another customer's id": {
			func(r *ruled) {
				r.edit("nord: { name: Nord Legal }", "nord2: { name: Nord Legal }")
				r.edit("[nord, syd]", "[nord2, syd]")
			},
		},
		"with another address": {func(r *ruled) { r.edit(before, gone); r.edit("127.0.0.1:1", "127.0.0.1:2") }},
		"with its class down and up": {
			func(r *ruled) { r.edit(before, gone); r.edit("class: production", "class: test") }, func(r *ruled) { r.edit("class: test", "class: production") },
			func(r *ruled) { r.edit("class: production", "class: staging") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := &ruled{World: newWorld(t), file: fmt.Sprintf(signedFiles, 2)}
			r.restarts(t, "config-1", false, rulebook.Activated) // in development, where it takes no signatures
			for _, step := range steps {
				step(r)
				r.reloads(t, rulebook.Activated)
			}
			d := r.book.InForce().Decide(policy.Question{
				Now: time.Now(), Who: r.Eng.Principal, Do: policy.Shell, On: "db1.prod", Login: "deploy", Reason: "outage",
			})
			if !slices.Contains(d.Customers, "nord") || !slices.ContainsFunc(d.Stages(), func(s policy.Stage) bool { return s.Kind == policy.ByExecutive }) {
				t.Errorf("asked are %v, of %v", d.Stages(), d.Customers)
			}
		})
	}
}
