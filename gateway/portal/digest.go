package portal

import (
	"errors"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A digestPage is what happened in a week: what was said beside what was done.
type digestPage struct {
	approvals.Weekly
	Rows   []digestRow
	More   int // rows that are not shown
	Needed int // executives who have yet to sign
	Mine   bool
	May    bool // sign that one has read it
	In     filled
}

// A digestRow is one request under which something was done.
type digestRow struct {
	approvals.Done
	Said *facts // nil: it cannot be read any more
	Past []gateway.Past
}

const (
	digestRows  = 100
	digestWeeks = 60
)

// digests shows /digest: the weeks there are.
func (p *Portal) digests(x *exchange) error {
	all, err := p.Desk.Weeks(x.r.Context(), x.who.Principal, digestWeeks)
	if err != nil {
		return err
	}
	return x.show(ok, "digests", "Digests of the weeks", struct {
		Weeks     []approvals.Weekly
		Reviewers int
	}{all, approvals.Reviewers})
}

// digest shows /digest/{week}.
func (p *Portal) digest(x *exchange) error { return p.showDigest(x, filled{}) }

func (p *Portal) weekly(x *exchange) (w approvals.Weekly, err error) {
	err = p.view(x.r.Context(), func(tx *ledger.Tx) error {
		w, err = p.Desk.WeeklyIn(tx, x.who.Principal, x.r.PathValue("week"))
		return err
	})
	return w, err
}

func (p *Portal) showDigest(x *exchange, in filled) error {
	w, err := p.weekly(x)
	if err != nil {
		return err
	}
	page := digestPage{Weekly: w, Needed: max(0, approvals.Reviewers-len(w.Reviews)), In: in, More: max(0, len(w.Done)-digestRows)}
	for _, r := range w.Reviews {
		page.Mine = page.Mine || r.By.ID == x.who.ID
	}
	page.May = p.Charter != nil && !page.Mine && x.who.Kind == policy.Executive && x.who.Admitted
	for _, d := range w.Done[:len(w.Done)-page.More] {
		row, err := p.digestRow(x, d)
		if err != nil {
			return err
		}
		page.Rows = append(page.Rows, row)
	}
	return x.page(status(string(in.Wrong)), "digest", x.say.text("Week {week}", "week", w.Week), page)
}

// digestRow adds to what was done what was said, as the reader may see it now.
func (p *Portal) digestRow(x *exchange, d approvals.Done) (row digestRow, err error) {
	row.Done = d
	v, err := p.Desk.See(x.r.Context(), x.who.Principal, d.Code)
	if errors.Is(err, approvals.ErrUnknown) {
		return row, nil
	}
	if err != nil {
		return row, err
	}
	f := x.facts(v)
	row.Said = &f
	row.Past, err = p.Gateway.SessionsOf(x.r.Context(), x.who.Principal, d.Code)
	return row, err
}

// reviewDigest shows the sheet on which an executive signs that they have read it.
func (p *Portal) reviewDigest(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	w, err := p.weekly(x)
	if err != nil {
		return err
	}
	if x.value("do") != "review" {
		return errBody
	}
	err = p.propose(x, policy.Motion{Kind: policy.ToReview, About: w.Week})
	if in, ok := x.mendRefusal("", err); ok {
		return p.showDigest(x, in)
	}
	return err
}
