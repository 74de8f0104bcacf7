package approvals

import (
	"fmt"
	"strings"

	"lockbox/policy"
	"lockbox/policy/statement"
)

// approval is the statement of b on q, field by field. Both who signs and who
// verifies build it here, so that nothing in it is believed.
func (d *Desk) approval(q *policy.Request, digest string, who policy.Principal, b Ballot) statement.Approval {
	return statement.Approval{
		Log: d.Log, Request: q.ID, Digest: digest,
		Requester: person(q.Who), Reason: string(q.Need.Reason), Need: q.Need.Text, Ticket: or(q.Need.Ticket, "none"),
		Target: q.Target, Machine: q.Machine, Login: q.Login, Customers: concerned(q, b.Stage),
		May: actions(b.Terms.Leave(q.Actions, q.ReadOnly)), MayNot: actions(withheld(b.Terms, q)),
		Window: b.Terms.For.String(), NotBefore: moment(b.Terms.NotBefore), Start: q.ActivateWithin.String() + " of the last approval",
		Recording: "required", Conditions: cosigned(conditions(b.Terms), q.Witnesses), Promise: or(b.Terms.Promise, "none"),
		Policy: q.Policy, Stage: stageName(q, b.Stage), Decision: policy.Yes, Decider: person(who), Behalf: behalf(b), Nonce: b.Nonce,
	}
}

// cosigned adds to what is enforced how many witnesses must have cosigned the log.
func cosigned(conditions string, witnesses int) string {
	switch said := fmt.Sprintf("cosigned by %d of the witnesses", witnesses); {
	case witnesses == 0:
		return conditions
	case conditions == "none":
		return said
	default:
		return conditions + ", " + said
	}
}

func behalf(b Ballot) string {
	if b.Behalf == "" && b.Delegation == "" {
		return "none"
	}
	return b.Behalf + ", by delegation " + b.Delegation
}

// concerned lists the customers for who signs: to a customer, only itself.
func concerned(q *policy.Request, stage int) string {
	if stage >= 0 && stage < len(q.Stages) && q.Stages[stage].Kind == policy.ByCustomer {
		return q.Stages[stage].Customer
	}
	return or(strings.Join(q.Customers, ", "), "none")
}

func person(p policy.Principal) string {
	kind := string(p.Kind)
	if p.Customer != "" {
		kind += " " + p.Customer
	}
	return fmt.Sprintf("%s <%s> (%s)", p.Name, p.ID, kind)
}

func or(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

func actions(all []policy.Action) string {
	var names []string
	for _, a := range all {
		names = append(names, string(a))
	}
	return or(strings.Join(names, ", "), "none")
}

func stageName(q *policy.Request, i int) string {
	if i < 0 || i >= len(q.Stages) {
		return "none"
	}
	s := q.Stages[i]
	if s.Kind == policy.ByCustomer { // without its number, which would tell how many others are asked
		return "customer " + s.Customer
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", i+1, s.Kind, s.Group))
}
