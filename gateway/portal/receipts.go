package portal

import (
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder/proof"
)

// A receiptsPage lists what there are receipts of, newest first, and the months
// that are over.
type receiptsPage struct {
	Rows   []inboxRow
	Older  string // address of the next page; "" at the end
	First  bool
	Months []string // a customer's: "2026-10"
}

// A receiptPage is what one access was, for people, each figure out of the log.
type receiptPage struct {
	approvals.Summary
	Code    string
	Role    string
	Can     []string
	Votes   []voteLine
	Now     time.Time
	Holds   int // steps of the verification that hold
	Apart   int // that cannot be told: erased, or another customer's
	Broken  []approvals.Step
	Words   string // of the root of the checkpoint
	State   string
	Whose   []string // customers that the reader may know
	Steps   []approvals.Step
	Pending bool // it is not over: the receipt will have more
}

// Web says whether it was access to an application.
func (r receiptPage) Web() bool { return web(r.Actions) }

// A voteLine is one answer, in words.
type voteLine struct {
	approvals.VoteFacts
	Yes bool
}

// receipts shows /c/receipts.
func (p *Portal) receipts(x *exchange) error {
	views, older, first, err := x.past("/c/receipts")
	if err != nil {
		return err
	}
	h := receiptsPage{First: first, Older: older}
	for _, v := range views {
		if v.Grant != nil && !v.Grant.Activated.IsZero() {
			h.Rows = append(h.Rows, inboxRow{facts: x.facts(v), To: "/c/receipts/" + v.Request.ID})
		}
	}
	if h.First && x.who.Kind == policy.Reviewer {
		h.Months = months(p.now())
	}
	return x.show(ok, "receipts", "Receipts", h)
}

// months are the last twelve that are over, newest first. They are UTC's.
func months(now time.Time) (out []string) {
	first := time.Date(now.UTC().Year(), now.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	for n := 1; n <= 12; n++ {
		out = append(out, first.AddDate(0, -n, 0).Format("2006-01"))
	}
	return out
}

// receipt shows /c/receipts/{code}: the receipt is made, verified against the
// gateway's own pins, and told from what holds.
func (p *Portal) receipt(x *exchange) error {
	code := x.code()
	v, err := p.Desk.See(x.r.Context(), x.who.Principal, code)
	if err != nil {
		return err
	}
	if p.Pins == nil || v.Grant == nil {
		return errNoPage
	}
	pins, err := p.Pins(x.r.Context())
	if err != nil {
		return err
	}
	r, err := p.Gateway.Receipt(x.r.Context(), x.who.Principal, code)
	if err != nil {
		return err
	}
	sum, steps, err := r.Summary(pins)
	if err != nil {
		return err
	}
	f := x.facts(v)
	out := receiptPage{
		Summary: sum, Code: code, Role: f.Role, Can: f.Can, Now: v.Now, State: f.State(), Whose: f.For, Steps: steps,
		Pending: v.Grant.Over(v.Now) == "", Words: rootWords(sum.Checkpoint),
	}
	for _, s := range steps {
		switch {
		case s.Failed():
			out.Broken = append(out.Broken, s)
		case s.OK:
			out.Holds++
		default:
			out.Apart++
		}
	}
	for _, v := range sum.Votes {
		out.Votes = append(out.Votes, voteLine{v, v.Verdict == policy.Yes})
	}
	return x.show(ok, "receipt", "Receipt", out)
}

// Text is what the engineer wrote; part "why" asks for it under that name.
func (r receiptPage) Text() string { return r.Need }

// rootWords are the words of a checkpoint's root; "" of what is none.
func rootWords(checkpoint string) string {
	c, err := proof.Peek([]byte(checkpoint))
	if err != nil {
		return ""
	}
	return inWords(c.Hash[:])
}
