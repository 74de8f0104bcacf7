package attacks

import (
	"encoding/json"
	"regexp"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/tests/world"
)

// months is a world in which nord was worked for in one month, and two months
// later another; with the statements of both.
func months(t *testing.T) (w *world.World, files [2][]byte) {
	t.Helper()
	w = newWorld(t)
	var ahead atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	n, err := restarted(t, w, clock)
	must(t, err)
	forward := func(to time.Time) {
		for clock().Before(to) {
			ahead.Add(int64(min(to.Sub(clock())+time.Second, 12*time.Hour)))
			must(t, n.Ledger.Beat(t.Context()))
		}
	}
	y, m, _ := clock().UTC().Date()
	for i := range files {
		begin := time.Date(y, m+1+time.Month(2*i), 1, 0, 0, 0, 0, time.UTC)
		forward(begin)
		work(t, n, n.Grant(t, n.Eng, time.Hour))
		forward(begin.AddDate(0, 1, 0))
		work(t, n, n.Grant(t, n.Eng, time.Hour))
		one, err := n.Desk.Statement(t.Context(), n.Ann.Principal, "nord", begin.Format("2006-01"))
		must(t, err)
		files[i], err = json.Marshal(one)
		must(t, err)
	}
	return n, files
}

// TestF21NothingInAMonthlyStatementCanBeChanged, nor be exchanged for what is of another month.
func TestF21NothingInAMonthlyStatementCanBeChanged(t *testing.T) {
	w, files := months(t)
	untrue := func(data []byte) string {
		m, err := approvals.ParseMonth(data)
		if err != nil {
			return err.Error()
		}
		steps, err := m.Verify(pins(w))
		if err != nil {
			return err.Error()
		}
		if i := slices.IndexFunc(steps, approvals.Step.Failed); i >= 0 {
			return steps[i].Text
		}
		return ""
	}
	for _, f := range files {
		if why := untrue(f); why != "" {
			t.Fatalf("a good statement does not hold: %s", why)
		}
	}
	changed := func(data []byte) bool {
		m, err := approvals.ParseMonth(data)
		must(t, err)
		again, err := json.Marshal(m)
		must(t, err)
		return !slices.Equal(again, files[0]) && !slices.Equal(again, files[1])
	}
	wantRefused(t, forge(t, files[0], files[1]), func(data []byte) bool { return untrue(data) == "" && changed(data) }, regexp.MustCompile(`^$`))
}
