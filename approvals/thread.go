package approvals

import (
	"context"
	"slices"
	"strings"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A Remark is one line of the thread of a request.
type Remark struct {
	By     string    `json:"by"`
	Name   string    `json:"name"`
	At     time.Time `json:"at"`
	Thread string    `json:"thread,omitempty"` // the customer whose thread it is; "" the board's
	Text   string    `json:"text"`
}

const (
	remarksMost = 50                 // in one thread
	remarkMax   = 1000               // characters
	remarkLate  = 7 * 24 * time.Hour // after the request is over
)

// Say writes a remark into a thread of the request ("" the board's, or that of
// one customer). A reviewer always writes into their customer's.
func (d *Desk) Say(ctx context.Context, who policy.Principal, code, thread, text string) (v View, err error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return View{}, refuse("write something first")
	}
	if err := lintText("a remark", text, remarkMax); err != nil {
		return View{}, err
	}
	err = d.change(ctx, who, code, policy.Say, func(tx *ledger.Tx, r row, q *policy.Request, _ *policy.Grant) error {
		whole, err := d.Whole(tx, who, code)
		if err != nil {
			return err
		}
		if seen := whole.For(who); seen.eyes != "" {
			thread = seen.eyes
		}
		switch over := whole.over(); {
		case thread != "" && !slices.Contains(q.Customers, thread):
			return refuse("request %s concerns no such customer; leave it empty to write to those who decide here", code)
		case full(r.Thread, thread):
			return refuse("the thread is full (%d remarks); speak with each other, and write the outcome into the ticket", remarksMost)
		case !over.IsZero() && !tx.Now().Before(over.Add(remarkLate)):
			return refuse("request %s was over on %s; its thread is closed", code, over.Format("2006-01-02"))
		}
		if err := d.remark(tx, r, q, Remark{By: who.ID, Name: who.Name, At: tx.Now(), Thread: thread, Text: text}); err != nil {
			return err
		}
		v, err = d.SeeIn(tx, who, code)
		return err
	})
	return v, err
}

// full says whether one thread has all the remarks it may: nobody fills that of others.
func full(all []Remark, thread string) bool {
	n := 0
	for _, r := range all {
		if r.Thread == thread {
			n++
		}
	}
	return n >= remarksMost
}

// remark stores a remark. Its event is about the one customer whose thread it is in.
func (d *Desk) remark(tx *ledger.Tx, r row, q *policy.Request, say Remark) error {
	subjects := []string{q.ID}
	if say.Thread != "" {
		subjects = append(subjects, say.Thread)
	}
	_, err := tx.Append(ledger.Event{
		Kind: "request.remark", Actor: say.By, Subjects: subjects, Customers: subjects[1:],
		Detail: map[string]string{"thread": or(say.Thread, "board")}, Private: map[string]string{"text": say.Text},
	})
	if err != nil {
		return err
	}
	r.Thread = append(r.Thread, say)
	return tx.Put(requestKey(q.ID), r)
}

// over is since when the request gives nothing any more; zero while it may.
func (v View) over() time.Time {
	switch {
	case v.Grant != nil && v.Grant.Over(v.Now) == "":
		return time.Time{}
	case v.Grant != nil && !v.Grant.Revoked.IsZero():
		return v.Grant.Revoked
	case v.Grant != nil:
		return v.Grant.Until()
	case v.Status.Phase != policy.Pending:
		return v.Status.At
	}
	return time.Time{}
}
