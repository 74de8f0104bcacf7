package attacks

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/tests/world"
)

// TestF01AReceiverOfOneCustomerReadsOfNoOther: whatever is done on a machine of
// two, no event that concerns one names the other but as a subject, which
// webhook.Hook leaves out.
func TestF01AReceiverOfOneCustomerReadsOfNoOther(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		a := world.Emergency()
		a.Login, a.For = "deploy", 30*time.Minute
		v, err := w.Desk.Submit(t.Context(), w.Eng.Principal, a)
		must(t, err)
		code := v.Request.ID
		for thread, h := range map[string]*world.Human{"": w.Ceo, "syd": w.Bo, "nord": w.Ann} {
			_, err := w.Desk.Say(t.Context(), h.Principal, code, thread, "which rows are these")
			must(t, err)
		}
		for _, h := range []*world.Human{w.Ceo, w.Ann, w.Bo} {
			must(t, w.Approve(t, h, code))
		}
		k := knock(w.Eng)
		k.Login = "deploy"
		in := visit(t, w, k)
		x, err := w.Desk.Extend(t.Context(), w.Eng.Principal, code, 10*time.Minute, "two rows are left")
		must(t, err)
		must(t, w.Approve(t, w.Ceo, x.Request.ID))
		_, err = w.Desk.Reject(t.Context(), w.Bo.Principal, x.Request.ID, "no more")
		must(t, err)
		must(t, w.Desk.Revoke(t.Context(), w.Bo.Principal, code, "enough"))
		<-in.Context().Done()
		in.Leave()
		v, err = w.Desk.BreakGlass(t.Context(), w.Mate.Principal, a, w.Sealed(t))
		must(t, err)
		must(t, w.Approve(t, w.Eng, v.Request.ID))
		w.Pass(t, policy.Motion{Kind: policy.ToSet, Customer: "syd", Never: true}, w.Bo)
		time.Sleep(25 * time.Hour)
		must(t, w.Desk.Sweep(t.Context()))
		all, err := w.Ledger.After(t.Context(), -1, 10_000)
		must(t, err)
		n := 0
		for _, e := range all {
			if !slices.Contains(e.Customers, "nord") {
				continue
			}
			n++
			for key, value := range e.Detail {
				if strings.Contains(value, "syd") {
					t.Errorf("%s says %s: %s", e.Kind, key, value)
				}
			}
			for _, s := range e.Subjects {
				if strings.Contains(s, "syd") && !slices.Contains(e.Customers, s) {
					t.Errorf("%s is about %s", e.Kind, s)
				}
			}
		}
		if n < 15 {
			t.Errorf("only %d events concern nord", n)
		}
	})
}
