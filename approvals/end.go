package approvals

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

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
		return d.close(tx, q, "request.withdrawn", who.ID, "")
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
			return refuse("there is nothing to end: %s", over)
		}
		g.Revoked, g.RevokedBy, g.RevokedWhy = tx.Now(), who.ID, why
		if err := tx.Put(grantKey(code), *g); err != nil {
			return err
		}
		return d.close(tx, q, "grant.revoked", who.ID, why)
	})
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
		ask := policy.Question{Now: tx.Now(), Who: who, Do: policy.See, Request: q}
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
	var r row
	if _, err := tx.Get(requestKey(q.ID), &r); err != nil {
		return err
	}
	g, err := loadGrant(tx.Get, q.ID)
	if err != nil {
		return err
	}
	e := ledger.Event{
		Kind: kind, Actor: actor, Subjects: append([]string{q.ID, q.Target}, q.Customers...), Private: map[string]string{"why": why},
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

// Sweep writes down the ends that time brings: requests nobody answered,
// grants whose time is up, statements nobody signed. Nothing rests on it: what
// is over is over before.
func (d *Desk) Sweep(ctx context.Context) error {
	if err := d.sweepUnsigned(ctx); err != nil {
		return err
	}
	type end struct{ code, kind string }
	var ends []end
	err := d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		return d.eachLive(tx, "", func(code string) error {
			v, err := view(tx, tx.Get, code)
			switch {
			case err != nil:
				return err
			case v.Grant != nil && v.Grant.Over(tx.Now()) != "":
				ends = append(ends, end{code, "grant.ended"})
			case v.Grant == nil && v.Status.Phase != policy.Pending:
				ends = append(ends, end{code, "request." + string(v.Status.Phase)})
			}
			return nil
		})
	})
	for _, e := range ends {
		if err != nil {
			break
		}
		err = d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
			_, q, err := load(tx.Get, e.code)
			if err != nil {
				return err
			}
			if ok, err := tx.Get(liveKey(q.Who.ID, e.code), new(json.RawMessage)); err != nil || !ok {
				return err // somebody else was faster
			}
			return d.close(tx, q, e.kind, "lockbox", "")
		})
	}
	return err
}

// sweepUnsigned forgets ballots and touches that were shown and never signed.
func (d *Desk) sweepUnsigned(ctx context.Context) error {
	return d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		var keys []string
		for _, prefix := range []string{ballotKey(""), touchKey("")} {
			err := tx.Scan(prefix, func(key string, raw json.RawMessage) (bool, error) {
				var shown struct{ Until time.Time }
				err := json.Unmarshal(raw, &shown)
				if !tx.Now().Before(shown.Until) {
					keys = append(keys, key)
				}
				return true, err
			})
			if err != nil {
				return err
			}
		}
		for _, key := range keys {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		if len(keys) == 0 {
			return nil
		}
		_, err := tx.Append(ledger.Event{Kind: "statement.lapsed", Actor: "lockbox", Detail: map[string]string{"count": strconv.Itoa(len(keys))}})
		return err
	})
}

// SweepEvery sweeps until ctx is done. report hears of what goes wrong.
func (d *Desk) SweepEvery(ctx context.Context, every time.Duration, report func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := d.Sweep(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}
	}
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
