package approvals

import (
	"fmt"
	"strings"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
)

// words are what b on q is signed as. Both who signs and who verifies make them
// here, so that nothing in them is believed.
func (d *Desk) words(q *policy.Request, digest string, who policy.Principal, b Ballot) ([]byte, error) {
	if !q.Emergency {
		return d.approval(q, digest, who, b).Bytes()
	}
	return statement.Emergency{
		Broken: "THE GLASS IS BROKEN: nobody who decides on this target was asked", Code: q.Glass, Skips: skips(q),
		Ratify:   fmt.Sprintf("executives within %s of this; without it %s and %s are locked", hours(policy.RatifyWithin), q.Who.ID, q.Target),
		Approval: d.approval(q, digest, who, b),
	}.Bytes()
}

func hours(d time.Duration) string { return fmt.Sprintf("%d hours", int(d.Hours())) }

// skips names those who are told of an emergency instead of asked.
func skips(q *policy.Request) string {
	all := []string{"executives"}
	for _, c := range q.Customers {
		all = append(all, "customer "+c)
	}
	return strings.Join(all, ", ")
}

// domain keeps a signature on an emergency from counting for anything else.
func domain(q *policy.Request) statement.Domain {
	if q.Emergency {
		return statement.ForEmergency
	}
	return statement.ForApproval
}

// nonceOf reads the nonce of what was signed about a request.
func nonceOf(q *policy.Request, text []byte) (string, error) {
	if q.Emergency {
		e, err := statement.ParseEmergency(text)
		return e.Nonce, err
	}
	a, err := statement.ParseApproval(text)
	return a.Nonce, err
}

// approval is the statement of b on q, field by field.
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
