package approvals

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// extendKey names the newest request for more time under a grant.
func extendKey(grant string) string { return "extension/" + grant }

// Extend asks for more time under a grant that is in use: a new request to the
// same people, with a code of its own.
func (d *Desk) Extend(ctx context.Context, who policy.Principal, code string, long time.Duration, why string) (v View, err error) {
	err = d.change(ctx, who, code, policy.Extend, func(tx *ledger.Tx, r row, q *policy.Request, g *policy.Grant) error {
		v = View{}
		if q.Emergency {
			return refuse("more time is not given to an emergency; ask the normal way, or break the glass anew")
		}
		if err := inUse(code, g, tx.Now()); err != nil {
			return err
		}
		x, err := d.longer(tx, who, r, q, g, long, why)
		if err != nil {
			return err
		}
		pending, next, err := d.Extension(tx, code)
		switch {
		case err != nil:
			return err
		case next != nil:
			return refuse("grant %s goes on as %s; ask for more time under that one (`extend %s`)", code, next.ID, next.ID)
		case pending != nil && (pending.For != x.For || pending.Need != x.Need):
			return refuse("request %s for more time is open already; take it back first (`cancel %s`)", pending.ID, pending.ID)
		case pending != nil:
			v, err = view(tx, tx.Get, pending.ID)
			return err
		}
		if _, err := d.same(tx, x); err != nil { // never the same: only too many
			return err
		}
		if err := d.file(tx, x, r.From, &v); err != nil {
			return err
		}
		return tx.Put(extendKey(code), v.Request.ID)
	})
	return v, err
}

// inUse refuses more time under what was never used, or is over.
func inUse(code string, g *policy.Grant, now time.Time) error {
	switch {
	case g == nil:
		return refuse("request %s has no grant; there is nothing to extend", code)
	case g.Over(now) != "":
		return refuse("there is nothing to extend: %s; ask anew", g.Over(now))
	case g.Activated.IsZero():
		return refuse("grant %s was not used yet: its time starts with its first use", code)
	}
	return nil
}

// longer composes the request for more time as Submit would, from the policy now.
func (d *Desk) longer(tx *ledger.Tx, who policy.Principal, r row, q *policy.Request, g *policy.Grant, long time.Duration, why string) (*policy.Request, error) {
	from, _ := netip.ParseAddr(r.From) // the zero Addr, which no rule with networks takes
	a := Application{
		Target: g.Target, Login: g.Login, Customer: one(g.Customers), Do: first(g.Actions), For: long, From: from,
		Need: policy.Need{Reason: q.Need.Reason, Text: "extension of " + g.ID + ": " + strings.TrimSpace(why), Ticket: q.Need.Ticket},
	}
	if a.Do == policy.Forward && len(g.To) > 0 {
		a.To = g.To[0] // of the rule that lists it
	}
	if len(strings.TrimSpace(why)) == 0 {
		return nil, refuse("say why you need more time")
	}
	dec, err := d.asks(tx, who, a)
	if err != nil {
		return nil, err
	}
	if dec.Machine() != g.Machine {
		return nil, refuse("%s is another machine, or holds other data, than when grant %s was approved; ask anew", g.Target, g.ID)
	}
	left := policy.HardMax - g.Spent - g.For
	if left < time.Minute {
		return nil, refuse("grant %s has had the most that access lasts at once, %s; ask anew", g.ID, policy.HardMax)
	}
	if a.For == 0 {
		a.For = min(dec.Limits.Default, left)
	}
	if a.For > left {
		return nil, refuse("with what was given before, at most %s more: access lasts at most %s at once", left, policy.HardMax)
	}
	if err := lint(a.Need, dec); err != nil {
		return nil, err
	}
	x, err := d.compose(tx, who, a, dec)
	if err != nil {
		return nil, err
	}
	x.Extends = g.ID
	if x.To = in(g.To, x.To); len(x.To) == 0 {
		x.Actions = slices.DeleteFunc(x.Actions, func(a policy.Action) bool { return a == policy.Forward })
	}
	if x.Actions = in(g.Actions, x.Actions); len(x.Actions) == 0 {
		return nil, refuse("the policy permits nothing of grant %s any more", g.ID)
	}
	return x, nil
}

func first(all []policy.Action) policy.Action {
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// Extension finds the pending request for more time under a grant, and the
// grant that goes on from it; nil where there is none.
func (d *Desk) Extension(tx *ledger.Tx, code string) (*policy.Request, *policy.Grant, error) {
	var next string
	if ok, err := tx.Verified(extendKey(code), &next); err != nil || !ok {
		return nil, nil, err
	}
	_, q, err := load(tx.Get, next)
	if err != nil {
		return nil, nil, err
	}
	g, err := loadGrant(tx.Get, next)
	switch {
	case err != nil:
		return nil, nil, err
	case g != nil && g.Extends == code:
		return nil, g, nil
	case g == nil && q.Extends == code && q.Tally(tx.Now()).Phase == policy.Pending:
		return q, nil, nil
	}
	return nil, nil, nil
}

// goOn lets g go on from old where that is in force, or was within the grace:
// its time follows, and what was promised still is. Otherwise g stays an
// ordinary grant.
func goOn(g, old *policy.Grant, now time.Time) {
	start := now
	if old.NotAfter.After(now) {
		start = old.NotAfter
	}
	if old.Activated.IsZero() || !now.Before(old.NotAfter.Add(policy.Grace)) || g.NotBefore.After(start) {
		return
	}
	g.Extends, g.Spent, g.Watched = old.ID, old.Spent+old.For, g.Watched || old.Watched
	g.Activated, g.NotAfter = start, start.Add(g.For)
	if subset(g.Promises, old.Promises) {
		g.Accepted = old.Accepted
	}
	g.Promises = slices.Concat(old.Promises, slices.DeleteFunc(slices.Clone(g.Promises), func(p string) bool {
		return slices.Contains(old.Promises, p)
	}))
}

// sameAccess says whether two grants let the same person do things in the same place.
func sameAccess(a, b *policy.Grant) bool {
	return a.Who.ID == b.Who.ID && a.Target == b.Target && a.Login == b.Login && a.Machine == b.Machine && subset(b.Actions, a.Actions) && subset(b.To, a.To)
}

// follows proves that a grant goes on from another as its row says.
func follows(tx *ledger.Tx, g *policy.Grant) error {
	if g.Extends == "" {
		return nil
	}
	old, err := loadGrant(tx.Verified, g.Extends)
	switch {
	case err != nil:
		return err
	case old == nil || !sameAccess(old, g):
		return fmt.Errorf("grant %s goes on from what is no grant of the same", g.ID)
	case !old.Revoked.IsZero() && g.Revoked.IsZero():
		return fmt.Errorf("grant %s goes on from one that was revoked", g.ID)
	}
	want := *g
	want.Extends, want.Spent, want.Activated, want.NotAfter, want.Accepted = "", 0, time.Time{}, time.Time{}, time.Time{}
	goOn(&want, old, g.Made)
	if want.Extends != g.Extends || want.Spent != g.Spent || !want.Activated.Equal(g.Activated) || !want.NotAfter.Equal(g.NotAfter) || !subset(old.Promises, g.Promises) || want.Watched != g.Watched {
		return fmt.Errorf("grant %s does not go on from %s as it says", g.ID, old.ID)
	}
	return nil
}
