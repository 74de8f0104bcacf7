package gateway_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"lockbox/policy"
)

// TestWhatWasAllowedIsDecidedAgainEachTime: on what was proven, for this instant and this place.
func TestWhatWasAllowedIsDecidedAgainEachTime(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	defer v.Leave()
	near, far := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("203.0.113.9")
	want := func(name string, do policy.Action, from netip.Addr, verdict policy.Verdict, code policy.Code) {
		t.Helper()
		for range 2 { // anew, and as it was
			d, err := v.Still(t.Context(), do, from)
			must(t, err)
			if d.Verdict != verdict || d.Code != code {
				t.Errorf("%s: got %v %s: %s", name, d.Verdict, d.Code, d.Why)
			}
		}
	}
	want("what the visit was opened for", policy.Shell, near, policy.Allow, "")
	want("other work of the grant", policy.Exec, far, policy.Allow, "")
	want("what the grant does not hold", policy.SFTPGet, near, policy.Deny, policy.ByPolicy)
	p := *w.Policy()
	p.Rules = slices.Clone(p.Rules)
	p.Rules[0].From = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("127.0.0.0/8")}
	w.SetPolicy(&p)
	want("from its networks", policy.Shell, near, policy.Allow, "")
	want("from elsewhere, in the middle of a session", policy.Shell, far, policy.Deny, policy.ByPolicy)
	want("back again", policy.Shell, near, policy.Allow, "")
	q := p
	q.Rules = slices.Clone(p.Rules)
	q.Rules[0].Actions = []policy.Action{policy.Shell}
	w.SetPolicy(&q)
	want("what the policy took away", policy.Exec, near, policy.Deny, policy.ByPolicy)
	w.SetPolicy(&p)
	must(t, w.Desk.Revoke(t.Context(), w.Ceo.Principal, code, "enough"))
	<-v.Context().Done()
	want("when it has ended", policy.Shell, near, policy.Deny, policy.WasRevoked)
}

// TestNothingIsStillAllowedWhileASessionIsFrozen, however often it was before.
func TestNothingIsStillAllowedWhileASessionIsFrozen(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	defer v.Leave()
	from := netip.MustParseAddr("192.0.2.7")
	for _, c := range []struct {
		act  func() error
		want policy.Verdict
	}{
		{func() error { return nil }, policy.Allow},
		{func() error { return w.Gateway.Freeze(t.Context(), w.Ann.Principal, v.Session.ID, "look") }, policy.Deny},
		{func() error { return w.Gateway.Thaw(t.Context(), w.Ann.Principal, v.Session.ID) }, policy.Allow},
	} {
		must(t, c.act())
		if d, err := v.Still(t.Context(), policy.Shell, from); err != nil || d.Verdict != c.want {
			t.Errorf("got %v %s, %v", d.Verdict, d.Why, err)
		}
	}
}
