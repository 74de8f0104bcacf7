package approvals

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A View is a request as it stands, for those who may see it.
type View struct {
	Request *policy.Request
	Digest  string
	Status  policy.Status
	Grant   *policy.Grant // nil until approved
	Thread  []Remark
	Now     time.Time

	ender string // the customer whose reviewer ended the grant
	eyes  string // the one customer whose matter it is shown as; "" for all of it, but to a reviewer
}

func view(tx *ledger.Tx, get getter, code string) (View, error) {
	r, q, err := load(get, code)
	if err != nil {
		return View{}, err
	}
	g, err := loadGrant(get, code)
	return View{Request: q, Digest: r.digest(), Status: q.Tally(tx.Now()), Grant: g, Thread: r.Thread, Now: tx.Now(), ender: r.Ender}, err
}

// See gives the request to those who may see it, and ErrUnknown to everybody else.
func (d *Desk) See(ctx context.Context, who policy.Principal, code string) (v View, err error) {
	if !ValidCode(code) {
		return View{}, ErrUnknown
	}
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		v, err = d.SeeIn(tx, who, code)
		return err
	})
	return v, err
}

// SeeIn is See within a transaction.
func (d *Desk) SeeIn(tx *ledger.Tx, who policy.Principal, code string) (View, error) {
	v, err := d.Whole(tx, who, code)
	return v.For(who), err
}

// Whole is SeeIn with what concerns other customers: to decide on, never to show.
func (d *Desk) Whole(tx *ledger.Tx, who policy.Principal, code string) (View, error) {
	v, err := view(tx, tx.Get, code)
	if err != nil {
		return View{}, err
	}
	ask, err := d.Question(tx, who, policy.See, v.Request)
	if err != nil {
		return View{}, err
	}
	ok := false
	if v.eyes, ok = d.eyes(ask); !ok {
		return View{}, ErrUnknown
	}
	return v, nil
}

// For is what who may see of a request that they may see: a reviewer, or who
// stands for one, gets nothing of another customer, not even that there is
// one. It is for showing.
func (v View) For(who policy.Principal) View {
	if who.Kind == policy.Reviewer && v.eyes == "" {
		v.eyes = who.Customer
	}
	if v.eyes == "" || v.Request == nil {
		return v
	}
	whole := *v.Request
	q := whole
	q.Stages, q.Votes, q.Customers = nil, nil, []string{v.eyes}
	stages := whole.Tally(v.Now).Stages
	v.Status.Stages = nil
	for i, st := range stages {
		if st.Kind == policy.ByCustomer && st.Customer != v.eyes {
			continue
		}
		place := func(b policy.Vote) policy.Vote {
			if b.Stage = len(q.Stages); b.By.ID != who.ID {
				b.Statement, b.Assertion = nil, nil // it says whose data else is concerned
			}
			return b
		}
		for _, b := range whole.Votes {
			if b.Stage == i {
				q.Votes = append(q.Votes, place(b))
			}
		}
		st.Yes, st.No = each(st.Yes, place), each(st.No, place)
		q.Stages = append(q.Stages, st.Stage)
		v.Status.Stages = append(v.Status.Stages, st)
	}
	known := q.Tally(v.Now)
	v.Status.For, v.Status.NotBefore, v.Status.Actions = known.For, known.NotBefore, known.Actions
	v.Status.Watched, v.Status.Promises = known.Watched, known.Promises
	v.Request = &q
	if v.Grant != nil {
		g := *v.Grant
		g.Customers, g.Stages = q.Customers, q.Stages
		g.Promises = slices.DeleteFunc(slices.Clone(g.Promises), func(p string) bool { return !slices.Contains(known.Promises, p) })
		if v.ender != "" && v.ender != v.eyes {
			g.RevokedBy, g.RevokedWhy = "one of those who decide", ""
		}
		v.Grant = &g
	}
	v.Thread = slices.DeleteFunc(slices.Clone(v.Thread), func(r Remark) bool { return r.Thread != v.eyes })
	return v
}

func each(votes []policy.Vote, fn func(policy.Vote) policy.Vote) []policy.Vote {
	var out []policy.Vote
	for _, v := range votes {
		out = append(out, fn(v))
	}
	return out
}

// Inbox lists the open requests and grants that who may see.
func (d *Desk) Inbox(ctx context.Context, who policy.Principal) (open []View, err error) {
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		open = nil
		ask, err := d.Question(tx, who, policy.See, nil)
		if err != nil {
			return err
		}
		return d.eachLive(tx, "", func(code string) error {
			v, err := view(tx, tx.Get, code)
			if err != nil {
				return err
			}
			ask.Request = v.Request
			ok := false
			if v.eyes, ok = d.eyes(ask); ok {
				open = append(open, v.For(who))
			}
			return nil
		})
	})
	return open, err
}

// Mine lists the open requests and grants of one person.
func (d *Desk) Mine(ctx context.Context, person string) (open []View, err error) {
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		open, err = d.MineIn(tx, person)
		return err
	})
	return open, err
}

// MineIn is Mine within a transaction.
func (d *Desk) MineIn(tx *ledger.Tx, person string) (open []View, err error) {
	err = d.eachLive(tx, person, func(code string) error {
		v, err := view(tx, tx.Get, code)
		open = append(open, v)
		return err
	})
	return open, err
}

// eachLive calls fn for every code whose request or grant has not ended, of one person or ("") of all.
func (d *Desk) eachLive(tx *ledger.Tx, person string, fn func(code string) error) error {
	prefix := "live/"
	if person != "" {
		prefix = liveKey(person, "")
	}
	codes, err := codes(tx, prefix)
	if err != nil {
		return fmt.Errorf("list open requests: %w", err)
	}
	for _, code := range codes {
		if err := fn(code); err != nil {
			return err
		}
	}
	return nil
}

// codes lists what the rows of an index name, in the order of their keys.
func codes(tx *ledger.Tx, prefix string) (all []string, err error) {
	err = tx.Scan(prefix, func(_ string, raw json.RawMessage) (bool, error) {
		var code string
		err := json.Unmarshal(raw, &code)
		all = append(all, code)
		return true, err
	})
	return all, err
}
