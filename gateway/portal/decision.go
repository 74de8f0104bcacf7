package portal

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"lockbox/approvals"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/statement"
)

// A decisionPage is what an executive or a reviewer decides on.
type decisionPage struct {
	facts
	Path      string
	Customer  string // the reader's own
	Usual     []string
	Warnings  []string
	May       bool // vote now
	Shorter   []time.Duration
	Vote      *voteFacts // the reader's own
	MayRevoke bool
}

// decision shows /a/{code} to executives and /c/{code} to reviewers; who has come
// by the other address, or cannot decide at all, is sent to the page for them.
func (p *Portal) decision(x *exchange) error {
	v, err := p.Desk.See(x.r.Context(), x.who.Principal, x.code())
	if err != nil {
		return err
	}
	if right := x.pageOf(v.Request); right != x.r.URL.Path {
		return x.see(right)
	}
	d, err := x.decisionPage(v)
	if err != nil {
		return err
	}
	name := "board"
	if x.who.Kind == policy.Reviewer {
		name = "customer"
	}
	return x.page(ok, name, x.say.text("Access request {code}", "code", d.Code), d)
}

// pageOf is where the reader decides on a request, or else follows it.
func (x *exchange) pageOf(q *policy.Request) string {
	asked := slices.ContainsFunc(q.Stages, func(s policy.Stage) bool { return x.p.Desk.Policy().Decides(x.who.Principal, s) })
	switch {
	case asked && x.who.Kind == policy.Executive:
		return "/a/" + q.ID
	case asked && x.who.Kind == policy.Reviewer:
		return "/c/" + q.ID
	}
	return "/r/" + q.ID
}

func (x *exchange) decisionPage(v approvals.View) (d decisionPage, err error) {
	q, pol := v.Request, x.p.Desk.Policy()
	d = decisionPage{facts: x.facts(v), Path: x.r.URL.Path, Customer: customerName(pol, x.who.Customer)}
	d.May = x.turn(v)
	ask := policy.Question{Now: v.Now, Who: x.who.Principal, Do: policy.Revoke, Request: q}
	d.MayRevoke = v.Grant != nil && d.Over == "" && pol.Decide(ask).Verdict == policy.Allow
	for _, s := range d.Stages {
		for _, w := range s.Votes {
			if w.Mine {
				d.Vote = &w
			}
		}
	}
	if !d.May {
		return d, nil
	}
	for _, short := range []time.Duration{15 * time.Minute, 30 * time.Minute} {
		if short < d.Most {
			d.Shorter = append(d.Shorter, short)
		}
	}
	d.Usual, d.Warnings, err = x.normal(q, v.Now)
	return d, err
}

// turn says whether the reader could vote now, as far as a page needs to know: when they vote, the desk decides. A view for a reviewer has no stages of
// others, so that only its Status can be believed, not a new tally of its Request.
func (x *exchange) turn(v approvals.View) bool {
	who := x.who.Principal
	if v.Status.Phase != policy.Pending || v.Request.Who.ID == who.ID || v.Request.Who.Vouched == who.ID {
		return false
	}
	for _, s := range v.Status.Stages {
		mine := func(b policy.Vote) bool { return b.By.ID == who.ID }
		if s.Open && x.p.Desk.Policy().Decides(who, s.Stage) && !slices.ContainsFunc(slices.Concat(s.Yes, s.No), mine) {
			return true
		}
	}
	return false
}

// decide takes the answer to a decision page: a no at once, for a yes the sheet to sign.
func (p *Portal) decide(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	switch x.value("do") {
	case "reject":
		if _, err := p.Desk.Reject(x.r.Context(), x.who.Principal, x.code(), x.value("comment")); err != nil {
			return err
		}
		return x.see(x.r.URL.Path)
	case "approve":
		return p.sheetOf(x)
	}
	return errBody
}

// sheetOf shows the statement that the reader would sign, alone.
func (p *Portal) sheetOf(x *exchange) error {
	long, err := x.minutes("for")
	if err != nil {
		return err
	}
	v, err := p.Desk.See(x.r.Context(), x.who.Principal, x.code())
	if err != nil {
		return err
	}
	if long == 0 {
		long = v.Status.For
	}
	b, err := p.Desk.Prepare(x.r.Context(), x.who.Principal, x.code(), policy.Terms{For: long})
	if err != nil {
		return err
	}
	options, err := p.People.Options(x.r.Context(), x.who.ID, statement.ForApproval, b.Statement)
	if err != nil {
		return err
	}
	f := x.facts(v)
	return x.sign(sheet{
		Head: x.say.text("Sign your approval"),
		Lead: x.say.text("You approve: {who} may use {target} as {login} for {long}. Only the text below counts; read it, then sign it.",
			"who", f.Who, "target", f.Target, "login", f.Login, "long", x.say.long(b.Terms.For)),
		Statement: b.Statement, domain: statement.ForApproval, Options: string(options), ID: b.Nonce,
		To: "/" + x.r.URL.Path[1:2] + "/" + f.Code + "/vote", Back: x.pageOf(v.Request), Until: b.Until,
	})
}

// minutes reads a duration in whole minutes; 0 when there is none.
func (x *exchange) minutes(name string) (time.Duration, error) {
	s := x.value(name)
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 24*60 {
		return 0, errBody
	}
	return time.Duration(n) * time.Minute, nil
}

// vote counts a signed approval.
func (p *Portal) vote(x *exchange) error {
	var body signedAnswer
	if err := x.json(&body); err != nil {
		return err
	}
	a, err := statement.ParseAssertion(body.Credential)
	if err != nil {
		return errAnswer
	}
	v, err := p.Desk.Approve(x.r.Context(), x.who.Principal, body.ID, a)
	if err != nil {
		return p.noteCopy(x, err)
	}
	return x.next(x.pageOf(v.Request))
}

var errAnswer = &problem{http.StatusBadRequest, "Not understood", "The passkey's answer cannot be read. Open the page again and repeat it."}

// noteCopy locks a passkey of which a copy was used.
func (p *Portal) noteCopy(x *exchange, err error) error {
	if c := new(identity.Cloned); errors.As(err, &c) {
		return errors.Join(err, p.People.Lock(x.r.Context()))
	}
	return err
}
