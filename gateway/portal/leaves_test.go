package portal

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/tests/world"
)

// TestWhoLosesATargetIsTold: a customer and the board see what the files take
// away before it is away; nobody is told of another customer.
func TestWhoLosesATargetIsTold(t *testing.T) {
	s := newStage(t)
	at := time.Now().Add(96 * time.Hour)
	s.Leaving = func(context.Context) ([]policy.Move, error) {
		return []policy.Move{{Target: "db1.prod", Customer: "nord", At: at}, {Target: "db1.prod", At: at}}, nil
	}
	for _, tt := range []struct {
		who              *world.Human
		page             string
		nord, production bool
	}{
		{s.Ann, "/", true, true},
		{s.Ann, "/customers", true, true},
		{s.Bo, "/", false, true},
		{s.Bo, "/customers", false, true},
		{s.Ceo, "/", true, true},
		{s.Eng, "/", false, false},
	} {
		res := s.visitor(tt.who).get(tt.page)
		if res.status != http.StatusOK {
			t.Fatalf("%s of %s: %d", tt.page, tt.who.Name, res.status)
		}
		if got := strings.Contains(res.body, "is to leave Nord Legal on"); got != tt.nord {
			t.Errorf("%s of %s tells of Nord: %v, want %v", tt.page, tt.who.Name, got, tt.nord)
		}
		if got := strings.Contains(res.body, "is to leave production on"); got != tt.production {
			t.Errorf("%s of %s tells of production: %v, want %v", tt.page, tt.who.Name, got, tt.production)
		}
	}
}
