package approvals

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// openIncidents is the row of those that nobody settled yet. Nobody can take it
// away, or put an older one back, unseen.
const openIncidents = "glass/open"

func incidentKey(code string) string { return "incident/" + code }

// An incident is what is kept of one emergency besides its request and grant.
type incident struct {
	Code    string    `json:"code"` // of the request
	At      time.Time `json:"at"`
	Motion  string    `json:"motion,omitempty"` // the newest by which executives are asked to ratify it
	Late    time.Time `json:"late,omitzero"`    // when it was written down that nobody did in time
	Settled time.Time `json:"settled,omitzero"`
	By      string    `json:"by,omitempty"` // the motion that settled it
}

// Incidents are those that nobody settled yet, from a row that is proven.
func (d *Desk) Incidents(tx *ledger.Tx) (open []policy.Incident, err error) {
	if _, err = tx.Verified(openIncidents, &open); err != nil {
		err = fmt.Errorf("read the open emergencies: %w", err)
	}
	return open, err
}

// open opens an incident.
func (d *Desk) open(tx *ledger.Tx, i policy.Incident) error {
	all, err := d.Incidents(tx)
	if err != nil {
		return err
	}
	if err := tx.Put(openIncidents, append(all, i)); err != nil {
		return err
	}
	return tx.Put(incidentKey(i.Request), incident{Code: i.Request, At: i.At})
}

// offer asks executives to ratify an emergency. That nobody could do so does not
// keep people out: it locks them later.
func (d *Desk) offer(tx *ledger.Tx, code string) error {
	if d.Charter == nil {
		return nil
	}
	id, err := d.Charter.ProposeIn(tx, gatewayItself(), policy.Motion{Kind: policy.ToRatify, About: code})
	if no := new(charter.Refusal); errors.As(err, &no) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.asksBy(tx, code, id)
}

// asksBy keeps by which motion executives are asked.
func (d *Desk) asksBy(tx *ledger.Tx, code, motion string) error {
	var i incident
	if ok, err := tx.Verified(incidentKey(code), &i); err != nil || !ok {
		return errors.Join(err, fmt.Errorf("load incident %s", code))
	}
	i.Motion = motion
	return tx.Put(incidentKey(code), i)
}

// Glass is what a motion to ratify is about.
func (d *Desk) Glass(tx *ledger.Tx, code string) (charter.Broken, error) {
	var i incident
	ok, err := tx.Verified(incidentKey(code), &i)
	if err != nil {
		return charter.Broken{}, err
	}
	r, _, err := load(tx.Verified, code)
	if !ok || errors.Is(err, ErrUnknown) {
		return charter.Broken{}, refuse("no glass was broken for %q", code)
	}
	if err != nil {
		return charter.Broken{}, err
	}
	return charter.Broken{Asked: r.digest(), Due: i.At.Add(policy.RatifyWithin), Settled: !i.Settled.IsZero()}, nil
}

// Settle is what a motion to ratify does once it has passed: nothing is locked
// for the emergency any more.
func (d *Desk) Settle(tx *ledger.Tx, m *policy.Motion) error {
	var i incident
	if ok, err := tx.Verified(incidentKey(m.About), &i); err != nil || !ok || !i.Settled.IsZero() || !m.Ended.IsZero() {
		return err
	}
	_, q, err := load(tx.Get, m.About)
	if err != nil {
		return err
	}
	all, err := d.Incidents(tx)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(o policy.Incident) bool { return o.Request == m.About })
	if err := tx.Put(openIncidents, all); err != nil {
		return err
	}
	i.Settled, i.By = tx.Now(), m.ID
	if err := tx.Put(incidentKey(m.About), i); err != nil {
		return err
	}
	return d.tell(tx, m.About, ledger.Event{
		Kind: "glass.ratified", Actor: "lockbox", Subjects: append(about(q), m.ID), Customers: q.Customers,
		Detail: map[string]string{"motion": m.ID, "in-time": yesNo(tx.Now().Before(i.At.Add(policy.RatifyWithin)))},
	})
}

// tell appends an event that tells what became of a request.
func (d *Desk) tell(tx *ledger.Tx, code string, e ledger.Event) error {
	r, _, err := load(tx.Get, code)
	if err != nil {
		return err
	}
	seq, err := tx.Append(e)
	if err != nil {
		return err
	}
	r.Trail = append(r.Trail, seq)
	return tx.Put(requestKey(code), r)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// Opposed is what a no to ratifying does: the access ends at once.
func (d *Desk) Opposed(tx *ledger.Tx, m *policy.Motion, by policy.Principal) error {
	_, q, err := load(tx.Get, m.About)
	if err != nil {
		return err
	}
	if err := d.tell(tx, m.About, ledger.Event{
		Kind: "glass.refused", Actor: by.ID, Subjects: append(about(q), m.ID), Customers: q.Customers, Detail: map[string]string{"motion": m.ID},
	}); err != nil {
		return err
	}
	g, err := loadGrant(tx.Get, m.About)
	if err != nil || g == nil || g.Over(tx.Now()) != "" {
		return err
	}
	return d.end(tx, g, by, "an executive did not ratify the emergency")
}

// unratified lists the incidents whose time to be ratified is up and that were
// not written down, and how long until the next one's is; 0: there is none.
func (d *Desk) unratified(ctx context.Context) (late []string, wait time.Duration, err error) {
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		late, wait = nil, 0
		open, err := d.Incidents(tx)
		for _, o := range open {
			var i incident
			if _, err := tx.Get(incidentKey(o.Request), &i); err != nil {
				return err
			}
			switch left := o.Due().Sub(tx.Now()); {
			case left > 0 && (wait == 0 || left < wait):
				wait = left
			case left <= 0 && i.Late.IsZero():
				late = append(late, o.Request)
			}
		}
		return err
	})
	return late, wait, err
}

// tellLate writes down, once, that nobody ratified an emergency in time. What is
// locked is locked before.
func (d *Desk) tellLate(tx *ledger.Tx, code string) error {
	var i incident
	if ok, err := tx.Verified(incidentKey(code), &i); err != nil || !ok || !i.Late.IsZero() || !i.Settled.IsZero() {
		return err
	}
	_, q, err := load(tx.Get, code)
	if err != nil {
		return err
	}
	i.Late = tx.Now()
	if err := tx.Put(incidentKey(code), i); err != nil {
		return err
	}
	err = d.tell(tx, code, ledger.Event{Kind: "glass.unratified", Actor: "lockbox", Subjects: about(q), Customers: q.Customers})
	if err != nil {
		return err
	}
	return d.offer(tx, code) // it takes two now
}

// An Incident is an emergency, for those who may see its request.
type Incident struct {
	View
	Broken  time.Time
	Due     time.Time
	Motion  string    // by which executives are asked
	Settled time.Time // zero: not yet
	By      string    // the motion that settled it
	Locked  bool      // person and target are locked for it
	InTime  bool      // it was settled in time
}

// IncidentOf gives the emergency of a request to those who may see it, and
// ErrUnknown to everybody else.
func (d *Desk) IncidentOf(ctx context.Context, who policy.Principal, code string) (x Incident, err error) {
	if !ValidCode(code) {
		return Incident{}, ErrUnknown
	}
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		x, err = d.IncidentIn(tx, who, code)
		return err
	})
	return x, err
}

// IncidentIn is IncidentOf within a transaction.
func (d *Desk) IncidentIn(tx *ledger.Tx, who policy.Principal, code string) (Incident, error) {
	v, err := d.SeeIn(tx, who, code)
	if err != nil {
		return Incident{}, err
	}
	var i incident
	if ok, err := tx.Verified(incidentKey(code), &i); err != nil {
		return Incident{}, err
	} else if !ok {
		return Incident{}, ErrUnknown
	}
	x := Incident{View: v, Broken: i.At, Due: i.At.Add(policy.RatifyWithin), Motion: i.Motion, Settled: i.Settled, By: i.By}
	x.Locked, x.InTime = i.Settled.IsZero() && !tx.Now().Before(x.Due), !i.Settled.IsZero() && i.Settled.Before(x.Due)
	return x, nil
}

// AllIncidents lists the emergencies that who may see, the newest first, at most n.
func (d *Desk) AllIncidents(ctx context.Context, who policy.Principal, n int) (all []Incident, err error) {
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		all = nil
		var rows []incident
		err := tx.Scan(incidentKey(""), func(_ string, raw json.RawMessage) (bool, error) {
			var i incident
			err := json.Unmarshal(raw, &i)
			rows = append(rows, i)
			return true, err
		})
		slices.SortFunc(rows, func(a, b incident) int { return b.At.Compare(a.At) })
		for _, r := range rows {
			if err != nil || len(all) >= n {
				break
			}
			var x Incident
			switch x, err = d.IncidentIn(tx, who, r.Code); {
			case errors.Is(err, ErrUnknown):
				err = nil
			case err == nil:
				all = append(all, x)
			}
		}
		return err
	})
	return all, err
}
