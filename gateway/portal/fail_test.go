package portal

import (
	"context"
	"testing"
)

// The stage fails the test when something is reported.
func TestWhoHasGoneIsNoFailure(t *testing.T) {
	s := newStage(t)
	v := s.visitor(s.Aud)
	for _, path := range []string{"/log", "/sessions", "/history"} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r := v.request("GET", path, "", "").WithContext(ctx)
		if got := v.do(r); got.body != "" {
			t.Errorf("%s: got %q", path, got.body)
		}
	}
}
