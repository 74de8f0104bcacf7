package attacks

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

func admission(h *world.Human) policy.Motion {
	return policy.Motion{Kind: policy.ToAdmit, About: h.ID, Key: h.Fingerprint}
}

func dismissal(h *world.Human) policy.Motion {
	return policy.Motion{Kind: policy.ToDismiss, About: h.ID, Key: h.Fingerprint}
}

func delegation(to *world.Human) policy.Motion {
	return policy.Motion{Kind: policy.ToDelegate, About: to.ID, Key: to.Fingerprint, Until: time.Now().Add(48 * time.Hour)}
}

func budget(uses int) policy.Motion {
	return policy.Motion{
		Kind: policy.ToInstruct, Customer: "nord", Until: time.Now().Add(24 * time.Hour), Uses: uses, For: time.Hour,
		Scope: policy.Scope{Targets: []string{"db1.prod"}},
	}
}

// Leans on: a signature counts over the stored bytes, and a row is proven before it is built on.
func TestC01AMotionThatIsChangedUnderItsSignersIsNotSigned(t *testing.T) {
	w := newWorld(t)
	id := w.Propose(t, w.Ceo, admission(w.Lone))
	whole := copyOf(t, w)
	must(t, w.SignMotion(t, w.Ceo, id))
	signed := copyOf(t, w)
	key := "rmotion/" + id
	edit(t, w, key, func(v []byte) []byte {
		v[bytes.Index(v, []byte(`"body":"`))+40] ^= 1
		return v
	})
	if err := w.SignMotion(t, w.Cto, id); !errors.Is(err, ledger.ErrTampered) {
		t.Errorf("a motion that somebody edited: got %v", err)
	}
	whole.putBack(t, w, key)
	if err := w.SignMotion(t, w.Ceo, id); !errors.Is(err, ledger.ErrTampered) {
		t.Errorf("a motion from before the first signature: got %v", err)
	}
	signed.putBack(t, w, key)
	must(t, w.SignMotion(t, w.Cto, id))
	if err := w.Approve(t, w.Lone, w.Ask(t, w.Eng, "nord", time.Hour)); err == nil {
		t.Error("a session from before the admission votes") // Lone signs in again to be what they are now
	}
}

// Leans on: only executives who are pinned propose and sign; nobody carries a motion about themselves.
func TestC03NobodyMakesAnApproverAlone(t *testing.T) {
	w := newWorld(t)
	for _, h := range []*world.Human{w.Eng, w.Lone, w.Ann} {
		lying := *h
		lying.Kind, lying.Admitted, lying.Customer = policy.Executive, true, ""
		for _, as := range []policy.Principal{h.Principal, lying.Principal} {
			if v, err := w.Charter.Propose(t.Context(), as, admission(w.Lone)); err == nil {
				t.Errorf("%s proposes an executive: %s", h.ID, v.Motion.ID)
			}
		}
	}
	gate := policy.Principal{ID: "lockbox", Name: "Lockbox", Kind: policy.Machine}
	if _, err := w.Charter.Propose(t.Context(), gate, admission(w.Lone)); err == nil {
		t.Error("the gateway proposes an executive")
	}
	id := w.Propose(t, w.Ceo, admission(w.Lone))
	must(t, w.SignMotion(t, w.Ceo, id))
	for _, h := range []*world.Human{w.Ceo, w.Lone, w.Eng, w.Ann} {
		if err := w.SignMotion(t, h, id); err == nil {
			t.Errorf("%s signs as the second executive", h.ID)
		}
	}
	b, err := w.Charter.Prepare(t.Context(), w.Cto.Principal, id)
	must(t, err)
	if _, err := w.Charter.Sign(t.Context(), w.Cto.Principal, b.Nonce, w.Sign(t, w.Ceo, b.Domain, b.Statement)); err == nil {
		t.Error("one passkey signs for two people")
	}
	for _, m := range []policy.Motion{{Kind: policy.ToSet, Customer: "nord", Notice: true}, budget(3)} {
		for _, h := range []*world.Human{w.Ceo, w.Bo, w.Eng} {
			if _, err := w.Charter.Propose(t.Context(), h.Principal, m); err == nil {
				t.Errorf("%s proposes to %s for nord", h.ID, m.Kind)
			}
		}
	}
}

// Leans on: rows of pins and motions are the newest, or not believed.
func TestC29WhoWasDismissedIsNotBroughtBackByTheFile(t *testing.T) {
	w := newWorld(t)
	w.Admit(t)
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	must(t, w.Approve(t, w.Ceo, code))
	must(t, w.Approve(t, w.Ann, code))
	if !lets(t, w.Gateway, knock(w.Eng)) {
		t.Fatal("the grant opens nothing to begin with")
	}
	past := copyOf(t, w)
	w.Pass(t, dismissal(w.Ceo), w.Cto, w.Lone)
	if lets(t, w.Gateway, knock(w.Eng)) {
		t.Error("the vote of somebody who was dismissed since lets in")
	}
	waits := w.Ask(t, w.Mate, "nord", time.Hour)
	now := copyOf(t, w)
	for _, prefix := range []string{"rpins/", "rmotion/", "rmotion-held/", "rperson/", "rcredential/"} {
		past.putBack(t, w, prefix)
		if err := w.Approve(t, w.Ceo, waits); err == nil {
			t.Errorf("who was dismissed votes, with %s of the past", prefix)
		}
		if lets(t, w.Gateway, knock(w.Eng)) {
			t.Errorf("the vote of who was dismissed counts, with %s of the past", prefix)
		}
		now.putBack(t, w, prefix)
	}
}

// Leans on: who signs is asked about as they are at that instant.
func TestC28ABallotOfSomebodyWhoWasDismissedIsNoVote(t *testing.T) {
	w := newWorld(t)
	w.Admit(t)
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	shown, signed := ballot(t, w, w.Lone, code)
	other := w.Propose(t, w.Ceo, dismissal(w.Cto))
	b, err := w.Charter.Prepare(t.Context(), w.Lone.Principal, other)
	must(t, err)
	yes := w.Sign(t, w.Lone, b.Domain, b.Statement)
	w.Pass(t, dismissal(w.Lone), w.Ceo, w.Cto)
	if _, err := w.Desk.Approve(t.Context(), w.Lone.Principal, shown.Nonce, signed); err == nil {
		t.Error("a ballot from before the dismissal is a vote")
	}
	if _, err := w.Desk.Reject(t.Context(), w.Lone.Principal, code, "no"); err == nil {
		t.Error("who was dismissed says no")
	}
	if _, err := w.Charter.Sign(t.Context(), w.Lone.Principal, b.Nonce, yes); err == nil {
		t.Error("a ballot on a motion from before the dismissal is a signature")
	}
	if _, err := w.Charter.Oppose(t.Context(), w.Lone.Principal, other, ""); err == nil {
		t.Error("who was dismissed opposes")
	}
}

// Leans on: a deputy and who made them are one, and nobody is a deputy for their own.
func TestC09ADeputyIsNoSecondPerson(t *testing.T) {
	w := newWorld(t)
	w.Admit(t)
	change(w, func(p *policy.Policy) { p.Rules[0].Stages[0].Count = 2 })
	w.Pass(t, delegation(w.Mate), w.Ceo)
	own := w.Ask(t, w.Mate, "nord", time.Hour)
	if err := w.Approve(t, w.Mate, own); err == nil {
		t.Error("a deputy approves their own request")
	}
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	must(t, w.Approve(t, w.Mate, code))
	if err := w.Approve(t, w.Ceo, code); err == nil {
		t.Error("an executive votes beside their deputy")
	}
	if v, err := w.Desk.See(t.Context(), w.Eng.Principal, code); err != nil || v.Status.Stages[0].Phase != policy.Pending {
		t.Errorf("one person and their deputy are two: %+v, %v", v.Status, err)
	}
}

// Leans on: every stage of a request is somebody else's eyes.
func TestC09OnePersonIsNotTwoStages(t *testing.T) {
	w := newWorld(t)
	w.Admit(t)
	change(w, func(p *policy.Policy) {
		p.Groups["engineers"] = append(p.Groups["engineers"], "lone@x.eu")
		p.Rules[0].Stages = []policy.Stage{
			{Kind: policy.ByPeer, Group: "engineers", Count: 1, Expires: time.Hour}, {Kind: policy.ByExecutive, Group: "board", Count: 1, Expires: time.Hour},
		}
	})
	w.Pass(t, delegation(w.Mate), w.Ceo)
	for name, two := range map[string][2]*world.Human{"a peer who is a deputy": {w.Mate, w.Mate}, "an executive who is a peer": {w.Lone, w.Lone}} {
		code := w.Ask(t, w.Eng, "nord", time.Hour)
		must(t, w.Approve(t, two[0], code))
		if err := w.Approve(t, two[1], code); err == nil {
			t.Errorf("%s approves alone", name)
		}
		must(t, w.Desk.Withdraw(t.Context(), w.Eng.Principal, code))
	}
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	one, first := ballot(t, w, w.Lone, code)
	must(t, w.Approve(t, w.Mate, code))
	if _, err := w.Desk.Approve(t.Context(), w.Lone.Principal, one.Nonce, first); err == nil {
		t.Error("a ballot counts for another stage than it was shown for")
	}
	must(t, w.Approve(t, w.Lone, code))
}

// Leans on: a delegation is asked about when a vote is cast, and again when it is used.
func TestC28ADeputyOfSomebodyWhoWasDismissedIsNone(t *testing.T) {
	w := newWorld(t)
	w.Admit(t)
	w.Pass(t, delegation(w.Mate), w.Lone)
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	must(t, w.Approve(t, w.Mate, code))
	must(t, w.Approve(t, w.Ann, code))
	if !lets(t, w.Gateway, knock(w.Eng)) {
		t.Fatal("a deputy's vote counts for nothing")
	}
	past := copyOf(t, w)
	w.Pass(t, dismissal(w.Lone), w.Ceo, w.Cto)
	if lets(t, w.Gateway, knock(w.Eng)) {
		t.Error("the vote of a deputy outlives the dismissal of who made them")
	}
	waits := w.Ask(t, w.Eng, "", time.Hour)
	for _, prefix := range []string{"rmotion-held/", "rpins/"} {
		past.putBack(t, w, prefix)
		if err := w.Approve(t, w.Mate, waits); err == nil {
			t.Errorf("the deputy of somebody who was dismissed votes, with %s of the past", prefix)
		}
	}
}

// Leans on: a use is counted in the transaction of its request, in a row that is the newest.
func TestC06ABudgetIsNotSpentTwice(t *testing.T) {
	w := newWorld(t)
	id := w.Pass(t, budget(1), w.Ann)
	fresh := copyOf(t, w)
	first := w.Ask(t, w.Eng, "nord", time.Hour)
	must(t, w.Approve(t, w.Ceo, first))
	if !lets(t, w.Gateway, knock(w.Eng)) {
		t.Fatal("an instruction stands for nothing")
	}
	used := copyOf(t, w)
	fresh.putBack(t, w, "ruses/")
	if _, err := w.Desk.Submit(t.Context(), w.Mate.Principal, application(time.Hour)); !errors.Is(err, ledger.ErrTampered) {
		t.Errorf("with the count taken away: got %v", err)
	}
	used.putBack(t, w, "ruses/")
	edit(t, w, "rmotion/"+id, func(v []byte) []byte { v[bytes.Index(v, []byte(`"body":"`))+40] ^= 1; return v })
	if _, err := w.Desk.Submit(t.Context(), w.Mate.Principal, application(time.Hour)); !errors.Is(err, ledger.ErrTampered) {
		t.Errorf("with the budget edited: got %v", err)
	}
	used.putBack(t, w, "rmotion/")
	second := w.Ask(t, w.Mate, "nord", time.Hour)
	must(t, w.Approve(t, w.Ceo, second))
	if lets(t, w.Gateway, knock(w.Mate)) {
		t.Error("a budget of one stands for two requests")
	}
}

// Leans on: a customer's motion is for that customer alone, and never for executives.
func TestF03ACustomersInstructionStandsForItself(t *testing.T) {
	w := newWorld(t)
	w.Pass(t, budget(5), w.Ann)
	w.Pass(t, policy.Motion{Kind: policy.ToSet, Customer: "nord", Notice: true}, w.Ann)
	both := w.Ask(t, w.Eng, "", time.Hour)
	must(t, w.Approve(t, w.Ceo, both))
	k := knock(w.Eng)
	k.Login = "deploy"
	if lets(t, w.Gateway, k) {
		t.Error("nord's instruction stands for syd")
	}
	w.Ask(t, w.Eng, "nord", time.Hour)
	if lets(t, w.Gateway, knock(w.Eng)) {
		t.Error("a customer's instruction stands for an executive")
	}
	for _, kinds := range [][]policy.MotionKind{nil, {policy.ToInstruct}, {policy.ToSet}} {
		if all, err := w.Charter.List(t.Context(), w.Bo.Principal, kinds...); err != nil || len(all) != 0 {
			t.Errorf("syd sees %d motions of nord, %v", len(all), err)
		}
	}
}

// Leans on: every kind of motion is signed under its own domain and code.
func TestC07ASignatureOnOneMotionIsNoneOnAnother(t *testing.T) {
	w := newWorld(t)
	w.Admit(t)
	one, two := w.Propose(t, w.Ceo, dismissal(w.Lone)), w.Propose(t, w.Ceo, dismissal(w.Cto))
	a, err := w.Charter.Prepare(t.Context(), w.Ceo.Principal, one)
	must(t, err)
	b, err := w.Charter.Prepare(t.Context(), w.Ceo.Principal, two)
	must(t, err)
	if _, err := w.Charter.Sign(t.Context(), w.Ceo.Principal, b.Nonce, w.Sign(t, w.Ceo, a.Domain, a.Statement)); err == nil {
		t.Error("a signature on one dismissal dismisses another")
	}
	if _, err := w.Charter.Sign(t.Context(), w.Ceo.Principal, a.Nonce, w.Sign(t, w.Ceo, statement.ForAdmit, a.Statement)); err == nil {
		t.Error("a signature under another domain counts")
	}
	for _, id := range []string{one, two} {
		v, err := w.Charter.See(t.Context(), w.Cto.Principal, id)
		if err != nil || len(v.Motion.Votes) != 0 || strings.Contains(string(v.Status.Phase), "approved") {
			t.Errorf("got %+v, %v", v, err)
		}
	}
}

// Leans on: who acts for one customer is nobody to another, in every row that it sees.
func TestF01WhoEndsAGrantIsNotNamedToAnotherCustomer(t *testing.T) {
	w := newWorld(t)
	code := w.Ask(t, w.Eng, "", time.Hour)
	for _, h := range []*world.Human{w.Ceo, w.Ann, w.Bo} {
		must(t, w.Approve(t, h, code))
	}
	k := knock(w.Eng)
	k.Login = "deploy"
	v := visit(t, w, k)
	must(t, w.Desk.Revoke(t.Context(), w.Ann.Principal, code, "Nord has had enough"))
	wantEnd(t, v, "revoked")
	v.Leave()
	tell := func(h *world.Human) string {
		view, err := w.Desk.See(t.Context(), h.Principal, code)
		must(t, err)
		sessions, err := w.Gateway.SessionsOf(t.Context(), h.Principal, code)
		must(t, err)
		said, err := json.Marshal([]any{view, view.Grant.Over(view.Now), sessions})
		must(t, err)
		return strings.ToLower(string(said))
	}
	if said := tell(w.Bo); strings.Contains(said, "nord") || !strings.Contains(said, "revoked by one of those who decide") {
		t.Errorf("syd is told %s", said)
	}
	if said := tell(w.Eng); !strings.Contains(said, "ann@nord.x: nord has had enough") {
		t.Errorf("the engineer is told %s", said)
	}
	all, err := w.Ledger.After(t.Context(), -1, 1000)
	must(t, err)
	for _, e := range all {
		if e.Kind == "statement.shown" && e.Actor == w.Ann.ID && slices.Contains(e.Subjects, "syd") {
			t.Errorf("syd's log names %s: %+v", w.Ann.ID, e)
		}
	}
}
