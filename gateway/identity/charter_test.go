package identity

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

var (
	_ charter.People = (*Directory)(nil)
	_ charter.Memory = (*Directory)(nil)
)

// A board is a world with a charter, two founded executives and two founded reviewers of nord.
type board struct {
	*world
	*charter.Charter
	ceo, cto, ann, bea member
}

// A member is somebody enrolled, with their passkey.
type member struct {
	*device
	Enrolled
}

var (
	executives = policy.Stage{Kind: policy.ByExecutive, Count: 1}
	nord       = policy.Stage{Kind: policy.ByCustomer, Customer: "nord", Count: 1}
)

func newBoard(t *testing.T) *board {
	t.Helper()
	b := &board{world: newWorld(t)}
	b.Charter = &charter.Charter{
		Ledger: b.world.Ledger, People: b.Directory, Policy: b.world.Directory.Policy, Log: b.world.Log, Party: b.world.Party, Effect: b.Directory.Effect,
	}
	b.Directory.Charter = b.Charter
	b.ceo, b.cto = b.join("ceo@example.eu", policy.Executive, ""), b.join("cto@example.eu", policy.Executive, "")
	b.ann, b.bea = b.join("ann@nord.example", policy.Reviewer, "nord"), b.join("bea@nord.example", policy.Reviewer, "nord")
	b.must(b.found())
	return b
}

// found repeats founded_by as the policy has it.
func (b *board) found() error {
	return b.Found(b.world.t.Context(), []string{b.ceo.Fingerprint, b.cto.Fingerprint},
		map[string][]string{"nord": {b.ann.Fingerprint, b.bea.Fingerprint}})
}

func (b *board) join(id string, k policy.Kind, customer string) member {
	d, e := b.enrol(Invite{ID: id, Kind: k, Customer: customer})
	return member{d, e}
}

func (b *board) as(m member) (p policy.Principal) {
	b.look(func(tx *ledger.Tx) (err error) { p, err = b.Current(tx, m.ID); return err })
	return p
}

func (b *board) look(fn func(tx *ledger.Tx) error) {
	b.world.t.Helper()
	b.must(b.world.Ledger.View(b.world.t.Context(), fn))
}

func admission(m member) policy.Motion {
	return policy.Motion{Kind: policy.ToAdmit, Customer: m.Customer, About: m.ID, Key: m.Fingerprint}
}

func (b *board) propose(by member, m policy.Motion) string {
	b.world.t.Helper()
	v, err := b.Propose(b.world.t.Context(), b.as(by), m)
	b.must(err)
	return v.Motion.ID
}

func (b *board) sign(id string, by member) error {
	ballot, err := b.Prepare(b.world.t.Context(), b.as(by), id)
	if err != nil {
		return err
	}
	_, err = b.Charter.Sign(b.world.t.Context(), b.as(by), ballot.Nonce, by.device.sign(ballot.Domain, ballot.Statement))
	return err
}

// carries has a motion proposed and signed by all these.
func (b *board) carries(m policy.Motion, by ...member) string {
	b.world.t.Helper()
	id := b.propose(by[0], m)
	for _, s := range by {
		b.must(b.sign(id, s))
	}
	return id
}

func (b *board) sits(s policy.Stage, m member) (ok bool) {
	b.look(func(tx *ledger.Tx) (err error) { ok, err = b.Pinned(tx, s, m.Fingerprint); return err })
	return ok
}

func TestAMotionMakesAnExecutive(t *testing.T) {
	b := newBoard(t)
	ada := b.join("ada@example.eu", policy.Executive, "")
	if ada.Confirmed {
		t.Fatalf("got %+v, want somebody who waits", ada.Enrolled)
	}
	id := b.propose(b.ceo, admission(ada))
	b.must(b.sign(id, b.ceo))
	b.wantVoters(executives, "ceo@example.eu", "cto@example.eu")
	wantRefusal(t, b.vouch(ada.device, ada.ID, b.cto.ID, b.cto.Fingerprint), "")
	b.must(b.sign(id, b.cto))
	if !b.sits(executives, ada) || !b.as(ada).Admitted {
		t.Error("who was admitted does not count")
	}
	cookie, _, err := b.signIn(ada.device)
	b.must(err)
	l, err := b.Session(t.Context(), cookie)
	b.must(err)
	if !l.Admitted || !l.Confirmed {
		t.Errorf("got %+v", l)
	}
	all, err := b.Passkeys(t.Context(), ada.ID)
	b.must(err)
	if all[0].How != Admitted {
		t.Errorf("confirmed as %q", all[0].How)
	}
	lone := b.join("lone@example.eu", policy.Executive, "")
	b.carries(admission(lone), ada, b.cto) // and she admits
	b.look(func(tx *ledger.Tx) error {
		pins, err := b.Pins(tx)
		if !pins.Hold(lone.Principal, lone.Fingerprint) || len(pins.Executives) != 4 || len(pins.Customers["nord"]) != 2 {
			t.Errorf("got %+v", pins)
		}
		return err
	})
}

func TestACustomersReviewersAdmitTheirOwn(t *testing.T) {
	b := newBoard(t)
	cid := b.join("cid@nord.example", policy.Reviewer, "nord")
	for _, by := range []member{b.ceo, b.cto} {
		_, err := b.Propose(t.Context(), b.as(by), admission(cid))
		if err == nil {
			t.Errorf("%s proposes a reviewer of nord", by.ID)
		}
	}
	b.carries(admission(cid), b.ann, b.bea)
	if !b.sits(nord, cid) || b.sits(policy.Stage{Kind: policy.ByCustomer, Customer: "syd"}, cid) || b.sits(executives, cid) {
		t.Error("a reviewer of nord counts for nord alone")
	}
	b.wantVoters(nord, "ann@nord.example", "bea@nord.example", "cid@nord.example")
}

func TestWhoIsDismissedIsOut(t *testing.T) {
	b := newBoard(t)
	ada := b.join("ada@example.eu", policy.Executive, "")
	first := b.carries(admission(ada), b.ceo, b.cto)
	cookie, _, err := b.signIn(b.ceo.device)
	b.must(err)
	id := b.carries(policy.Motion{Kind: policy.ToDismiss, About: b.ceo.ID}, b.cto, ada)
	if _, err := b.Session(t.Context(), cookie); !errors.Is(err, ErrSignedOut) {
		t.Errorf("the session goes on: %v", err)
	}
	for range 2 { // a policy that repeats its founders, now and after a restart
		b.must(b.found())
		if b.sits(executives, b.ceo) || b.as(b.ceo).Admitted {
			t.Error("founded_by brings back who was dismissed")
		}
	}
	b.wantVoters(executives, "cto@example.eu", "ada@example.eu")
	friend := b.join("friend@example.eu", policy.Executive, "")
	if err := b.vouch(b.ceo.device, b.ceo.ID, friend.ID, friend.Fingerprint); err == nil {
		t.Error("who was dismissed confirms keys")
	}
	b.look(func(tx *ledger.Tx) error {
		for _, m := range []string{first, id} { // what the dismissed founder signed stays
			if _, err := b.Proven(tx, m); err != nil {
				t.Errorf("motion %s: %v", m, err)
			}
		}
		if ok, err := b.Sat(tx, executives, b.ceo.Fingerprint, 5); !ok || err != nil {
			t.Errorf("the past is forgotten: %v, %v", ok, err)
		}
		pins, err := b.Pins(tx)
		if slices.Contains(pins.Executives, b.ceo.Fingerprint) || pins.Hold(b.ceo.Principal, b.ceo.Fingerprint) {
			t.Errorf("got %v", pins)
		}
		return err
	})
	wantRefusal(t, b.Found(t.Context(), []string{b.cto.Fingerprint, ada.Fingerprint}, nil), "put that back")
	b.carries(admission(b.ceo), b.cto, ada)
	if !b.sits(executives, b.ceo) {
		t.Error("who was dismissed cannot come back")
	}
}

// TestAnOperatorAloneMakesNoApprover: with invitations, and with the ledger in hand.
func TestAnOperatorAloneMakesNoApprover(t *testing.T) {
	b := newBoard(t)
	friend := b.join("friend@example.eu", policy.Executive, "")
	b.must(b.vouch(b.ceo.device, b.ceo.ID, friend.ID, friend.Fingerprint))
	op := b.join("op@example.eu", policy.Staff, "")
	write := func(fn func(tx *ledger.Tx) error) error {
		return b.update(t.Context(), func(tx *ledger.Tx) error {
			if err := fn(tx); err != nil {
				return err
			}
			_, err := tx.Append(ledger.Event{Kind: "test", Actor: "op@example.eu"})
			return err
		})
	}
	signed := b.propose(b.ceo, admission(friend))
	b.must(b.sign(signed, b.ceo)) // one executive's word is not two
	forged := policy.Motion{ID: "AAAA", Kind: policy.ToAdmit, About: friend.ID, Key: friend.Fingerprint}
	for _, c := range []struct {
		rule string
		try  func() error
	}{
		{"proposes", func() error { _, err := b.Propose(t.Context(), b.as(op), admission(friend)); return err }},
		{"has the friend propose", func() error { _, err := b.Propose(t.Context(), b.as(friend), admission(friend)); return err }},
		{"says the friend is admitted", func() error {
			p := friend.Principal
			p.Admitted = true
			_, err := b.Prepare(t.Context(), p, signed)
			return err
		}},
		{"founds again", func() error {
			return b.Found(t.Context(), []string{b.ceo.Fingerprint, b.cto.Fingerprint, friend.Fingerprint}, nil)
		}},
		{"calls for the effect of a motion nobody made", func() error {
			return write(func(tx *ledger.Tx) error { return b.Effect(tx, &forged) })
		}},
		{"calls for the effect of a motion that waits", func() error {
			return write(func(tx *ledger.Tx) error { m := forged; m.ID = signed; return b.Effect(tx, &m) })
		}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if err := c.try(); err == nil {
				t.Error("it goes through")
			}
			if b.sits(executives, friend) || b.as(friend).Admitted {
				t.Error("the friend counts")
			}
		})
	}
	for _, motion := range []string{signed, "AAAA", "../x", ""} { // rows written with the log's own key
		b.must(write(func(tx *ledger.Tx) error {
			return tx.Put(turnsKey(policy.Executive, ""), turns{friend.Fingerprint: {{Motion: motion, In: true, Seq: 1}}})
		}))
		b.look(func(tx *ledger.Tx) error {
			if ok, _ := b.Pinned(tx, executives, friend.Fingerprint); ok {
				t.Errorf("a pin by motion %q counts without its signatures", motion)
			}
			if p, _ := b.Current(tx, friend.ID); p.Admitted {
				t.Errorf("a pin by motion %q admits", motion)
			}
			return nil
		})
	}
}

// TestAnAdmissionIsForItsOwnSeat: a motion that is proven pins no other key and no other set.
func TestAnAdmissionIsForItsOwnSeat(t *testing.T) {
	b := newBoard(t)
	ada, friend := b.join("ada@example.eu", policy.Executive, ""), b.join("friend@example.eu", policy.Executive, "")
	cid := b.join("cid@nord.example", policy.Reviewer, "nord")
	board, own := b.carries(admission(ada), b.ceo, b.cto), b.carries(admission(cid), b.ann, b.bea)
	b.must(b.update(t.Context(), func(tx *ledger.Tx) error {
		for key, rows := range map[string]turns{
			turnsKey(policy.Executive, ""):       {friend.Fingerprint: {{board, true, 1}}, cid.Fingerprint: {{own, true, 1}}},
			turnsKey(policy.Reviewer, "syd"):     {cid.Fingerprint: {{own, true, 1}}},
			turnsKey(policy.Reviewer, "nord/x"):  {cid.Fingerprint: {{own, true, 1}}},
			turnsKey(policy.Reviewer, "nothing"): {ada.Fingerprint: {{board, true, 1}}},
		} {
			if err := tx.Put(key, rows); err != nil {
				return err
			}
		}
		_, err := tx.Append(ledger.Event{Kind: "test", Actor: "op@example.eu"})
		return err
	}))
	for _, m := range []member{friend, cid} {
		if b.sits(executives, m) || b.sits(policy.Stage{Kind: policy.ByCustomer, Customer: "syd"}, m) {
			t.Errorf("%s sits where nobody admitted them", m.ID)
		}
	}
}

func TestAnEditedAdmissionIsNotBelieved(t *testing.T) {
	b := newBoard(t)
	ada := b.join("ada@example.eu", policy.Executive, "")
	id := b.carries(admission(ada), b.ceo, b.cto)
	for _, lie := range []string{`"motion":"` + id + `"`, `"phase":"approved"`} {
		b.engine.lie([]byte(lie), []byte(strings.Replace(lie, `":"`, `":"X`, 1)))
		b.look(func(tx *ledger.Tx) error {
			if ok, err := b.Pinned(tx, executives, ada.Fingerprint); ok || !errors.Is(err, ledger.ErrTampered) {
				t.Errorf("%s: got %v, %v, want ErrTampered", lie, ok, err)
			}
			return nil
		})
	}
	b.engine.lie(nil, nil)
	b.Directory.Charter = nil
	if b.sits(executives, ada) {
		t.Error("an admission that nothing proves counts")
	}
	if !b.sits(executives, b.ceo) {
		t.Error("founders do not count without a charter")
	}
}

// TestALockedPasskeySignsNothingMore, but what it signed before stands: else one copy would undo a board.
func TestALockedPasskeySignsNothingMore(t *testing.T) {
	b := newBoard(t)
	ada, lone := b.join("ada@example.eu", policy.Executive, ""), b.join("lone@example.eu", policy.Executive, "")
	b.carries(admission(ada), b.ceo, b.cto)
	open := b.propose(b.cto, admission(lone))
	b.ceo.device.cred.Counter = 7
	b.must(b.sign(open, b.ceo))
	_, _, err := b.signIn(b.ceo.device) // the counter stands still: a copy
	wantRefusal(t, err, "locked")
	if !b.sits(executives, ada) {
		t.Error("the admission falls with one of its signers")
	}
	if b.as(b.ceo).Admitted {
		t.Error("who has only a locked passkey counts")
	}
	b.must(b.sign(open, b.cto))
	if b.sits(executives, lone) {
		t.Error("the vote of a locked passkey carries what was open")
	}
	b.must(b.sign(open, ada))
	if !b.sits(executives, lone) {
		t.Error("two who count do not carry it")
	}
	b.carries(policy.Motion{Kind: policy.ToDismiss, About: b.ceo.ID}, b.cto, ada) // and they can be dismissed
}

func TestPeersAndOwnersCountByConfirmedPasskeys(t *testing.T) {
	b := newBoard(t)
	b.pol.Groups["dba"] = []string{"peer@example.eu", "late@example.eu", "ceo@example.eu", "ann@nord.example"}
	peer, late := b.join("peer@example.eu", policy.Staff, ""), b.join("late@example.eu", policy.Staff, "")
	b.must(b.vouch(b.ceo.device, b.ceo.ID, peer.ID, peer.Fingerprint))
	group, none := policy.Stage{Kind: policy.ByPeer, Group: "dba"}, policy.Stage{Kind: policy.ByPeer}
	owner := policy.Stage{Kind: policy.ByOwner, Group: "peer@example.eu"}
	for _, c := range []struct {
		rule  string
		stage policy.Stage
		who   member
		want  bool
	}{
		{"a member whose passkey is confirmed", group, peer, true},
		{"not yet confirmed", group, late, false},
		{"an executive in the group", group, b.ceo, true},
		{"an executive beside it", group, b.cto, false},
		{"a reviewer never", group, b.ann, false},
		{"a stage without a group", none, peer, false},
		{"the owner", owner, peer, true},
		{"not another", owner, b.ceo, false},
		{"a peer is no executive", executives, peer, false},
		{"a kind of stage that is not known", policy.Stage{Kind: "x", Group: "dba"}, peer, false},
	} {
		if got := b.sits(c.stage, c.who); got != c.want {
			t.Errorf("%s: %v", c.rule, got)
		}
	}
	b.wantVoters(group, "ceo@example.eu", "peer@example.eu")
	b.wantVoters(owner, "peer@example.eu")
	b.wantVoters(none)
	b.look(func(tx *ledger.Tx) error {
		if ok, err := b.Pinned(tx, group, "SHA256:nobody"); ok || err != nil {
			t.Errorf("got %v, %v", ok, err)
		}
		return nil
	})
}

func TestNobodySignsWithAnothersPasskey(t *testing.T) {
	b := newBoard(t)
	ada := b.join("ada@example.eu", policy.Executive, "")
	id := b.propose(b.ceo, admission(ada))
	ballot, err := b.Prepare(t.Context(), b.as(b.ceo), id)
	b.must(err)
	a := b.cto.device.sign(ballot.Domain, ballot.Statement)
	_, err = b.Charter.Sign(t.Context(), b.as(b.ceo), ballot.Nonce, a)
	wantRefusal(t, err, "not yours")
	ballot, err = b.Prepare(t.Context(), b.as(b.ceo), id)
	b.must(err)
	_, err = b.Charter.Sign(t.Context(), b.as(b.ceo), ballot.Nonce, b.ceo.device.sign(statement.ForDismiss, ballot.Statement))
	wantRefusal(t, err, "challenge")
}
