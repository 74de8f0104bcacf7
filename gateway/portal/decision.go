package portal

import (
	"errors"
	"net/http"
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
	May       bool           // vote now
	Behalf    *policy.Motion // the delegation by which they do
	Shorter   []time.Duration
	Less      lessForm
	Thread    threadFacts
	Vote      *voteFacts // the reader's own
	Deputy    string     // who answered for the reader; "" nobody
	Ends      time.Time  // when the access is over that more time is asked for; zero: it is, or none is
	MayRevoke bool
	In        filled
}

// decision shows /a/{code} to those who decide here and /c/{code} to reviewers; who has come
// by the other address, or cannot decide at all, is sent to the page for them.
func (p *Portal) decision(x *exchange) error {
	v, err := p.Desk.See(x.r.Context(), x.who.Principal, x.code())
	if err != nil {
		return err
	}
	s, err := x.seat(v)
	if err != nil {
		return err
	}
	if right := x.pageOf(v.Request, s); right != x.r.URL.Path {
		return x.see(right)
	}
	return p.showDecision(x, v, s, filled{})
}

func (p *Portal) showDecision(x *exchange, v approvals.View, s seat, in filled) error {
	d, err := x.decisionPage(v, s, in)
	if err != nil {
		return err
	}
	name := "board"
	if x.who.Kind == policy.Reviewer {
		name = "customer"
	}
	return x.page(status(string(in.Wrong)), name, x.say.text("Access request {code}", "code", d.Code), d)
}

func (x *exchange) decisionPage(v approvals.View, s seat, in filled) (d decisionPage, err error) {
	q, pol := v.Request, x.p.Desk.Policy()
	d = decisionPage{facts: x.facts(v), Path: "/" + x.r.URL.Path[1:2] + "/" + q.ID, Customer: customerName(pol, x.who.Customer), In: in}
	d.May, d.Behalf = s.Turn, s.Behalf
	d.Thread = x.thread(v, s, in)
	d.Thread.Path = d.Path
	ask := policy.Question{Now: v.Now, Who: x.who.Principal, Do: policy.Revoke, Request: q, Delegations: x.delegations}
	d.MayRevoke = v.Grant != nil && d.Over == "" && pol.Decide(ask).Verdict == policy.Allow
	for _, s := range d.Stages {
		for _, w := range s.Votes {
			if w.Mine {
				d.Vote = &w
			}
		}
	}
	if q.Extends != "" && v.Status.Phase == policy.Pending {
		before, err := x.p.Desk.See(x.r.Context(), x.who.Principal, q.Extends)
		if g := before.Grant; err == nil && g != nil && g.Revoked.IsZero() && v.Now.Before(g.NotAfter.Add(policy.Grace)) { // it is only said to hurry
			d.Ends = g.NotAfter
		}
	}
	for _, w := range q.Votes {
		if w.Behalf == x.who.ID {
			d.Deputy = or(w.By.Name, w.By.ID)
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
	d.Less = x.less(v, in)
	d.Usual, d.Warnings, err = x.normal(q, v.Now)
	return d, err
}

// decide takes the answer to a decision page: a no at once, for a yes the sheet
// to sign. What is wrong with it is said on the same page, with all that was typed.
func (p *Portal) decide(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	v, err := p.Desk.See(x.r.Context(), x.who.Principal, x.code())
	if err != nil {
		return err
	}
	s, err := x.seat(v)
	if err != nil {
		return err
	}
	field, to := "", x.r.URL.Path
	switch x.value("do") {
	case "reject":
		_, err = p.Desk.Reject(x.r.Context(), x.who.Principal, x.code(), x.line("comment"))
		field = fieldIn(refusal(err), []fieldWord{{"comment", "comment"}})
	case "say":
		err = p.remark(x)
		field, to = "text", to+"#thread"
	case "approve":
		return p.sheetOf(x, v, s)
	default:
		return errBody
	}
	if in, ok := x.mendRefusal(field, err); ok && (s.Turn || s.Votes && field == "text") {
		return p.showDecision(x, v, s, in)
	}
	if err != nil {
		return err
	}
	return x.see(to)
}

// sheetOf shows the statement that the reader would sign, alone.
func (p *Portal) sheetOf(x *exchange, v approvals.View, s seat) error {
	terms, field, why := x.terms(v)
	if why != "" && s.Turn {
		return p.showDecision(x, v, s, x.mend(field, why))
	}
	b, err := p.Desk.Prepare(x.r.Context(), x.who.Principal, x.code(), terms)
	if in, ok := x.mendRefusal(termField(refusal(err)), err); ok && s.Turn && in.Field != "" {
		return p.showDecision(x, v, s, in)
	}
	if err != nil {
		return err
	}
	options, err := p.People.Options(x.r.Context(), x.who.ID, b.Domain(), b.Statement)
	if err != nil {
		return err
	}
	f := x.facts(v)
	head := x.say.text("Sign your approval")
	if f.Emergency {
		head = x.say.text("EMERGENCY: sign your yes")
	}
	return x.sign(sheet{
		Head: head,
		Lead: x.say.text("You approve: {who} may use {target} as {login} for {long}. Only the text below counts; read it, then sign it.",
			"who", f.Who, "target", f.Target, "login", f.Login, "long", x.say.long(b.Terms.For)),
		Terms: x.termFacts(b.Terms, 0), Behalf: s.Behalf,
		Statement: b.Statement, domain: b.Domain(), Options: string(options), ID: b.Nonce,
		To: "/vote/" + f.Code, Back: x.pageOf(v.Request, s), Until: b.Until,
	})
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
	return x.next(x.pageOf(v.Request, seat{Votes: true}))
}

var errAnswer = &problem{http.StatusBadRequest, "Not understood", "The passkey's answer cannot be read. Open the page again and repeat it."}

// noteCopy locks a passkey of which a copy was used.
func (p *Portal) noteCopy(x *exchange, err error) error {
	if c := new(identity.Cloned); errors.As(err, &c) {
		return errors.Join(err, p.People.Lock(x.r.Context()))
	}
	return err
}
