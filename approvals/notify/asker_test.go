package notify

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// begins is the first session under a grant, as the door opens one.
func (w *world) begins(t *testing.T, code, session string) *policy.Grant {
	t.Helper()
	var g *policy.Grant
	must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		v, err := w.Raw(tx, code)
		if err != nil {
			return err
		}
		g = v.Grant
		if err := w.Activate(tx, g); err != nil {
			return err
		}
		_, err = tx.Append(ledger.Event{Kind: "session.open", Actor: v.Request.Who.ID, Subjects: []string{session, code, g.Target, "nord"}, Customers: []string{"nord"}})
		return err
	}))
	return g
}

func topics(h *hook, of string) (all []Topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.came {
		if n.To == of {
			all = append(all, n.Topic)
		}
	}
	return all
}

// Who asked hears that it was sent, what was decided, when it is soon over, and that it is.
func TestWhoAskedHearsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hook{name: "slack"}
		w := newWorld(t, h)
		following(t, w, func(*Follower) {
			code := w.submit(t, "eng1@x.eu", "support_nord")
			synctest.Wait()
			if got := topics(h, "eng1@x.eu"); !slices.Equal(got, []Topic{Asked}) {
				t.Errorf("after asking: %v", got)
			}
			must(t, w.approve("ceo@x.eu", code))
			must(t, w.approve("ann@nord.x", code))
			g := w.begins(t, code, "s1")
			w.begins(t, code, "s2") // a second session under the same grant
			must(t, pause(t.Context(), time.Until(g.Until())-soon-time.Second))
			synctest.Wait()
			if got := topics(h, "eng1@x.eu"); !slices.Equal(got, []Topic{Asked, Decided}) {
				t.Errorf("before it is soon over: %v", got)
			}
			must(t, pause(t.Context(), 2*time.Second))
			synctest.Wait()
			if got := topics(h, "eng1@x.eu"); !slices.Equal(got, []Topic{Asked, Decided, Ending}) {
				t.Errorf("five minutes before the end: %v", got)
			}
			must(t, w.GiveBack(t.Context(), w.who("eng1@x.eu"), code))
			synctest.Wait()
			if got := topics(h, "eng1@x.eu"); !slices.Equal(got, []Topic{Asked, Decided, Ending, Ended}) {
				t.Errorf("at the end: %v", got)
			}
		})
		must(t, w.Ledger.Close())
	})
}

// Nobody is told that an access is soon over that is over, or goes on.
func TestNobodyHearsOfAnEndThatDoesNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hook{name: "slack"}
		w := newWorld(t, h)
		following(t, w, func(*Follower) {
			back := w.submit(t, "eng1@x.eu", "support_nord")
			on := w.submit(t, "eng2@x.eu", "support_nord")
			for _, code := range []string{back, on} {
				must(t, w.approve("ceo@x.eu", code))
				must(t, w.approve("ann@nord.x", code))
				w.begins(t, code, "s-"+code)
			}
			must(t, w.GiveBack(t.Context(), w.who("eng1@x.eu"), back))
			more, err := w.Extend(t.Context(), w.who("eng2@x.eu"), on, time.Hour, "it takes longer than we thought")
			must(t, err)
			must(t, w.approve("ceo@x.eu", more.Request.ID))
			must(t, w.approve("ann@nord.x", more.Request.ID))
			must(t, pause(t.Context(), 59*time.Minute))
			synctest.Wait()
			if n := h.count(func(n Notice) bool { return n.Topic == Ending }); n != 0 {
				t.Errorf("%d heard of it", n)
			}
		})
		must(t, w.Ledger.Close())
	})
}

// All who decided are named, in the order in which they did.
func TestAllWhoDecidedAreNamed(t *testing.T) {
	w := newWorld(t)
	defer func() { must(t, w.Ledger.Close()) }()
	words, err := NewWords()
	must(t, err)
	tell := &Teller{Ledger: w.Ledger, Planner: w.planner, URL: "https://gw", Words: words}
	code := w.submit(t, "eng1@x.eu", "support_nord")
	must(t, w.approve("cto@x.eu", code))
	must(t, w.approve("abe@nord.x", code))
	s, err := tell.Story(t.Context(), Notice{To: "eng1@x.eu", Topic: Decided, About: code, Seq: w.Ledger.Last()})
	must(t, err)
	if !strings.HasPrefix(s.Outcome, "Approved by cto (executive) and abe (reviewer) at ") {
		t.Errorf("got %q", s.Outcome)
	}
}

// What was done is told in numbers, in the reader's language; what is not a number is not believed.
func TestWhatWasDoneIsToldInNumbers(t *testing.T) {
	words, err := NewWords()
	must(t, err)
	for want, d := range map[string]map[string]string{
		"12 minutes, 1 terminal, 3 commands, 4.2 KiB recorded, the last command ended with 0": {"seconds": "725", "terminals": "1", "commands": "3", "bytes": "4300", "exit": "0"},
		"1 h 5 min, 2 files (4.0 MiB), 31 statements, 10 bytes recorded":                      {"seconds": "3900", "files": "2", "file-bytes": "4194304", "statements": "31", "bytes": "10"},
		"less than a minute, nothing was run, 0 bytes recorded":                               {"commands": "<!channel>", "files": "-3"},
		"the gateway stopped, so nothing was counted":                                         {"recovered": "true", "commands": "3"},
	} {
		l := &telling{say: words.en}
		if got := l.did(ledger.Event{Kind: "session.close", Detail: d}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	l := &telling{say: words.da}
	if got := l.did(ledger.Event{Kind: "session.close", Detail: map[string]string{"seconds": "60", "commands": "2", "bytes": "1500", "exit": "KILL"}}); got != "1 minut, 2 kommandoer, 1,5 KiB optaget, den sidste kommando endte med KILL" {
		t.Errorf("got %q", got)
	}
	if got := l.did(ledger.Event{Kind: "session.open", Detail: map[string]string{"commands": "2"}}); got != "" {
		t.Errorf("of a beginning: %q", got)
	}
}

// After an outage, the end of each session is told, which leads to its recording;
// that it began is not, for it is over.
func TestTheEndOfEachSessionIsToldAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		h := &hook{name: "slack"}
		h.send = func(context.Context, Notice) error {
			if !up.Load() {
				return errors.New("down")
			}
			return nil
		}
		w := newWorld(t, h)
		following(t, w, func(*Follower) {
			code := w.submit(t, "eng1@x.eu", "support_nord")
			must(t, w.approve("ceo@x.eu", code))
			must(t, w.approve("ann@nord.x", code))
			for _, session := range []string{"s1", "s2", "s3"} {
				g := w.begins(t, code, session)
				must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
					_, err := tx.Append(ledger.Event{Kind: "session.close", Actor: "eng1@x.eu", Subjects: []string{session, code, g.Target, "nord"}, Customers: []string{"nord"}})
					return err
				}))
			}
			must(t, pause(t.Context(), 10*time.Minute))
			up.Store(true)
			must(t, pause(t.Context(), 10*time.Minute))
			synctest.Wait()
			ends := h.count(func(n Notice) bool { return n.To == "ceo@x.eu" && n.Kind == "session.close" })
			begins := h.count(func(n Notice) bool { return n.To == "ceo@x.eu" && n.Kind == "session.open" })
			if ends != 3 || begins != 0 {
				t.Errorf("%d ends are told, and %d beginnings", ends, begins)
			}
		})
		must(t, w.Ledger.Close())
	})
}
