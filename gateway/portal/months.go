package portal

import (
	"encoding/json"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
)

// A monthPage is what one month was for a customer, for people, each figure out
// of the log.
type monthPage struct {
	approvals.MonthFacts
	Name   string // of the customer
	File   string // address of the statement
	Holds  int
	Broken []approvals.Step
	Steps  []approvals.Step
	Words  string // of the root of the checkpoint
}

// None says that the month has no access, and that this is proven.
func (m monthPage) None() bool { return len(m.Broken) == 0 && len(m.Access) == 0 }

// statement makes the statement of the month in the address, of the reader's own
// customer or that of ?customer= for those who read all.
func (x *exchange) statement() (approvals.Month, error) {
	customer := x.r.URL.Query().Get("customer")
	if customer == "" && x.who.Kind == policy.Reviewer {
		customer = x.who.Customer
	}
	return x.p.Desk.Statement(x.r.Context(), x.who.Principal, customer, x.r.PathValue("month"))
}

// month shows /c/months/{month}.
func (p *Portal) month(x *exchange) error {
	m, err := x.statement()
	if err != nil {
		return err
	}
	if p.Pins == nil {
		return errNoPage
	}
	pins, err := p.Pins(x.r.Context())
	if err != nil {
		return err
	}
	facts, steps, err := m.Facts(pins)
	if err != nil {
		return err
	}
	out := monthPage{
		MonthFacts: facts, Name: customerName(p.Desk.Policy(), m.Customer), File: x.r.URL.Path + "/statement.json" + x.customerQuery("?"),
		Steps: steps, Words: rootWords(facts.Checkpoint),
	}
	for _, s := range steps {
		if s.Failed() {
			out.Broken = append(out.Broken, s)
		} else if s.OK {
			out.Holds++
		}
	}
	return x.show(ok, "month", "Statement of a month", out)
}

// monthFile sends the statement, for `lockbox verify`.
func (p *Portal) monthFile(x *exchange) error {
	m, err := x.statement()
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	x.file("application/json; charset=utf-8", "lockbox-"+m.Customer+"-"+m.Month+".json")
	_, _ = x.w.Write(b) // who does not read it has gone
	return nil
}

// Lasted is how long a session of a month was open; zero where it is not known.
func (m monthPage) Lasted(s approvals.MonthSession) time.Duration {
	if s.Began.IsZero() || s.Ended.IsZero() {
		return 0
	}
	return s.Ended.Sub(s.Began)
}
