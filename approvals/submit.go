package approvals

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// An Application is what a person asks for.
type Application struct {
	Target   string
	Login    string // "" for the target's first
	Customer string // where the login reaches one
	Do       policy.Action
	Need     policy.Need
	For      time.Duration // 0 for the rule's default
	From     netip.Addr
}

const (
	openRequests  = 5  // of one person at a time
	dailyRequests = 20 // of one person
)

// Submit makes a request, or returns the open one that asks for exactly the
// same. Its error is a *Refusal where the person can mend it.
func (d *Desk) Submit(ctx context.Context, who policy.Principal, a Application) (v View, err error) {
	err = d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		v = View{}
		dec := d.Policy().Decide(policy.Question{
			Now: tx.Now(), Who: who, Do: a.Do, On: a.Target, Login: a.Login, Customer: a.Customer, From: a.From, Reason: a.Need.Reason,
		})
		if dec.Verdict != policy.Ask {
			return refused(dec)
		}
		if err := lint(a.Need, dec); err != nil {
			return err
		}
		q, err := d.compose(tx, who, a, dec)
		if err != nil {
			return err
		}
		if v, err = d.same(tx, q); err != nil || v.Request != nil {
			return err
		}
		return d.file(tx, q, a.From, &v)
	})
	return v, err
}

// compose fills in a request from the decision; it has no code yet.
func (d *Desk) compose(tx *ledger.Tx, who policy.Principal, a Application, dec policy.Decision) (*policy.Request, error) {
	long, err := window(a.For, dec.Limits)
	if err != nil {
		return nil, err
	}
	stages := dec.Stages()
	for i, s := range stages {
		voters, err := d.People.Voters(tx, s)
		if err != nil {
			return nil, err
		}
		voters = slices.DeleteFunc(voters, func(p policy.Principal) bool {
			return p.ID == who.ID || p.ID == who.Vouched || !d.Policy().Decides(p, s)
		})
		if len(voters) < s.Count {
			return nil, refuse("%s; ask an operator to enrol them", nobody(s, len(voters)))
		}
		stages[i].Of = len(voters)
	}
	actions := slices.DeleteFunc(slices.Clone(dec.Actions()), func(x policy.Action) bool {
		return d.Policy().Decide(policy.Question{
			Now: tx.Now(), Who: who, Do: x, On: a.Target, Login: dec.Login, From: a.From, Reason: a.Need.Reason, Customer: one(dec.Customers),
		}).Verdict != policy.Ask
	})
	return &policy.Request{
		At: tx.Now(), Who: who, Target: a.Target, Login: dec.Login, Actions: actions, Customers: dec.Customers,
		Need: a.Need, For: long, ActivateWithin: dec.Limits.ActivateWithin, Stages: stages, Rule: dec.Rule, Policy: d.Policy().Digest, Machine: dec.Machine(), ReadOnly: dec.ReadOnly,
	}, nil
}

func one(customers []string) string {
	if len(customers) == 1 {
		return customers[0]
	}
	return ""
}

func nobody(s policy.Stage, have int) string {
	whose := "executives"
	if s.Kind == policy.ByCustomer {
		whose = "reviewers of " + s.Customer
	}
	return fmt.Sprintf("%d %s must approve, and %d could", s.Count, whose, have)
}

// same finds an open request that differs from q only in code and time.
func (d *Desk) same(tx *ledger.Tx, q *policy.Request) (found View, err error) {
	want, err := asked(*q)
	if err != nil {
		return View{}, err
	}
	open := 0
	err = d.eachLive(tx, q.Who.ID, func(code string) error {
		v, err := view(tx, tx.Get, code)
		if err != nil || v.Status.Phase != policy.Pending {
			return err
		}
		open++
		have, err := asked(*v.Request)
		if err == nil && bytes.Equal(have, want) {
			found = v
		}
		return err
	})
	if err == nil && found.Request == nil && open >= openRequests {
		err = refuse("you have %d open requests; withdraw one first (`cancel ID`)", open)
	}
	return found, err
}

// asked is what makes two requests the same.
func asked(q policy.Request) ([]byte, error) {
	q.ID, q.At, q.Votes = "", time.Time{}, nil
	return json.Marshal(q)
}

// file stores the request under a new code.
func (d *Desk) file(tx *ledger.Tx, q *policy.Request, from netip.Addr, v *View) error {
	if err := d.count(tx, q.Who.ID); err != nil {
		return err
	}
	code, err := newCode(tx)
	if err != nil {
		return err
	}
	q.ID = code
	body, err := json.Marshal(q)
	if err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	r := row{Body: body}
	if err := tx.Put(liveKey(q.Who.ID, code), code); err != nil {
		return err
	}
	seq, err := tx.Append(ledger.Event{
		Kind: "request.made", Actor: q.Who.ID, Subjects: append([]string{code, q.Target}, q.Customers...),
		Detail: map[string]string{
			"request-sha256": r.digest(), "for": q.For.String(), "reason": string(q.Need.Reason), "login": q.Login,
			"rule": q.Rule, "policy-sha256": q.Policy,
		},
		Private: map[string]string{"need": q.Need.Text, "ticket": q.Need.Ticket, "from": from.String()},
	})
	if err != nil {
		return err
	}
	r.Trail = []int64{seq}
	*v = View{Request: q, Digest: r.digest(), Status: q.Tally(tx.Now()), Now: tx.Now()}
	return tx.Put(requestKey(code), r)
}

// count refuses the person's next request of the day when there were too many.
func (d *Desk) count(tx *ledger.Tx, person string) error {
	most := d.Daily
	if most == 0 {
		most = dailyRequests
	}
	var n struct {
		Day   string `json:"day"`
		Count int    `json:"count"`
	}
	key := "asked/" + person
	if _, err := tx.Get(key, &n); err != nil {
		return err
	}
	if today := tx.Now().Format(time.DateOnly); n.Day != today {
		n.Day, n.Count = today, 0
	}
	if n.Count++; n.Count > most {
		return refuse("you have made %d requests today; that is the limit", most)
	}
	return tx.Put(key, n)
}
