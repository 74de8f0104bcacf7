package approvals

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// An order to erase a person is kept until it is carried out: restarts go on with it.
type order struct {
	Person string `json:"person"`
	Motion string `json:"motion"` // that says so
}

func orderKey(motion string) string { return "erase/" + motion }

// eraseMost is how many events one event says it erased, besides those of a request.
const eraseMost = 1000

// OrderErasure is the effect of a motion to erase the person it is about, in the
// transaction in which it passed, and which the caller has proven; of others it
// has none. It refuses while what the person asked for or decided is in force.
// Erasures carries it out. Of one to erase a recording see orderShred.
func (d *Desk) OrderErasure(tx *ledger.Tx, m *policy.Motion) error {
	if m == nil || m.Kind != policy.ToErase || !m.Ended.IsZero() {
		return nil
	}
	if m.Recording() != "" {
		return d.orderShred(tx, m)
	}
	if err := d.Idle(tx, m.About); err != nil {
		return err
	}
	if err := tx.Put(orderKey(m.ID), order{m.About, m.ID}); err != nil {
		return err
	}
	_, err := tx.Append(ledger.Event{Kind: "person.to-erase", Actor: "lockbox", Subjects: []string{m.ID}, Private: map[string]string{"person": m.About}})
	return err
}

// Idle refuses what would take the ground from under access that is in force.
func (d *Desk) Idle(tx *ledger.Tx, person string) error {
	if person == "" {
		return refuse("nobody is named")
	}
	open, err := d.Incidents(tx)
	if err != nil {
		return err
	}
	for _, i := range open {
		if i.Who == person {
			return refuse("emergency %s of %s is not settled; executives ratify it first", i.Request, person)
		}
	}
	return d.eachLive(tx, "", func(code string) error {
		_, q, err := load(tx.Get, code)
		switch {
		case err != nil:
			return err
		case q.Who.ID == person:
			return refuse("request %s of %s is not over; withdraw or end it first", code, person)
		case slices.ContainsFunc(q.Votes, func(v policy.Vote) bool { return v.By.ID == person || v.Behalf == person }):
			return refuse("%s has decided on request %s, which is not over; wait for its end, or end it", person, code)
		}
		return nil
	})
}

// Erasures carries out what was ordered. What an erased person signed on motions
// stays, for others rest on it; so does what others wrote of them in comments.
// An event whose actor is somebody else keeps what it says.
func (d *Desk) Erasures(ctx context.Context) error {
	var due []order
	err := d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		due = nil
		return tx.Scan(orderKey(""), func(_ string, raw json.RawMessage) (bool, error) {
			var o order
			err := json.Unmarshal(raw, &o)
			due = append(due, o)
			return true, err
		})
	})
	for _, o := range due {
		if err == nil {
			err = d.erase(ctx, o)
		}
	}
	return err
}

func (d *Desk) erase(ctx context.Context, o order) error {
	of, rest, err := d.theirs(ctx, o.Person)
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	for _, code := range sortedKeys(of) {
		err := d.Ledger.Update(ctx, func(tx *ledger.Tx) error { return d.eraseIn(tx, o, code, of[code]) })
		if err != nil {
			return fmt.Errorf("erase in request %s: %w", code, err)
		}
	}
	for part := range slices.Chunk(rest, eraseMost) {
		err := d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
			_, err := tx.Append(ledger.Event{Kind: erasedEvent, Actor: "lockbox", Subjects: []string{o.Motion}})
			return errors.Join(err, eraseAll(tx, part))
		})
		if err != nil {
			return fmt.Errorf("erase: %w", err)
		}
	}
	return d.Ledger.Update(ctx, func(tx *ledger.Tx) error { return d.erasedAll(tx, o) })
}

func eraseAll(tx *ledger.Tx, seqs []int64) error {
	for _, seq := range seqs {
		if err := tx.Erase(seq); err != nil {
			return err
		}
	}
	return nil
}

// theirs finds the events that a person is the actor of, or is named in by the
// gateway itself, by request, and those of none.
func (d *Desk) theirs(ctx context.Context, person string) (of map[string][]int64, rest []int64, err error) {
	if of, err = d.naming(ctx, person); err != nil {
		return nil, nil, err
	}
	known := map[string]bool{}
	if err := d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		return newest(tx, "", func(code string) (bool, error) { known[code] = true; return true, nil })
	}); err != nil {
		return nil, nil, err
	}
	for seq := int64(-1); ; {
		page, err := d.Ledger.After(ctx, seq, 1000)
		if err != nil || len(page) == 0 {
			return of, rest, err
		}
		for _, e := range page {
			if seq = e.Seq; !isOf(e, person) {
				continue
			}
			i := slices.IndexFunc(e.Subjects, func(s string) bool { return known[s] })
			if i < 0 {
				rest = append(rest, e.Seq)
			} else {
				of[e.Subjects[i]] = append(of[e.Subjects[i]], e.Seq)
			}
		}
	}
}

func isOf(e ledger.Event, person string) bool {
	if e.Actor == person {
		return true
	}
	for _, v := range e.Private {
		if e.Actor == "lockbox" && v == person {
			return true
		}
	}
	return false
}

// naming lists the requests whose rows name a person.
func (d *Desk) naming(ctx context.Context, person string) (of map[string][]int64, err error) {
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		of = map[string][]int64{}
		return newest(tx, "", func(code string) (bool, error) {
			r, q, err := load(tx.Get, code)
			if err != nil {
				return false, err
			}
			votes := slices.ContainsFunc(r.Votes, func(v policy.Vote) bool { return v.By.ID == person })
			says := slices.ContainsFunc(r.Thread, func(m Remark) bool { return m.By == person })
			if votes || says || q.Who.ID == person || q.Who.Vouched == person {
				of[code] = nil
			}
			return true, nil
		})
	})
	return of, err
}

// Stone is what stands for a person whom event by erased: what they were, not who.
func Stone(p policy.Principal, by int64) policy.Principal {
	return policy.Principal{ID: tombstone(by), Name: tombstone(by), Kind: p.Kind, Customer: p.Customer}
}

// eraseIn takes a person out of a request and what belongs to it.
func (d *Desk) eraseIn(tx *ledger.Tx, o order, code string, seqs []int64) error {
	r, q, err := load(tx.Get, code)
	if err != nil {
		return err
	}
	by, err := tx.Append(ledger.Event{
		Kind: erasedEvent, Actor: "lockbox", Subjects: []string{code}, Customers: q.Customers, Detail: map[string]string{"motion": o.Motion},
	})
	if err != nil {
		return err
	}
	if r, err = r.without(q, o.Person, by); err != nil {
		return err
	}
	if err := tx.Put(requestKey(code), r); err != nil {
		return err
	}
	g, err := loadGrant(tx.Get, code)
	if err != nil {
		return err
	}
	if g != nil {
		if g.Who.ID == o.Person {
			g.Who = Stone(g.Who, by)
		}
		if g.RevokedBy == o.Person {
			g.RevokedBy, g.RevokedWhy = tombstone(by), tombstone(by)
		}
		if err := tx.Put(grantKey(code), *g); err != nil {
			return err
		}
	}
	if d.Forget != nil {
		if err := d.Forget(tx, code, o.Person, by); err != nil {
			return err
		}
	}
	return eraseAll(tx, seqs)
}

// without is the row without a person, whom event by erases. What others signed
// stays theirs; only the text that named the person goes, and its hash is in the log.
func (r row) without(q *policy.Request, person string, by int64) (row, error) {
	b, err := openBody(r.Body, r.Open, r.Gone)
	if err != nil {
		return r, err
	}
	if !b.sealed { // it was written in clear: its hash goes with it
		if r.Body, r.Open, err = sealBody(b.request); err != nil {
			return r, err
		}
	}
	open, gone := map[string]Opening{}, map[string]int64{}
	for name, o := range r.Open {
		mine := q.Who.ID == person && (hasPrefix(name, "who.") || hasPrefix(name, "need.")) || q.Who.Vouched == person && name == "who.vouched"
		if mine {
			gone[name] = by
		} else {
			open[name] = o
		}
	}
	for name, was := range r.Gone {
		gone[name] = was
	}
	r.Open, r.Gone, r.Votes, r.Thread = open, gone, slices.Clone(r.Votes), slices.Clone(r.Thread)
	for i := range r.Votes {
		v := &r.Votes[i]
		if v.By.ID == person {
			v.By, v.Comment, gone[voteName(i, "by")] = Stone(v.By, by), "", by
		} else if q.Who.ID != person {
			continue
		}
		if _, done := gone[voteName(i, "statement")]; !done && v.Statement != nil {
			v.Statement, gone[voteName(i, "statement")] = nil, by
		}
	}
	for i := range r.Thread {
		if m := &r.Thread[i]; m.By == person {
			m.By, m.Name, m.Text = tombstone(by), tombstone(by), tombstone(by)
		}
	}
	if q.Who.ID == person {
		r.From = ""
	}
	return r, nil
}

// erasedAll removes what is left of a person under their own name, and the order.
func (d *Desk) erasedAll(tx *ledger.Tx, o order) error {
	by, err := tx.Append(ledger.Event{Kind: erasedEvent, Actor: "lockbox", Subjects: []string{o.Motion}, Detail: map[string]string{"all": "true"}})
	if err != nil {
		return err
	}
	given := func(raw json.RawMessage) bool {
		var p given
		return json.Unmarshal(raw, &p) == nil && p.Proof.Of == o.Person
	}
	for prefix, is := range map[string]func(raw json.RawMessage) bool{
		ballotKey(""): func(raw json.RawMessage) bool {
			var b Ballot
			return json.Unmarshal(raw, &b) == nil && b.By == o.Person
		},
		touchKey(""): func(raw json.RawMessage) bool {
			var t Touch
			return json.Unmarshal(raw, &t) == nil && t.Terminal.Person.ID == o.Person
		},
		proofKey(""):   given,
		touchedKey(""): given,
	} {
		var keys []string
		err := tx.Scan(prefix, func(key string, raw json.RawMessage) (bool, error) {
			if is(raw) {
				keys = append(keys, key)
			}
			return true, nil
		})
		for _, k := range append(keys, dayKey(o.Person)) {
			err = errors.Join(err, tx.Delete(k))
		}
		if err != nil {
			return err
		}
	}
	if d.Forget != nil {
		if err := d.Forget(tx, "", o.Person, by); err != nil {
			return err
		}
	}
	return tx.Delete(orderKey(o.Motion))
}
