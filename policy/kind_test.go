package policy

import "testing"

func TestEachActionOnATargetIsForOneKindOfTarget(t *testing.T) {
	for _, a := range OnTarget() {
		want := "ssh"
		if a == HTTPGet || a == HTTPPut {
			want = "http"
		}
		if got := a.Kind(); got != want {
			t.Errorf("%s is for %s, want %s", a, got, want)
		}
		if !a.On(&Target{Kind: want}) || a.On(&Target{Kind: "ssh"}) == a.On(&Target{Kind: "http"}) || a.On(nil) {
			t.Errorf("%s on a target of kind %s", a, want)
		}
	}
}

func TestWhoAsksSaysWhichCustomerWhereALoginReachesOne(t *testing.T) {
	one := &Target{Customers: []string{"nord"}, Logins: []Login{{Name: "support_{{customer}}", One: true}, {Name: "deploy"}}}
	for login, want := range map[string]bool{"": true, "support_{{customer}}": true, "deploy": false, "support_nord": false, "root": false} {
		if got := one.NeedsCustomer(login); got != want {
			t.Errorf("login %q: got %t, want %t", login, got, want)
		}
	}
	if (&Target{Logins: one.Logins}).NeedsCustomer("") || (&Target{Customers: one.Customers}).NeedsCustomer("") {
		t.Error("a target of no customers, or without logins, asks for one")
	}
}

func TestAMachineIsAnotherWithAnotherWayToIt(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range []Web{{}, {Plain: true}, {CA: "ca"}, {Name: "ca"}, {Host: "ca"}, {Client: true}} {
		seen[(&Target{Name: "wiki", Kind: "http", Address: "10.0.0.1:443", Web: w}).Machine()] = true
	}
	if len(seen) != 6 {
		t.Errorf("%d machines of 6", len(seen))
	}
}
