package gateway_test

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/gateway"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// must1 is the first of two values.
func must1[A, B any](a A, _ B) A { return a }

// wantNo wants a refusal that says so.
func wantNo(t testing.TB, err error, says string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want %q", err, says)
	}
}

// shared is a visit that reaches the data of two customers.
func shared(t *testing.T, w *world.World) *gateway.Visit {
	t.Helper()
	code := w.Ask(t, w.Eng, "", time.Hour)
	for _, h := range []*world.Human{w.Ceo, w.Ann, w.Bo} {
		must(t, w.Approve(t, h, code))
	}
	k := knock(w.Eng)
	k.Login = "deploy"
	v, a, err := w.Visit(t, w.Eng, k)
	if err != nil || v == nil {
		t.Fatalf("got %+v, %v", a.Decision, err)
	}
	t.Cleanup(v.Leave)
	return v
}

// nordSees gives the events as the log of nord shows them.
func nordSees(t *testing.T, w *world.World) []ledger.Event {
	t.Helper()
	all, err := w.Ledger.Of("nord").After(t.Context(), -1, 1000)
	must(t, err)
	return all
}

// values are those of an event's details.
func values(e ledger.Event) iter.Seq[string] {
	return slices.Values(append(slices.Collect(maps.Values(e.Detail)), slices.Collect(maps.Values(e.Private))...))
}
