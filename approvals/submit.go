package approvals

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// An Application is what a person asks for.
type Application struct {
	Target   string
	Login    string // "" for the target's first
	Customer string // where the login reaches one
	Do       policy.Action
	To       string // of forward: host:port that the rule must list; "" for the first that permits
	Need     policy.Need
	For      time.Duration // 0 for the rule's default
	From     netip.Addr

	emergency bool // of BreakGlass
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
		if v, err = d.same(tx, q); err != nil || v.Request != nil {
			return err
		}
		return d.file(tx, q, from(a), &v)
	})
	return v, err
}

// from is the address of who asks, as it is written down.
func from(a Application) string {
	if !a.From.IsValid() {
		return "unknown" // as in Slack
	}
	return a.From.String()
}

// asks decides whether the application may be made; without that, its error
// says what the person has to do before.
func (d *Desk) asks(tx *ledger.Tx, who policy.Principal, a Application) (policy.Decision, error) {
	ask, err := d.access(tx, who, a)
	if err != nil {
		return policy.Decision{}, err
	}
	dec := d.Policy().Decide(ask)
	switch {
	case dec.Verdict == policy.Ask:
		return dec, nil
	case dec.Verdict == policy.Prove && dec.Proof == policy.Declared:
		return dec, &Refusal{dec.Code, dec.Why.String() + d.where("/me/declaration")}
	}
	return dec, refused(dec)
}

// where is the page on which people sign something, as the end of a sentence.
func (d *Desk) where(page string) string {
	if len(d.Party.Origins) == 0 {
		return ""
	}
	return ": " + d.Party.Origins[0] + page
}

// access is the question whether an application may be made, with the proof
// that the person promised confidentiality.
func (d *Desk) access(tx *ledger.Tx, who policy.Principal, a Application) (policy.Question, error) {
	ask := policy.Question{
		Now: tx.Now(), Who: who, Do: a.Do, On: a.Target, Login: a.Login, Customer: a.Customer, To: a.To, From: a.From, Reason: a.Need.Reason,
	}
	var err error
	if ask.Incidents, err = d.Incidents(tx); err != nil {
		return ask, err
	}
	if ask.Emergency = a.emergency; a.emergency {
		if ask.Never, err = d.Never(tx, a.Target); err != nil {
			return ask, err
		}
	}
	text := d.Policy().Declaration
	if text == nil || d.Charter == nil {
		return ask, nil
	}
	ask.Proofs, err = d.Charter.Declared(tx, who.ID, text.Digest())
	return ask, err
}

// compose fills in a request from the decision; it has no code yet.
func (d *Desk) compose(tx *ledger.Tx, who policy.Principal, a Application, dec policy.Decision) (*policy.Request, error) {
	long, err := window(a.For, dec.Limits)
	if err != nil {
		return nil, err
	}
	stages := dec.Stages()
	for i := range stages {
		if err := d.staff(tx, who, &stages[i]); err != nil {
			return nil, err
		}
	}
	a.Login, a.Customer = dec.Login, one(dec.Customers)
	ask, err := d.access(tx, who, a)
	if err != nil {
		return nil, err
	}
	actions := slices.DeleteFunc(slices.Clone(dec.Actions()), func(x policy.Action) bool {
		if ask.Do, ask.To = x, ""; x == policy.Forward {
			ask.To = a.To
		}
		other := d.Policy().Decide(ask) // another rule may decide on it, and take a ticket
		return other.Verdict != policy.Ask || lintTicket(a.Need.Ticket, other.Ticket) != nil
	})
	var to []string
	if slices.Contains(actions, policy.Forward) {
		to = dec.Bounds.To
	}
	return &policy.Request{
		At: tx.Now(), Who: who, Target: a.Target, Login: dec.Login, Actions: actions, To: to, Customers: dec.Customers,
		Need: a.Need, For: long, ActivateWithin: dec.Limits.ActivateWithin, Stages: stages, Rule: dec.Rule, Policy: d.Policy().Digest, Machine: dec.Machine(), ReadOnly: dec.ReadOnly,
		Witnesses: dec.Witnesses, Emergency: dec.Emergency,
	}, nil
}

// staff fills in whom a stage of a request by who asks: how many a customer
// wants of its own, how many there are, and how many each rung adds.
func (d *Desk) staff(tx *ledger.Tx, who policy.Principal, s *policy.Stage) error {
	if s.Kind == policy.ByCustomer && d.Charter != nil {
		n, err := d.Charter.Quorum(tx, s.Customer)
		if err != nil {
			return err
		}
		s.Count = max(s.Count, n)
	}
	asked := map[string]bool{who.ID: true, who.Vouched: true, "": true}
	count := func(group string) (n int, err error) {
		of := *s
		of.Group = group
		voters, err := d.People.Voters(tx, of)
		for _, p := range voters {
			if !asked[p.ID] && d.Policy().Decides(p, of) {
				asked[p.ID] = true
				n++
			}
		}
		return n, err
	}
	var err error
	if s.Of, err = count(s.Group); err != nil {
		return err
	}
	if s.Of < s.Count {
		return refuse("%s (not counting who asks and who confirmed their key); ask an operator to enrol more", nobody(*s, s.Of))
	}
	s.Escalate = slices.Clone(s.Escalate) // the policy's own stays as it is
	for i, r := range s.Escalate {
		if r.To == "" {
			continue
		}
		if s.Escalate[i].Of, err = count(r.To); err != nil {
			return err
		}
	}
	return nil
}

func one(customers []string) string {
	if len(customers) == 1 {
		return customers[0]
	}
	return ""
}

func nobody(s policy.Stage, have int) string {
	whose := "executives"
	switch s.Kind {
	case policy.ByCustomer:
		whose = "reviewers of " + s.Customer
	case policy.ByPeer, policy.ByOwner, policy.ByGlass:
		whose = "people of " + s.Group
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
func (d *Desk) file(tx *ledger.Tx, q *policy.Request, from string, v *View) error {
	if err := d.count(tx, q); err != nil {
		return err
	}
	code, err := charter.NewCode(tx)
	if err != nil {
		return err
	}
	q.ID = code
	r := row{From: from}
	if r.Body, r.Open, err = sealBody(q); err != nil {
		return err
	}
	if err := tx.Put(liveKey(q.Who.ID, code), code); err != nil {
		return err
	}
	if err := tx.Put(madeKey(q), code); err != nil {
		return err
	}
	seq, err := tx.Append(ledger.Event{
		Kind: "request.made", Actor: q.Who.ID, Subjects: about(q), Customers: q.Customers,
		Detail:  made(q, r.digest()),
		Private: map[string]string{"need": q.Need.Text, "ticket": q.Need.Ticket, "from": from},
	})
	if err != nil {
		return err
	}
	r.Trail = []int64{seq}
	if err := d.stand(tx, &r, q); err != nil {
		return err
	}
	if err := tx.Put(requestKey(code), r); err != nil {
		return err
	}
	*v, err = view(tx, tx.Get, code)
	return err
}

// made is what the log says of a request that is made, besides its hashes.
func made(q *policy.Request, digest string) map[string]string {
	all := map[string]string{
		"request-sha256": digest, "for": q.For.String(), "reason": string(q.Need.Reason), "login": q.Login,
		"rule": q.Rule, "policy-sha256": q.Policy, "extends": or(q.Extends, "none"),
	}
	if q.Emergency {
		all["emergency"], all["sealed-code"] = "yes", q.Glass
	}
	return all
}

// about are the subjects of an event about a request.
func about(q *policy.Request) []string {
	all := append([]string{q.ID, q.Target}, q.Customers...)
	if q.Extends != "" {
		all = append(all, q.Extends)
	}
	return all
}

// A tally counts the requests that a person made on a day.
type tally struct {
	Day   string `json:"day"`
	Count int    `json:"count"`
}

func dayKey(person string) string { return "asked/" + person }

// count refuses the person's next request of the day when there were too many.
func (d *Desk) count(tx *ledger.Tx, q *policy.Request) error {
	most, key := d.Daily, dayKey(q.Who.ID)
	if most == 0 {
		most = dailyRequests
	}
	if q.Emergency {
		if most, key = d.Broken, glassDayKey(q.Who.ID); most == 0 {
			most = dailyGlass
		}
	}
	var n tally
	if _, err := tx.Get(key, &n); err != nil {
		return err
	}
	if today := tx.Now().Format(time.DateOnly); n.Day != today {
		n.Day, n.Count = today, 0
	}
	if n.Count++; n.Count > most {
		if q.Emergency {
			return refuse("you have broken the glass %d times today; that is the limit. Ask the normal way, or have a colleague do it", most)
		}
		return refuse("you have made %d requests today; that is the limit", most)
	}
	return tx.Put(key, n)
}
