package attacks

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// newWorld is called once by a test, which then runs beside others.
func newWorld(t *testing.T) *world.World {
	t.Parallel()
	return world.New(t, "127.0.0.1:1", "SHA256:none")
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantNo wants a refusal, or another error, that says so.
func wantNo(t testing.TB, err error, says string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want %q", err, says)
	}
}

func wantUnknown(t testing.TB, what string, err error) {
	t.Helper()
	if !errors.Is(err, approvals.ErrUnknown) || err.Error() != approvals.ErrUnknown.Error() {
		t.Errorf("%s: got %v, want no word more than %q", what, err, approvals.ErrUnknown)
	}
}

func knock(h *world.Human) gateway.Knock {
	return gateway.Knock{
		Who: h.Principal, Key: ssh.FingerprintSHA256(h.SSH.PublicKey()), From: netip.MustParseAddr("127.0.0.1"),
		Do: policy.Shell, On: "db1.prod", Login: "support_nord",
	}
}

// line is the SSH key of h as in authorized_keys.
func line(h *world.Human) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(h.SSH.PublicKey())))
}

// lets says whether the gateway would let the knock in, now or after a touch.
func lets(t testing.TB, g *gateway.Gateway, k gateway.Knock) bool {
	t.Helper()
	a, err := g.Enter(t.Context(), k)
	return err == nil && (a.Verdict == policy.Allow || a.Verdict == policy.Prove)
}

func visit(t *testing.T, w *world.World, k gateway.Knock) *gateway.Visit {
	t.Helper()
	v, a, err := w.Visit(t, w.Eng, k)
	if err != nil || v == nil {
		t.Fatalf("got %+v, %v", a.Decision, err)
	}
	t.Cleanup(v.Leave)
	return v
}

func wantEnd(t *testing.T, v *gateway.Visit, says string) {
	t.Helper()
	select {
	case <-v.Context().Done():
	case <-time.After(time.Second):
		t.Fatal("the visit lasts a second after it had to end")
	}
	if got := context.Cause(v.Context()).Error(); !strings.Contains(got, says) {
		t.Errorf("it ended because %q, want %q", got, says)
	}
}

// poke appends an event about a request, so that visits under it ask again at once.
func poke(t *testing.T, w *world.World, code string) {
	t.Helper()
	must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{Kind: "test.poke", Actor: "test", Subjects: []string{code}})
		return err
	}))
}

// change puts another policy in force: the one there is, changed.
func change(w *world.World, fn func(p *policy.Policy)) {
	p := world.Policy("127.0.0.1:1", "SHA256:none")
	fn(p)
	w.SetPolicy(p)
}

// restarted is the gateway of w as it would be after a restart with this
// clock: a ledger that opens and checks the file anew, and all that rests on it.
func restarted(t *testing.T, w *world.World, now func() time.Time) (*world.World, error) {
	t.Helper()
	l, err := ledger.Open(t.Context(), w.Engine, ledger.Options{Origin: world.Log, Signer: w.Keys.Log, Verifier: w.Keys.LogVerifier, Now: now})
	if err != nil {
		return nil, err
	}
	n := &world.World{Dir: w.Dir, Keys: w.Keys, Engine: w.Engine, Ledger: l, Shelf: w.Shelf, Eng: w.Eng, Ceo: w.Ceo, Cto: w.Cto, Ann: w.Ann, Bo: w.Bo, Mate: w.Mate}
	n.SetPolicy(w.Policy())
	n.People = &identity.Directory{Ledger: l, Log: world.Log, Party: world.Party(), Policy: n.Policy, Now: now}
	n.Desk = &approvals.Desk{Ledger: l, People: n.People, Policy: n.Policy, Log: world.Log, Party: world.Party()}
	n.Gateway = &gateway.Gateway{Desk: n.Desk, Ledger: l, Shelf: w.Shelf, Report: func(error) {}}
	return n, nil
}

// later is a clock that stands so much ahead of the real one.
func later(d time.Duration) func() time.Time {
	return func() time.Time { return time.Now().Add(d) }
}

// ballot prepares a ballot and signs it.
func ballot(t *testing.T, w *world.World, h *world.Human, code string) (approvals.Ballot, statement.Assertion) {
	t.Helper()
	b, err := w.Desk.Prepare(t.Context(), h.Principal, code, policy.Terms{})
	must(t, err)
	return b, w.Sign(t, h, statement.ForApproval, b.Statement)
}

// A dump is every key and value of the ledger's file: what a thief copies.
type dump map[string][]byte

func copyOf(t *testing.T, w *world.World) dump {
	t.Helper()
	all := dump{}
	must(t, w.Engine.View(t.Context(), func(r ledger.Reader) error {
		return r.Scan(nil, func(k, v []byte) (bool, error) { all[string(k)] = bytes.Clone(v); return true, nil })
	}))
	return all
}

// putBack writes, behind the ledger's back, what the dump holds under the keys
// that begin so, and removes what it does not hold.
func (d dump) putBack(t *testing.T, w *world.World, prefix string) {
	t.Helper()
	now := copyOf(t, w)
	must(t, w.Engine.Update(t.Context(), func(o ledger.Writer) error {
		for k := range now {
			if _, ok := d[k]; !ok && strings.HasPrefix(k, prefix) {
				if err := o.Delete([]byte(k)); err != nil {
					return err
				}
			}
		}
		for k, v := range d {
			if strings.HasPrefix(k, prefix) {
				if err := o.Put([]byte(k), v); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

// edit changes one stored value behind the ledger's back.
func edit(t *testing.T, w *world.World, key string, fn func(v []byte) []byte) {
	t.Helper()
	must(t, w.Engine.Update(t.Context(), func(o ledger.Writer) error {
		v, err := o.Get([]byte(key))
		if err != nil || v == nil {
			t.Errorf("there is no %q to edit: %v", key, err)
			return err
		}
		return o.Put([]byte(key), fn(bytes.Clone(v)))
	}))
}

func invite(id string) identity.Invite {
	return identity.Invite{ID: id, Name: "New", Kind: policy.Staff}
}

func application(long time.Duration) approvals.Application {
	return approvals.Application{
		Target: "db1.prod", Login: "support_nord", Do: policy.Shell, For: long, Need: policy.Need{Reason: "outage", Text: "contract stuck in state 7"},
	}
}

// terminal is a terminal of Eng under a new grant.
func terminal(t *testing.T, w *world.World) approvals.Terminal {
	t.Helper()
	w.Grant(t, w.Eng, time.Hour)
	a, err := w.Gateway.Enter(t.Context(), knock(w.Eng))
	must(t, err)
	return a.Terminal
}

func receipt(t *testing.T, w *world.World, code string) approvals.Receipt {
	t.Helper()
	r, err := w.Gateway.Receipt(t.Context(), w.Ann.Principal, code)
	must(t, err)
	return r
}

// with is a copy of a receipt, changed as a liar would.
func with(r approvals.Receipt, fn func(r *approvals.Receipt)) approvals.Receipt {
	if r.Grant != nil {
		g := *r.Grant
		r.Grant = &g
	}
	r.Case.Votes, r.Stays = slices.Clone(r.Case.Votes), slices.Clone(r.Stays)
	fn(&r)
	return r
}

// holds says whether every step of a receipt is OK for who pinned the right things.
func holds(t *testing.T, w *world.World, r approvals.Receipt) bool {
	t.Helper()
	steps, err := r.Verify(approvals.Pinned{
		Log: world.Log, LogKey: w.Keys.LogKey, Party: world.Party(),
		Executives: []string{w.Ceo.Fingerprint, w.Cto.Fingerprint}, Customers: map[string][]string{"nord": {w.Ann.Fingerprint}, "syd": {w.Bo.Fingerprint}},
	})
	return err == nil && len(steps) > 0 && !slices.ContainsFunc(steps, func(s approvals.Step) bool { return !s.OK })
}
