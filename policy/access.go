package policy

import (
	"slices"
	"time"
)

// access decides on an action on a target: which rule, whose yes, which grant,
// which proof. Whom no rule permits anything on it learns nothing of a target,
// not even that it is there.
func (p *Policy) access(q *Question, d *Decision) {
	t, in := p.find(q.On)
	var room [8]set
	s := sieve{p: p, who: &q.Who, target: t, place: in, people: p.index.people(room[:0], &q.Who)}
	if t == nil || !s.concerns() {
		d.Code, d.Why = NoTarget, Says("there is no target %q for you; `targets` lists those you may ask for", q.On)
		return
	}
	if !q.Do.On(t) {
		d.Code, d.Why = ByPolicy, Says("%s cannot be done on %s, which is of kind %s", string(q.Do), t.Name, t.Kind)
		return
	}
	l, ok := in.login(q.Login, q.Customer)
	if !ok {
		l, d.Why = t.login(q.Login, q.Customer)
	}
	if !d.Why.IsZero() {
		d.Code = NoTarget
		return
	}
	r := s.match(q, &d.Why)
	if r == nil {
		d.Code = ByPolicy
		return
	}
	d.Rule, d.Position, d.rule = r.Name, r.Position, r
	if r.Forbid {
		d.Code, d.Why = ByPolicy, Says("rule %q forbids %s on %s", r.Name, string(q.Do), t.Name)
		return
	}
	rec, ok := p.recorded(r, l.customers)
	if !ok {
		d.Code, d.Why = ByPolicy, Says("nobody could open the recording: rule %q seals it past the vault, and for %s there is no other key", r.Name, l.name)
		return
	}
	d.Code, d.Login, d.ReadOnly, d.Customers = NoGrant, l.name, l.readOnly, l.customers
	d.Fresh, d.Limits, d.Recording, d.Bounds, d.Witnesses = r.Fresh, r.Limits, rec, r.Bounds, r.Witnesses
	d.target = t
	if in != nil {
		d.machine = in.machine
	}
	if d.Emergency = q.Emergency; d.Emergency {
		d.hurry()
	}
	if why := q.barred(d, t); !why.IsZero() {
		d.Code, d.Why = ByPolicy, why
		return
	}
	if q.Grant == nil {
		d.ask(p, q)
	} else {
		d.under(q)
	}
}

// find is the target of that name, with what is known of it ahead where there is an index.
func (p *Policy) find(name string) (*Target, *place) {
	if p.index == nil {
		return p.Targets[name], nil
	}
	if in := p.index.places[name]; in != nil {
		return in.target, in
	}
	return nil, nil
}

// ask completes a decision that a request is needed. Who has not promised
// confidentiality has to do that before.
func (d *Decision) ask(p *Policy, q *Question) {
	if p.Declaration != nil {
		digest := p.digest()
		if !slices.ContainsFunc(q.Proofs, func(f Proof) bool {
			return f.Kind == Declared && f.Of == q.Who.ID && f.For == digest && !f.At.After(q.Now)
		}) {
			d.Verdict, d.Code, d.Proof, d.For = Prove, ByPolicy, Declared, digest
			d.Why = Says("sign the confidentiality declaration (version %s) first: nobody can ask for access before that", p.Declaration.Version)
			return
		}
	}
	d.Verdict, d.Ticket = Ask, d.rule.Ticket
	d.Why = Says("no active grant for %s on %s", d.Login, d.target.Name)
}

// digest is that of the declaration.
func (p *Policy) digest() string {
	if p.index != nil {
		return p.index.declaration
	}
	return p.Declaration.Digest()
}

// under completes a decision on access that a grant may hold. What the rule
// says now counts, and never gives more than was approved.
func (d *Decision) under(q *Question) {
	g, t := q.Grant, d.target
	d.Witnesses = max(d.Witnesses, g.Witnesses) // as signed, or as the rule has it now
	end := d.end(g)
	over := g.over(q.Now)
	switch {
	case g.Who.ID != q.Who.ID, g.Target != q.On, g.Login != d.Login:
		d.Why = Says("the grant is for another person, target or login")
	case g.Emergency != q.Emergency:
		d.Why = Says("grant %s is for an emergency, or this is one and the grant is not", g.ID)
	case g.Machine != d.Machine():
		d.Why = Says("%s is another machine, or holds other data, than when grant %s was approved; ask again", g.Target, g.ID)
	case !slices.Contains(g.Actions, q.Do):
		d.Code, d.Why = ByPolicy, Says("grant %s does not hold %s", g.ID, string(q.Do))
	case q.Do == Forward && !slices.Contains(g.To, q.To):
		d.Code, d.Why = ByPolicy, Says("grant %s was approved for other addresses than %s; ask again", g.ID, q.To)
	case !covers(g.Customers, d.Customers):
		d.Why = Says("%s now reaches a customer that grant %s was not approved for", d.Login, g.ID)
	case !g.Revoked.IsZero():
		d.Code, d.Why = WasRevoked, over
	case !over.IsZero():
		d.Code, d.Why, d.Grace = HasExpired, over, g.grace(q)
	case !d.rule.sufficed(g.Stages, t, d.Customers):
		d.Code, d.Why = ByPolicy, Says("rule %q takes more approvals now than grant %s has; ask again", d.Rule, g.ID)
	case !g.Activated.IsZero() && !q.Now.Before(end):
		d.Code, d.Why = HasExpired, Says("rule %q gives less time now, and it is up", d.Rule)
	case q.Now.Before(g.NotBefore):
		d.Code, d.Why = NotYet, Says("grant %s starts at %s", g.ID).when(g.NotBefore)
	case len(g.Promises) > 0 && (g.Accepted.IsZero() || q.Now.Before(g.Accepted)):
		d.Code, d.Accept, d.Why = NotYet, true, Says("grant %s asks you to promise something first; `accept %s` shows it", g.ID, g.ID)
	case !q.proven(Passkey, d.Fresh):
		d.Verdict, d.Code, d.Proof, d.Why = Prove, NeedTouch, Passkey, Says("a passkey touch is needed to start")
	default:
		d.Verdict, d.Code, d.Why, d.Until = Allow, "", Says("grant %s is in force", g.ID), q.locked(end, t)
	}
}

// end is when the grant ends as the rule has it now: no later than was
// approved. More time than a rule gives is asked for, up to HardMax in all.
func (d *Decision) end(g *Grant) time.Time {
	if g.Activated.IsZero() {
		return g.ActivateBefore
	}
	most := HardMax - g.Spent
	if rule := d.Limits.Max; rule > 0 && g.Extends == "" {
		most = min(most, rule)
	}
	if last := g.Activated.Add(most); g.NotAfter.After(last) {
		return last
	}
	return g.NotAfter
}

// grace is until when a session under the grant may stay frozen, its time being
// up: for a minute, while more time that was asked for before is pending.
func (g *Grant) grace(q *Question) time.Time {
	x, end := q.Extension, g.NotAfter.Add(Grace)
	switch {
	case g.Activated.IsZero() || q.Now.Before(g.NotAfter) || !q.Now.Before(end):
	case x == nil || x.Extends != g.ID || x.Who.ID != g.Who.ID || !x.At.Before(g.NotAfter):
	case x.Tally(q.Now).Phase == Pending:
		return end
	}
	return time.Time{}
}

// sufficed says whether the stages that were passed are all that the rule asks
// for now: for each, as many such stages as it has.
func (r *Rule) sufficed(passed []Stage, t *Target, customers []string) bool {
	i, same := 0, true
	r.stages(t, customers, func(n Stage) {
		same = same && i < len(passed) && n.within(&passed[i])
		i++
	})
	return same || r.sufficedOtherwise(passed, t, customers)
}

// sufficedOtherwise: not one by one, in that order.
func (r *Rule) sufficedOtherwise(passed []Stage, t *Target, customers []string) bool {
	enough := true
	r.stages(t, customers, func(n Stage) {
		have := 0
		for i := range passed {
			if n.within(&passed[i]) {
				have++
			}
		}
		r.stages(t, customers, func(s Stage) {
			if n.within(&s) {
				have--
			}
		})
		enough = enough && have >= 0
	})
	return enough
}

// within says whether s asks the same people as n, and at least as many.
func (n *Stage) within(s *Stage) bool {
	return s.Kind == n.Kind && s.Group == n.Group && s.Customer == n.Customer && s.Count >= n.Count
}

// proven says whether the person gave such a proof for exactly this, within fresh.
func (q *Question) proven(k ProofKind, fresh time.Duration) bool {
	return q.Binding != "" && slices.ContainsFunc(q.Proofs, func(f Proof) bool {
		return f.Kind == k && f.Of == q.Who.ID && f.For == q.Binding && !f.At.After(q.Now) && q.Now.Before(f.At.Add(fresh))
	})
}

func covers(have, want []string) bool {
	return !slices.ContainsFunc(want, func(c string) bool { return !slices.Contains(have, c) })
}
