package approvals

import (
	"context"
	"slices"
	"strings"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// backed says why a grant has not, for every stage, enough votes that were
// signed for it. It counts by itself: it does not ask Tally.
func (w *world) backed(v View) string {
	q, g := v.Request, v.Grant
	most := policy.HardMax - g.Spent
	for i, s := range q.Stages {
		people, whole := map[string]bool{}, false
		for _, b := range q.Votes {
			if b.Verdict != policy.Yes || b.Stage != i {
				continue
			}
			if why := w.fits(q, s, b); why != "" {
				return why
			}
			whole = whole || b.Standing != ""
			people[or(b.Behalf, b.By.ID)] = true
			most = min(most, b.For)
			if g.NotBefore.Before(b.NotBefore) || b.Promise != "" && !slices.Contains(g.Promises, b.Promise) || !subset(g.Actions, b.Leave(q.Actions, q.ReadOnly)) {
				return "it leaves out a term of " + b.By.ID
			}
		}
		if len(people) < s.Count && !whole {
			return "stage " + stageName(q, i) + " has too few votes"
		}
	}
	switch {
	case g.For > most, !g.Activated.IsZero() && g.NotAfter.Sub(g.Activated) > most:
		return "it is longer than what was signed"
	case g.Sessions > 0 && (g.Activated.Before(g.NotBefore) || len(g.Promises) > 0 && g.Accepted.IsZero()):
		return "it was used before its time, or before its promises were accepted"
	}
	return ""
}

// fits says why a yes is not one of those whom the stage asks; "" when it is.
func (w *world) fits(q *policy.Request, s policy.Stage, b policy.Vote) string {
	if b.Standing != "" {
		used := false
		err := w.Ledger.View(context.Background(), func(tx *ledger.Tx) (err error) { used, err = w.Charter.Used(tx, b.Standing, q.ID); return err })
		if err != nil || !used || s.Kind != policy.ByCustomer || s.Customer != "nord" {
			return "an instruction stands for what it was not used for"
		}
		return ""
	}
	named := func(id string) *human { return w.crowd.find(func(h *human) bool { return h.ID == id }) }
	signer, seat := named(b.By.ID), named(or(b.Behalf, b.By.ID))
	switch {
	case signer == nil || seat == nil || signer.ID == q.Who.ID || seat.ID == q.Who.ID:
		return "a vote of nobody, or on one's own request"
	case b.Behalf != "" && (seat != w.ceo || signer != w.mate):
		return signer.ID + " is nobody's deputy"
	case s.Kind == policy.ByExecutive && seat.Kind != policy.Executive, s.Kind == policy.ByCustomer && seat.Customer != s.Customer:
		return "the vote of " + signer.ID + " counts for a stage that is not theirs"
	case !w.signedFor(q, signer, b):
		return "the vote of " + signer.ID + " was not signed for this"
	}
	return ""
}

// signedFor says whether the assertion of a vote is by that person's key over
// a statement that names this request, person, time and stage.
func (w *world) signedFor(q *policy.Request, h *human, v policy.Vote) bool {
	said, err := statement.ParseApproval(v.Statement)
	if err != nil || said.Request != q.ID || said.Window != v.For.String() || said.Stage != stageName(q, v.Stage) || !strings.Contains(said.Decider, "<"+h.ID+">") ||
		!strings.Contains(said.Requester, "<"+q.Who.ID+">") {
		return false
	}
	a, err := statement.ParseAssertion(v.Assertion)
	if err != nil {
		return false
	}
	_, err = statement.Verify(a, h.public(), statement.Challenge(statement.ForApproval, v.Statement), party)
	return err == nil
}
