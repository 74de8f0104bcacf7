package approvals

import (
	"slices"
	"testing"

	"lockbox/policy"
)

// C: what another rule decides on, which takes a ticket of its own, does not
// come along with a request that has none.
func TestARequestHoldsNothingThatTakesAnotherTicket(t *testing.T) {
	t.Parallel()
	w := newWorld(t).files()
	files := w.policy.Rules[0]
	files.Name, files.Actions, files.Ticket = "files", []policy.Action{policy.SFTPGet}, `CHG-[0-9]+`
	w.policy.Rules = append([]policy.Rule{files}, w.policy.Rules...)
	v, err := w.See(t.Context(), w.eng.Principal, w.submit(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Request.Actions; !slices.Contains(got, policy.Shell) || slices.Contains(got, policy.SFTPGet) {
		t.Errorf("with ticket %q it is for %v", v.Request.Need.Ticket, got)
	}
}
