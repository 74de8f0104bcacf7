package approvals

import (
	"context"
	"strconv"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// Withdraw takes back a request of one's own while it is pending.
func (d *Desk) Withdraw(ctx context.Context, who policy.Principal, code string) error {
	return d.change(ctx, who, code, policy.Withdraw, func(tx *ledger.Tx, r row, q *policy.Request, _ *policy.Grant) error {
		if s := q.Tally(tx.Now()); s.Phase != policy.Pending {
			return refuse("request %s is %s; `give-back %s` ends a grant", code, s.Phase, code)
		}
		r.Withdrawn = tx.Now()
		if err := tx.Put(requestKey(code), r); err != nil {
			return err
		}
		return d.close(tx, q, "request.withdrawn", who.ID, "withdrawn by who asked")
	})
}

// GiveBack ends a grant of one's own; its sessions end with it.
func (d *Desk) GiveBack(ctx context.Context, who policy.Principal, code string) error {
	return d.revoke(ctx, who, code, policy.GiveBack, "given back")
}

// Revoke ends a grant, by one of those who decide on it; its sessions end with it.
func (d *Desk) Revoke(ctx context.Context, who policy.Principal, code, why string) error {
	if err := statement.Clean(why); err != nil || len(why) > needMax {
		return refuse("a comment is plain text on one line of at most %d bytes", needMax)
	}
	return d.revoke(ctx, who, code, policy.Revoke, why)
}

func (d *Desk) revoke(ctx context.Context, who policy.Principal, code string, do policy.Action, why string) error {
	return d.change(ctx, who, code, do, func(tx *ledger.Tx, _ row, q *policy.Request, g *policy.Grant) error {
		if g == nil {
			return refuse("request %s has no grant to end", code)
		}
		if over := g.Over(tx.Now()); over != "" {
			return d.endFrozen(tx, g, who, why, over)
		}
		return d.endChain(tx, g, who, why)
	})
}

// endFrozen is for a grant that is over. Within the grace a session under it may be
// frozen, and wait for more time: that is taken away, and the session ends.
func (d *Desk) endFrozen(tx *ledger.Tx, g *policy.Grant, by policy.Principal, why, over string) error {
	pending, next, err := d.Extension(tx, g.ID)
	grace := g.Revoked.IsZero() && !g.Activated.IsZero() && tx.Now().Before(g.NotAfter.Add(policy.Grace))
	switch {
	case err != nil:
		return err
	case grace && pending != nil:
		return d.void(tx, pending.ID, by, why)
	case grace && next != nil && next.Over(tx.Now()) == "":
		return d.endChain(tx, next, by, why)
	case next != nil && next.Over(tx.Now()) == "":
		return refuse("grant %s went on as %s; end that one (`give-back %s`)", g.ID, next.ID, next.ID)
	}
	return refuse("there is nothing to end: %s", over)
}

// endChain ends a grant, those it goes on from and that go on from it, and what
// asks for more time: nobody goes on under what somebody wanted to end.
func (d *Desk) endChain(tx *ledger.Tx, g *policy.Grant, by policy.Principal, why string) error {
	for g != nil && g.Extends != "" { // back to the first that is still in force
		old, err := loadGrant(tx.Get, g.Extends)
		if err != nil {
			return err
		}
		if old == nil || old.Over(tx.Now()) != "" {
			break
		}
		g = old
	}
	for g != nil {
		pending, next, err := d.Extension(tx, g.ID)
		if err != nil {
			return err
		}
		if err := d.end(tx, g, by, why); err != nil {
			return err
		}
		if pending != nil {
			return d.void(tx, pending.ID, policy.Principal{ID: "lockbox", Kind: policy.Machine}, "the grant was revoked")
		}
		g = next
	}
	return nil
}

// end revokes one grant that is in force.
func (d *Desk) end(tx *ledger.Tx, g *policy.Grant, by policy.Principal, why string) error {
	if g.Over(tx.Now()) != "" {
		return nil
	}
	g.Revoked, g.RevokedBy, g.RevokedWhy = tx.Now(), by.ID, why
	if err := tx.Put(grantKey(g.ID), *g); err != nil {
		return err
	}
	r, q, err := load(tx.Get, g.ID)
	if err != nil {
		return err
	}
	if r.Ender = by.Customer; r.Ender != "" {
		if err := tx.Put(requestKey(g.ID), r); err != nil {
			return err
		}
	}
	return d.closeBy(tx, q, "grant.revoked", by, why)
}

// void takes back a request for more time under a grant that somebody ended.
func (d *Desk) void(tx *ledger.Tx, code string, by policy.Principal, why string) error {
	r, q, err := load(tx.Get, code)
	if err != nil {
		return err
	}
	r.Withdrawn = tx.Now()
	if err := tx.Put(requestKey(code), r); err != nil {
		return err
	}
	return d.closeBy(tx, q, "request.void", by, why)
}

// change loads a request, asks whether who may do that to it, and does it.
func (d *Desk) change(ctx context.Context, who policy.Principal, code string, do policy.Action, fn func(*ledger.Tx, row, *policy.Request, *policy.Grant) error) error {
	if !ValidCode(code) {
		return ErrUnknown
	}
	return d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		r, q, err := load(tx.Get, code)
		if err != nil {
			return err
		}
		ask, err := d.Question(tx, who, policy.See, q)
		if err != nil {
			return err
		}
		if d.Policy().Decide(ask).Verdict != policy.Allow {
			return ErrUnknown
		}
		ask.Do = do
		if dec := d.Policy().Decide(ask); dec.Verdict != policy.Allow {
			return refused(dec)
		}
		g, err := loadGrant(tx.Get, code)
		if err != nil {
			return err
		}
		return fn(tx, r, q, g)
	})
}

// close takes a request off the list of open ones, with the event that says
// why, and how many sessions there were under its grant.
func (d *Desk) close(tx *ledger.Tx, q *policy.Request, kind, actor, why string) error {
	return d.closeBy(tx, q, kind, policy.Principal{ID: actor}, why)
}

// closeBy tells customers that somebody of another one did it, not who and why.
func (d *Desk) closeBy(tx *ledger.Tx, q *policy.Request, kind string, by policy.Principal, why string) error {
	var r row
	if _, err := tx.Get(requestKey(q.ID), &r); err != nil {
		return err
	}
	g, err := loadGrant(tx.Get, q.ID)
	if err != nil {
		return err
	}
	e := ledger.Event{
		Kind: kind, Actor: by.ID, Subjects: about(q), Customers: q.Customers, Private: map[string]string{"why": why},
	}
	if by.Kind == policy.Reviewer {
		e.Private[ledger.Whose] = by.Customer
	}
	if g != nil {
		e.Detail = map[string]string{"sessions": strconv.Itoa(g.Sessions)}
	}
	seq, err := tx.Append(e)
	if err != nil {
		return err
	}
	r.Trail = append(r.Trail, seq)
	if err := tx.Put(requestKey(q.ID), r); err != nil {
		return err
	}
	return tx.Delete(liveKey(q.Who.ID, q.ID))
}

// Ended says why a grant gives nothing any more; a zero Refusal while it does.
func (d *Desk) Ended(ctx context.Context, code string) (why Refusal, err error) {
	err = d.Ledger.View(context.WithoutCancel(ctx), func(tx *ledger.Tx) error {
		g, err := loadGrant(tx.Get, code)
		if err != nil {
			return err
		}
		why.Why = g.Over(tx.Now())
		switch {
		case why.Why == "":
		case g != nil && !g.Revoked.IsZero():
			why.Code = policy.WasRevoked
		default:
			why.Code = policy.HasExpired
		}
		return nil
	})
	return why, err
}
