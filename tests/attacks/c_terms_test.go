package attacks

import (
	"errors"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// yes lets h approve for these terms.
func yes(t *testing.T, w *world.World, h *world.Human, code string, terms policy.Terms) error {
	t.Helper()
	b, err := w.Desk.Prepare(t.Context(), h.Principal, code, terms)
	if err != nil {
		return err
	}
	_, err = w.Desk.Approve(t.Context(), h.Principal, b.Nonce, w.Sign(t, h, statement.ForApproval, b.Statement))
	return err
}

// given is a grant of Eng for which the executive set terms.
func given(t *testing.T, w *world.World, terms policy.Terms) string {
	t.Helper()
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	must(t, yes(t, w, w.Ceo, code, terms))
	must(t, w.Approve(t, w.Ann, code))
	return code
}

// Leans on: terms are applied to the login as it is declared when it is used.
func TestC01AReadOnlyYesIsNoneOnceTheLoginIsNot(t *testing.T) {
	w := newWorld(t)
	readOnly := func(p *policy.Policy) { p.Targets["db1.prod"].Logins[0].ReadOnly = true }
	change(w, readOnly)
	code := given(t, w, policy.Terms{ReadOnly: true})
	v := visit(t, w, knock(w.Eng))
	change(w, func(*policy.Policy) {})
	if a, err := w.Gateway.Enter(t.Context(), knock(w.Eng)); err == nil && a.Verdict != policy.Deny {
		t.Errorf("what was approved to be read only opens a login that is not: %v %s", a.Verdict, a.Why)
	}
	poke(t, w, code)
	wantEnd(t, v, "read only")
	change(w, readOnly)
	if !lets(t, w.Gateway, knock(w.Eng)) {
		t.Error("it opens nothing although the login is read only again")
	}
}

// Leans on: a request that differs is another, and one that is the same is no second way.
func TestC06ALaterStartIsNotEvaded(t *testing.T) {
	w := newWorld(t)
	w.Pass(t, budget(9), w.Ann)
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	must(t, yes(t, w, w.Ceo, code, policy.Terms{NotBefore: time.Now().Add(2 * time.Hour)}))
	for name, get := range map[string]func(){
		"as it is":               func() {},
		"by the same, once more": func() { w.Ask(t, w.Eng, "nord", time.Hour) },
		"by another, not voted":  func() { w.Ask(t, w.Eng, "nord", 30*time.Minute) },
	} {
		get()
		if lets(t, w.Gateway, knock(w.Eng)) {
			t.Errorf("it is used before its start, %s", name)
		}
	}
	if _, err := w.Desk.Extend(t.Context(), w.Eng.Principal, code, time.Hour, "it starts too late"); err == nil {
		t.Error("what has not begun is extended")
	}
}

// Leans on: the promise is who asked's alone, and its row is the newest.
func TestC01APromiseIsMadeByWhoAskedAndOnce(t *testing.T) {
	w := newWorld(t)
	code := given(t, w, policy.Terms{Promise: "nothing is copied"})
	if lets(t, w.Gateway, knock(w.Eng)) {
		t.Fatal("it is used before the promise")
	}
	for _, h := range []*world.Human{w.Mate, w.Ceo, w.Ann, w.Bo, w.Lone} {
		if _, err := w.Desk.Accept(t.Context(), h.Principal, code); err == nil {
			t.Errorf("%s promises for somebody else", h.ID)
		}
	}
	before := copyOf(t, w)
	_, err := w.Desk.Accept(t.Context(), w.Eng.Principal, code)
	must(t, err)
	if !lets(t, w.Gateway, knock(w.Eng)) {
		t.Fatal("it opens nothing after the promise")
	}
	after := copyOf(t, w)
	for _, row := range []string{"rgrant/" + code, "rrequest/" + code} {
		before.putBack(t, w, row)
		if lets(t, w.Gateway, knock(w.Eng)) {
			t.Errorf("%s from before the promise lets in", row)
		}
		after.putBack(t, w, row)
	}
	must(t, w.Desk.Revoke(t.Context(), w.Ann.Principal, code, "enough"))
	after.putBack(t, w, "rgrant/"+code)
	if _, err := w.Desk.Accept(t.Context(), w.Eng.Principal, code); err == nil && lets(t, w.Gateway, knock(w.Eng)) {
		t.Error("a promise revives what was revoked")
	}
}

// Leans on: the policy at the time of use decides, whatever was asked before it.
func TestC28WhatWasAskedUnderAnOldPolicyIsDecidedByTheNewOne(t *testing.T) {
	for name, fn := range map[string]func(p *policy.Policy){
		"that forbids": func(p *policy.Policy) {
			p.Rules = append(p.Rules, policy.Rule{Name: "no", Forbid: true, Actions: policy.OnTarget(), Kinds: []string{"ssh"}})
		},
		"that asks one executive more":  func(p *policy.Policy) { p.Rules[0].Stages[0].Count = 2 },
		"whose executive is no member":  func(p *policy.Policy) { p.Groups["board"] = []string{"cto@x.eu"} },
		"whose engineer is no member":   func(p *policy.Policy) { p.Groups["engineers"] = []string{"mate@x.eu"} },
		"in which the target is others": func(p *policy.Policy) { p.Targets["db1.prod"].Address = "127.0.0.1:2" },
		"in which all logins reach all": func(p *policy.Policy) { p.Targets["db1.prod"].Logins[0].One = false },
		"that asks the owner too": func(p *policy.Policy) {
			p.Rules[0].Stages = append(p.Rules[0].Stages, policy.Stage{Kind: policy.ByOwner, Count: 1, Expires: time.Hour})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			code := w.Ask(t, w.Eng, "nord", time.Hour)
			must(t, w.Approve(t, w.Ceo, code))
			change(w, fn)
			if err := w.Approve(t, w.Ann, code); err == nil && lets(t, w.Gateway, knock(w.Eng)) {
				t.Error("it lets in what was asked before")
			}
		})
	}
}

// Leans on: an extension is of one's own grant, asks the same people anew, and adds up.
func TestC06AnExtensionGivesNoMoreThanItsOwnVotes(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	visit(t, w, knock(w.Eng))
	for _, h := range []*world.Human{w.Mate, w.Ceo, w.Ann, w.Bo} {
		if _, err := w.Desk.Extend(t.Context(), h.Principal, code, time.Hour, "more"); err == nil {
			t.Errorf("%s extends somebody else's grant", h.ID)
		}
	}
	if _, err := w.Desk.Extend(t.Context(), w.Eng.Principal, code, 8*time.Hour, "a long night"); err == nil {
		t.Error("it is extended beyond what the rule and the day give")
	}
	x, err := w.Desk.Extend(t.Context(), w.Eng.Principal, code, 30*time.Minute, "two rows are left")
	must(t, err)
	must(t, yes(t, w, w.Ceo, x.Request.ID, policy.Terms{For: 5 * time.Minute}))
	if _, next := extension(t, w, code); next != nil {
		t.Error("an extension is approved by one stage of two")
	}
	must(t, w.Approve(t, w.Ann, x.Request.ID))
	_, next := extension(t, w, code)
	if next == nil || next.For != 5*time.Minute || next.NotAfter.Sub(next.Activated) != 5*time.Minute {
		t.Fatalf("got %+v, want what the votes leave", next)
	}
	past := copyOf(t, w)
	must(t, w.Engine.Update(t.Context(), func(o ledger.Writer) error { return o.Delete([]byte("rextension/" + code)) }))
	if err := w.Desk.Revoke(t.Context(), w.Ann.Principal, code, "enough"); !errors.Is(err, ledger.ErrTampered) {
		t.Errorf("what went on is hidden, and the customer is told that all ended: %v", err)
	}
	past.putBack(t, w, "rextension/")
	must(t, w.Desk.Revoke(t.Context(), w.Ann.Principal, code, "enough"))
	past.putBack(t, w, "rgrant/"+x.Request.ID)
	past.putBack(t, w, "rlive/"+w.Eng.ID)
	if lets(t, w.Gateway, knock(w.Eng)) {
		t.Error("what went on from a revoked grant lets in")
	}
}

func extension(t *testing.T, w *world.World, code string) (q *policy.Request, g *policy.Grant) {
	t.Helper()
	err := w.Ledger.View(t.Context(), func(tx *ledger.Tx) (err error) { q, g, err = w.Desk.Extension(tx, code); return err })
	if err != nil && !errors.Is(err, ledger.ErrTampered) {
		t.Fatal(err)
	}
	return q, g
}
