package sshproxy

import (
	"fmt"
	"slices"
	"strings"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
)

// visit lets the person go in, however long that takes, and runs the program on the target.
func (s *session) visit(a aim, p program) *refusal {
	who, err := s.c.door.known(s.ctx, s.c.conn, s.c.id.key) // as they are now: keys are taken away, too
	if err != nil {
		return &refusal{code: policy.ByPolicy, exit: exitDenied, why: s.keyGone(err), target: a.target}
	}
	k := gateway.Knock{Who: who, Key: s.c.id.fingerprint, From: s.c.from, Do: p.do(), On: a.target, Login: a.login, Customer: s.option("CUSTOMER")}
	if r := s.customer(&k); r != nil {
		return r
	}
	if p.files != nil {
		if err := p.files.choose(s.ctx, &k); err != nil {
			return s.failed(err, k.On)
		}
	}
	w := s.way(k)
	defer w.close()
	for {
		s.typing.ignore() // until somebody asks, or the target speaks
		st, answer, err := s.c.enter(s.ctx, k, w.watched)
		switch {
		case err != nil:
			return s.failed(err, k.On)
		case st != nil:
			w.close()
			if p.files != nil {
				return p.files.begin(st, p, k.Do, answer.Decision)
			}
			return s.relay(st, p, answer.Recording)
		}
		if answer.Verdict == policy.Prove && answer.Grant != nil {
			s.c.door.warm(k.On, answer.Login)
		}
		s.typing.heed()
		if r := w.next(answer); r != nil {
			return r
		}
	}
}

// next does what the answer asks of the person. Nil means: ask again.
func (w *way) next(a gateway.Answer) *refusal {
	asks := a.Verdict == policy.Ask || a.Verdict == policy.Prove && a.Proof == policy.Declared
	switch {
	case asks && a.Request != nil && a.Status.Phase == policy.Pending:
		return w.await(a.Request.ID)
	case a.Verdict == policy.Ask:
		return w.ask(a)
	case asks:
		return w.declare(a)
	case a.Verdict == policy.Prove:
		return w.prove(a)
	case a.Code == policy.NotYet && a.Grant != nil && len(a.Grant.Promises) > 0 && a.Grant.Accepted.IsZero():
		return w.accept(a)
	case a.Code == policy.NotYet && a.Grant != nil && w.s.c.door.now().Before(a.Grant.NotBefore):
		return w.pause(a)
	}
	w.s.c.note(string(w.knock.Do), w.knock.On, a.Why.String())
	r := &refusal{code: a.Code, exit: status(a.Code), why: a.Why.String(), target: w.knock.On, retry: a.Code == policy.NotYet}
	if a.Grant != nil {
		r.request, r.page = a.Grant.ID, "/r/"+a.Grant.ID
	}
	switch {
	case a.Code == policy.NoTarget:
		r.next = w.elsewhere()
	case a.Code == policy.NoGrant && a.Grant != nil: // it holds, and gives nothing here
		r.next = fmt.Sprintf(w.say.giveBackFirst, a.Grant.ID)
	case a.Grant != nil && a.Code == policy.ByPolicy && !slices.Contains(a.Grant.Actions, w.knock.Do): // it was given for less
		r.next = fmt.Sprintf(w.say.holdsOnly, speech.Actions(a.Grant.Actions), a.Grant.ID)
	}
	return r
}

// customer finds which customer a login is meant for that reaches one and does
// not say which: the one given, the only one, the one of an open request, or
// the one that the person names.
func (s *session) customer(k *gateway.Knock) *refusal {
	t := s.c.door.Desk.Policy().Targets[k.On]
	if t == nil || k.Customer != "" || !t.NeedsCustomer(k.Login) {
		return nil
	}
	if len(t.Customers) == 1 {
		k.Customer = t.Customers[0]
		return nil
	}
	open, err := s.c.door.Desk.Mine(s.ctx, k.Who.ID)
	if err != nil {
		return s.failed(err, k.On)
	}
	if c := ofOpen(open, t, k.Login); len(c) == 1 {
		k.Customer = c[0]
		return nil
	}
	if s.terminal() == nil {
		return &refusal{
			code: policy.ByPolicy, exit: exitUnknown, target: k.On, page: askPage(k.On),
			why: fmt.Sprintf(s.say().whichCustomer, strings.Join(t.Customers, ", ")), next: s.say().setCustomer,
		}
	}
	k.Customer, err = s.form().choose(s.say().customer, t.Customers, s.say().Names(t.Customers...)...)
	if err != nil {
		return s.left("")
	}
	return nil
}

// ofOpen are the customers of the open requests for the login.
func ofOpen(open []approvals.View, t *policy.Target, login string) (customers []string) {
	if login == "" {
		login = t.Logins[0].Name
	}
	for _, v := range open {
		if v.Request.Target != t.Name || len(v.Request.Customers) != 1 {
			continue
		}
		c := v.Request.Customers[0]
		if strings.ReplaceAll(login, "{{customer}}", c) == v.Request.Login && !slices.Contains(customers, c) {
			customers = append(customers, c)
		}
	}
	return customers
}

// left is the end for somebody who goes away from a form or a wait.
func (s *session) left(request string) *refusal {
	r := &refusal{code: policy.NoGrant, exit: exitDenied, why: s.say().leftForm}
	if request != "" {
		r = &refusal{code: gateway.StillAsked, exit: exitPending, request: request, page: "/r/" + request, retry: true, why: fmt.Sprintf(s.say().leftWait, request)}
	}
	return r
}
