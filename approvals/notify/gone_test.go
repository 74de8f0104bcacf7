package notify

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// TestWhoIsNotAskedAnyMoreIsToldThatOnce, and nothing more of the request; who
// answered, or whose stage is over, is not.
func TestWhoIsNotAskedAnyMoreIsToldThatOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hook{name: "mail"}
		w := newWorld(t, h)
		following(t, w, func(*Follower) {
			first, second := w.submit(t, "eng1@x.eu", "support_nord"), w.submit(t, "eng2@x.eu", "support_nord")
			must(t, pause(t.Context(), time.Minute))
			must(t, w.approve("ceo@x.eu", first))
			must(t, pause(t.Context(), time.Minute))
			w.policy.Groups["board"] = []string{"ceo@x.eu", "dep@x.eu"}
			event := func(kind string) {
				must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
					_, err := tx.Append(ledger.Event{Kind: kind, Actor: "lockbox"})
					return err
				}))
				must(t, pause(t.Context(), time.Minute))
			}
			event("policy.in-force")
			event("policy.in-force")
			_, err := w.Say(t.Context(), w.who("ceo@x.eu"), second, "", "which rows are these")
			must(t, err)
			must(t, w.approve("ceo@x.eu", second))
			must(t, pause(t.Context(), time.Minute))
			var got []string
			after := false
			for _, n := range h.all() {
				if after = after || n.Kind == "policy.in-force"; after && n.About == second && n.To == "cto@x.eu" {
					got = append(got, string(n.Topic))
				}
			}
			if strings.Join(got, " ") != "gone" {
				t.Errorf("who was taken off the board was told %v", got)
			}
			if n := h.count(func(n Notice) bool { return n.Topic == Gone }); n != 2 { // of both requests: they are not of the board in either
				t.Errorf("%d were told that they are not asked any more", n)
			}
		})
		must(t, w.Ledger.Close())
	})
}

// TestGoneSaysNothingOfTheRequest.
func TestGoneSaysNothingOfTheRequest(t *testing.T) {
	w := newWorld(t, &hook{name: "mail"})
	defer func() { must(t, w.Ledger.Close()) }()
	words, err := NewWords()
	must(t, err)
	tell := &Teller{Ledger: w.Ledger, Planner: w.planner, URL: "https://lock.example.eu", Words: words}
	code := w.submit(t, "eng1@x.eu", "support_nord")
	s, err := tell.Story(t.Context(), Notice{Channel: "mail", To: "cto@x.eu", Topic: Gone, About: code})
	must(t, err)
	if !strings.Contains(s.Title, code) || s.Open || len(s.Facts)+len(s.Entries) > 0 || s.View.Request != nil || strings.Contains(s.Title+s.Lead+s.Outcome, "db1") {
		t.Errorf("%+v", s)
	}
}

// A deaf crowd cannot say who votes.
type deaf struct{ *crowd }

func (deaf) Voters(*ledger.Tx, policy.Stage) ([]policy.Principal, error) {
	return nil, errors.New("the directory is not there")
}

// TestAnEventThatCannotBePlannedIsAnAlarm once, and holds up nothing; not even
// when the alarm cannot be planned either.
func TestAnEventThatCannotBePlannedIsAnAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hook{name: "mail"}
		w := newWorld(t, h)
		following(t, w, func(f *Follower) {
			w.Desk.People = deaf{w.crowd}
			must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
				_, err := tx.Append(ledger.Event{Kind: "backup.failed", Actor: "lockbox"})
				return err
			}))
			must(t, pause(t.Context(), time.Minute))
			if n := strings.Count(strings.Join(w.all(t), " "), unplanned); n != 1 {
				t.Errorf("%d alarms", n)
			}
			w.Desk.People = w.crowd
			must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
				_, err := tx.Append(ledger.Event{Kind: "backup.failed", Actor: "lockbox"})
				return err
			}))
			must(t, pause(t.Context(), time.Minute))
			if n := h.count(func(n Notice) bool { return n.Kind == "backup.failed" }); n != 2 || f.behind() != 0 {
				t.Errorf("%d operators heard of what came after it, %d events behind", n, f.behind())
			}
		})
		must(t, w.Ledger.Close())
	})
}
