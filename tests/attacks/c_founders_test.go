package attacks

import (
	"errors"
	"strings"
	"testing"

	"lockbox/approvals/charter"
	"lockbox/gateway/identity"
	"lockbox/policy"
)

// An operator who keeps the second founder's enrolment link back does not make
// the first a customer of one.
func TestC03OneOfTwoFoundersDoesNotDecideAlone(t *testing.T) {
	w := newWorld(t)
	p := *w.Policy()
	p.Customers = map[string]policy.Customer{"nord": p.Customers["nord"], "syd": p.Customers["syd"], "ost": {ID: "ost", Name: "Ost"}}
	w.SetPolicy(&p)
	ove := w.Enrol(t, identity.Invite{ID: "ove@ost.x", Name: "Ove", Kind: policy.Reviewer, Customer: "ost"}, false)
	later := "SHA256:" + strings.Repeat("A", 43)
	must(t, w.People.Found(t.Context(), nil, map[string][]string{"ost": {ove.Fingerprint, later}}))
	ove.Admitted = true
	_, err := w.Charter.Propose(t.Context(), ove.Principal, policy.Motion{Kind: policy.ToSet, Customer: "ost", Notice: true})
	if r := new(charter.Refusal); !errors.As(err, &r) || !strings.Contains(r.Why, "2") {
		t.Errorf("one of two founders may set %v", err)
	}
	if err := w.People.MayFound(t.Context(), nil, map[string][]string{"ost": {ove.Fingerprint}}); err == nil {
		t.Error("files that found others than were founded may be signed")
	}
	must(t, w.People.MayFound(t.Context(), nil, map[string][]string{"ost": {later, ove.Fingerprint}}))
}
