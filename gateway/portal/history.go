package portal

import (
	"slices"

	"lockbox/approvals"
	"lockbox/policy"
)

const historyRows = 50 // of one page

// A historyPage lists requests that are over, newest first.
type historyPage struct {
	Rows  []inboxRow
	Older string // address of the next page; "" at the end
	First bool   // it is the first page
}

// history shows /history.
func (p *Portal) history(x *exchange) error {
	before := x.r.URL.Query().Get("before")
	if before != "" && !approvals.ValidCode(before) {
		return errNoPage
	}
	views, err := p.Desk.History(x.r.Context(), x.who.Principal, before, historyRows+1)
	if err != nil {
		return err
	}
	h := historyPage{First: before == ""}
	if len(views) > historyRows {
		views = views[:historyRows]
		h.Older = "/history?before=" + views[historyRows-1].Request.ID
	}
	for _, v := range views {
		row := inboxRow{facts: x.facts(v), To: "/r/" + v.Request.ID}
		if !slices.Contains([]string{string(policy.Pending), "approved", "active"}, row.State()) {
			h.Rows = append(h.Rows, row)
		}
	}
	return x.show(ok, "history", "Requests that are over", h)
}
