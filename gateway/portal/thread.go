package portal

import (
	"slices"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
)

// A threadFacts is what was asked and answered about a request, as the view
// gives it to the reader, and the box to write the next.
type threadFacts struct {
	Path    string
	Remarks []remarkFacts
	May     bool
	To      []choice // threads, where the reader has to choose
	Asks    bool     // the reader asks; else they answer
	Who     string   // who asked for access
	In      filled
}

type remarkFacts struct {
	Name string
	At   time.Time
	To   string // whose thread; "" where there is one only
	Text string
	Mine bool
}

func (x *exchange) thread(v approvals.View, s seat, in filled) threadFacts {
	q, pol := v.Request, x.p.Desk.Policy()
	f := threadFacts{Path: x.r.URL.Path, Asks: q.Who.ID != x.who.ID, Who: q.Who.Name, In: in}
	f.May = s.Votes || q.Who.ID == x.who.ID
	many := x.who.Kind != policy.Reviewer && len(q.Customers) > 0
	for _, r := range v.Thread {
		w := remarkFacts{Name: r.Name, At: r.At, Text: r.Text, Mine: r.By == x.who.ID}
		if many {
			w.To = x.threadName(r.Thread)
		}
		f.Remarks = append(f.Remarks, w)
	}
	if !many || f.Asks && !slices.ContainsFunc(v.Thread, func(r approvals.Remark) bool { return r.Thread != "" }) {
		return f
	}
	f.To = append(f.To, choice{"", x.threadName("")})
	for _, c := range q.Customers {
		f.To = append(f.To, choice{c, customerName(pol, c)})
	}
	if n := len(v.Thread); n > 0 { // the newest first: it is that which is answered
		i := slices.IndexFunc(f.To, func(c choice) bool { return c.ID == v.Thread[n-1].Thread })
		if i > 0 {
			f.To = slices.Concat(f.To[i:i+1], f.To[:i], f.To[i+1:])
		}
	}
	return f
}

func (x *exchange) threadName(thread string) string {
	if thread == "" {
		return x.say.text("Executive board")
	}
	return customerName(x.p.Desk.Policy(), thread)
}

// remark writes into the thread.
func (p *Portal) remark(x *exchange) error {
	_, err := p.Desk.Say(x.r.Context(), x.who.Principal, x.code(), x.value("thread"), x.line("text"))
	return err
}
