package attacks

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"

	"lockbox/approvals"
	"lockbox/approvals/charter"
	"lockbox/gateway/api"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/backup"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// A past is what was in force when a backup was made, and what people then had in hand.
type past struct {
	grant, waits               string // codes
	token, cookie              string
	link                       string
	ballot                     approvals.Ballot
	signed                     statement.Assertion
	delegation, budget, motion string
}

// lives makes one of each that an old ledger could revive.
func lives(t *testing.T, w *world.World, tokens *api.Tokens) (p past) {
	t.Helper()
	var err error
	p.grant = w.Grant(t, w.Eng, time.Hour)
	p.waits = w.Ask(t, w.Mate, "nord", time.Hour)
	p.ballot, p.signed = ballot(t, w, w.Ceo, p.waits)
	p.token, _, err = tokens.Issue(t.Context(), w.Eng.Principal, ssh.FingerprintSHA256(w.Eng.SSH.PublicKey()), []string{api.Ask}, time.Hour)
	must(t, err)
	p.link, err = w.People.NewLink(t.Context(), "ops@localhost", invite("new@x.eu"))
	must(t, err)
	d, e := enrol(t, w, invite("seen@x.eu"))
	confirm(t, w, w.Cto, e)
	ask, err := w.People.BeginSignIn(t.Context(), identity.Meta{})
	must(t, err)
	p.cookie, _, err = w.People.FinishSignIn(t.Context(), ask.ID, d.answer(t, ask.Options, 5), identity.Meta{})
	must(t, err)
	p.delegation = w.Pass(t, delegation(w.Cto), w.Ceo)
	p.budget = w.Pass(t, budget(3), w.Ann)
	p.motion = w.Propose(t, w.Ceo, admission(w.Lone))
	return p
}

// restoredWorld is the gateway that starts on a backup of w.
func restoredWorld(t *testing.T, w *world.World, sealed string, id age.Identity, accept bool, held ...backup.Held) (*world.World, *api.Tokens, error) {
	t.Helper()
	f, err := os.Open(sealed)
	must(t, err)
	defer func() { _ = f.Close() }() // read only
	dir := t.TempDir()
	u, err := backup.Unpack(f, dir, id)
	must(t, err)
	o := ledger.Options{Origin: world.Log, Signer: w.Keys.Log, Verifier: w.Keys.LogVerifier, Now: time.Now}
	l, err := backup.Open(t.Context(), u, o)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	n, err := restarted(t, w, time.Now)
	must(t, err)
	n.Ledger, n.People.Ledger, n.Desk.Ledger = l, l, l
	n.Charter = &charter.Charter{Ledger: l, People: n.People, Policy: n.Policy, Log: world.Log, Party: world.Party(), Effect: n.People.Effect}
	n.Desk.Charter, n.People.Charter = n.Charter, n.Charter
	n.Gateway.Ledger = l
	tokens := &api.Tokens{Ledger: l, People: n.People}
	store := filepath.Join(dir, "ledger.db")
	m, err := backup.MarkFor(l)
	must(t, err)
	m.By, m.Accept, m.Why, m.At = "ops@localhost", accept, "the disk is lost", time.Now().UTC()
	must(t, m.Write(store))
	return n, tokens, backup.Start{
		Ledger: l, Reader: backup.Reader{Origin: world.Log, Verifier: w.Keys.LogVerifier}, Store: store,
		End: func(tx *ledger.Tx, why string) error {
			return errors.Join(n.Desk.EndAll(tx, why), n.Charter.EndAll(tx, why), tokens.EndAll(tx), n.People.EndAll(tx, why))
		},
	}.Settle(t.Context(), held)
}

// sealedCopy makes a backup of w now.
func sealedCopy(t *testing.T, w *world.World) (string, age.Identity) {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	must(t, err)
	m := &backup.Maker{
		Ledger: w.Ledger, Options: ledger.Options{Origin: world.Log, Signer: w.Keys.Log, Verifier: w.Keys.LogVerifier, Now: time.Now},
		Copy: w.Engine.Copy, Store: filepath.Join(w.Dir, "ledger.db"), To: []age.Recipient{id.Recipient()}, Dir: t.TempDir(), Actor: "lockbox",
		Files: func() (map[string]backup.Source, error) { return nil, nil },
	}
	made, err := m.Make(t.Context(), backup.Nightly)
	must(t, err)
	return made.Path, id
}

func TestF19ARestoredBackupRevivesNothing(t *testing.T) {
	w := newWorld(t)
	tokens := &api.Tokens{Ledger: w.Ledger, People: w.People}
	p := lives(t, w, tokens)
	sealed, id := sealedCopy(t, w)

	// Since then all of it was ended or used up.
	must(t, w.Desk.Revoke(t.Context(), w.Ceo.Principal, p.grant, "enough"))
	_, err := w.Desk.Approve(t.Context(), w.Ceo.Principal, p.ballot.Nonce, p.signed)
	must(t, err)
	must(t, tokens.RevokeAll(t.Context(), "ops@localhost", w.Eng.Principal.ID))
	must(t, w.People.SignOut(t.Context(), p.cookie))
	_, err = w.Charter.End(t.Context(), w.Ceo.Principal, p.delegation, "back early")
	must(t, err)
	newest := backup.Held{By: "the auditor's witness", At: time.Now()}
	newest.Checkpoint, err = backup.Reader{Origin: world.Log, Verifier: w.Keys.LogVerifier}.Open(w.Ledger.Checkpoint())
	must(t, err)

	_, _, err = restoredWorld(t, w, sealed, id, false, newest)
	wantNo(t, err, "the auditor's witness holds a checkpoint")
	if !errors.Is(err, ledger.ErrRewound) {
		t.Errorf("got %v, want ErrRewound", err)
	}
	for _, held := range [][]backup.Held{{newest}, nil} { // whether or not anybody holds more
		n, old, err := restoredWorld(t, w, sealed, id, len(held) > 0, held...)
		must(t, err)
		revivesNothing(t, n, old, p)
		must(t, n.Ledger.Check(t.Context()))
	}
}

// revivesNothing tries everything that the backup held.
func revivesNothing(t *testing.T, n *world.World, tokens *api.Tokens, p past) {
	t.Helper()
	v, err := n.Desk.See(t.Context(), n.Eng.Principal, p.grant)
	must(t, err)
	if v.Grant == nil || v.Grant.Over(v.Now) == "" {
		t.Errorf("the old grant is in force: %+v", v.Grant)
	}
	if lets(t, n.Gateway, knock(n.Eng)) {
		t.Error("the door opens under the old grant")
	}
	_, err = n.Desk.Approve(t.Context(), n.Ceo.Principal, p.ballot.Nonce, p.signed)
	wantNo(t, err, "used already")
	if v, err = n.Desk.See(t.Context(), n.Mate.Principal, p.waits); err != nil || v.Status.Phase == policy.Pending || len(v.Request.Votes) != 0 {
		t.Errorf("the old request is %s with %d votes, %v", v.Status.Phase, len(v.Request.Votes), err)
	}
	if _, _, err := tokens.Lookup(t.Context(), p.token); !errors.Is(err, api.ErrToken) {
		t.Errorf("the old token: %v", err)
	}
	if _, err := n.People.Session(t.Context(), p.cookie); !errors.Is(err, identity.ErrSignedOut) {
		t.Errorf("the old sign-in: %v", err)
	}
	_, err = n.People.Invited(t.Context(), p.link, identity.Meta{})
	wantNo(t, err, "not valid")
	must(t, n.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
		for _, id := range []string{p.delegation, p.budget, p.motion} {
			if m, err := n.Charter.Proven(tx, id); err == nil && (m.Holds(tx.Now()) || m.Tally(tx.Now()).Phase == policy.Pending) {
				t.Errorf("the old motion %s of kind %s stands", id, m.Kind)
			}
		}
		return nil
	}))
	if err := n.SignMotion(t, n.Cto, p.motion); err == nil {
		t.Error("an old motion is signed on")
	}
	must(t, n.Desk.Sweep(t.Context())) // what it would have closed is closed
	if code := n.Ask(t, n.Eng, "nord", time.Hour); code == p.grant {
		t.Error("a new request took the old one's code")
	}
}

// Leans on: identity.EndAll. A recovery that passed before the backup may have
// been used since, by whoever had its link.
func TestF19ARestoredBackupGivesNoLinkOfARecoveryAgain(t *testing.T) {
	w := newWorld(t)
	id := w.Pass(t, policy.Motion{Kind: policy.ToRecover, About: w.Mate.ID, Text: "lost the phone"}, w.Ceo, w.Cto)
	sealed, key := sealedCopy(t, w)
	token, err := w.People.RecoveryLink(t.Context(), w.Ceo.ID, id)
	must(t, err)
	_, err = w.Anew(t, token)
	must(t, err)

	n, _, err := restoredWorld(t, w, sealed, key, false)
	must(t, err)
	_, err = n.People.RecoveryLink(t.Context(), n.Ceo.ID, id)
	wantNo(t, err, "recovery is over")
	must(t, n.Ledger.Check(t.Context()))
}
