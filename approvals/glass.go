package approvals

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

const (
	dailyGlass  = 3  // emergencies of one person a day
	triesPerson = 5  // wrong codes of one person an hour
	triesSource = 20 // and from one address
)

func glassDayKey(person string) string   { return "glass/asked/" + person }
func triesKey(what, which string) string { return "glass/tries/" + what + which }
func hourOf(tx *ledger.Tx) (hour string) { return tx.Now().Format("2006-01-02T15") }

// BreakGlass makes a request that asks nobody who decides: with a sealed code,
// for a second person to say yes to. Nothing is open before they have, and who
// asks has touched their passkey. Its error is a *Refusal where the person can mend it.
func (d *Desk) BreakGlass(ctx context.Context, who policy.Principal, a Application, code Sealed) (v View, err error) {
	a.emergency = true
	var wrong error
	err = d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		v, wrong = View{}, nil
		if who.Kind != policy.Staff {
			return refuse("only people of the staff break the glass")
		}
		if err := fewTries(tx, who.ID, a); err != nil {
			return err
		}
		dec, err := d.asks(tx, who, a)
		if err != nil {
			return err
		}
		if err := lint(a.Need, dec); err != nil {
			return err
		}
		q, err := d.compose(tx, who, a, dec)
		if err != nil {
			return err
		}
		r, why, guessed, err := d.find(tx, code, a.Target)
		switch {
		case err != nil:
			return err
		case guessed:
			wrong = why
			return d.tried(tx, who.ID, a)
		case why != nil:
			return why
		}
		return d.ask(tx, q, r, a, &v)
	})
	if err == nil {
		err = wrong
	}
	return v, err
}

// ask files the request of a code that is right, or finds the open one.
func (d *Desk) ask(tx *ledger.Tx, q *policy.Request, r sealedRow, a Application, v *View) (err error) {
	q.Glass = r.Number
	if r.waits(tx) {
		open, err := view(tx, tx.Get, r.Held)
		if err != nil {
			return err
		}
		if open.Request.Who.ID != q.Who.ID || open.Request.Target != q.Target || open.Request.Login != q.Login {
			return refuse("this code waits with another request; take another one")
		}
		*v = open
		return nil
	}
	if err := d.file(tx, q, a.From.String(), v); err != nil {
		return err
	}
	r.Held = v.Request.ID
	return tx.Put(sealedKey(r.Number), r)
}

// Breaking says whether a person broke the glass for a target, and that is not over.
func (d *Desk) Breaking(tx *ledger.Tx, person, target string) (broken bool, err error) {
	mine, err := d.MineIn(tx, person)
	return slices.ContainsFunc(mine, func(v View) bool { return v.Request.Emergency && v.Request.Target == target }), err
}

// fewTries refuses one more code to somebody who, or from where, too many were wrong.
func fewTries(tx *ledger.Tx, person string, a Application) error {
	for key, most := range map[string]int{triesKey("person/", person): triesPerson, triesKey("source/", a.From.String()): triesSource} {
		var n tally
		if _, err := tx.Get(key, &n); err != nil {
			return err
		}
		if n.Day == hourOf(tx) && n.Count >= most {
			return refuse("too many wrong codes; wait until the next full hour, or have a colleague do it")
		}
	}
	return nil
}

// tried writes a wrong code down.
func (d *Desk) tried(tx *ledger.Tx, person string, a Application) error {
	for _, key := range []string{triesKey("person/", person), triesKey("source/", a.From.String())} {
		var n tally
		if _, err := tx.Get(key, &n); err != nil {
			return err
		}
		if hour := hourOf(tx); n.Day != hour {
			n = tally{Day: hour}
		}
		n.Count++
		if err := tx.Put(key, n); err != nil {
			return err
		}
	}
	_, err := tx.Append(ledger.Event{
		Kind: "glass.wrong-code", Actor: person, Subjects: []string{a.Target}, Private: map[string]string{"from": a.From.String()},
	})
	return err
}

// opened proves that the code that an emergency rests on was used for it.
func opened(tx *ledger.Tx, q *policy.Request) error {
	if !q.Emergency {
		return nil
	}
	var r sealedRow
	if ok, err := tx.Verified(sealedKey(q.Glass), &r); err != nil || !ok || q.Glass == "" || r.Used != q.ID {
		return fmt.Errorf("no sealed code was used for emergency %s (%v)", q.ID, err)
	}
	return nil
}

// broke is what follows when an emergency is approved: its code is used up, the
// incident is open, those who were not asked are told, and executives have to ratify it.
func (d *Desk) broke(tx *ledger.Tx, r *row, q *policy.Request) error {
	if err := d.burn(tx, q); err != nil {
		return err
	}
	i := policy.Incident{Request: q.ID, Who: q.Who.ID, Target: q.Target, At: tx.Now()}
	if t := d.Policy().Targets[q.Target]; t != nil {
		i.Marks = t.Marks()
	}
	if err := d.open(tx, i); err != nil {
		return err
	}
	seq, err := tx.Append(ledger.Event{
		Kind: "glass.broken", Actor: q.Who.ID, Subjects: about(q), Customers: q.Customers,
		Detail: map[string]string{
			"sealed-code": q.Glass, "not-asked": "executives and every customer concerned", "ratify-by": moment(i.Due()),
			"second": strconv.Itoa(len(r.Votes)), "login": q.Login,
		},
	})
	if err != nil {
		return err
	}
	r.Trail = append(r.Trail, seq)
	return d.offer(tx, q.ID)
}

// burn uses up the code of an emergency.
func (d *Desk) burn(tx *ledger.Tx, q *policy.Request) error {
	var c sealedRow
	if ok, err := tx.Verified(sealedKey(q.Glass), &c); err != nil || !ok {
		return fmt.Errorf("find the sealed code %s: %v", q.Glass, err)
	}
	if why, err := d.usable(tx, c, q.Target); err != nil || why != nil {
		return firstOf(err, why)
	}
	if c.Held != q.ID {
		return refuse("the sealed code of this request waits with another one now")
	}
	if never, err := d.Never(tx, q.Target); err != nil {
		return err
	} else if i := slices.IndexFunc(q.Customers, func(c string) bool { return slices.Contains(never, c) }); i >= 0 {
		return refuse("customer %s said that the glass is never broken where its data is", q.Customers[i])
	}
	c.Used = q.ID
	if err := tx.Put(sealedKey(c.Number), c); err != nil {
		return err
	}
	_, err := tx.Append(ledger.Event{
		Kind: "glass.code-used", Actor: q.Who.ID, Subjects: []string{q.ID, q.Target}, Detail: map[string]string{"sealed-code": c.Number, "batch": c.Batch},
	})
	return err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Never lists the customers of a target who said that the glass is never broken
// where their data is.
func (d *Desk) Never(tx *ledger.Tx, target string) ([]string, error) {
	t := d.Policy().Targets[target]
	if t == nil || d.Charter == nil {
		return nil, nil
	}
	return d.Charter.Never(tx, t.Customers)
}

// Emergency is what policy says of breaking the glass for an application; where
// it does not say what to do there, the first action that may be asked for is filled in.
func (d *Desk) Emergency(ctx context.Context, who policy.Principal, a *Application) (dec policy.Decision, err error) {
	a.emergency = true
	all := []policy.Action{a.Do}
	if a.Do == "" {
		all = policy.OnTarget()
	}
	t := d.Policy().Targets[a.Target]
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		var first error
		for _, do := range all {
			if a.Do = do; t != nil && len(all) > 1 && !do.On(t) {
				continue
			}
			if dec, err = d.asks(tx, who, *a); err == nil {
				return nil
			}
			if first == nil {
				first = err
			}
		}
		return first
	})
	return dec, err
}
