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

// Explain decides as Decide does, and says of every rule why it did or did not decide.
func (p *Policy) Explain(q Question) Explanation { return Explanation{Decision: p.Decide(q)} }
