package approvals

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// Sweep writes down what time brings: requests nobody answered, stages that
// waited too long, grants whose time is up, statements nobody signed. Nothing
// rests on it: what is over is over before.
func (d *Desk) Sweep(ctx context.Context) error {
	_, err := d.sweep(ctx)
	return err
}

// A due is what one open request waits to have written down.
type due struct {
	code string
	kind string // of the event that closes it; "" while it is open
	rung bool   // a stage waited too long
}

// sweep is Sweep, and says how long until time alone brings something again; 0: nothing is known.
func (d *Desk) sweep(ctx context.Context) (wait time.Duration, err error) {
	if err := d.forget(ctx); err != nil {
		return 0, err
	}
	var all []due
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		all, wait = nil, 0
		return d.eachLive(tx, "", func(code string) error {
			r, _, err := load(tx.Get, code)
			if err != nil {
				return err
			}
			v, err := view(tx, tx.Get, code)
			if err != nil {
				return err
			}
			one := due{code, v.closing(), len(v.risen(r.Told)) > 0}
			if one.kind != "" || one.rung {
				all = append(all, one)
			}
			if next := v.wakes(); !next.IsZero() && (wait == 0 || next.Sub(v.Now) < wait) {
				wait = next.Sub(v.Now)
			}
			return nil
		})
	})
	late, next, lerr := d.unratified(ctx)
	if err == nil {
		err = lerr
	}
	if next > 0 && (wait == 0 || next < wait) {
		wait = next
	}
	for _, code := range late {
		if err == nil {
			err = d.Ledger.Update(ctx, func(tx *ledger.Tx) error { return d.tellLate(tx, code) })
		}
	}
	for _, one := range all {
		if err != nil {
			break
		}
		err = d.Ledger.Update(ctx, func(tx *ledger.Tx) error { return d.bring(tx, one) })
	}
	return wait, err
}

// closing is the kind of the event that closes an open request; "" while it stays open.
func (v View) closing() string {
	switch {
	case v.Grant != nil && v.Grant.Over(v.Now) != "":
		return "grant.ended"
	case v.Grant == nil && v.Status.Phase != policy.Pending:
		return "request." + string(v.Status.Phase)
	}
	return ""
}

// bring writes down what is due of a request, unless somebody else was faster.
func (d *Desk) bring(tx *ledger.Tx, one due) error {
	_, q, err := load(tx.Get, one.code)
	if err != nil {
		return err
	}
	if ok, err := tx.Get(liveKey(q.Who.ID, one.code), new(json.RawMessage)); err != nil || !ok {
		return err
	}
	v, err := view(tx, tx.Get, one.code)
	if err != nil {
		return err
	}
	if kind := v.closing(); kind != "" {
		why := "the request is " + string(v.Status.Phase)
		if v.Grant != nil {
			why = v.Grant.Over(v.Now)
		}
		return d.close(tx, q, kind, "lockbox", why)
	}
	return d.escalate(tx, one.code)
}

// wakes is when time alone will change an open request, or let one of its
// stages have waited too long; zero for never.
func (v View) wakes() time.Time {
	at := v.next()
	if v.Grant != nil {
		return at
	}
	for _, st := range v.Status.Stages {
		for _, r := range st.Escalate {
			up := st.Opened.Add(r.After)
			if st.Open && up.After(v.Now) && (at.IsZero() || up.Before(at)) {
				at = up
			}
		}
	}
	return at
}

// SweepEvery sweeps until ctx is done, at least so often, and at the instant at
// which a stage has waited too long or something ends. report hears of what
// goes wrong.
func (d *Desk) SweepEvery(ctx context.Context, every time.Duration, report func(error)) {
	next := time.NewTimer(every)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		wait, err := d.sweep(ctx)
		if err != nil && ctx.Err() == nil {
			report(err)
		}
		if wait <= 0 || wait > every {
			wait = every
		}
		next.Reset(max(wait, time.Millisecond))
	}
}

// proofKept is how long a touch is kept after it cannot count any more.
const proofKept = 24 * time.Hour

// forget removes what nobody needs any more: statements that were shown and
// never signed, touches of long ago, counters of days that are over.
func (d *Desk) forget(ctx context.Context) error {
	var keys []string
	look := func(tx *ledger.Tx) (err error) {
		keys, err = d.old(tx)
		return err
	}
	if err := d.Ledger.View(ctx, look); err != nil || len(keys) == 0 { // mostly: nothing is written then
		return err
	}
	return d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		if err := look(tx); err != nil || len(keys) == 0 {
			return err
		}
		for _, key := range keys {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		_, err := tx.Append(ledger.Event{Kind: "statement.lapsed", Actor: "lockbox", Detail: map[string]string{"count": strconv.Itoa(len(keys))}})
		return err
	})
}

// old lists the rows that nobody needs any more.
func (d *Desk) old(tx *ledger.Tx) (keys []string, err error) {
	unsigned := func(raw json.RawMessage) (bool, error) {
		var shown struct{ Until time.Time }
		err := json.Unmarshal(raw, &shown)
		return !tx.Now().Before(shown.Until), err
	}
	fresh := d.freshest()
	stale := func(raw json.RawMessage) (bool, error) {
		var g given
		err := json.Unmarshal(raw, &g)
		return !tx.Now().Before(g.Proof.At.Add(fresh + proofKept)), err
	}
	lapsed := func(raw json.RawMessage) (bool, error) {
		var n tally
		err := json.Unmarshal(raw, &n)
		return n.Day < tx.Now().Format(time.DateOnly), err
	}
	for _, kind := range []struct {
		prefix string
		old    func(json.RawMessage) (bool, error)
	}{
		{ballotKey(""), unsigned},
		{touchKey(""), unsigned},
		{proofKey(""), stale},
		{touchedKey(""), stale},
		{glassDayKey(""), lapsed},
		{triesKey("", ""), lapsed},
		{dayKey(""), lapsed},
	} {
		err = tx.Scan(kind.prefix, func(key string, raw json.RawMessage) (bool, error) {
			gone, err := kind.old(raw)
			if gone {
				keys = append(keys, key)
			}
			return true, err
		})
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// freshest is the longest time that any rule lets a touch count.
func (d *Desk) freshest() (most time.Duration) {
	for _, r := range d.Policy().Rules {
		most = max(most, r.Fresh)
	}
	return most
}
