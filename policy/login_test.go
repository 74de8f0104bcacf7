package policy

import "testing"

func TestALoginForOneCustomerNeedsOne(t *testing.T) {
	one := &Target{Name: "x.y", Customers: []string{"a", "b"}, Logins: []Login{{Name: "s_{{customer}}", One: true}, {Name: "all"}, {Name: "r", One: true}}}
	for login, want := range map[string]bool{"": true, "s_{{customer}}": true, "s_a": false, "all": false, "r": true, "root": false} {
		if got := one.NeedsCustomer(login); got != want {
			t.Errorf("%q: got %v", login, got)
		}
	}
}
