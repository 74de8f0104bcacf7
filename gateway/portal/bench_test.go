package portal

import (
	"testing"

	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

func requests(t testing.TB, w *world.World, n int) {
	t.Helper()
	must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		for range n {
			if _, err := tx.Append(ledger.Event{Kind: "request.made", Actor: "eng@x.eu", Subjects: []string{"7KQM", "db1.prod", "nord"}}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// What a page pays for facts and warnings when the log is long.
func BenchmarkNewestEvents(b *testing.B) {
	w := world.New(b, "127.0.0.1:1", "")
	for range keepNewest / 100 {
		requests(b, w, 100)
	}
	var n newest
	b.ResetTimer()
	for b.Loop() {
		if _, _, err := n.read(b.Context(), w.Ledger); err != nil {
			b.Fatal(err)
		}
	}
}

func TestTheNewestEventsAreBounded(t *testing.T) {
	w := world.New(t, "127.0.0.1:1", "")
	var n newest
	if events, whole, err := n.read(t.Context(), w.Ledger); err != nil || !whole || len(events) != 0 {
		t.Fatalf("%d, %t, %v", len(events), whole, err)
	}
	requests(t, w, keepNewest-1)
	if events, whole, err := n.read(t.Context(), w.Ledger); err != nil || !whole || len(events) != keepNewest-1 {
		t.Fatalf("%d, %t, %v", len(events), whole, err)
	}
	requests(t, w, 10)
	events, whole, err := n.read(t.Context(), w.Ledger)
	if err != nil || whole || len(events) != keepNewest || events[len(events)-1].Seq != w.Ledger.Last() {
		t.Fatalf("%d, %t, %v", len(events), whole, err)
	}
}
