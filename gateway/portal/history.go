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

// past reads one page of what the reader may see of before, newest first, and
// where the next one is: under path.
func (x *exchange) past(path string) (views []approvals.View, older string, first bool, err error) {
	before := x.r.URL.Query().Get("before")
	if before != "" && !approvals.ValidCode(before) {
		return nil, "", false, errNoPage
	}
	views, err = x.p.Desk.History(x.r.Context(), x.who.Principal, before, historyRows+1)
	if len(views) > historyRows {
		views = views[:historyRows]
		older = path + "?before=" + views[historyRows-1].Request.ID
	}
	return views, older, before == "", err
}

// history shows /history.
func (p *Portal) history(x *exchange) error {
	views, older, first, err := x.past("/history")
	if err != nil {
		return err
	}
	h := historyPage{First: first, Older: older}
	for _, v := range views {
		row := inboxRow{facts: x.facts(v), To: "/r/" + v.Request.ID}
		if !slices.Contains([]string{string(policy.Pending), "approved", "active"}, row.State()) {
			h.Rows = append(h.Rows, row)
		}
	}
	return x.show(ok, "history", "Requests that are over", h)
}
