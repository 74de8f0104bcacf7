package portal

import (
	"context"
	"errors"
	"slices"

	"lockbox/approvals"
	"lockbox/policy"
)

// An inboxPage is what concerns one person now.
type inboxPage struct {
	Needs  []inboxRow // wait for the reader
	Active []inboxRow // somebody has access
	Waits  []inboxRow // for somebody else
	Recent []inboxRow // over
	Asks   bool       // the reader is one who asks for access
	Votes  bool       // … or decides

	Motions  []motionFacts // that wait for the reader's signature
	Links    []choice      // what else there is: address and name
	Leaves   []policy.Move // what is taken away from the reader's customer, or from the board, and when
	Unpinned bool          // would decide, but the passkey gives no vote yet
	Few      bool          // has fewer than two passkeys
}

type inboxRow struct {
	facts
	To   string
	Todo string // what the reader has to do
}

const recentRows = 10

// inbox shows /.
func (p *Portal) inbox(x *exchange) error {
	views, err := p.Desk.Inbox(x.r.Context(), x.who.Principal)
	if err != nil {
		return err
	}
	page := inboxPage{
		Asks:  x.who.Kind == policy.Staff,
		Votes: x.who.Kind == policy.Executive || x.who.Kind == policy.Reviewer,
	}
	page.Unpinned = page.Votes && !x.who.Admitted
	slices.SortFunc(views, func(a, b approvals.View) int { return b.Request.At.Compare(a.Request.At) })
	for _, v := range views {
		if err := p.sort(x, &page, v); err != nil {
			return err
		}
	}
	ended, err := p.recent(x, views)
	if err != nil {
		return err
	}
	for _, v := range ended {
		page.Recent = append(page.Recent, inboxRow{facts: x.facts(v), To: "/r/" + v.Request.ID})
	}
	if page.Motions, err = x.toSign(); err != nil {
		return err
	}
	if page.Leaves, err = x.leaves(); err != nil {
		return err
	}
	held, err := p.People.Held(x.r.Context(), x.who.ID)
	if err != nil {
		return err
	}
	page.Links, page.Few = p.links(x), few(held)
	return x.show(ok, "inbox", "Inbox", page)
}

// toSign lists the motions that wait for the reader's signature.
func (x *exchange) toSign() (all []motionFacts, err error) {
	if x.who.Kind == policy.Auditor { // sees all, signs none
		return nil, nil
	}
	motions, err := x.motions()
	for _, m := range motions {
		if m.MaySign {
			all = append(all, m)
		}
	}
	return all, err
}

// links are the pages that are there for the reader.
func (p *Portal) links(x *exchange) (all []choice) {
	say := x.say.text
	all = append(all, choice{"/history", say("Requests that are over")})
	if p.Charter == nil {
		return all
	}
	if slices.ContainsFunc(p.Desk.Policy().Rules, func(r policy.Rule) bool { return r.Emergency() }) {
		if x.who.Kind == policy.Staff {
			all = append(all, choice{"/glass", say("Break the glass")})
		}
		all = append(all, choice{"/incidents", say("Emergencies")})
	}
	all = append(all, choice{"/policy", say("Policy")})
	switch x.who.Kind {
	case policy.Reviewer:
		all = append(all, choice{"/customers", say("Settings and reviewers of {customer}", "customer", customerName(p.Desk.Policy(), x.who.Customer))})
	case policy.Executive, policy.Auditor:
		all = append(all, choice{"/customers", say("Customers")}, choice{"/digest", say("Digests of the weeks")})
	}
	all = append(all, choice{"/me/delegation", say("Who decides while you are away")})
	if x.who.Kind == policy.Staff && p.Desk.Policy().Declaration != nil {
		all = append(all, choice{"/me/declaration", say("Declaration of confidentiality")})
	}
	return all
}

// sort puts one open request where it belongs for the reader.
func (p *Portal) sort(x *exchange, page *inboxPage, v approvals.View) error {
	row := inboxRow{facts: x.facts(v), To: "/r/" + v.Request.ID}
	s, err := x.seat(v)
	if err != nil {
		return err
	}
	switch state := row.State(); {
	case s.Turn:
		row.To, row.Todo = x.pageOf(v.Request, s), x.say.text("Decide")
		page.Needs = append(page.Needs, row)
	case state == "active" || state == "approved":
		return p.sortGrant(x, page, row)
	case state == "pending":
		page.Waits = append(page.Waits, row)
	default: // it is over and not swept up yet
		page.Recent = append(page.Recent, row)
	}
	return nil
}

// sortGrant asks whether a terminal of the reader waits.
func (p *Portal) sortGrant(x *exchange, page *inboxPage, row inboxRow) error {
	if row.Mine {
		open, err := p.Desk.Touches(x.r.Context(), x.who.Principal, row.Code)
		if err != nil {
			return err
		}
		if len(open) > 0 {
			row.To, row.Todo = "/t/"+row.Code, x.say.text("Touch to start")
			page.Needs = append(page.Needs, row)
			return nil
		}
	}
	page.Active = append(page.Active, row)
	return nil
}

// recent gives the newest requests that are over and that the reader may see.
func (p *Portal) recent(x *exchange, open []approvals.View) (all []approvals.View, err error) {
	events, _, err := p.newest.read(x.r.Context(), p.Ledger)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, v := range open {
		seen[v.Request.ID] = true
	}
	for _, e := range slices.Backward(events) {
		if len(all) == recentRows || len(seen) > 200 {
			break
		}
		if len(e.Subjects) == 0 || seen[e.Subjects[0]] {
			continue
		}
		seen[e.Subjects[0]] = true
		v, err := p.seen(x.r.Context(), x.who.Principal, e.Subjects[0])
		if err != nil {
			return nil, err
		}
		if v.Request != nil {
			all = append(all, v)
		}
	}
	return all, nil
}

// seen is Desk.See, with an empty View for what is not the reader's.
func (p *Portal) seen(ctx context.Context, who policy.Principal, code string) (approvals.View, error) {
	v, err := p.Desk.See(ctx, who, code)
	if errors.Is(err, approvals.ErrUnknown) {
		return approvals.View{}, nil
	}
	return v, err
}
