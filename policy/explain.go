package policy

// A Weighed rule is what one rule says of a question.
type Weighed struct {
	Rule     string
	Position string
	Forbid   bool
	Decides  bool     // it is the one that decided
	Why      Sentence // why it decided, or why not
}

// An Explanation is a decision and what every rule says of the question.
type Explanation struct {
	Decision Decision
	Rules    []Weighed // in the order of the policy
}

// Explain decides as Decide does, and says of every rule why it did or did not
// decide. Rules say nothing of what is not done on a target.
func (p *Policy) Explain(q Question) Explanation {
	x := Explanation{Decision: p.Decide(q)}
	if p == nil {
		return x
	}
	t, by := p.Targets[q.On], x.Decision.rule
	for i := range p.Rules {
		r := &p.Rules[i]
		x.Rules = append(x.Rules, Weighed{r.Name, r.Position, r.Forbid, r == by, p.weigh(r, by, &q, t)})
	}
	return x
}

// weigh says why a rule decided or not, by being the one that did.
func (p *Policy) weigh(r, by *Rule, q *Question, t *Target) Sentence {
	if aside := p.aside(r, q.Do, &q.Who, t); aside != "" {
		return Says("%s", aside)
	}
	miss := r.miss(q)
	switch {
	case r == by && r.Forbid:
		return Says("it forbids this, and forbidding beats permitting")
	case r == by:
		return Says("it is the first that permits this, and nothing forbids it")
	case !r.Forbid && r.Emergency() && !q.Emergency:
		return Says("it is for emergencies, and this is none")
	case !r.Forbid && !r.Emergency() && q.Emergency:
		return Says("it is not for emergencies")
	case miss != "" && r.Forbid:
		return Says("it forbids this only %s", miss)
	case miss != "":
		return Says("it permits this only %s", miss)
	case by == nil:
		return Says("it is about this, but the answer was no before rules counted")
	case by.Forbid && !r.Forbid:
		return Says("rule %q forbids this", by.Name)
	}
	return Says("rule %q comes before it", by.Name)
}
