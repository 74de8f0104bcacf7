package identity

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

func TestASecondPersonConfirmsAKey(t *testing.T) {
	w := newWorld(t)
	ceo, _ := w.ceo()
	_, e := w.enrol(Invite{ID: "eng@example.eu", Kind: policy.Staff})
	w.must(w.vouch(ceo, "ceo@example.eu", e.ID, e.Fingerprint))
	keys, err := w.Passkeys(t.Context(), e.ID)
	w.must(err)
	c := keys[0]
	if c.How != Vouched || c.ConfirmedBy != "ceo@example.eu" || !c.Confirmed.Equal(w.now()) {
		t.Errorf("got %+v", c)
	}
	said, err := statement.ParseVouch(c.Vouch.Text)
	w.must(err)
	said.Nonce = ""
	if diff := cmp.Diff(statement.Vouch{Log: "lockbox.test", By: "ceo@example.eu", Person: e.ID, Key: e.Fingerprint}, said); diff != "" {
		t.Error(diff)
	}
	p, err := w.Person(t.Context(), e.ID)
	w.must(err)
	if p.Vouched != "ceo@example.eu" {
		t.Errorf("got %q, want who vouched", p.Vouched)
	}
	err = w.vouch(ceo, "ceo@example.eu", e.ID, e.Fingerprint)
	wantRefusal(t, err, "confirmed already")
	all, err := w.People(t.Context())
	w.must(err)
	if len(all) != 2 || all[0].ID != "ceo@example.eu" || all[1].ID != e.ID {
		t.Errorf("got %+v", all)
	}
}

func TestWhoMayNotConfirm(t *testing.T) {
	w := newWorld(t)
	ceo, ceoE := w.ceo()
	op, opE := w.enrol(Invite{ID: "op@example.eu", Kind: policy.Staff})
	w.must(w.vouch(ceo, ceoE.ID, opE.ID, opE.Fingerprint))
	eng, engE := w.eng(ceo, "")
	newcomer, newE := w.enrol(Invite{ID: "new@example.eu", Kind: policy.Staff})
	token, err := w.NewLink(t.Context(), opE.ID, Invite{ID: "friend@example.eu", Name: "Friend", Kind: policy.Staff})
	w.must(err)
	_, friend := w.use(token)
	for _, c := range []struct {
		name        string
		by          *device
		id, about   string
		fingerprint string
		want        string
	}{
		{"an engineer", eng, engE.ID, newE.ID, newE.Fingerprint, "only an executive"},
		{"the person", newcomer, newE.ID, newE.ID, newE.Fingerprint, "no passkey that is confirmed"},
		{"nobody", ceo, "nobody@example.eu", newE.ID, newE.Fingerprint, "nobody"},
		{"with another person's fingerprint", ceo, ceoE.ID, newE.ID, engE.Fingerprint, "not that of"},
		{"with a fingerprint of nothing", ceo, ceoE.ID, newE.ID, "SHA256:" + strings.Repeat("A", 43), "no passkey with"},
		{"with no fingerprint", ceo, ceoE.ID, newE.ID, "", "not the fingerprint"},
		{"with two lines", ceo, ceoE.ID, newE.ID, "SHA256:x\npasskey: y", "not the fingerprint"},
		{"whom they invited", op, opE.ID, friend.ID, friend.Fingerprint, "you invited"},
		{"with somebody else's passkey", eng, ceoE.ID, newE.ID, newE.Fingerprint, "not yours"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantRefusal(t, w.vouch(c.by, c.id, c.about, c.fingerprint), c.want)
		})
	}
	wantRefusal(t, w.vouch(op, opE.ID, newE.ID, newE.Fingerprint), "only an executive")
	w.must(w.vouch(ceo, ceoE.ID, newE.ID, newE.Fingerprint))
	w.must(w.vouch(ceo, ceoE.ID, friend.ID, friend.Fingerprint))
}

func TestAnAskIsForOneThing(t *testing.T) {
	w := newWorld(t)
	ceo, ceoE := w.ceo()
	_, e := w.enrol(Invite{ID: "eng@example.eu", Kind: policy.Staff})
	ask, err := w.BeginVouch(t.Context(), ceoE.ID, e.ID, e.Fingerprint)
	w.must(err)
	_, err = w.AddSSHKey(t.Context(), ask.ID, ceo.get(ask.Options))
	wantRefusal(t, err, "begin again")
	line, _ := sshLine(t)
	ask, err = w.BeginSSHKey(t.Context(), ceoE.ID, line)
	w.must(err)
	wantRefusal(t, w.Vouch(t.Context(), ask.ID, ceo.get(ask.Options)), "begin again")
}

func TestABoardMemberAddedByAnOperatorDoesNotCount(t *testing.T) {
	w := newWorld(t)
	ceo, ceoE := w.ceo()
	_, e := w.enrol(Invite{ID: "friend@example.eu", Kind: policy.Executive, Founds: true}) // it is too late to found
	if e.Confirmed || e.Founded {
		t.Errorf("got %+v, want somebody who waits", e)
	}
	w.must(w.vouch(ceo, ceoE.ID, e.ID, e.Fingerprint)) // and even so:
	w.wantVoters(policy.Stage{Kind: policy.ByExecutive}, ceoE.ID)
	w.must(w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
		pins, err := w.Pins(tx)
		w.must(err)
		if pins.Hold(e.Principal, e.Fingerprint) {
			t.Error("the vote of a person whom an operator added counts")
		}
		ok, err := w.Pinned(tx, policy.Stage{Kind: policy.ByExecutive}, e.Fingerprint)
		if ok {
			t.Error("the vote of a person whom an operator added counts")
		}
		return err
	}))
}

func (w *world) wantVoters(s policy.Stage, want ...string) {
	w.t.Helper()
	var got []string
	w.must(w.Ledger.View(w.t.Context(), func(tx *ledger.Tx) error {
		all, err := w.Voters(tx, s)
		for _, p := range all {
			got = append(got, p.ID)
		}
		return err
	}))
	slices.Sort(got) // the order is of fingerprints: chance
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Errorf("voters %q, want %q", got, want)
	}
}

func TestTheFirstOfASetFoundsIt(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		invite  Invite
		founded bool
	}{
		{Invite{ID: "plain@example.eu", Kind: policy.Executive}, false},
		{Invite{ID: "ceo@example.eu", Kind: policy.Executive, Founds: true}, true},
		{Invite{ID: "cto@example.eu", Kind: policy.Executive, Founds: true}, false},
		{Invite{ID: "a@nord.example", Kind: policy.Reviewer, Customer: "nord", Founds: true}, true},
		{Invite{ID: "b@nord.example", Kind: policy.Reviewer, Customer: "nord", Founds: true}, false},
		{Invite{ID: "a@syd.example", Kind: policy.Reviewer, Customer: "syd", Founds: true}, true},
		{Invite{ID: "eng@example.eu", Kind: policy.Staff, Founds: true}, true},
		{Invite{ID: "eng2@example.eu", Kind: policy.Staff, Founds: true}, false},
		{Invite{ID: "audit@example.eu", Kind: policy.Auditor, Founds: true}, false},
	} {
		_, e := w.enrol(c.invite)
		if e.Founded != c.founded || e.Confirmed != c.founded {
			t.Errorf("%s: got %+v, want founded %v", c.invite.ID, e, c.founded)
		}
	}
	if got := w.kinds("founded"); got != 4 {
		t.Errorf("got %d events founded, want 4", got)
	}
	w.wantVoters(policy.Stage{Kind: policy.ByExecutive}, "ceo@example.eu")
	w.wantVoters(policy.Stage{Kind: policy.ByExecutive, Group: "board"})
	w.wantVoters(policy.Stage{Kind: policy.ByCustomer, Customer: "nord"}, "a@nord.example")
	w.wantVoters(policy.Stage{Kind: policy.ByCustomer, Customer: "syd"}, "a@syd.example")
	w.wantVoters(policy.Stage{Kind: policy.ByCustomer})
	w.wantVoters(policy.Stage{Kind: "peer"})
}

func TestFoundedByIsPinnedOnce(t *testing.T) {
	w := newWorld(t)
	a, b, c := "SHA256:"+strings.Repeat("A", 43), "SHA256:"+strings.Repeat("B", 42)+"A", "SHA256:"+strings.Repeat("C", 42)+"A"
	found := func(execs []string, nord []string) error {
		return w.Found(t.Context(), execs, map[string][]string{"nord": nord})
	}
	w.must(found(nil, nil))
	w.must(found([]string{a, b}, nil))
	w.must(found([]string{b, a, a}, nil)) // the same
	w.must(found(nil, []string{c}))       // silent about executives; a customer comes later
	w.must(found([]string{a, b}, []string{c}))
	for _, execs := range [][]string{{a}, {a, b, c}, {a, c}} { // fewer, more, another
		wantRefusal(t, found(execs, nil), "put that back")
	}
	wantRefusal(t, found(nil, []string{a}), "put that back")
	wantRefusal(t, found([]string{"SHA256:x"}, nil), "not a fingerprint")
	if got := w.kinds("founded"); got != 2 {
		t.Errorf("got %d events founded, want 2", got)
	}
	_, e := w.enrol(Invite{ID: "ceo@example.eu", Kind: policy.Executive, Founds: true})
	if e.Founded || e.Confirmed {
		t.Errorf("got %+v: founded although the policy pins others", e)
	}
}

func TestFoundedByConfirmsWhoEnrolledBefore(t *testing.T) {
	w := newWorld(t)
	_, ceo := w.enrol(Invite{ID: "ceo@example.eu", Kind: policy.Executive})
	_, rev := w.enrol(Invite{ID: "a@nord.example", Kind: policy.Reviewer, Customer: "nord"})
	_, eng := w.enrol(Invite{ID: "eng@example.eu", Kind: policy.Staff})
	wantRefusal(t, w.Found(t.Context(), []string{eng.Fingerprint}, nil), "not of this set")
	wantRefusal(t, w.Found(t.Context(), nil, map[string][]string{"syd": {rev.Fingerprint}}), "not of this set")
	w.wantVoters(policy.Stage{Kind: policy.ByExecutive})
	w.must(w.Found(t.Context(), []string{ceo.Fingerprint}, map[string][]string{"nord": {rev.Fingerprint}}))
	w.wantVoters(policy.Stage{Kind: policy.ByExecutive}, "ceo@example.eu")
	w.wantVoters(policy.Stage{Kind: policy.ByCustomer, Customer: "nord"}, "a@nord.example")
	w.wantVoters(policy.Stage{Kind: policy.ByCustomer, Customer: "syd"})
}

func TestAFingerprintPinnedBeforeIsConfirmedAtEnrolment(t *testing.T) {
	w := newWorld(t)
	d := newDevice(t, "ec2")
	k, err := pkix(d.cred.Key.AttestationData())
	w.must(err)
	w.must(w.Found(t.Context(), []string{k.Fingerprint()}, nil))
	token, err := w.NewLink(t.Context(), "op@example.eu", Invite{ID: "ceo@example.eu", Name: "Carla", Kind: policy.Executive})
	w.must(err)
	_, options, err := w.BeginEnroll(t.Context(), token, here)
	w.must(err)
	e, err := w.FinishEnroll(t.Context(), token, d.create(options), here)
	w.must(err)
	if !e.Confirmed || e.Founded {
		t.Errorf("got %+v, want confirmed by its pin", e)
	}
	w.wantVoters(policy.Stage{Kind: policy.ByExecutive}, "ceo@example.eu")
}

func TestALockedPasskeyDoesNotVote(t *testing.T) {
	w := newWorld(t)
	d, e := w.ceo()
	d.cred.Counter = 2
	_, _, err := w.signIn(d)
	w.must(err)
	_, _, err = w.signIn(d)
	wantRefusal(t, err, "locked")
	w.wantVoters(policy.Stage{Kind: policy.ByExecutive})
	w.must(w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
		_, _, err := w.Passkey(tx, e.Fingerprint)
		wantRefusal(t, err, "locked")
		return nil
	}))
}
