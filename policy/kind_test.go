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
