package policy

// log decides who reads a log: the main one, which names every customer, those
// who answer for all; a customer's own, its reviewers too.
func (p *Policy) log(q *Question) Decision {
	switch {
	case q.Who.Kind == Auditor, p.Decides(q.Who, Stage{Kind: ByExecutive}):
		return Decision{Verdict: Allow, Why: Says("members of the executive board and auditors read every log")}
	case p.Decides(q.Who, Stage{Kind: ByCustomer, Customer: q.Customer}):
		return Decision{Verdict: Allow, Why: Says("reviewers read the log of their own customer")}
	}
	return deny(ByPolicy, "this log is not yours to read")
}
