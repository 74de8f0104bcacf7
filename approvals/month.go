package approvals

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A Month is what a customer needs to check offline what happened to its data in
// one month, by UTC: every entry of its log from one heartbeat to another, with
// proof that none is left out. The entries begin so long before the month that
// every session is among them that could last into it.
type Month struct {
	Format   string `json:"format"` // "lockbox-month/v1"
	Customer string `json:"customer"`
	Month    string `json:"month"` // "2026-10"

	// The heartbeat of the main log before the entries; nil: they begin with the first of the customer's log.
	Before *ledger.Beat `json:"before,omitempty"`
	// The first heartbeat half a second or more after the month, for one may stand between
	// an event and the head that covers it; nil: the customer's log was empty then, and the last of Entries is later.
	After   *ledger.Beat `json:"after,omitempty"`
	Entries ledger.Span  `json:"entries"`
}

const (
	monthV1    = "lockbox-month/v1"
	monthForm  = "2006-01"
	monthEvent = "month.stated"

	// monthLead is how long before a month the entries begin: no session is older
	// than its grants, the grace after them and the second in which its end is written down.
	monthLead = policy.HardMax + policy.Grace + time.Hour
)

// monthOf reads a month as people write it.
func monthOf(text string) (from, to time.Time, err error) {
	from, err = time.Parse(monthForm, text)
	if err != nil || from.Format(monthForm) != text {
		return from, to, refuse("a month is written as 2026-10")
	}
	return from, from.AddDate(0, 1, 0), nil
}

// Statement makes the statement of a month for those who may read the customer's
// log: its reviewers, executives and auditors.
func (d *Desk) Statement(ctx context.Context, who policy.Principal, customer, month string) (Month, error) {
	if _, known := d.Policy().Customers[customer]; !known {
		return Month{}, ErrUnknown
	}
	var ask policy.Question
	err := d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		ask = policy.Question{Now: tx.Now(), Who: who, Do: policy.ReadLog, Customer: customer}
		return nil
	})
	switch {
	case err != nil:
		return Month{}, err
	case d.Policy().Decide(ask).Verdict != policy.Allow:
		return Month{}, ErrUnknown
	}
	return d.month(ctx, customer, month)
}

func (d *Desk) month(ctx context.Context, customer, month string) (Month, error) {
	from, to, err := monthOf(month)
	if err != nil {
		return Month{}, err
	}
	var now time.Time
	if err := d.Ledger.View(ctx, func(tx *ledger.Tx) error { now = tx.Now(); return nil }); err != nil {
		return Month{}, err
	}
	first, err := d.Ledger.After(ctx, -1, 1)
	switch {
	case err != nil:
		return Month{}, err
	case now.Before(to):
		return Month{}, refuse("%s is not over; its statement can be made from %s UTC", month, to.Format("2006-01-02 15:04"))
	case len(first) == 0 || !first[0].At.Before(to):
		return Month{}, refuse("there was no log yet in %s", month)
	}
	m := Month{Format: monthV1, Customer: customer, Month: month}
	if m.Before, err = d.beatBefore(ctx, customer, from.Add(-monthLead)); err != nil {
		return Month{}, err
	}
	if m.After, err = d.beatAfter(ctx, customer, to); err != nil {
		return Month{}, err
	}
	start, end, err := d.bounds(ctx, m, to)
	if err != nil {
		return Month{}, err
	}
	m.Entries, err = d.Ledger.Of(customer).Span(ctx, start, end)
	return m, err
}

// beatBefore finds a heartbeat at or before an instant, the customer's head in
// it; nil where there is none.
func (d *Desk) beatBefore(ctx context.Context, customer string, at time.Time) (*ledger.Beat, error) {
	for back := 2 * time.Hour; back < 10*366*24*time.Hour; back *= 2 {
		b, err := d.beat(ctx, customer, at.Add(-back))
		if err != nil || b == nil {
			return nil, err
		}
		f, err := ledger.ParseLeaf(b.Entry.Leaf)
		if err != nil {
			return nil, err
		}
		if !f.At.After(at) {
			return b, nil
		}
	}
	return nil, nil
}

// settled is more than there is, in a ledger that is not lied to, between an
// event and the head of a customer's log that covers it: they are of one commit.
const settled = 500 * time.Millisecond

// beatAfter finds the first heartbeat that covers all that was before an
// instant; nil where the customer's log was empty then.
func (d *Desk) beatAfter(ctx context.Context, customer string, at time.Time) (*ledger.Beat, error) {
	at = at.Add(settled)
	if _, err := d.Ledger.Main().Beat(ctx, at); errors.Is(err, ledger.ErrTampered) {
		return nil, err
	} else if err != nil {
		return nil, refuse("the month is over, and the log's next heartbeat is not written yet; try again in an hour")
	}
	return d.beat(ctx, customer, at)
}

func (d *Desk) beat(ctx context.Context, customer string, at time.Time) (*ledger.Beat, error) {
	b, err := d.Ledger.Of(customer).Beat(ctx, at)
	switch {
	case errors.Is(err, ledger.ErrTampered) || ctx.Err() != nil:
		return nil, err
	case err != nil:
		return nil, nil // there is none, or the customer's log was empty then
	}
	return &b, nil
}

// bounds are the indices of the entries.
func (d *Desk) bounds(ctx context.Context, m Month, to time.Time) (start, end int64, err error) {
	if m.Before != nil {
		start = m.Before.Size
	}
	if m.After != nil {
		return start, m.After.Size, nil
	}
	for range 2 { // nothing concerned the customer before the month was over: what is written now is the first entry
		page, err := d.Ledger.Of(m.Customer).After(ctx, -1, 1)
		switch {
		case err != nil:
			return 0, 0, err
		case len(page) > 0 && page[0].At.Before(to):
			return 0, 0, fmt.Errorf("the log of %s is not in the heartbeat after %s", m.Customer, m.Month)
		case len(page) > 0:
			return 0, 1, nil
		}
		if err := d.state(ctx, m.Customer, m.Month); err != nil {
			return 0, 0, err
		}
	}
	return 0, 0, fmt.Errorf("the log of %s stays empty", m.Customer)
}

func monthKey(customer, month string) string { return "month/" + customer + "/" + month }

// state writes down, once, that the statement of a month can be had.
func (d *Desk) state(ctx context.Context, customer, month string) error {
	return d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		var at time.Time
		if ok, err := tx.Get(monthKey(customer, month), &at); err != nil || ok {
			return err
		}
		if err := tx.Put(monthKey(customer, month), tx.Now()); err != nil {
			return err
		}
		_, err := tx.Append(ledger.Event{
			Kind: monthEvent, Actor: "lockbox", Subjects: []string{customer}, Customers: []string{customer}, Detail: map[string]string{"month": month},
		})
		return err
	})
}

// Months writes down that the statement of last month can be had, for every
// customer once: whoever sends it follows that event. It is asked again and again.
func (d *Desk) Months(ctx context.Context) error {
	var month string
	var to time.Time
	var due []string
	err := d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		y, m, _ := tx.Now().Date()
		to = time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
		month, due = to.AddDate(0, -1, 0).Format(monthForm), nil
		for _, c := range sortedKeys(d.Policy().Customers) {
			var at time.Time
			if ok, err := tx.Get(monthKey(c, month), &at); err != nil {
				return err
			} else if !ok {
				due = append(due, c)
			}
		}
		return nil
	})
	if err != nil || len(due) == 0 {
		return err
	}
	first, err := d.Ledger.After(ctx, -1, 1)
	if err != nil || len(first) == 0 || !first[0].At.Before(to) {
		return err // there was no log yet
	}
	for _, c := range due {
		if _, err := d.beatAfter(ctx, c, to); err != nil {
			if no := (*Refusal)(nil); errors.As(err, &no) {
				return nil // at the next tick
			}
			return err
		}
		if err := d.state(ctx, c, month); err != nil {
			return err
		}
	}
	return nil
}

// ParseMonth reads a statement. Fields it does not know are an error.
func ParseMonth(data []byte) (m Month, err error) {
	err = strict(data, &m)
	return m, err
}
