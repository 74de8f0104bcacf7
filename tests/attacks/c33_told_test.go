package attacks

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/approvals/notify"
	"lockbox/policy"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// post is a channel that reaches everybody.
type post struct{}

func (post) Name() string                                             { return "post" }
func (post) Address(_ *ledger.Tx, p policy.Principal) (string, error) { return p.ID, nil }
func (post) Send(context.Context, notify.Notice) error                { return nil }

// toldOf is whom the events of a kind are told to, and in what words.
func toldOf(t *testing.T, w *world.World, kind string) (told map[string]notify.Story) {
	t.Helper()
	p := &notify.Planner{
		Desk: w.Desk, People: w.People, Channels: []notify.Channel{post{}},
		Places: []notify.Place{{Channel: "post", To: "#room", Topics: []notify.Topic{notify.Waits, notify.Decided, notify.Glass}}},
	}
	words, err := notify.NewWords()
	must(t, err)
	teller := &notify.Teller{Ledger: w.Ledger, Planner: p, URL: "https://lock.example.eu", Words: words}
	all, err := w.Ledger.After(t.Context(), -1, 10_000)
	must(t, err)
	told = map[string]notify.Story{}
	for _, e := range all {
		if e.Kind != kind {
			continue
		}
		var plan []notify.Notice
		must(t, w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
			plan, err = p.Plan(tx, e)
			return err
		}))
		for _, n := range plan {
			if n.Topic == notify.Alarm {
				continue
			}
			story, err := teller.Story(t.Context(), n)
			must(t, err)
			told[n.To] = story
		}
	}
	return told
}

// TestC33WhoWasSkippedIsTold, wherever they are reached: every executive and the
// customers concerned, who took part, and no other customer; and each reads what
// they can do about it.
func TestC33WhoWasSkippedIsTold(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		_, err := breaks(t, w, w.Mate, w.Sealed(t))
		must(t, err)
		code := w.Break(t, w.Eng, w.Mate)
		want := []string{"#room", "ann@nord.x", "ceo@x.eu", "cto@x.eu", "mate@x.eu"}
		for _, kind := range []string{"glass.broken", "glass.unratified"} {
			told := toldOf(t, w, kind)
			var who []string
			for to := range told {
				who = append(who, to)
			}
			if slices.Sort(who); slices.ContainsFunc(want, func(to string) bool { return !slices.Contains(who, to) }) || slices.Contains(who, "bo@syd.x") {
				t.Errorf("%s is told to %q, want %q", kind, who, want)
			}
			for to, s := range told {
				if !strings.HasPrefix(s.Title, "EMERGENCY "+code) || !strings.HasSuffix(s.Page, "/incidents/"+code) || to != "#room" && s.Next+s.Outcome == "" {
					t.Errorf("%s of %s reads %q, %q, %q", to, kind, s.Title, s.Next, s.Outcome)
				}
			}
			if kind == "glass.broken" {
				time.Sleep(25 * time.Hour)
				must(t, w.Desk.Sweep(t.Context()))
			}
		}
	})
}
