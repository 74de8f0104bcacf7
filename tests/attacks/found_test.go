package attacks

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

func TestF01AReviewersViewOfAVoteNamesNoOtherCustomer(t *testing.T) {
	w := newWorld(t)
	code, _ := all(t, w)
	v, err := w.Desk.See(t.Context(), w.Bo.Principal, code)
	must(t, err)
	for _, vote := range v.Request.Votes {
		if strings.Contains(string(vote.Statement), "nord") {
			t.Errorf("the vote of %s shows syd's reviewer:\n%s", vote.By.Name, vote.Statement)
		}
		if vote.Stage >= len(v.Request.Stages) {
			t.Errorf("the vote of %s is of stage %d of %d: there is a stage that is not shown", vote.By.Name, vote.Stage, len(v.Request.Stages))
		}
	}
}

func TestF01WhoMayAskForNothingLearnsNoCustomersAndNoTargets(t *testing.T) {
	w := newWorld(t)
	for name, a := range map[string]approvals.Application{
		"the template": {Target: "db1.prod", Login: "support_{{customer}}", Do: policy.Shell}, "no login": {Target: "db1.prod", Do: policy.Shell},
	} {
		_, err := w.Desk.Submit(t.Context(), w.Bo.Principal, a)
		if err == nil || strings.Contains(err.Error(), "nord") {
			t.Errorf("%s: a reviewer of syd is told %q", name, err)
		}
	}
	_, there := w.Desk.Submit(t.Context(), w.Bo.Principal, approvals.Application{Target: "db1.prod", Login: "deploy", Do: policy.Shell})
	_, not := w.Desk.Submit(t.Context(), w.Bo.Principal, approvals.Application{Target: "db9.prod", Login: "deploy", Do: policy.Shell})
	if there == nil || not == nil || strings.ReplaceAll(there.Error(), "db1", "db9") != not.Error() {
		t.Errorf("a reviewer can tell which targets there are: %q, %q", there, not)
	}
}

// lied gives two good receipts: of a revoked grant with two sessions, and of one with one.
func lied(t *testing.T) (*world.World, approvals.Receipt, approvals.Receipt) {
	t.Helper()
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	for range 2 {
		v := visit(t, w, knock(w.Eng))
		say(t, v, "rows of nord")
		v.Leave()
	}
	must(t, w.Desk.Revoke(t.Context(), w.Ann.Principal, code, "enough"))
	one := receipt(t, w, code)
	other := w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, knock(w.Eng))
	say(t, v, "nothing much")
	v.Leave()
	two := receipt(t, w, other)
	if !holds(t, w, one) || !holds(t, w, two) {
		t.Fatal("a good receipt does not hold")
	}
	return w, one, two
}

func TestF20AReceiptSaysOnlyWhatTheLogSays(t *testing.T) {
	w, one, two := lied(t)
	for name, r := range map[string]approvals.Receipt{
		"a grant made, started and ended a day later": with(one, func(r *approvals.Receipt) {
			g, d := r.Grant, 24*time.Hour
			g.Made, g.ActivateBefore, g.Activated, g.NotAfter = g.Made.Add(d), g.ActivateBefore.Add(d), g.Activated.Add(d), g.NotAfter.Add(d)
			r.Stays = nil
		}),
		"a revocation left out": with(one, func(r *approvals.Receipt) {
			r.Grant.Revoked, r.Grant.RevokedBy, r.Grant.RevokedWhy = time.Time{}, "", ""
		}),
		"a session after the revocation": with(one, func(r *approvals.Receipt) { r.Grant.Revoked = r.Grant.Made }),
		"a vote at another time":         with(one, func(r *approvals.Receipt) { r.Case.Votes[0].At = r.Case.Votes[0].At.Add(-time.Hour) }),
		"another's end for a session": with(one, func(r *approvals.Receipt) {
			r.Stays[0].Close, r.Stays[0].Session.Root = two.Stays[0].Close, two.Stays[0].Session.Root
		}),
		"one session's beginning for another's": with(one, func(r *approvals.Receipt) { r.Stays[0].Open = r.Stays[1].Open }),
		"a session by another name":             with(one, func(r *approvals.Receipt) { r.Stays[0].Session.ID = strings.Repeat("0", 26) }),
		"a session of another person":           with(one, func(r *approvals.Receipt) { r.Stays[0].Session.Who = w.Mate.Principal }),
		"a session on another target":           with(one, func(r *approvals.Receipt) { r.Stays[0].Session.Target = "db9.prod" }),
		"a session at another time":             with(one, func(r *approvals.Receipt) { r.Stays[0].Session.Ended = r.Stays[0].Session.Began.Add(time.Second) }),
		"a session left out":                    with(one, func(r *approvals.Receipt) { r.Stays = r.Stays[:1] }),
		"a session without its end":             with(one, func(r *approvals.Receipt) { r.Stays[0].Close = nil }),
	} {
		if holds(t, w, r) {
			t.Errorf("%s: the receipt holds", name)
		}
	}
}

func TestF20ARequestsOwnLeafIsNoSession(t *testing.T) {
	w, one, _ := lied(t)
	events, err := w.Ledger.After(t.Context(), -1, 1000)
	must(t, err)
	i := slices.IndexFunc(events, func(e ledger.Event) bool {
		return e.Kind == "request.made" && slices.Contains(e.Subjects, one.Grant.ID)
	})
	made, err := w.Ledger.Of("nord").Prove(t.Context(), events[i].Seq)
	must(t, err)
	if holds(t, w, with(one, func(r *approvals.Receipt) {
		r.Stays[0].Open, r.Head = made.Entries[0], made.Head
		r.Grant.Made, r.Grant.ActivateBefore = events[i].At, events[i].At.Add(time.Hour)
		r.Case.Votes[0].At, r.Case.Votes[1].At = events[i].At, events[i].At
	})) {
		t.Error("the leaf of a request counts as the beginning of a session")
	}
}

// A recording that is lost has no root; the receipt then must not say that it
// closed "with the root of its recording".
func TestB28AReceiptOfASessionWithoutARecordingDoesNotHold(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	visit(t, w, knock(w.Eng))
	n, err := restarted(t, w, time.Now)
	must(t, err)
	n.Gateway.Shelf = &recorder.Shelf{ // somebody removed the recording after kill -9
		Dir: t.TempDir(), Recipients: w.Shelf.Recipients, AtRest: w.Keys.AtRest, Signer: w.Keys.Log, Verifier: w.Keys.LogVerifier,
	}
	must(t, n.Gateway.Recover(t.Context()))
	r, err := n.Gateway.Receipt(t.Context(), w.Ann.Principal, code)
	must(t, err)
	if holds(t, w, r) {
		t.Errorf("it holds with the root %q", r.Stays[0].Session.Root)
	}
}

// The log key signed it, so this is a lie of the gateway's own: an offline
// verifier is there for just that.
func TestF20AReceiptWithoutTheCustomersStageDoesNotHold(t *testing.T) {
	w := newWorld(t)
	q := policy.Request{
		ID: "AAAA", At: time.Now().UTC(), Who: w.Eng.Principal, Target: "db1.prod", Login: "support_nord", Actions: []policy.Action{policy.Shell},
		Customers: []string{"nord"}, Need: policy.Need{Reason: "outage", Text: "contract stuck in state 7"}, For: time.Hour, ActivateWithin: time.Hour,
		Stages: []policy.Stage{{Kind: policy.ByExecutive, Count: 1, Of: 2, Expires: time.Hour}}, Policy: "4f00",
	}
	body, err := json.Marshal(q)
	must(t, err)
	must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		if err := tx.Put("request/AAAA", map[string]any{"body": body}); err != nil {
			return err
		}
		_, err := tx.Append(ledger.Event{Kind: "request.made", Actor: q.Who.ID, Subjects: []string{"AAAA"}})
		return err
	}))
	must(t, w.Approve(t, w.Ceo, "AAAA"))
	r, err := w.Desk.Receipt(t.Context(), w.Eng.Principal, "AAAA", nil)
	must(t, err)
	if holds(t, w, r) {
		t.Error("a receipt holds in which nord, whose data it is, was never asked")
	}
}

func TestF20AReceiptDoesNotWriteOnTheVerifiersScreen(t *testing.T) {
	w := newWorld(t)
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	_, err := w.Desk.Reject(t.Context(), w.Ceo.Principal, code, "no")
	must(t, err)
	r, err := w.Desk.Receipt(t.Context(), w.Eng.Principal, code, nil)
	must(t, err)
	r.Case.Votes[0].By.Name = "Ceo\x1b[2J\nok   step 9, outcome: everybody said yes to Ceo"
	steps, err := r.Verify(approvals.Pinned{Log: world.Log, LogKey: w.Keys.LogKey, Party: world.Party()})
	must(t, err)
	for _, s := range steps {
		if strings.ContainsAny(s.Text, "\x1b\n") {
			t.Errorf("step %d, OK %v, prints %q", s.Step, s.OK, s.Text)
		}
	}
}

// Leans on nothing yet: a row of the past is proven by the leaf of its own time.
func TestF19ARowOfThePastRevivesNothingWhileWeRun(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	past := copyOf(t, w)
	must(t, w.Desk.Revoke(t.Context(), w.Ann.Principal, code, "enough"))
	for _, row := range []string{"rgrant/" + code, "rlive/" + w.Eng.ID + "/" + code} {
		past.putBack(t, w, row)
	}
	if lets(t, w.Gateway, knock(w.Eng)) {
		t.Error("a revoked grant lets in: its row of a minute ago was put back")
	}
}

// The control socket invites as the user of the machine, never as a person, so
// nobody is ever the one who invited.
func TestC03WhoInvitesOverTheSocketDoesNotConfirmAlone(t *testing.T) {
	w := newWorld(t)
	change(w, func(p *policy.Policy) { p.Groups[policy.Operators] = []string{w.Mate.ID} })
	_, e := enrol(t, w, invite("second@x.eu")) // by operator@localhost, who is Mate
	a, err := w.People.BeginVouch(t.Context(), w.Mate.ID, e.ID, e.Fingerprint)
	if err == nil {
		err = w.People.Vouch(t.Context(), a.ID, w.Mate.Answer(t, a.Options))
	}
	if err == nil {
		t.Error("one operator made a second identity alone")
	}
}

func TestF01AReviewerWhomOnlyOperatorsKnowSeesNothing(t *testing.T) {
	w := newWorld(t)
	change(w, func(p *policy.Policy) { p.Groups[policy.Operators] = []string{w.Mate.ID} })
	code := w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, knock(w.Eng))
	v.Leave()
	_, e := enrol(t, w, identity.Invite{ID: "fake@nord.x", Name: "Ann", Kind: policy.Reviewer, Customer: "nord"})
	a, err := w.People.BeginVouch(t.Context(), w.Mate.ID, e.ID, e.Fingerprint)
	if err == nil {
		_ = w.People.Vouch(t.Context(), a.ID, w.Mate.Answer(t, a.Options)) // refused: as good
	}
	p, err := w.People.Passkeys(t.Context(), e.ID)
	must(t, err)
	if p[0].Confirmed.IsZero() {
		return
	}
	if _, err := w.Desk.See(t.Context(), e.Principal, code); err == nil {
		t.Error("a reviewer of nord whom nord never heard of sees nord's requests")
	}
	if _, err := w.Gateway.Look(t.Context(), e.Principal, v.Session.ID, "to see"); err == nil {
		t.Error("and nord's recordings")
	}
	if err := w.Desk.Revoke(t.Context(), e.Principal, code, "stop"); err == nil {
		t.Error("and ends nord's grants")
	}
}

func TestC34AnotherMachineOfTheSameNameInheritsNoGrant(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	change(w, func(p *policy.Policy) {
		p.Targets["db1.prod"].Address, p.Targets["db1.prod"].HostKey = "10.9.9.9:22", "SHA256:other"
	})
	if lets(t, w.Gateway, knock(w.Eng)) {
		t.Error("the grant for one machine opens another that was given its name")
	}
}

func TestC28AKeyThatWasRemovedOpensNothingMore(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, knock(w.Eng))
	must(t, w.People.RemoveSSHKey(t.Context(), w.Eng.ID, knock(w.Eng).Key)) // it was stolen
	if lets(t, w.Gateway, knock(w.Eng)) {
		t.Error("a connection of the removed key opens another session")
	}
	wantEnd(t, v, "not yours any more")
	if d, err := v.May(t.Context(), policy.Shell); err == nil && d.Verdict == policy.Allow {
		t.Error("and the one that it opened goes on")
	}
}

func TestC02WhatCannotBeSeenIsNotSigned(t *testing.T) {
	for name, r := range map[string]rune{
		"a Hangul filler": '\u3164', "a half-width filler": '\uffa0', "a choseong filler": '\u115f', "a grapheme joiner": '\u034f',
		"a variation selector": '\ufe0f', "a supplementary one": '\U000e0101', "a Khmer vowel that is none": '\u17b4', "a blank of Braille": '\u2800',
	} {
		if statement.Clean("look at "+string(r)+" the queue") == nil {
			t.Errorf("%s (%U) may stand in a statement", name, r)
		}
	}
}

func TestC22OnePersonDoesNotFillTheLog(t *testing.T) {
	w := newWorld(t)
	for i := range 25 { // 20 a day
		v, err := w.Desk.Submit(t.Context(), w.Eng.Principal, application(time.Duration(i+1)*time.Minute))
		if err != nil {
			return
		}
		must(t, w.Desk.Withdraw(t.Context(), w.Eng.Principal, v.Request.ID))
	}
	t.Error("one person asked 25 times within a second")
}

// closing says whether the gateway is: Mate knocks, and may in but for that.
func closing(t *testing.T, w *world.World, g *gateway.Gateway) bool {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond) // where it is not, the visit waits for the writer
	defer stop()
	v, a, _ := g.Visit(ctx, knock(w.Mate))
	if v != nil {
		v.Leave()
	}
	return a.Why.String() == "the gateway is closing"
}

func TestB04AClosingGatewayDoesNotWaitForWhoWasRefused(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	w.Grant(t, w.Mate, time.Hour)
	for _, h := range []*world.Human{w.Eng, w.Mate} {
		a, err := w.Gateway.Enter(t.Context(), knock(h))
		must(t, err)
		w.Touch(t, h, a.Terminal)
	}
	desk, closed, asked := w.DeskLike(), make(chan struct{}), -1
	g := &gateway.Gateway{Desk: desk, Ledger: w.Ledger, Shelf: w.Shelf, Report: func(error) {}}
	set(w, func() { asked = 0; must(t, w.Desk.Revoke(t.Context(), w.Ann.Principal, code, "now")) })
	desk.Policy = func() *policy.Policy {
		if asked >= 0 {
			asked++
		}
		if asked == 1 { // the visit is registered and about to be refused
			go func() { g.Close("stopping"); close(closed) }()
			for !closing(t, w, g) {
				continue
			}
		}
		return w.Policy()
	}
	if v, _, _ := g.Visit(t.Context(), knock(w.Eng)); v != nil {
		v.Leave()
		t.Fatal("it opened")
	}
	select {
	case <-closed:
	case <-time.After(2 * time.Second):
		t.Error("the gateway waits for ever for a visit that was refused while it closed")
	}
}

// Leans on nothing yet but the policy's reader, which refuses each of these.
func TestC05APolicyThatIsWrittenWrongGivesNoMore(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for name, fn := range map[string]func(p *policy.Policy, q *policy.Question){
		"a class in upper case":       func(p *policy.Policy, _ *policy.Question) { p.Targets["db1.prod"].Class = "Production" },
		"a class that there is not":   func(p *policy.Policy, _ *policy.Question) { p.Targets["db1.prod"].Class = "prod" },
		"a template that reaches all": func(p *policy.Policy, _ *policy.Question) { p.Targets["db1.prod"].Logins[0].One = false },
		"one account for one customer": func(p *policy.Policy, q *policy.Question) {
			p.Targets["db1.prod"].Logins = []policy.Login{{Name: "support", One: true}}
			q.Login, q.Customer = "support", "nord"
		},
		"a login within a template": func(p *policy.Policy, _ *policy.Question) {
			p.Targets["db1.prod"].Logins = append(p.Targets["db1.prod"].Logins, policy.Login{Name: "support_nord"})
		},
		"a forbid whose hours have no zone": func(p *policy.Policy, _ *policy.Question) {
			p.Rules = append(p.Rules, policy.Rule{Forbid: true, Actions: policy.OnTarget(), Kinds: []string{"ssh"}, Hours: &policy.Hours{}})
		},
		"a forbid of no target": func(p *policy.Policy, _ *policy.Question) {
			p.Rules = append(p.Rules, policy.Rule{Forbid: true, Actions: policy.OnTarget()})
		},
		"a forbid of a network, with a zone": func(p *policy.Policy, q *policy.Question) {
			p.Rules = append(p.Rules, policy.Rule{Forbid: true, Actions: policy.OnTarget(), Kinds: []string{"ssh"}, From: []netip.Prefix{netip.MustParsePrefix("fe80::/10")}})
			q.From = netip.MustParseAddr("fe80::1%eth0")
		},
	} {
		p := world.Policy("127.0.0.1:1", "")
		p.Rules[0].Stages = nil // so that only what is hard-coded asks
		q := policy.Question{Now: at, Who: policy.Principal{ID: "eng@x.eu", Kind: policy.Staff}, Do: policy.Shell, On: "db1.prod", Login: "support_nord"}
		fn(p, &q)
		d := p.Decide(q)
		board := slices.ContainsFunc(d.Stages(), func(s policy.Stage) bool { return s.Kind == policy.ByExecutive })
		if d.Verdict != policy.Deny && (!board || strings.HasPrefix(name, "a forbid") || !strings.Contains(name, "class") && len(d.Customers) < 2) {
			t.Errorf("%s: %v with %d stages for %v", name, d.Verdict, len(d.Stages()), d.Customers)
		}
	}
}
