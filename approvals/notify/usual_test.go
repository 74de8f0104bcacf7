package notify

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lockbox/recorder/ledger"
)

// TestWhoDecidesReadsWhatIsNormal: how often, when last, how long; a reviewer only
// of what concerned their customer; who asked and a place nothing.
func TestWhoDecidesReadsWhatIsNormal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &hook{name: "mail"})
		w.planner.Places = []Place{{Channel: "mail", To: "#prod", Topics: []Topic{Waits}}}
		words, err := NewWords()
		must(t, err)
		tell := &Teller{Ledger: w.Ledger, Planner: w.planner, URL: "https://lock.example.eu", Words: words}
		ask := func(login string) (code string) {
			code = w.submit(t, "eng1@x.eu", login)
			must(t, w.approve("ceo@x.eu", code))
			return code
		}
		normal := func(to, code string) string {
			t.Helper()
			s, err := tell.Story(t.Context(), Notice{Channel: "mail", To: to, Topic: Waits, About: code})
			must(t, err)
			for _, f := range s.Facts {
				if f.Key == "normal" {
					return f.Text
				}
			}
			return ""
		}
		first := ask("support_syd")
		if got := normal("ceo@x.eu", first); got != "First request in 30 days." {
			t.Errorf("the first: %q", got)
		}
		must(t, w.Withdraw(t.Context(), w.who("eng1@x.eu"), first))
		must(t, pause(t.Context(), 48*time.Hour))
		code := ask("support_nord")
		if got := normal("ceo@x.eu", code); got != "Earlier requests in 30 days: 1; for db1.prod: 1, the last Sat 1 Jan 00:00 UTC, usually for 1 hour." {
			t.Errorf("the board reads %q", got)
		}
		if got := normal("ann@nord.x", code); got != "First request in 30 days." {
			t.Errorf("a customer is told of another one's: %q", got)
		}
		if got := normal("#prod", code); got != "" {
			t.Errorf("a place is told %q", got)
		}
		must(t, w.Withdraw(t.Context(), w.who("eng1@x.eu"), code))
		must(t, pause(t.Context(), 31*24*time.Hour))
		if got := normal("ceo@x.eu", ask("support_nord")); got != "First request in 30 days." {
			t.Errorf("of long ago: %q", got)
		}
		must(t, w.Ledger.Close())
	})
}

// TestEverybodyWhoDecidesIsTestedOnceAMonth, and whoever nothing reaches is not.
func TestEverybodyWhoDecidesIsTestedOnceAMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hook{name: "mail", off: map[string]bool{"cto@x.eu": true}}
		w := newWorld(t, h)
		following(t, w, func(f *Follower) {
			for range 59 * 24 { // January has 31 days, February of 2000 29: the third begins an hour later
				must(t, f.Look(t.Context()))
				must(t, pause(t.Context(), time.Hour))
			}
			pings := func(to string) int {
				return h.count(func(n Notice) bool { return n.Topic == Ping && n.To == to })
			}
			for to, want := range map[string]int{"ceo@x.eu": 2, "ann@nord.x": 2, "cto@x.eu": 0, "eng1@x.eu": 0} {
				if got := pings(to); got != want {
					t.Errorf("%s was tested %d times in two months", to, got)
				}
			}
		})
		must(t, w.Ledger.Close())
	})
}

// TestAPreviewIsOfOneCustomer: whom a request for its data would ask, and nobody of another.
func TestAPreviewIsOfOneCustomer(t *testing.T) {
	w := newWorld(t, &hook{name: "mail"})
	defer func() { must(t, w.Ledger.Close()) }()
	must(t, w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
		all, err := w.planner.Preview(tx, w.who("eng1@x.eu"), "db1.prod", "support_{{customer}}", "syd", "shell")
		must(t, err)
		var got []string
		for _, r := range all {
			for _, p := range r.People {
				got = append(got, p.ID)
			}
		}
		if strings.Join(got, " ") != "ceo@x.eu cto@x.eu bo@syd.x" {
			t.Errorf("asked would be %v", got)
		}
		return nil
	}))
}
